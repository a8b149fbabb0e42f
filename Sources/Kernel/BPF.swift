internal import CKernel

// Programs of the kernel's virtual machine that are attached to a control group (bpf(2)). Only what the device
// controller of cgroup v2 needs.

/// What kind of program, with the hook that it is attached to.
package enum CgroupProgramKind: Sendable {
  /// Asked at each open and mknod of a device file (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15).
  case device

  fileprivate var type: UInt64 { 15 }
  fileprivate var hook: UInt64 { 6 }
}

/// BPF_PROG_LOAD. The verifier reads the whole program; where it refuses, the hint is the last line of what it says.
///
/// - Parameter instructions: `struct bpf_insn` each, as a little-endian machine lays it out.
package func loadProgram(_ kind: CgroupProgramKind, name: String, instructions: [UInt64]) throws(Fault) -> Descriptor {
  do throws(Fault) {
    return Descriptor(owning: try load(kind, name: name, instructions: instructions, log: nil))
  } catch {
    // The log costs time and is a fault of its own when it does not fit, so only a program that failed asks for it.
    guard error.errno == .invalid || error.errno == .accessDenied else { throw error }
    var log = [UInt8](repeating: 0, count: 65_536)
    do throws(Fault) {
      let size = log.count
      let raw = try log.withMutableAddress { (base) throws(Fault) in
        try load(kind, name: name, instructions: instructions, log: (base, size))
      }
      return Descriptor(owning: raw)
    } catch {
      var explained = error
      let lines = log.prefix { $0 != 0 }.split(separator: UInt8(ascii: "\n"))
      explained.hint = lines.last.map { "the verifier says: \(String(decoding: $0, as: UTF8.self))" }
      throw explained
    }
  }
}

private func load(
  _ kind: CgroupProgramKind, name: String, instructions: [UInt64], log: (address: Int, size: Int)?
) throws(Fault) -> Int32 {
  // The licence matters only to helper functions that the program does not call.
  let licence = Array("Apache-2.0".utf8) + [0]
  let raw = try licence.withAddress { (licence_) throws(Fault) in
    try instructions.withAddress { (code) throws(Fault) in
      // union bpf_attr: type and count; instructions; licence; log level and size; log; kernel version and flags; name[16].
      var attributes: [UInt64] = [
        kind.type | UInt64(instructions.count) << 32, UInt64(code), UInt64(licence_),
        log.map { 1 | UInt64($0.size) << 32 } ?? 0, UInt64(log?.address ?? 0), 0, 0, 0,
      ]
      for (index, byte) in name.utf8.prefix(15).enumerated() {
        attributes[6 + index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
      }
      return try bpf(
        5, &attributes, "BPF_PROG_LOAD, BPF_PROG_TYPE_CGROUP_DEVICE, \(instructions.count) instructions")
    }
  }
  return Int32(raw)
}

/// BPF_PROG_ATTACH with BPF_F_ALLOW_MULTI: programs of groups above are asked as well, and all must agree.
package func attachProgram(
  _ program: BorrowedDescriptor, _ kind: CgroupProgramKind, toCgroup group: BorrowedDescriptor
) throws(Fault) {
  var attributes = [UInt64(group.rawValue) | UInt64(program.rawValue) << 32, kind.hook | 2 << 32, 0]
  _ = try bpf(8, &attributes, "BPF_PROG_ATTACH, \(group.rawValue), \(program.rawValue), BPF_F_ALLOW_MULTI")
}

package func detachProgram(
  _ program: BorrowedDescriptor, _ kind: CgroupProgramKind, fromCgroup group: BorrowedDescriptor
) throws(Fault) {
  var attributes = [UInt64(group.rawValue) | UInt64(program.rawValue) << 32, kind.hook, 0]
  _ = try bpf(9, &attributes, "BPF_PROG_DETACH, \(group.rawValue), \(program.rawValue)")
}

/// The ids of the programs that are attached to this very group, at most 64 of them.
package func attachedPrograms(_ kind: CgroupProgramKind, toCgroup group: BorrowedDescriptor) throws(Fault) -> [UInt32] {
  var identifiers = [UInt32](repeating: 0, count: 64)
  let capacity = UInt64(identifiers.count)
  var count = 0
  _ = try identifiers.withMutableAddress { (base) throws(Fault) in
    // Target and hook; query flags and (out) attach flags; ids; count in and out.
    var attributes = [UInt64(group.rawValue) | kind.hook << 32, 0, UInt64(base), capacity, 0, 0]
    let result = try bpf(16, &attributes, "BPF_PROG_QUERY, \(group.rawValue)")
    count = Int(UInt32(truncatingIfNeeded: attributes[3]))
    return result
  }
  return Array(identifiers.prefix(count))
}

package func openProgram(identifier: UInt32) throws(Fault) -> Descriptor {
  var attributes = [UInt64(identifier), 0]
  return Descriptor(owning: Int32(try bpf(13, &attributes, "BPF_PROG_GET_FD_BY_ID, \(identifier)")))
}

private func bpf(
  _ command: Int, _ attributes: inout [UInt64], _ description: @autoclosure () -> String
) throws(Fault) -> Int {
  let size = attributes.count * 8
  return try attributes.withMutableAddress { (base) throws(Fault) in
    try systemCall("bpf", Int(SYS_bpf), command, base, size, arguments: description())
  }
}
