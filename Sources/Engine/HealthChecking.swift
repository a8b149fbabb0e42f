package import Containers
internal import ImageSpec
internal import Inside
internal import JSON
internal import Journal
internal import Kernel
internal import Launching
internal import Monitoring

// Health checks: the supervisor has a timer, and at each time starts this program once more, which executes the check in the
// container, writes down what it shows, and does what `--on-unhealthy` says. So what a check needs of memory and what may
// go wrong in it is no affair of the supervisor.

extension Engine {
  /// What MonitorProgram reads.
  package static let probeOption = "--probe"

  /// Docker's rule: what the command line says is taken over from the image piece by piece; NONE is no check at all.
  func healthCheck(_ request: HealthRequest, _ image: ContainerDefaults.Healthcheck?) throws(Failure) -> HealthCheck? {
    if request.isOff || request.test == nil && (image?.test.first ?? "NONE") == "NONE" {
      if request.isOff || request == HealthRequest() { return nil }
      throw Failure(
        .usage, "there is nothing to check the health with: the image has no HEALTHCHECK", hint: "give --health-cmd too"
      )
    }
    var check = HealthCheck(test: request.test ?? image?.test ?? [])
    guard !check.command.isEmpty else {
      throw Failure(
        .usage, "the image is refused: its HEALTHCHECK has no command", hint: "--no-healthcheck leaves it out")
    }
    func choose(_ asked: Int64?, _ image: Int64?, _ value: inout Int64) {
      if let asked, asked != 0 { value = asked } else if let image, image > 0 { value = image }
    }
    choose(request.interval, image?.interval, &check.interval)
    choose(request.timeout, image?.timeout, &check.timeout)
    choose(request.startPeriod, image?.startPeriod, &check.startPeriod)
    choose(request.startInterval, image?.startInterval, &check.startInterval)
    choose(request.retries, image?.retries, &check.retries)
    check.answer = request.answer
    return check
  }

  /// Nil for a container without one. A new life begins without a word on its health.
  func healthSchedule(of record: ContainerRecord, _ files: ContainerFiles, begins: Bool) -> HealthSchedule? {
    guard let check = record.health else { return nil }
    if begins { try? replaceFile(files.health, with: Health().jsonBytes(), durable: false) }
    let isStarting = check.startPeriod > 0 && health(of: files.identifier)?.status == .starting
    return HealthSchedule(
      first: isStarting ? check.startInterval : check.interval, interval: check.interval,
      startInterval: check.startInterval,
      probe: ["skiff-monitor", Path(Self.probeOption), Path(files.identifier.description), state.root, state.run])
  }

  /// Nil where nothing is checked, or nothing is known.
  package func health(of identifier: ContainerIdentifier) -> Health? {
    (try? readRegularFile(store.files(of: identifier).health, limit: 1 << 20)).flatMap { try? Health(parsing: $0) }
  }

  /// One check. The exit code is for the supervisor's timer.
  package func probeHealth(of identifier: ContainerIdentifier) -> Int32 {
    setProcessName("skiff-health")
    let files = store.files(of: identifier)
    guard let record = try? store.record(of: identifier), let check = record.health,
      let life = (try? store.state(of: identifier)) ?? nil, life.status == .running, let started = life.started,
      // One that is paused is neither well nor ill.
      !standsStill(identifier)
    else { return 0 }
    let probe = execute(check, in: identifier)
    // It has ended meanwhile, and what it did then says nothing of its health.
    guard let after = (try? store.state(of: identifier)) ?? nil, after.process == life.process,
      life.process?.isAlive == true
    else { return 0 }
    var health = health(of: identifier) ?? Health()
    let before = health.status
    health.take(probe, by: check, started: started)
    try? replaceFile(files.health, with: health.jsonBytes(), durable: false)
    if health.status != before { note(.healthStatus, record, detail: health.status.rawValue) }
    if health.status == .unhealthy && before != .unhealthy { answer(check.answer, identifier, record) }
    return health.pause(by: check, started: started, at: now()) == check.interval ? 0 : HealthSchedule.isStarting
  }

  /// Its supervisor sees the end, and by the cause what is to follow.
  private func answer(_ answer: HealthCheck.Answer, _ identifier: ContainerIdentifier, _ record: ContainerRecord) {
    if answer == .none { return }
    guard let running = try? runningProcess(of: identifier, named: record.name) else { return }
    announceEnd(answer == .restart ? .unhealthyRestart : .unhealthy, of: identifier)
    try? sendSignal(record.stopSignal, to: running.pidfd.borrowed)
    let patience = record.stopTimeout < 0 ? nil : min(record.stopTimeout, Int(Int32.max) / 1000) * 1000
    if (try? poll(running.pidfd.borrowed, .readable, milliseconds: patience))?.isEmpty == true {
      try? sendSignal(Signal.kill, to: running.pidfd.borrowed)
    }
  }

  private func execute(_ check: HealthCheck, in identifier: ContainerIdentifier) -> Health.Probe {
    let begin = now()
    func probe(_ code: Int32, _ output: String) -> Health.Probe {
      Health.Probe(start: begin, end: now(), exitCode: code, output: output)
    }
    do {
      let plan = try execPlan(ExecRequest(command: check.command), in: identifier.description)
      let null = try open("/dev/null", .readWrite)
      let pipe = try makePipe()
      let end = pipe.writing.borrowed
      let process = try execute(
        plan, streams: StandardStreams(input: null.borrowed, output: end, errors: end), in: identifier.description)
      var output = ProbeOutput()
      let deadline = monotonicNanoseconds() + UInt64(check.timeout)
      guard try output.read(pipe.reading.borrowed, until: process.pidfd.borrowed, deadline: deadline) else {
        try? sendSignal(Signal.kill, to: process.pidfd.borrowed)
        _ = process.exitCode()
        return probe(-1, "health check exceeded its timeout of \(check.timeout / 1_000_000) ms" + output.tail)
      }
      return probe(process.exitCode(), output.text)
    } catch {
      return probe(-1, (error as? Failure)?.message ?? "\(error)")
    }
  }
}

/// The beginning of what a check says; the rest is read, so that it never waits, and thrown away.
private struct ProbeOutput {
  private var bytes: [UInt8] = []
  var text: String { String(decoding: bytes, as: UTF8.self) }
  var tail: String { bytes.isEmpty ? "" : ": " + text }

  /// Until the program has ended: what it left running may hold the pipe open for ever. False when the time was over first.
  mutating func read(_ pipe: BorrowedDescriptor, until end: BorrowedDescriptor, deadline: UInt64) throws(Fault) -> Bool
  {
    try pipe.setNonblocking(true)
    var isOpen = true
    while true {
      let now = monotonicNanoseconds()
      if now >= deadline { return false }
      var watched = [(end, PollEvents.readable)]
      if isOpen { watched.append((pipe, .readable)) }
      let ready = try poll(watched, milliseconds: Int(min((deadline - now) / 1_000_000 + 1, UInt64(Int32.max))))
      if isOpen { isOpen = try takeAll(pipe) }
      if !ready[0].isEmpty { return true }
    }
  }

  private mutating func takeAll(_ pipe: BorrowedDescriptor) throws(Fault) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      do throws(Fault) {
        let count = try pipe.read(into: &buffer)
        if count == 0 { return false }
        bytes += buffer[..<min(count, Health.outputLimit - bytes.count)]
      } catch {
        if error.errno == .again { return true }
        throw error
      }
    }
  }
}
