internal import Arguments
internal import Cgroups
internal import Containers
internal import Engine
internal import JSON
internal import Kernel

extension StatsCommand {
  static let perform: Perform = { arguments in
    let names = arguments.positionals
    let engine = try arguments.engine
    let layout = try engine.cgroupLayout()
    let format = arguments.string("format").flatMap { $0 == "table" ? nil : $0 }
    // A format that cannot be read is an error before anything is shown.
    if let format { _ = try Template(format) }
    // A name that is nobody's is an error before anything is shown.
    let chosen = try names.map { try engine.find($0) }
    let isLive = !arguments.flag("no-stream")
    var sampler = StatisticsSampler(engine: engine, layout: layout) {
      let containers = try engine.list(includingEnded: arguments.flag("all") || !chosen.isEmpty, withHealth: false)
      return chosen.isEmpty ? containers : containers.filter { chosen.contains($0.identifier) }
    }
    if isLive { try sampler.take() } else { try sampler.measure() }
    while true {
      if isLive {
        _ = try poll([], milliseconds: 1000)
        try sampler.take()
      }
      try show(sampler.rows, format, isLive: isLive, truncated: !arguments.flag("no-trunc"))
      if !isLive { return 0 }
    }
  }

  private static func show(_ rows: [StatisticsRow], _ format: String?, isLive: Bool, truncated: Bool) throws {
    _ = try printing { out in
      var text = ""
      if let format {
        text = try Template.lines(
          format, rows.map { $0.fields(truncated: truncated) }, headings: StatisticsRow.headings)
      } else {
        var table = Table(
          "CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS")
        for row in rows {
          table.add(
            row.identifier(truncated: truncated), row.name, row.processor, row.memory, row.memoryShare, row.traffic,
            row.blockIO, row.processes)
        }
        text = table.text
      }
      if isLive, format.map({ $0.hasPrefix("table ") }) ?? true, isTerminal(.standardOutput) {
        text = painted(text, on: try? windowSize(of: .standardOutput))
      }
      out.print(text)
    }
  }
}

/// What paints a terminal over: home, each line cleared to its end, and what is left of the screen below. What has no room
/// there is counted in the last line, for a screen that scrolls with each look shows nothing long.
func painted(_ text: String, on size: WindowSize?) -> String {
  var lines = text.split(separator: "\n").map(String.init)
  if let size, size.rows > 2, size.columns > 0 {
    let columns = Int(size.columns)
    func height(_ line: String) -> Int { max(1, (screenWidth(line) + columns - 1) / columns) }
    // The cursor comes to stand in one row more.
    let room = Int(size.rows) - 1
    if lines.reduce(0, { $0 + height($1) }) > room {
      var (shown, used) = (0, 1)
      while shown < lines.count, used + height(lines[shown]) <= room {
        used += height(lines[shown])
        shown += 1
      }
      lines = lines.prefix(shown) + ["… \(lines.count - shown) more have no room here"]
    }
  }
  return "\u{1b}[H" + lines.map { $0 + "\u{1b}[K\n" }.joined() + "\u{1b}[J"
}

/// Counters of the containers, now and one look earlier.
struct StatisticsSampler {
  let engine: Engine
  let layout: CgroupLayout
  let list: () throws -> [ListedContainer]
  private var previous: [ContainerIdentifier: ContainerStatistics] = [:]
  private var present: [ContainerStatistics] = []
  private let hostMemory: UInt64?

  init(engine: Engine, layout: CgroupLayout, list: @escaping () throws -> [ListedContainer]) {
    self.engine = engine
    self.layout = layout
    self.list = list
    hostMemory = engine.hostMemory()
  }

  /// One look more.
  mutating func take() throws {
    previous = Dictionary(present.map { ($0.identifier, $0) }) { $1 }
    present = engine.statistics(of: try list(), on: layout)
  }

  /// The only look that is shown. A share of processor time is measured from the look of an earlier command, or else from the
  /// start of the container; only where both are too long ago, or too short, this looks twice with a pause between.
  mutating func measure() throws {
    var looks = engine.processorLooks()
    let begin = monotonicNanoseconds()
    try take()
    var earlier: [ContainerIdentifier: ContainerStatistics] = [:]
    func know(_ statistics: ContainerStatistics) {
      earlier[statistics.identifier] = looks.before(statistics) ?? statistics.sinceStart
    }
    for statistics in present { know(statistics) }
    if present.contains(where: { $0.cgroup?.processorTime != nil && earlier[$0.identifier] == nil }) {
      // Both are kept: who calls right after this one measures from the first.
      for statistics in present { looks.add(statistics) }
      let passed = monotonicNanoseconds() - begin
      if passed < ProcessorLooks.shortest {
        _ = try poll([], milliseconds: Int((ProcessorLooks.shortest - passed + 999_999) / 1_000_000))
      }
      try take()
    }
    for statistics in present { looks.add(statistics) }
    looks.write()
    previous.merge(earlier) { $1 }
  }

  var rows: [StatisticsRow] {
    present.map { StatisticsRow(now: $0, before: previous[$0.identifier], hostMemory: hostMemory) }
  }
}

/// One container in docker's words; `--` where it does not run.
struct StatisticsRow {
  var now: ContainerStatistics
  var before: ContainerStatistics?
  /// What limits memory where the container has no limit.
  var hostMemory: UInt64?

  private static let nothing = "--"

  func identifier(truncated: Bool) -> String { truncated ? now.identifier.short : now.identifier.description }
  var name: String { now.name }

  /// 100 is one processor all the time.
  var processor: String {
    guard let used = now.cgroup?.processorTime else { return Self.nothing }
    guard let before, let earlier = before.cgroup?.processorTime, used >= earlier, now.time > before.time else {
      return "0.00%"
    }
    return percent(used - earlier, of: now.time - before.time)
  }

  private var memoryLimit: UInt64? {
    let limits = [now.cgroup?.memory?.limit, hostMemory].compactMap { $0 }
    return limits.min()
  }

  var memory: String {
    guard let memory = now.cgroup?.memory else { return "\(Self.nothing) / \(Self.nothing)" }
    let limit = memoryLimit.map { binarySize(Int64(clamping: $0)) } ?? Self.nothing
    return "\(binarySize(Int64(clamping: memory.working))) / \(limit)"
  }

  var memoryShare: String {
    guard let memory = now.cgroup?.memory, let memoryLimit, memoryLimit > 0 else { return Self.nothing }
    return percent(memory.working, of: memoryLimit)
  }

  var traffic: String { pair(now.traffic.map { ($0.received, $0.sent) }) }
  var blockIO: String { pair(now.cgroup?.blockIO.map { ($0.read, $0.written) }) }
  var processes: String { now.cgroup?.tasks.map { "\($0)" } ?? Self.nothing }

  private func pair(_ values: (UInt64, UInt64)?) -> String {
    guard let values else { return "\(Self.nothing) / \(Self.nothing)" }
    return "\(humanSize(Int64(clamping: values.0))) / \(humanSize(Int64(clamping: values.1)))"
  }

  /// Two digits behind the point.
  private func percent(_ part: UInt64, of whole: UInt64) -> String {
    let (high, low) = part.multipliedFullWidth(by: 10_000)
    guard high < whole else { return Self.nothing }
    let hundredths = whole.dividingFullWidth((high, low)).quotient
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)%"
  }

  static let headings: KeyValuePairs = [
    "Container": "CONTAINER", "ID": "CONTAINER ID", "Name": "NAME", "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT", "MemPerc": "MEM %", "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
  ]

  /// The fields as docker's templates name them.
  func fields(truncated: Bool) -> JSONValue {
    [
      "Container": .string(identifier(truncated: truncated)), "ID": .string(identifier(truncated: truncated)),
      "Name": .string(name), "CPUPerc": .string(processor), "MemUsage": .string(memory),
      "MemPerc": .string(memoryShare),
      "NetIO": .string(traffic), "BlockIO": .string(blockIO), "PIDs": .string(processes),
    ]
  }
}
