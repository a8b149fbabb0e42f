internal import Arguments
internal import Engine
internal import JSON
internal import Journal
internal import Kernel
internal import Networks

/// `skiff network ls`
enum NetworkList {
  static let perform: Perform = { arguments in
    let access = try NetworkAccess(arguments)
    var networks: [Network] = []
    // One that is damaged hides no other.
    let code = forEach(try telling { () throws(NetworkError) in try access.store.names() }) { name in
      if let network = try telling({ () throws(NetworkError) in try access.store.read(name) }) {
        networks.append(network)
      }
    }
    for filter in arguments.strings("filter") { networks = networks.filter(try matcher(filter, arguments, access)) }
    let isShort = !arguments.flag("no-trunc")
    func identifier(_ network: Network) -> String {
      isShort ? String(network.identifier.prefix(12)) : network.identifier
    }
    _ = try printing { out in
      if arguments.flag("quiet") {
        for network in networks { out.line(identifier(network)) }
      } else if let format = arguments.string("format"), format != "table" {
        let values = networks.map { fields(of: $0, identifier($0)) }
        out.print(try Template.lines(format, values, headings: headings))
      } else {
        var table = Table("NETWORK ID", "NAME", "DRIVER", "SUBNET", "SCOPE")
        for network in networks {
          table.add(
            identifier(network), network.name, network.driver.rawValue,
            ([network.subnet.description] + [network.subnet6?.description].compactMap { $0 }).joined(separator: ","),
            "local")
        }
        // Those two are no objects of ours: they have no identifier and no subnet.
        if arguments.strings("filter").isEmpty {
          table.add("-", "host", "host", "-", "local")
          table.add("-", "none", "null", "-", "local")
        }
        out.print(table.text)
      }
    }
    return code
  }

  private static let headings: KeyValuePairs = [
    "ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE", "Subnet": "SUBNET", "IPv4": "IPV4",
    "IPv6": "IPV6", "Internal": "INTERNAL", "CreatedAt": "CREATED AT", "Labels": "LABELS",
  ]

  /// The fields as docker's templates name them.
  private static func fields(of network: Network, _ identifier: String) -> JSONValue {
    [
      "ID": .string(identifier), "Name": .string(network.name), "Driver": .string(network.driver.rawValue),
      "Scope": "local",
      "Subnet": .string(network.subnet.description), "IPv4": "true",
      "IPv6": .string("\(network.subnet6 != nil)"),
      "Internal": .string("\(network.isInternal)"), "CreatedAt": .string(network.created.rfc3339),
      "Labels": .string(
        network.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
    ]
  }

  private static func matcher(
    _ filter: String, _ arguments: ParsedArguments, _ access: NetworkAccess
  ) throws -> (Network) -> Bool {
    let parts = filter.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw arguments.bad("filter", filter, "a filter is NAME=VALUE") }
    let value = parts[1]
    switch parts[0] {
    case "name": return { $0.name.contains(value) }
    case "id": return { $0.identifier.hasPrefix(value) }
    case "driver": return { $0.driver.rawValue == value }
    case "scope":
      guard ["local", "global", "swarm"].contains(value) else {
        throw arguments.bad("filter", filter, "a scope is local, global or swarm")
      }
      return { _ in value == "local" }
    case "type":
      guard ["custom", "builtin"].contains(value) else {
        throw arguments.bad("filter", filter, "a type is custom or builtin")
      }
      return { $0.isDefault == (value == "builtin") }
    case "dangling":
      guard let flag = parseBoolean(value) else { throw arguments.bad("filter", filter, "dangling is true or false") }
      return { network in (!network.isDefault && ((try? access.store.leases(of: network))?.isEmpty ?? true)) == flag }
    case "label":
      let label = value.split(separator: "=", maxSplits: 1).map(String.init)
      return { network in network.labels[label[0]].map { label.count == 1 || $0 == label[1] } ?? false }
    default:
      throw arguments.bad(
        "filter", filter, "no such filter; there are name, id, driver, label, scope, type and dangling")
    }
  }
}

/// `skiff network inspect`
enum NetworkInspect {
  static let perform: Perform = { arguments in
    let access = try NetworkAccess(arguments)
    return try InspectCommand.show(arguments) { word in
      try telling { () throws(NetworkError) in try access.store.inspection(of: access.store.find(word)) }
    }
  }
}

/// `skiff network rm`
enum NetworkRemove {
  static let perform: Perform = { arguments in
    let access = try NetworkAccess(arguments)
    let isForced = arguments.flag("force")
    var removed: [String] = []
    let code = forEach(arguments.positionals) { word in
      do throws(Failure) {
        let network = try? access.store.find(word)
        try telling { () throws(NetworkError) in try access.store.remove(word, isAlive: access.isAlive) }
        if let network {
          access.engine.note(
            .network, .destroy, of: network.identifier, ["name": network.name, "type": network.driver.rawValue])
        }
        removed.append(word)
      } catch {
        if !(isForced && error.kind == .notFound) { throw error }
      }
    }
    _ = try printing { out in for word in removed { out.line(word) } }
    return code
  }
}
