internal import Kernel

/// What /proc says of one process (proc_pid_stat(5)), as ps(1) shows it.
struct ProcessFacts {
  let pid: Int32
  /// The fields of /proc/PID/stat from the state on, which is the third.
  private let fields: [Substring]
  let name: String
  let command: String
  private let status: [Substring]

  /// Nil when it has ended.
  init?(_ pid: Int32) {
    self.pid = pid
    // The name stands in parentheses and may hold any byte, a parenthesis too.
    guard let stat = try? readText(Path("/proc/\(pid)/stat"), limit: 65_536), let open = stat.firstIndex(of: "("),
      let close = stat.lastIndex(of: ")"), let status = try? readText(Path("/proc/\(pid)/status"), limit: 65_536)
    else { return nil }
    name = String(stat[stat.index(after: open)..<close])
    fields = stat[stat.index(after: close)...].split(separator: " ")
    guard fields.count > 21 else { return nil }
    self.status = status.split(separator: "\n")
    let words = ((try? readFile(Path("/proc/\(pid)/cmdline"), limit: 1 << 20)) ?? []).split(separator: 0)
    // A kernel thread or a zombie has none.
    command = words.isEmpty ? "[\(name)]" : words.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
  }

  /// By its number in proc_pid_stat(5).
  func field(_ number: Int) -> Int64 { Int64(fields[number - 3]) ?? 0 }

  var state: String { String(fields[0]) }

  /// A line of /proc/PID/status: real, effective, saved and file system id for `Uid`.
  func line(_ key: String) -> [Substring] {
    status.first { $0.hasPrefix(key + ":") }?.dropFirst(key.utf8.count + 1).split { $0 == "\t" || $0 == " " } ?? []
  }

  func identifier(_ key: String) -> UInt32 {
    let ids = line(key)
    return ids.count > 1 ? UInt32(ids[1]) ?? 0 : 0
  }

  /// `pts/0`, or `?`.
  var terminal: String {
    let number = field(7)
    guard number != 0 else { return "?" }
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00))
    return (136...143).contains(major) ? "pts/\(minor + (major - 136) * 256)" : major == 4 ? "tty\(minor)" : "?"
  }

  /// In seconds.
  var processorTime: Int64 { (field(14) + field(15)) / ProcessHost.ticks }

  /// `R`, `Ss+`: the state, a session's leader, the foreground.
  var stateWords: String {
    state + (field(19) < 0 ? "<" : field(19) > 0 ? "N" : "") + (field(6) == Int64(pid) ? "s" : "")
      + (field(20) > 1 ? "l" : "") + (field(8) > 0 && field(8) == field(5) ? "+" : "")
  }
}

/// What a column needs to know of the machine.
struct ProcessHost {
  /// The unit of times in /proc: the kernel's USER_HZ, 100 on every machine that Skiff runs on.
  static let ticks: Int64 = 100

  let users: [UInt32: String]
  let groups: [UInt32: String]
  /// Seconds since the boot, and of the boot since 1970.
  let uptime: Int64
  let boot: Int64
  let memory: Int64

  init() {
    func names(_ path: Path) -> [UInt32: String] {
      var found: [UInt32: String] = [:]
      for line in ((try? readText(path, limit: 4 << 20)) ?? "").split(separator: "\n") {
        let parts = line.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count > 2, let number = UInt32(parts[2]), found[number] == nil else { continue }
        found[number] = String(parts[0])
      }
      return found
    }
    users = names("/etc/passwd")
    groups = names("/etc/group")
    let text = (try? readText("/proc/uptime")) ?? "0"
    uptime = Int64(text.prefix { $0 != "." && $0 != " " }) ?? 0
    boot = now().seconds - uptime
    let line = ((try? readText("/proc/meminfo")) ?? "").split(separator: "\n").first?.split(separator: " ")
    memory = line.flatMap { $0.count > 1 ? Int64($0[1]) : nil } ?? 0
  }

  func user(_ number: UInt32) -> String { users[number] ?? "\(number)" }
}

/// A column of `top`.
struct ProcessColumn: Sendable {
  var name: String
  var heading: String
  var text: @Sendable (ProcessFacts, ProcessHost) -> String

  static let all: [ProcessColumn] = [
    .init(name: "uid", heading: "UID") { $1.user($0.identifier("Uid")) },
    .init(name: "user", heading: "USER") { $1.user($0.identifier("Uid")) },
    .init(name: "gid", heading: "GID") { facts, _ in "\(facts.identifier("Gid"))" },
    .init(name: "group", heading: "GROUP") { $1.groups[$0.identifier("Gid")] ?? "\($0.identifier("Gid"))" },
    .init(name: "pid", heading: "PID") { facts, _ in "\(facts.pid)" },
    .init(name: "ppid", heading: "PPID") { facts, _ in "\(facts.field(4))" },
    .init(name: "pgid", heading: "PGID") { facts, _ in "\(facts.field(5))" },
    .init(name: "sid", heading: "SID") { facts, _ in "\(facts.field(6))" },
    .init(name: "hpid", heading: "PID IN CONTAINER") { facts, _ in facts.line("NSpid").last.map { String($0) } ?? "?" },
    .init(name: "c", heading: "C") { "\(min(99, share($0, $1) / 10))" },
    .init(name: "%cpu", heading: "%CPU") { tenths(share($0, $1)) },
    .init(name: "pcpu", heading: "%CPU") { tenths(share($0, $1)) },
    .init(name: "%mem", heading: "%MEM") { tenths($0.field(24) * 4 * 1000 / max(1, $1.memory)) },
    .init(name: "pmem", heading: "%MEM") { tenths($0.field(24) * 4 * 1000 / max(1, $1.memory)) },
    .init(name: "vsz", heading: "VSZ") { facts, _ in "\(facts.field(23) / 1024)" },
    .init(name: "rss", heading: "RSS") { facts, _ in "\(facts.field(24) * 4)" },
    .init(name: "tty", heading: "TTY") { facts, _ in facts.terminal },
    .init(name: "stat", heading: "STAT") { facts, _ in facts.stateWords },
    .init(name: "s", heading: "S") { facts, _ in facts.state },
    .init(name: "stime", heading: "STIME") { started($0, $1) },
    .init(name: "start", heading: "START") { started($0, $1) },
    .init(name: "etime", heading: "ELAPSED") {
      clock(max(0, $1.uptime - $0.field(22) / ProcessHost.ticks), short: true)
    },
    .init(name: "time", heading: "TIME") { facts, _ in clock(facts.processorTime, short: false) },
    .init(name: "pri", heading: "PRI") { facts, _ in "\(39 - facts.field(18))" },
    .init(name: "ni", heading: "NI") { facts, _ in "\(facts.field(19))" },
    .init(name: "nlwp", heading: "NLWP") { facts, _ in "\(facts.field(20))" },
    .init(name: "comm", heading: "COMMAND") { facts, _ in facts.name },
    .init(name: "cmd", heading: "CMD") { facts, _ in facts.command },
    .init(name: "command", heading: "COMMAND") { facts, _ in facts.command },
    .init(name: "args", heading: "COMMAND") { facts, _ in facts.command },
  ]

  /// Thousandths of one processor over the life of the process.
  private static func share(_ process: ProcessFacts, _ host: ProcessHost) -> Int64 {
    let lifetime = max(1, host.uptime * ProcessHost.ticks - process.field(22))
    return (process.field(14) + process.field(15)) * 1000 / lifetime
  }

  private static func tenths(_ value: Int64) -> String { "\(value / 10).\(value % 10)" }

  private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }

  /// `hh:mm:ss`, or `mm:ss` where that is enough.
  private static func clock(_ seconds: Int64, short: Bool) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24)
    let rest = "\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    if short && seconds < 3600 { return rest }
    return (days > 0 ? "\(days)-" : "") + "\(two(hours)):\(rest)"
  }

  /// `15:04` today, else the day; UTC, as all times here are.
  private static func started(_ process: ProcessFacts, _ host: ProcessHost) -> String {
    let time = Timestamp(seconds: host.boot + process.field(22) / ProcessHost.ticks, nanoseconds: 0).rfc3339
    let isToday = time.prefix(10) == now().rfc3339.prefix(10)
    return String(isToday ? time.dropFirst(11).prefix(5) : time.dropFirst(5).prefix(5))
  }
}
