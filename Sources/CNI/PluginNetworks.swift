internal import JSON
package import Kernel
package import Steps

/// Puts a container on a network of plugins: each is called with the result of the one before it. What was called is
/// remembered first, so that whatever kills this process, somebody can take it back.
///
/// - Parameter namespace: the path of the container's network namespace, as the host sees it.
/// - Throws: the first refusal; by then all of them were told to take back what they made.
package func join(_ network: PluginNetwork, namespace: Path) throws(Fault) {
  try remember(network, result: nil)
  var result: PluginResult?
  do throws(Fault) {
    try keep(namespace, at: network.namespace)
    for plugin in network.plugins {
      let call = PluginCall(.add, plugin, of: network, namespace: network.namespace.string)
      let printed = try call.run(plugin.input(after: result?.bytes))
      do throws(PluginError) { result = try PluginResult(printed, interface: network.interface) } catch {
        throw Fault("cni", .badMessage, arguments: "plugin \(plugin.type) gave no result: \(error.message)")
      }
    }
    guard let result else { return }
    try remember(network, result: result.bytes)
    try tell(network, result)
  } catch {
    // "If the runtime encounters an error it should call DEL" (SPEC.md, "Lifecycle & Ordering").
    try? leave(network.record, namespace: network.namespace)
    throw error
  }
}

/// Takes a container off the network that the record remembers, last plugin first, and forgets it. One that fails does not
/// keep the others from being called.
///
/// - Parameters:
///   - namespace: where a mount keeps the container's.
///   - configured: what the record would say of a network that is made now: asked where it is damaged. What the plugins answered
///     is not known then; a lease they find by the container alone.
package func leave(
  _ record: Path, namespace: Path, configured: () -> PluginNetwork? = { nil }
) throws(Fault) {
  let bytes: [UInt8]
  do throws(Fault) { bytes = try readFile(record, limit: 16 << 20) } catch {
    // Killed between the two that end it, or damaged beyond reading: the mount is nobody's.
    if error.errno == .noSuchFile { return letGo(namespace) }
    throw error
  }
  var failure: Fault?
  // Whatever the record says: a mount that nobody knows of holds the namespace until the next boot.
  defer { letGo(namespace) }
  let recalled = try? recall(bytes, record)
  if let (network, result) = recalled ?? configured().map({ ($0, nil) }) {
    // After a boot it is gone, and what they made in it with it; their leases are not.
    let namespace = isNamespace(network.namespace) ? network.namespace.string : ""
    for plugin in network.plugins.reversed() {
      do throws(Fault) {
        _ = try PluginCall(.delete, plugin, of: network, namespace: namespace).run(plugin.input(after: result))
      } catch { failure = failure ?? error }
    }
    letGo(network.namespace)
  }
  if recalled == nil, failure == nil {
    failure = Fault("cni", .badMessage, arguments: record.quoted, hint: "the record is damaged, and is gone now")
  }
  // A plugin that is gone, or refuses for ever, must not keep a container's name for ever.
  try removeFile(record)
  if let failure { throw failure }
}

/// What the plugins answered when the container joined; nil without such a network.
package func result(of record: Path) -> (name: String, result: PluginResult)? {
  guard let bytes = try? readFile(record, limit: 16 << 20), let (network, result) = try? recall(bytes, record),
    let result,
    let parsed = try? PluginResult(result, interface: network.interface)
  else { return nil }
  return (network.name, parsed)
}

extension PluginCall {
  fileprivate init(_ command: Command, _ plugin: PluginNetwork.Plugin, of network: PluginNetwork, namespace: String) {
    self.init(
      command: command, type: plugin.type, container: network.container, namespace: namespace,
      interface: network.interface, directories: network.directories)
  }
}

extension PluginNetwork.Plugin {
  /// The configuration with one member more.
  fileprivate func input(after result: [UInt8]?) -> [UInt8] {
    guard let result else { return configuration }
    return configuration.dropLast() + Array(",\"prevResult\":".utf8) + result + [UInt8(ascii: "}")]
  }
}

// MARK: - The container's files

private func tell(_ network: PluginNetwork, _ result: PluginResult) throws(Fault) {
  if let hosts = network.hosts, !network.names.isEmpty, !result.addresses.isEmpty {
    let text = try readText(hosts, limit: 1 << 20)
    let lines = result.addresses.map { "\($0.prefix { $0 != "/" })\t\(network.names.joined(separator: " "))\n" }
    try rewrite(hosts, text.isEmpty || text.hasSuffix("\n") ? text + lines.joined() : text + "\n" + lines.joined())
  }
  if let resolvConf = network.resolvConf, !result.resolvers.isEmpty {
    var lines = result.resolvers.map { "nameserver \($0)\n" }
    if !result.searchDomains.isEmpty { lines.append("search \(result.searchDomains.joined(separator: " "))\n") }
    if !result.resolverOptions.isEmpty { lines.append("options \(result.resolverOptions.joined(separator: " "))\n") }
    try rewrite(resolvConf, lines.joined())
  }
}

/// In place: the container has the file itself mounted.
private func rewrite(_ path: Path, _ text: String) throws(Fault) {
  let file = try open(path, [.writeOnly, .truncate, .noFollow])
  try file.borrowed.write(Array(text.utf8)[...])
}

// MARK: - The namespace

/// A mount of it: the kernel keeps a namespace as long as one is there (namespaces(7)).
private func keep(_ namespace: Path, at place: Path) throws(Fault) {
  try makeDirectories(place.parent, mode: 0o700)
  _ = try open(place, [.writeOnly, .create, .noFollow], mode: 0o600)
  try mount(source: namespace, on: place, flags: .bind)
}

private func isNamespace(_ place: Path) -> Bool {
  guard let file = try? openNamespace(place) else { return false }
  return (try? namespaceType(of: file.borrowed)) == .network
}

private func letGo(_ place: Path) {
  try? unmount(place)
  try? removeFile(place)
}

// MARK: - The record

private func remember(_ network: PluginNetwork, result: [UInt8]?) throws(Fault) {
  let plugins = network.plugins.map { plugin -> JSONValue in
    ["type": .string(plugin.type), "configuration": .string(String(decoding: plugin.configuration, as: UTF8.self))]
  }
  let value: JSONValue = [
    "name": .string(network.name), "container": .string(network.container), "interface": .string(network.interface),
    "directories": .array(network.directories.map { .string($0.string) }), "plugins": .array(plugins),
    "namespace": .string(network.namespace.string),
    "result": result.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null,
  ]
  try makeDirectories(network.record.parent, mode: 0o700)
  try replaceFile(network.record, with: value.jsonBytes(), mode: 0o600)
}

private func recall(_ bytes: [UInt8], _ record: Path) throws(PluginError) -> (PluginNetwork, result: [UInt8]?) {
  guard let value = try? JSONValue(parsing: bytes), let name = value["name"]?.string,
    let container = value["container"]?.string, let interface = value["interface"]?.string,
    let namespace = value["namespace"]?.string,
    let directories = value["directories"]?.array?.compactMap(\.string), let plugins = value["plugins"]?.array
  else { throw PluginError("the record \(record) is damaged") }
  var network = PluginNetwork(
    name: name, container: container, interface: interface, plugins: [], directories: directories.map { Path($0) },
    record: record, namespace: Path(namespace))
  for plugin in plugins {
    guard let type = plugin["type"]?.string, let configuration = plugin["configuration"]?.string else {
      throw PluginError("the record \(record) is damaged")
    }
    network.plugins.append(PluginNetwork.Plugin(type: type, configuration: Array(configuration.utf8)))
  }
  return (network, value["result"]?.string.map { Array($0.utf8) })
}
