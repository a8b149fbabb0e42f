package import JSON
package import Kernel

/// What became of a container. Each change is a whole new file renamed into place, so a reader needs no lock.
package struct ContainerState: Hashable, Sendable {
  package enum Status: String, Hashable, Sendable {
    /// Never started.
    case created
    /// Somebody is starting it, who holds its lock.
    case starting
    case running
    /// Its supervisor waits before it starts it again.
    case restarting
    case exited

    /// Its supervisor lives, if nobody killed that.
    package var isLive: Bool { self == .running || self == .restarting }
  }

  /// Who made it end, where it did not end by itself. Written down by the one who is about to, before the signal.
  package enum Cause: String, Hashable, Sendable {
    case stop, kill, restart, timeout
    /// With the machine: it is started again with that.
    case shutdown
    case removal = "rm"
    case unhealthy
    /// It is to be started again whatever its restart policy says.
    case unhealthyRestart = "unhealthy-restart"
  }

  package var status: Status
  /// The first process, while it runs.
  package var process: ProcessIdentity?
  /// The number of the first process, still known when it has ended: the kernel's log has it.
  package var lastProcess: ProcessIdentifier?
  package var started: Timestamp?
  package var finished: Timestamp?
  package var exitCode: Int32 = 0
  package var wasKilledForMemory = false
  /// The signal that killed the first process.
  package var signal: Int32?
  package var cause: Cause?
  /// How often its supervisor has started it again since somebody started it.
  package var restartCount = 0
  /// What the supervisor waits, or waited last, before that; in milliseconds.
  package var restartDelay: Int64 = 0
  /// The most memory that it had, in bytes; 0 where nobody counted.
  package var peakMemory: UInt64 = 0
  /// Why it ended or could not start, in words; empty when there is nothing to say.
  package var message = ""

  package init(status: Status) { self.status = status }
}

extension ContainerState: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(status: .created)
    var pid: ProcessIdentifier = 0
    var ticks: UInt64 = 0
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "status":
        guard let status = Status(rawValue: try reader.string()) else { throw reader.error("an unknown status") }
        self.status = status
      case "pid": pid = try reader.integer()
      case "lastPid": lastProcess = try reader.integer()
      case "startTicks": ticks = try reader.integer()
      case "started": started = try reader.timestamp()
      case "finished": finished = try reader.timestamp()
      case "exitCode": exitCode = try reader.integer()
      case "signal": signal = try reader.integer()
      // A newer Skiff may know more of them.
      case "cause": cause = Cause(rawValue: try reader.string())
      case "restartCount": restartCount = try reader.integer()
      case "restartDelay": restartDelay = try reader.integer()
      case "peakMemory": peakMemory = try reader.integer()
      case "wasKilledForMemory": wasKilledForMemory = try reader.bool()
      case "message": message = try reader.string()
      default: try reader.skip()
      }
    }
    if pid > 0 { process = ProcessIdentity(process: pid, startTicks: ticks) }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("status", status.rawValue)
      writer.member("pid", process?.process)
      writer.member("startTicks", process?.startTicks)
      writer.member("lastPid", lastProcess)
      writer.member("started", started?.pair)
      writer.member("finished", finished?.pair)
      writer.member("exitCode", exitCode)
      writer.member("signal", signal)
      writer.member("cause", cause?.rawValue)
      writer.member("restartCount", restartCount == 0 ? nil : restartCount)
      writer.member("restartDelay", restartDelay == 0 ? nil : restartDelay)
      writer.member("peakMemory", peakMemory == 0 ? nil : peakMemory)
      writer.member("wasKilledForMemory", wasKilledForMemory)
      writer.member("message", message)
    }
  }
}

extension JSONReader {
  /// Seconds and nanoseconds.
  mutating func timestamp() throws(JSONError) -> Timestamp {
    let parts: [Int64] = try integers()
    guard parts.count == 2, let nanoseconds = UInt32(exactly: parts[1]) else { throw error("not a time") }
    return Timestamp(seconds: parts[0], nanoseconds: nanoseconds)
  }
}

extension Timestamp {
  /// As `JSONReader.timestamp` reads it.
  var pair: [Int64] { [seconds, Int64(nanoseconds)] }
}
