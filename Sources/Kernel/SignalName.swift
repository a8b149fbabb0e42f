/// The names of signals (signal(7)) with the numbers of x86-64 and arm64.
package enum SignalName {
  private static let names = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
  ]
  private static let aliases: [(String, Int32)] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)]
  /// The C library keeps 32 and 33 to itself.
  private static let firstRealTime: Int32 = 34

  /// `KILL`, `SIGKILL`, `9`, `RTMIN+3`; nil for what is none.
  package static func number(_ text: String) -> Int32? {
    if let number = Int32(text) {
      return (1...64).contains(number) && text.utf8.first != UInt8(ascii: "+") ? number : nil
    }
    var name = text.uppercased()
    if name.hasPrefix("SIG") { name.removeFirst(3) }
    if let index = names.firstIndex(of: name) { return Int32(index) + 1 }
    if let alias = aliases.first(where: { $0.0 == name }) { return alias.1 }
    for (start, base, sign) in [("RTMIN", firstRealTime, "+"), ("RTMAX", 64, "-")] where name.hasPrefix(start) {
      let rest = name.dropFirst(start.count)
      if rest.isEmpty { return base }
      guard rest.hasPrefix(sign), let offset = Int32(rest.dropFirst()), (0...30).contains(offset) else { return nil }
      return sign == "+" ? base + offset : base - offset
    }
    return nil
  }

  /// `SIGKILL`; `SIGRTMIN+3` for the real-time ones.
  package static func name(of number: Int32) -> String {
    switch number {
    case 1...Int32(names.count): "SIG" + names[Int(number) - 1]
    case firstRealTime: "SIGRTMIN"
    case firstRealTime...64: "SIGRTMIN+\(number - firstRealTime)"
    default: "signal \(number)"
    }
  }

  /// All names, for completions and near matches.
  package static let all = names.map { "SIG" + $0 }
}
