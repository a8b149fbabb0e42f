internal import ELF
internal import Kernel

extension Diagnosis: CustomStringConvertible {
  /// One line: the thing and the reason.
  package var description: String {
    switch reason {
    case .programMissing:
      program.bytes.contains(UInt8(ascii: "/"))
        ? "\(program): no such file in the container" : "\(program): no such program in the container's PATH"
    case .isDirectory: "\(path) is a directory"
    case .notRegular: "\(path) is not a regular file"
    case .notExecutable(let mode): "\(path) may not be executed: its mode is \(mode.octal), without any x"
    case .mountForbids: "\(path) lies on a file system that is mounted noexec"
    case .empty: "\(path) is an empty file"
    case .unknownFormat: "\(path) is neither an ELF file nor a script with a #! line"
    case .malformed(let error): "\(path): \(error)"
    case .noProgram: "\(path) is an object file or a core dump, not a program"
    case .otherArchitecture(let other):
      "\(path) is a program for \(other.name), and this machine is \(Architecture.host.name)"
    case .interpreterMissing(let name): "\(path) needs \(name), its dynamic linker, which is missing"
    case .interpreterUnusable(let name, let why): "\(path) needs \(name), its dynamic linker, which is unusable: \(why)"
    case .scriptInterpreterMissing(let name):
      path == name
        ? "\(name), an interpreter of \(program), is missing" : "\(path) is a script for \(name), which is missing"
    case .carriageReturn(let name):
      "\(path) has a carriage return at the end of its #! line, so the kernel looks for \"\(name)\\r\""
    case .tooManyScripts: "\(program) is a script for a script for a script: more than the kernel follows"
    case .librariesMissing(let missing): Self.words(missing)
    }
  }

  private static func words(_ missing: [LinkMap.Missing]) -> String {
    let told = missing.prefix(4).map { entry in
      let who = "\(entry.name), needed by \(entry.neededBy)"
      return switch entry.reason {
      case .notFound: "\(who), is missing"
      case .otherArchitecture(let path, let other): "\(who), is there for \(other.name) only (\(path))"
      case .unreadable(let path, let error): "\(who), is unusable: \(path): \(error)"
      case .tooMany: "\(who), comes after thousands of others"
      }
    }
    let more = missing.count > 4 ? "; and \(missing.count - 4) more" : ""
    return "shared library " + told.joined(separator: "; ") + more
  }

  /// As a shell and docker have it: 127 for what is not found, 126 for what is there but does not start.
  package var exitCode: Int32 {
    switch reason {
    case .programMissing, .interpreterMissing, .scriptInterpreterMissing, .carriageReturn, .librariesMissing: 127
    default: 126
    }
  }

  /// Whether execve(2) itself goes well, so that only the dynamic linker complains.
  package var isSeenOnlyByTheLinker: Bool {
    if case .librariesMissing = reason { return true }
    return false
  }

  /// What to do about it.
  ///
  /// - Parameter target: the arguments of `skiff stage` that name the root: `./rootfs` or `-t web`. Nil when it cannot be
  ///   staged into.
  package func hint(stagingInto target: String?) -> String? {
    switch reason {
    case .carriageReturn: "turn its lines into Unix ones: sed -i 's/\\r$//' \(path)"
    case .notExecutable: "chmod +x \(path) in the root file system"
    case .mountForbids: "mount it without noexec"
    case .unknownFormat: "give it a first line such as #!/bin/sh, or start it with its interpreter"
    case .empty: "put the program in its place"
    case .otherArchitecture(let other):
      "use an image for \(Architecture.host.name), or register an emulator for \(other.name) (qemu-user-static)"
    case .programMissing, .interpreterMissing, .scriptInterpreterMissing, .librariesMissing, .interpreterUnusable:
      target.flatMap { target in
        let wanted = wanted
        return wanted.isEmpty ? nil : "skiff stage \(target) \(wanted.map(Self.word).joined(separator: " "))"
      }
    default: nil
    }
  }

  /// What a staging has to be asked for: the program itself where the host has it, for then all of it fits together; else
  /// the parts that are missing.
  private var wanted: [Path] {
    switch reason {
    case .programMissing: return [program]
    case .scriptInterpreterMissing(let name): return [name]
    case .interpreterMissing(let name), .interpreterUnusable(let name, _):
      return exists(path) ? [path.parent.isUsual ? path.lastComponent : path] : [name] + libraries
    case .librariesMissing:
      return exists(path) ? [path.parent.isUsual ? path.lastComponent : path] : libraries
    default: return []
    }
  }

  private static func word(_ path: Path) -> String {
    let plain = path.bytes.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "/._+-:@%,=".utf8.contains(byte)
      }
    }
    return plain
      ? path.string
      : "'" + path.string.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}

extension Path {
  /// A directory that every PATH has.
  fileprivate var isUsual: Bool {
    ["/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].contains(lexicallyNormal)
  }
}
