/// A process that a number alone cannot mean another one by: the pid and the clock tick of boot time it started at.
package struct ProcessIdentity: Hashable, Sendable {
  package var process: ProcessIdentifier
  /// Field 22 of /proc/PID/stat.
  package var startTicks: UInt64

  package init(process: ProcessIdentifier, startTicks: UInt64) {
    self.process = process
    self.startTicks = startTicks
  }

  /// Reads the start time of a process that is there now.
  package init(of process: ProcessIdentifier) throws(Fault) {
    self.init(process: process, startTicks: try Self.read(process).startTicks)
  }

  /// Field 3, a letter, and field 22 of /proc/PID/stat (proc_pid_stat(5)).
  private static func read(_ process: ProcessIdentifier) throws(Fault) -> (state: UInt8, startTicks: UInt64) {
    // One read is all of it: fifty numbers at most, and a name.
    let file = try Kernel.open("/proc/\(process)/stat", [.readOnly])
    let text = try file.borrowed.readOnce(4096)
    // The name in parentheses may itself hold spaces and parentheses: fields count from the last one.
    var fields = ByteFields(text[(text.lastIndex(of: UInt8(ascii: ")")) ?? text.endIndex)...])
    _ = fields.nextWord()
    let state = fields.nextWord()?.first
    for _ in 4..<22 { _ = fields.nextWord() }
    guard let state, let ticks = fields.nextWord()?.decimal else {
      throw Fault("read", .badMessage, arguments: "\"/proc/\(process)/stat\"")
    }
    return (state, ticks)
  }

  /// CLOCK_BOOTTIME at its start, in nanoseconds. The kernel tells it in hundredths of a second to everybody (USER_HZ).
  package var startNanoseconds: UInt64 { startTicks &* 10_000_000 }

  /// A pidfd of exactly this process, or nil when it is gone. The start time is read after the open: a number that was
  /// given out again meanwhile does not pass.
  package func open() -> Descriptor? {
    guard let pidfd = try? openProcess(process), let now = try? ProcessIdentity(of: process), now == self else {
      return nil
    }
    return pidfd
  }

  package var isAlive: Bool { (try? ProcessIdentity(of: process)) == self }

  /// Whether it is there and has not ended; a zombie that nobody has reaped yet has.
  package var isRunning: Bool {
    guard let (state, ticks) = try? Self.read(process), ticks == startTicks else { return false }
    return state != UInt8(ascii: "Z") && state != UInt8(ascii: "X")
  }
}
