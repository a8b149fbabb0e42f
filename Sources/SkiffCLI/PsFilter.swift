internal import Arguments
internal import Containers
internal import Engine
internal import ImageSpec
internal import JSON
internal import Kernel
internal import Layers
internal import Networks

/// `--filter` of `ps`: of one name any value is enough, but every label; each name must be met.
struct PsFilter {
  private typealias Test = (ListedContainer) -> Bool
  private var tests: [Test] = []

  private static let known = [
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "name", "network", "publish", "since",
    "status", "volume",
  ]
  private static let statuses = ["created", "restarting", "running", "removing", "paused", "exited", "dead"]
  private static let healths = ["starting", "healthy", "unhealthy", "none"]

  init(_ arguments: ParsedArguments, _ engine: Engine) throws {
    var values: [(name: String, values: [String])] = []
    for text in arguments.strings("filter") {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw arguments.bad("filter", text, "a filter is NAME=VALUE")
      }
      guard Self.known.contains(parts[0]) else {
        let near = nearest(to: parts[0], in: Self.known).map { "; did you mean \($0)?" } ?? ""
        let all = Self.known.filter { $0 != "is-task" }.joined(separator: ", ")
        throw arguments.bad("filter", text, "no such filter; there are \(all)\(near)")
      }
      if let index = values.firstIndex(where: { $0.name == parts[0] }) {
        values[index].values.append(parts[1])
      } else {
        values.append((parts[0], [parts[1]]))
      }
    }
    for (name, list) in values {
      var any: [Test] = []
      for value in list { any.append(try Self.test(name, value, arguments, engine)) }
      let all = any
      tests.append(name == "label" ? { row in all.allSatisfy { $0(row) } } : { row in all.contains { $0(row) } })
    }
  }

  var isEmpty: Bool { tests.isEmpty }

  func takes(_ row: ListedContainer) -> Bool { tests.allSatisfy { $0(row) } }

  private static func test(
    _ name: String, _ value: String, _ arguments: ParsedArguments, _ engine: Engine
  ) throws -> Test {
    func bad(_ reason: String) -> any Error { arguments.bad("filter", "\(name)=\(value)", reason) }
    switch name {
    case "id": return { $0.identifier.description.hasPrefix(value) }
    case "name":
      guard let pattern = NamePattern(value) else { throw bad("it is no regular expression") }
      // Docker's names have a slash before them, which patterns may count with.
      return { pattern.matches($0.name) || pattern.matches("/" + $0.name) }
    case "label":
      let label = value.split(separator: "=", maxSplits: 1).map(String.init)
      guard let key = label.first else { throw bad("a label is KEY or KEY=VALUE") }
      return { row in row.labels[key].map { label.count == 1 || $0 == label[1] } ?? false }
    case "exited":
      guard let code = Int32(value) else { throw bad("exited is a number") }
      return { $0.status == .exited && $0.exitCode == code }
    case "status":
      guard statuses.contains(value) else { throw bad("a status is \(statuses.joined(separator: ", "))") }
      return { $0.stateWord == value }
    case "health":
      guard healths.contains(value) else { throw bad("a health is \(healths.joined(separator: ", "))") }
      return { $0.healthWord == value }
    case "is-task": throw bad("tasks are swarm's, and there is none")
    case "before", "since":
      let mark = try engine.record(of: try engine.find(value)).created
      return name == "before" ? { $0.created < mark } : { $0.created > mark }
    case "ancestor": return try ancestor(value, engine)
    case "network":
      let full = (try? engine.networks.find(value).name) ?? value
      return { row in
        row.networkMode == full || row.networks.contains(full)
      }
    case "volume": return { row in engine.mountWords(of: row.identifier).contains(value) }
    case "publish", "expose":
      guard let range = PortRange(value) else { throw bad("a port is NUMBER, FIRST-LAST, or one with /udp or /tcp") }
      return { row in
        row.ports.contains {
          range.has(name == "publish" ? $0.hostPort : $0.containerPort, $0.transport)
        }
      }
    default: throw bad("no such filter")
    }
  }

  /// An image by name, identifier or what it was made of.
  private static func ancestor(_ value: String, _ engine: Engine) throws -> Test {
    let store = try engine.images()
    let mark = try? store.find(value)
    let layers = mark?.config.diffIDs ?? []
    return { row in
      if row.image == value || row.image == value + ":latest" { return true }
      guard !row.imageIdentifier.isEmpty else { return false }
      let hash = row.imageIdentifier.split(separator: ":").last ?? ""
      if value.count >= 4, hash.hasPrefix(value) || row.imageIdentifier == value { return true }
      guard let mark else { return false }
      if mark.id.description == row.imageIdentifier { return true }
      guard !layers.isEmpty, let image = try? store.find(row.imageIdentifier) else { return false }
      return image.config.diffIDs.starts(with: layers)
    }
  }
}

/// `80`, `8000-8080/udp`; tcp where nothing is said.
struct PortRange {
  private var ports: ClosedRange<UInt16>
  private var transport: String

  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2 else { return nil }
    transport = parts.count == 2 ? parts[1] : "tcp"
    let bounds = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
    guard ["tcp", "udp", "sctp"].contains(transport), bounds.count <= 2, let low = bounds[0],
      let high = bounds.count == 2 ? bounds[1] : low, low <= high
    else { return nil }
    ports = low...high
  }

  func has(_ port: UInt16, _ transport: String) -> Bool { ports.contains(port) && transport == self.transport }
}
