internal import CKernel

/// execve(2): returns only to say why not.
package func execute(_ path: Path, arguments: [Path], environment: [Path]) -> Fault {
  withPointers(arguments) { arguments_ in
    withPointers(environment) { environment_ in
      do throws(Fault) {
        _ = try path.withAddress { (path_) throws(Fault) in
          try systemCall(
            "execve", Int(SYS_execve), path_, arguments_, environment_,
            arguments: "\(path.quoted), [\(arguments.map(\.quoted).joined(separator: ", "))]")
        }
        return Fault("execve", .invalid, arguments: path.quoted)
      } catch { return error }
    }
  }
}

/// execveat(2) with AT_EMPTY_PATH: runs the file that is open, whatever its name means by now.
package func execute(_ file: BorrowedDescriptor, arguments: [Path], environment: [Path]) -> Fault {
  let empty = Path("")
  return withPointers(arguments) { arguments_ in
    withPointers(environment) { environment_ in
      do throws(Fault) {
        _ = try empty.withAddress { (empty_) throws(Fault) in
          try systemCall(
            "execveat", Int(SYS_execveat), file.argument, empty_, arguments_, environment_, Int(AT_EMPTY_PATH),
            arguments: "\(file.description), \"\", [\(arguments.map(\.quoted).joined(separator: ", "))]")
        }
        return Fault("execveat", .invalid, arguments: file.description)
      } catch { return error }
    }
  }
}

/// A NULL-ended array of pointers to the paths, as exec takes it; valid inside `body`.
func withPointers<Result>(_ paths: [Path], _ body: (Int) -> Result) -> Result {
  var offsets: [Int] = []
  var bytes: [UInt8] = []
  for path in paths {
    offsets.append(bytes.count)
    bytes.append(contentsOf: path.bytes)
    bytes.append(0)
  }
  return unsafe bytes.withUnsafeBufferPointer { buffer in
    let base = Int(bitPattern: buffer.baseAddress)
    let pointers = offsets.map { base + $0 } + [0]
    return unsafe pointers.withUnsafeBufferPointer { body(Int(bitPattern: $0.baseAddress)) }
  }
}

/// close_range(2) (Linux 5.9) from `first` up to `last`: closed now, or marked close-on-exec.
package func closeDescriptors(from first: Int32, through last: Int32? = nil, onExecute: Bool) throws(Fault) {
  do throws(Fault) {
    _ = try systemCall(
      "close_range", Int(SYS_close_range), Int(first), last.map(Int.init) ?? Int(UInt32.max), onExecute ? 4 : 0,
      arguments: "\(first), \(last.map(String.init) ?? "~0")")
  } catch {
    if error.errno != .noSystemCall && error.errno != .invalid { throw error }
    // Where a filter hides the call (or CLOSE_RANGE_CLOEXEC is unknown), one descriptor at a time.
    let directory = try open("/proc/self/fd", [.readOnly, .directory])
    for entry in try entries(of: directory.borrowed) {
      guard let number = Int32(entry.name.string), number >= first, number <= last ?? .max,
        number != directory.rawValue
      else { continue }
      if onExecute {
        _ = try systemCall("fcntl", Int(SYS_fcntl), Int(number), Int(F_SETFD), Int(FD_CLOEXEC), arguments: "\(number)")
      } else {
        _ = ckernel_syscall(Int(SYS_close), Int(number), 0, 0, 0, 0, 0)
      }
    }
  }
}
