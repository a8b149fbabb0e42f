package import JSON
internal import Kernel

// A network's record on disk. What is not there is as it was before there was such a thing.

extension Network: JSONWritable, JSONReadable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("name", name)
      $0.member("id", identifier)
      $0.member("driver", driver.rawValue)
      $0.member("subnet", subnet.description)
      $0.member("gateway", gateway.description)
      $0.member("range", range?.description)
      $0.member("subnet6", subnet6?.description)
      $0.member("gateway6", gateway6?.description)
      $0.member("range6", range6?.description)
      $0.member("auxiliary", auxiliary.isEmpty ? nil : auxiliary.mapValues(\.description))
      $0.member("bridge", bridge)
      $0.member("parentMade", isParentMade ? true : nil)
      $0.member("internal", isInternal)
      $0.member("subnetChosen", isSubnetChosen)
      $0.member("subnet6Chosen", isSubnet6Chosen)
      $0.member("options", options.isEmpty ? nil : options)
      $0.member("labels", labels)
      $0.member("created", created.rfc3339)
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    var words: [String: String] = [:]
    var flags: [String: Bool] = [:]
    var maps: [String: [String: String]] = [:]
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "name", "id", "driver", "subnet", "gateway", "range", "subnet6", "gateway6", "range6", "bridge", "created":
        words[key] = try reader.string()
      case "internal", "subnetChosen", "subnet6Chosen", "parentMade": flags[key] = try reader.bool()
      case "auxiliary", "options", "labels": maps[key] = try reader.stringMap()
      default: try reader.skip()
      }
    }
    let (name, bridge) = (words["name"] ?? "", words["bridge"] ?? "")
    let (subnet, gateway) = (words["subnet"] ?? "", words["gateway"] ?? "")
    guard isValidNetworkName(name) else { throw reader.error("\"\(name)\" is no name of a network") }
    guard let prefix = IPv4Prefix(subnet), !prefix.hasHostBits, let address = IPv4Address(gateway),
      prefix.contains(address)
    else { throw reader.error("subnet \"\(subnet)\" and gateway \"\(gateway)\" do not fit") }
    guard let driver = Network.Driver(rawValue: words["driver"] ?? "bridge") else {
      throw reader.error("\"\(words["driver"] ?? "")\" is no kind of network that this Skiff knows")
    }
    guard driver == .macvlan || isBridgeName(bridge) || bridge == maps["options"]?[BridgeOption.name] else {
      throw reader.error("\"\(bridge)\" is no bridge of Skiff")
    }
    self.init(
      name: name, identifier: words["id"] ?? "", subnet: prefix, gateway: address, bridge: bridge,
      isInternal: flags["internal"] ?? false, isSubnetChosen: flags["subnetChosen"] ?? false,
      labels: maps["labels"] ?? [:],
      created: words["created"].flatMap { Timestamp(rfc3339: $0) } ?? Timestamp(seconds: 0, nanoseconds: 0))
    self.driver = driver
    isParentMade = flags["parentMade"] ?? false
    range = try words["range"].map { (text) throws(JSONError) in
      guard let range = IPv4Prefix(text), prefix.contains(range.first), range.length >= prefix.length else {
        throw reader.error("range \"\(text)\" is not in \(subnet)")
      }
      return range
    }
    if let text = words["subnet6"] {
      guard let subnet6 = IPv6Prefix(text), !subnet6.hasHostBits,
        let gateway6 = words["gateway6"].flatMap({ IPv6Address($0) }), subnet6.contains(gateway6)
      else { throw reader.error("subnet \"\(text)\" and its gateway do not fit") }
      self.subnet6 = subnet6
      self.gateway6 = gateway6
      range6 = words["range6"].flatMap { IPv6Prefix($0) }
      isSubnet6Chosen = flags["subnet6Chosen"] ?? false
    }
    options = maps["options"] ?? [:]
    auxiliary = (maps["auxiliary"] ?? [:]).compactMapValues { IPAddress($0) }
  }
}

/// `skiff0`, or `sk`, letters and digits, a dash, letters and digits.
private func isBridgeName(_ name: String) -> Bool {
  name.hasPrefix("sk") && (4...15).contains(name.utf8.count)
    && name.utf8.allSatisfy { (48...57).contains($0) || (97...122).contains($0) || $0 == UInt8(ascii: "-") }
}
