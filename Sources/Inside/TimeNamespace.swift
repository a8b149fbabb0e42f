internal import Kernel
internal import Steps

/// Makes a time namespace, sets its clocks and goes into it. The one that unshare(2) makes is for children, and its offsets
/// can be written until somebody is in it.
///
/// - Parameter procfs: a root of procfs that was verified.
func enterTimeNamespace(_ offsets: [ClockOffset], procfs: BorrowedDescriptor) throws(Fault) {
  try unshare(.time)
  if !offsets.isEmpty {
    let text = offsets.map { "\($0.clock) \($0.seconds) \($0.nanoseconds)\n" }.joined()
    let file = try open("self/timens_offsets", [.writeOnly], at: procfs)
    do throws(Fault) { try file.borrowed.write(text) } catch {
      // No clock may be set back before the boot, nor far enough ahead to overflow.
      throw Fault(
        "write", error.errno, arguments: "/proc/self/timens_offsets, \"\(text.trimmed)\"",
        hint: error.errno == .range ? "the clock would stand before zero or beyond 146 years" : nil)
    }
  }
  let made = try open("self/ns/time_for_children", .readOnly, at: procfs)
  try joinNamespace(made.borrowed, .time)
}
