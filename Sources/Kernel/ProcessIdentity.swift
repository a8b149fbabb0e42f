/// A process that a number alone cannot mean another one by: the pid and the clock tick of boot time it started at.
package struct ProcessIdentity: Hashable, Sendable {
  package var process: ProcessIdentifier
  /// Field 22 of /proc/PID/stat.
  package var startTicks: UInt64

  package init(process: ProcessIdentifier, startTicks: UInt64) {
    self.process = process
    self.startTicks = startTicks
  }

  /// Reads the start time of a process that runs now.
  package init(of process: ProcessIdentifier) throws(Fault) {
    let text = try readText("/proc/\(process)/stat", limit: 4096)
    // The name in parentheses may itself hold spaces and parentheses: fields count from the last one.
    guard let end = text.utf8.lastIndex(of: UInt8(ascii: ")")) else {
      throw Fault("read", .badMessage, arguments: "\"/proc/\(process)/stat\"")
    }
    let fields = text[text.utf8.index(after: end)...].split(separator: " ")
    guard fields.count > 19, let ticks = UInt64(fields[19]) else {
      throw Fault("read", .badMessage, arguments: "\"/proc/\(process)/stat\"")
    }
    self.init(process: process, startTicks: ticks)
  }

  /// A pidfd of exactly this process, or nil when it is gone. The start time is read after the open: a number that was
  /// given out again meanwhile does not pass.
  package func open() -> Descriptor? {
    guard let pidfd = try? openProcess(process), let now = try? ProcessIdentity(of: process), now == self else {
      return nil
    }
    return pidfd
  }

  package var isAlive: Bool { (try? ProcessIdentity(of: process)) == self }
}
