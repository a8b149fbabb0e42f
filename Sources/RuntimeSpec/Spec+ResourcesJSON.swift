package import JSON

// The parts of `resources`, in and out.

extension Spec.DeviceRule: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(allow: false)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "allow": allow = try reader.bool()
      case "type": type = try reader.nonEmptyString()
      case "major": major = try reader.integer()
      case "minor": minor = try reader.integer()
      case "access": access = try reader.nonEmptyString()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("allow", allow)
      $0.member("type", type)
      $0.member("major", major)
      $0.member("minor", minor)
      $0.member("access", access)
    }
  }
}

extension Spec.Memory: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "limit": limit = try reader.integer()
      case "reservation": reservation = try reader.integer()
      case "swap": swap = try reader.integer()
      case "kernel": kernel = try reader.integer()
      case "kernelTCP": kernelTCP = try reader.integer()
      case "swappiness": swappiness = try reader.integer()
      case "disableOOMKiller": disableOOMKiller = try reader.bool()
      case "useHierarchy": useHierarchy = try reader.bool()
      case "checkBeforeUpdate": checkBeforeUpdate = try reader.bool()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("limit", limit)
      $0.member("reservation", reservation)
      $0.member("swap", swap)
      $0.member("kernel", kernel)
      $0.member("kernelTCP", kernelTCP)
      $0.member("swappiness", swappiness)
      $0.member("disableOOMKiller", disableOOMKiller)
      $0.member("useHierarchy", useHierarchy)
      $0.member("checkBeforeUpdate", checkBeforeUpdate)
    }
  }
}

extension Spec.CPU: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "shares": shares = try reader.integer()
      case "quota": quota = try reader.integer()
      case "burst": burst = try reader.integer()
      case "period": period = try reader.integer()
      case "realtimeRuntime": realtimeRuntime = try reader.integer()
      case "realtimePeriod": realtimePeriod = try reader.integer()
      case "cpus": cpus = try reader.nonEmptyString()
      case "mems": mems = try reader.nonEmptyString()
      case "idle": idle = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("shares", shares)
      $0.member("quota", quota)
      $0.member("burst", burst)
      $0.member("period", period)
      $0.member("realtimeRuntime", realtimeRuntime)
      $0.member("realtimePeriod", realtimePeriod)
      $0.member("cpus", cpus)
      $0.member("mems", mems)
      $0.member("idle", idle)
    }
  }
}

extension Spec.Pids: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(limit: nil)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "limit": limit = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { $0.member("limit", limit) }
  }
}

extension Spec.HugepageLimit: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(pageSize: "", limit: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "pageSize": pageSize = try reader.string()
      case "limit": limit = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("pageSize", pageSize)
      $0.member("limit", limit)
    }
  }
}

extension Spec.Network: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "classID": classID = try reader.integer()
      case "priorities": priorities = try reader.list()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("classID", classID)
      $0.member("priorities", priorities.nonEmpty)
    }
  }
}

extension Spec.InterfacePriority: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(name: "", priority: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "name": name = try reader.string()
      case "priority": priority = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("name", name)
      $0.member("priority", priority)
    }
  }
}

extension Spec.Rdma: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "hcaHandles": hcaHandles = try reader.integer()
      case "hcaObjects": hcaObjects = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("hcaHandles", hcaHandles)
      $0.member("hcaObjects", hcaObjects)
    }
  }
}
