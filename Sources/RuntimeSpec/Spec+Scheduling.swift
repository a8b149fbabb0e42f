package import JSON

// How the process is scheduled on processors and disks.

extension Spec {
  /// sched_setattr(2).
  package struct Scheduler: Hashable, Sendable {
    /// `SCHED_OTHER`, `SCHED_FIFO`, `SCHED_RR`, `SCHED_BATCH`, `SCHED_ISO`, `SCHED_IDLE`, `SCHED_DEADLINE`.
    package var policy: String
    package var nice: Int32 = 0
    package var priority: Int32 = 0
    /// `SCHED_FLAG_…`.
    package var flags: [String] = []
    /// Nanoseconds, as are the next two; for SCHED_DEADLINE.
    package var runtime: UInt64 = 0
    package var deadline: UInt64 = 0
    package var period: UInt64 = 0
    package init(policy: String) { self.policy = policy }
  }

  /// ioprio_set(2).
  package struct IOPriority: Hashable, Sendable {
    /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE`, `IOPRIO_CLASS_IDLE`.
    package var `class`: String
    /// 0 (most) to 7 (least).
    package var priority: Int
    package init(class: String, priority: Int) {
      self.class = `class`
      self.priority = priority
    }
  }

  /// CPU lists such as `0-3,7` for a process that enters a container.
  package struct ExecCPUAffinity: Hashable, Sendable {
    /// Before it enters the cgroup.
    package var initial: String?
    /// Once it has.
    package var final: String?
    package init(initial: String? = nil, final: String? = nil) {
      self.initial = initial
      self.final = final
    }
  }
}

extension Spec.Scheduler: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(policy: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "policy": policy = try reader.string()
      case "nice": nice = try reader.integer()
      case "priority": priority = try reader.integer()
      case "flags": flags = try reader.strings()
      case "runtime": runtime = try reader.integer()
      case "deadline": deadline = try reader.integer()
      case "period": period = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("policy", policy)
      if nice != 0 { $0.member("nice", nice) }
      if priority != 0 { $0.member("priority", priority) }
      $0.member("flags", flags.nonEmpty)
      if runtime != 0 { $0.member("runtime", runtime) }
      if deadline != 0 { $0.member("deadline", deadline) }
      if period != 0 { $0.member("period", period) }
    }
  }
}

extension Spec.IOPriority: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(class: "", priority: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "class": `class` = try reader.string()
      case "priority": priority = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("class", `class`)
      $0.member("priority", priority)
    }
  }
}

extension Spec.ExecCPUAffinity: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "initial": initial = try reader.nonEmptyString()
      case "final": final = try reader.nonEmptyString()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("initial", initial)
      $0.member("final", final)
    }
  }
}
