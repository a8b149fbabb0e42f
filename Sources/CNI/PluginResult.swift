internal import JSON

/// What plugins answered (SPEC.md, "Result Types"), as far as a runtime makes use of it.
package struct PluginResult: Hashable, Sendable {
  /// The answer itself, on one line, which the next plugin gets.
  package var bytes: [UInt8]
  /// With their prefix length: `10.1.2.3/24`.
  package var addresses: [String] = []
  package var gateways: [String] = []
  package var hardwareAddress = ""
  package var resolvers: [String] = []
  package var searchDomains: [String] = []
  package var resolverOptions: [String] = []

  /// - Parameter interface: the container's link.
  package init(_ bytes: [UInt8], interface: String) throws(PluginError) {
    let value: JSONValue
    do throws(JSONError) { value = try JSONValue(parsing: bytes) } catch { throw PluginError("\(error)") }
    guard value.object != nil else { throw PluginError("it is no JSON object") }
    self.bytes = value.jsonBytes()
    let links = value["interfaces"]?.array ?? []
    let own = links.firstIndex { $0["name"]?.string == interface && !($0["sandbox"]?.string ?? "").isEmpty }
    if let own { hardwareAddress = Self.word(links[own]["mac"]) }
    for address in value["ips"]?.array ?? [] {
      if let own, let index = address["interface"]?.integer, index != Int64(own) { continue }
      add(address["address"], address["gateway"])
    }
    // Until 0.2.0 there was one of each kind.
    for key in ["ip4", "ip6"] where value[key]?["ip"] != nil { add(value[key]?["ip"], value[key]?["gateway"]) }
    resolvers = Self.words(value["dns"]?["nameservers"])
    searchDomains = Self.words(value["dns"]?["search"])
    if let domain = value["dns"]?["domain"], searchDomains.isEmpty { searchDomains = Self.words([domain]) }
    resolverOptions = Self.words(value["dns"]?["options"])
  }

  private mutating func add(_ address: JSONValue?, _ gateway: JSONValue?) {
    let word = Self.word(address)
    guard !word.isEmpty else { return }
    addresses.append(word)
    let gate = Self.word(gateway)
    if !gate.isEmpty { gateways.append(gate) }
  }

  /// They go into files line by line: nothing in them may look like a line of its own.
  private static func word(_ value: JSONValue?) -> String {
    guard let text = value?.string, text.utf8.count <= 255, text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
      return ""
    }
    return text
  }

  private static func words(_ value: JSONValue?) -> [String] {
    (value?.array ?? []).prefix(32).map { word($0) }.filter { !$0.isEmpty }
  }
}

extension PluginError {
  /// What a plugin printed when it failed (SPEC.md, "Error").
  init?(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes), let code = value["code"]?.integer else { return nil }
    let message = value["msg"]?.string ?? ""
    let details = value["details"]?.string ?? ""
    self.init(
      [message.isEmpty ? "error" : message, details].filter { !$0.isEmpty }.joined(separator: ": ") + " (code \(code))",
      hint: Self.cure(code))
  }

  private static func cure(_ code: Int64) -> String? {
    switch code {
    case 1: "the plugin does not speak the cniVersion of the list"
    case 2: "the plugin does not know a field of its configuration"
    case 7: "the plugin finds its configuration invalid"
    case 11: "it may succeed a little later"
    default: nil
    }
  }
}
