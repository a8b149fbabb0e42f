internal import Cgroups
internal import Containers
internal import Kernel

/// What `stats` saw of the processor time of containers, in /run, so that the next one measures what they took since then
/// and waits for nothing.
///
/// Of each container two samples are kept. A share over less than a tenth of a second says little: while the newer sample is
/// younger than that, the older one is measured from, and nothing is kept anew.
package struct ProcessorLooks: Sendable {
  /// Nanoseconds that a share is of, at least and at most: what was long ago says nothing of now.
  package static let shortest: UInt64 = 100_000_000
  package static let longest: UInt64 = 60_000_000_000
  /// Of the first word: another form gets another number.
  private static let form = "skiff looks 1"
  private static let limit = 16 << 20

  fileprivate struct Sample {
    var time: UInt64
    var processorTime: UInt64

    /// Whether it may have been taken before, and not too long ago: what a hand or an earlier boot left may say anything.
    func isRecent(at present: UInt64) -> Bool { time <= present && present - time <= longest }
  }

  private struct Looks {
    /// One that was started again has another, and counts from nothing.
    var process: ProcessIdentity
    var newer: Sample
    var older: Sample?
  }

  private let path: Path
  private var known: [ContainerIdentifier: Looks] = [:]
  private var hasChanged = false

  /// A file that is not there, or is damaged, is one that knows nothing.
  init(reading path: Path) {
    self.path = path
    guard let bytes = try? readRegularFile(path, limit: Self.limit) else { return }
    var rest = Unpacking(bytes)
    guard rest.string() == Self.form else { return }
    var found: [ContainerIdentifier: Looks] = [:]
    while !rest.isAtEnd {
      guard let identifier = ContainerIdentifier(rest.string()) else { return }
      let process = ProcessIdentity(
        process: ProcessIdentifier(truncatingIfNeeded: rest.integer()),
        startTicks: UInt64(truncatingIfNeeded: rest.integer()))
      let newer = rest.sample()
      let older = rest.integer() == 1 ? rest.sample() : nil
      found[identifier] = Looks(process: process, newer: newer, older: older)
    }
    if rest.isWhole { known = found }
  }

  /// The sample to measure from; nil when there is none that is old enough and young enough.
  package func before(_ present: ContainerStatistics) -> ContainerStatistics? {
    guard let process = present.process, let used = present.cgroup?.processorTime,
      let looks = known[present.identifier], looks.process == process
    else { return nil }
    for sample in [looks.newer, looks.older] {
      guard let sample, sample.isRecent(at: present.time), present.time - sample.time >= Self.shortest,
        sample.processorTime <= used
      else { continue }
      var before = present
      before.time = sample.time
      before.cgroup = CgroupUsage(processorTime: sample.processorTime)
      return before
    }
    return nil
  }

  /// Keeps what was seen now, unless what is known is as good.
  package mutating func add(_ present: ContainerStatistics) {
    guard let process = present.process, let used = present.cgroup?.processorTime else { return }
    let sample = Sample(time: present.time, processorTime: used)
    var older: Sample?
    if let looks = known[present.identifier], looks.process == process, looks.newer.isRecent(at: present.time),
      looks.newer.processorTime <= used
    {
      if present.time - looks.newer.time < Self.shortest { return }
      older = looks.newer
    }
    known[present.identifier] = Looks(process: process, newer: sample, older: older)
    hasChanged = true
  }

  /// For the next one. Of two at once either is as good; who cannot write it goes without.
  package func write() {
    guard hasChanged else { return }
    let present = monotonicNanoseconds()
    var packed = Packing()
    packed.add(Self.form)
    // Of containers that were not asked for this time, too.
    for (identifier, looks) in known where looks.newer.isRecent(at: present) {
      packed.add(identifier.description)
      packed.add(Int(looks.process.process))
      packed.add(Int(truncatingIfNeeded: looks.process.startTicks))
      packed.add(looks.newer)
      packed.add(looks.older == nil ? 0 : 1)
      if let older = looks.older { packed.add(older) }
    }
    try? replaceFile(path, with: packed.bytes, durable: false)
  }
}

extension Packing {
  fileprivate mutating func add(_ sample: ProcessorLooks.Sample) {
    add(Int(truncatingIfNeeded: sample.time))
    add(Int(truncatingIfNeeded: sample.processorTime))
  }
}

extension Unpacking {
  fileprivate mutating func sample() -> ProcessorLooks.Sample {
    ProcessorLooks.Sample(
      time: UInt64(truncatingIfNeeded: integer()), processorTime: UInt64(truncatingIfNeeded: integer()))
  }
}

extension ContainerStatistics {
  /// All that it took since it was started, as a look of that moment would have seen it. Nil when that is too short a time
  /// ago, or too long.
  package var sinceStart: ContainerStatistics? {
    guard let process, cgroup?.processorTime != nil else { return nil }
    let (present, start) = (bootNanoseconds(), process.startNanoseconds)
    guard start < present, (ProcessorLooks.shortest...ProcessorLooks.longest).contains(present - start),
      present - start < time
    else { return nil }
    var before = self
    before.time = time - (present - start)
    before.cgroup = CgroupUsage(processorTime: 0)
    return before
  }
}

extension Engine {
  package func processorLooks() -> ProcessorLooks { ProcessorLooks(reading: state.run.appending("looks")) }
}
