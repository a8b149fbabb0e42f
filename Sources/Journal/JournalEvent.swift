package import JSON
package import Kernel

/// Something that happened, in docker's words: what kind of thing it happened to, what it was, and what is known of it.
package struct JournalEvent: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable, CaseIterable { case container, image, network, volume }

  package enum Action: String, Hashable, Sendable, CaseIterable {
    case archivePath = "archive-path"
    case attach, commit, connect, copy, create, delete, destroy, detach, die, disconnect
    case execCreate = "exec_create"
    case execDetach = "exec_detach"
    case execDie = "exec_die"
    case execStart = "exec_start"
    case export
    case extractToDirectory = "extract-to-dir"
    case healthStatus = "health_status"
    case `import`, kill, load, mount, oom, pause, prune, pull, push, remove, rename, resize, restart, save, start, stop
    case tag, top, unmount, unpause, untag, update
  }

  package var kind: Kind
  package var action: Action
  /// What follows the action after a colon: `exec_start: sh -c true`, `health_status: healthy`.
  package var detail = ""
  /// The identifier of what it happened to; a name for images that are pulled or pushed, and for volumes.
  package var identifier: String
  package var time: Timestamp
  /// `image`, `name`, labels, `exitCode` …
  package var attributes: [String: String] = [:]

  package init(
    _ kind: Kind, _ action: Action, detail: String = "", of identifier: String, _ attributes: [String: String] = [:],
    at time: Timestamp = now()
  ) {
    self.kind = kind
    self.action = action
    self.detail = detail
    self.identifier = identifier
    self.time = time
    self.attributes = attributes
  }

  /// `exec_start: sh -c true`
  package var words: String { detail.isEmpty ? action.rawValue : "\(action.rawValue): \(detail)" }
}

extension JournalEvent: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    var kind: Kind?
    var action: Action?
    self.init(.container, .create, of: "", at: Timestamp(seconds: 0, nanoseconds: 0))
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "kind": kind = Kind(rawValue: try reader.string())
      case "action": action = Action(rawValue: try reader.string())
      case "detail": detail = try reader.string()
      case "id": identifier = try reader.string()
      case "seconds": time.seconds = try reader.integer()
      case "nanoseconds": time.nanoseconds = try reader.integer()
      case "attributes": attributes = try reader.stringMap()
      default: try reader.skip()
      }
    }
    guard let kind, let action else { throw reader.error("an event of no known kind") }
    self.kind = kind
    self.action = action
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("seconds", time.seconds)
      writer.member("nanoseconds", time.nanoseconds)
      writer.member("kind", kind.rawValue)
      writer.member("action", action.rawValue)
      writer.member("detail", detail.isEmpty ? nil : detail)
      writer.member("id", identifier)
      writer.member("attributes", attributes.isEmpty ? nil : attributes)
    }
  }

  /// Between two newlines: the first ends a line that somebody could not finish.
  var line: [UInt8] { [0x0a] + jsonBytes() + [0x0a] }

  /// Without labels and long commands.
  var brief: JournalEvent {
    var event = self
    event.detail = String(detail.prefix(256))
    event.attributes = attributes.filter { Self.known.contains($0.key) && $0.value.utf8.count < 1024 }
    return event
  }

  private static let known: Set<String> = [
    "container", "driver", "execDuration", "execID", "exitCode", "image", "name", "oldName", "signal", "type",
  ]
}
