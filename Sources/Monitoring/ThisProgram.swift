package import Kernel

// A supervisor keeps small by leaving work to its own program, started anew: another life of itself, or a process beside it.

/// Replaces this process by its own program, started anew, which has `keeping` by the same numbers. Returns when that is
/// not possible.
package func executeThisProgram(arguments: [Path], keeping kept: [BorrowedDescriptor]) throws(Fault) {
  let executable = try open("/proc/self/exe", .path)
  for descriptor in kept { try descriptor.duplicate(asInherited: descriptor.rawValue) }
  _ = execute(executable.borrowed, arguments: arguments, environment: environment())
  // Still here: nothing that this process starts may get them.
  for descriptor in kept { try descriptor.setCloseOnExecute() }
}

/// Starts this program beside this process. It has none of its descriptors.
func startThisProgram(arguments: [Path]) throws(Fault) -> ProcessIdentifier {
  let executable = try open("/proc/self/exe", .path)
  return try spawn(
    executable.borrowed, arguments: arguments, environment: environment(), streams: [], resetsSignals: true)
}

/// The same with some of them, from 3 on in their order.
package func startThisProgram(
  arguments: [Path], keeping kept: [BorrowedDescriptor]
) throws(Fault) -> ProcessIdentifier {
  let executable = try open("/proc/self/exe", .path)
  let null = try open("/dev/null", .readWrite)
  // Above all the numbers that they get, so that none covers another.
  var copies: [Int32] = []
  defer { for number in copies { _ = Descriptor(owning: number) } }
  for descriptor in [null.borrowed, null.borrowed, null.borrowed] + kept {
    copies.append(try descriptor.duplicate(from: Int32(3 + kept.count)).release())
  }
  return try spawn(
    executable.borrowed, arguments: arguments, environment: environment(),
    streams: copies.map { BorrowedDescriptor(rawValue: $0) }, resetsSignals: true)
}
