package import Cgroups
package import JSON
package import Kernel
internal import RuntimeSpec
internal import Steps

/// What the runtime remembers of a container between two calls: `state.json`.
package struct RuntimeState: Hashable, Sendable {
  package var id: String
  /// Absolute.
  package var bundle: String
  /// Absolute, on the host.
  package var rootfs: String
  package var created = Timestamp(seconds: 0, nanoseconds: 0)
  /// Who called `create`.
  package var owner: UInt32 = 0
  /// The first process; nil until there is one.
  package var process: ProcessIdentity?
  package var annotations: [String: String] = [:]
  /// Its processes have the session keyring of whoever started them.
  package var keepsKeyring = false
  /// The control group; nil where the container has none of its own.
  package var place: GroupPlace?
  /// What takes back what was made on the host, in the order to perform. It is written before anything is made.
  package var undo: [UndoRecord] = []

  package init(id: String, bundle: String, rootfs: String) {
    self.id = id
    self.bundle = bundle
    self.rootfs = rootfs
  }
}

/// An undo step as it is written down.
package struct UndoRecord: Hashable, Sendable {
  package enum Kind: String, Sendable { case removeGroup, stopUnit, stopUserUnit, removeDirectory }
  package var kind: Kind
  package var target: String

  /// Nil for a step that nothing on the disk has to remember.
  init?(_ step: Step) {
    switch step {
    case .cgroup(.remove(let path)): self.init(.removeGroup, path.string)
    case .file(.removeDirectory(let path)): self.init(.removeDirectory, path.string)
    case .cgroup(.stopUnit(let name, let isUser, let groups)):
      self.init(isUser ? .stopUserUnit : .stopUnit, ([name] + groups.map(\.string)).joined(separator: "\n"))
    default: return nil
    }
  }

  private init(_ kind: Kind, _ target: String) {
    self.kind = kind
    self.target = target
  }

  private var lines: [Substring] { target.split(separator: "\n") }

  var step: Step {
    switch kind {
    case .removeGroup: .cgroup(.remove(Path(target)))
    case .removeDirectory: .file(.removeDirectory(Path(target)))
    case .stopUnit, .stopUserUnit:
      // A unit's name and a group's hold no line break.
      .cgroup(
        .stopUnit(
          String(lines.first ?? ""), isUser: kind == .stopUserUnit, groups: lines.dropFirst().map { Path(String($0)) }))
    }
  }
}

extension RuntimeState {
  /// What hooks are told.
  var hookState: Spec.State { Spec.State(id: id, status: .creating, bundle: bundle, annotations: annotations) }
}

extension RuntimeState: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(id: "", bundle: "", rootfs: "")
    var pid: ProcessIdentifier = 0
    var ticks: UInt64 = 0
    var group: String?
    var bases: [String: String] = [:]
    var mounts: [HierarchyMount] = []
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "id": id = try reader.string()
      case "bundle": bundle = try reader.string()
      case "rootfs": rootfs = try reader.string()
      case "createdSeconds": created.seconds = try reader.integer()
      case "createdNanoseconds": created.nanoseconds = try reader.integer()
      case "owner": owner = try reader.integer()
      case "pid": pid = try reader.integer()
      case "startTicks": ticks = try reader.integer()
      case "annotations": annotations = try reader.stringMap()
      case "group": group = try reader.string()
      case "keepsKeyring": keepsKeyring = try reader.bool()
      case "groupBases": bases = try reader.stringMap()
      case "groupMounts": mounts = try reader.list()
      case "undo": undo = try reader.list()
      // A newer Skiff may have written more than this one knows.
      default: try reader.skip()
      }
    }
    if let group {
      var place = GroupPlace(group: group, bases: bases)
      place.mounts = mounts
      self.place = place
    }
    if pid > 0 { process = ProcessIdentity(process: pid, startTicks: ticks) }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("id", id)
      $0.member("bundle", bundle)
      $0.member("rootfs", rootfs)
      $0.member("createdSeconds", created.seconds)
      $0.member("createdNanoseconds", created.nanoseconds)
      $0.member("owner", owner)
      $0.member("pid", process?.process)
      $0.member("startTicks", process?.startTicks)
      $0.member("annotations", annotations.isEmpty ? nil : annotations)
      $0.member("keepsKeyring", keepsKeyring ? true : nil)
      $0.member("group", place?.group)
      $0.member("groupBases", place.flatMap { $0.bases.isEmpty ? nil : $0.bases })
      $0.member("groupMounts", place.flatMap { $0.mounts.isEmpty ? nil : $0.mounts })
      $0.member("undo", undo)
    }
  }
}

extension HierarchyMount: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(key: "", point: "")
    try reader.beginObject()
    while let member = try reader.nextMember() {
      switch member {
      case "key": key = try reader.string()
      case "point": point = try reader.string()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("key", key)
      $0.member("point", point)
    }
  }
}

extension UndoRecord: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    var kind: Kind?
    target = ""
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "kind": kind = Kind(rawValue: try reader.string())
      case "target": target = try reader.string()
      default: try reader.skip()
      }
    }
    guard let kind else { throw reader.error("an undo of an unknown kind") }
    self.kind = kind
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("kind", kind.rawValue)
      $0.member("target", target)
    }
  }
}
