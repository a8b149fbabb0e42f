internal import JSON
package import Kernel

/// Where networks are kept, and what the names of their devices are made from.
package struct NetworkStore: Hashable, Sendable {
  /// Records: outlives a boot.
  package let root: Path
  /// Leases, members, the state of the firewall: dies with a boot, as the devices do.
  package let run: Path

  /// Two stores on one host must not take each other's devices for leftovers, so all but the usual one mark theirs.
  let mark: String
  let isUsual: Bool

  package init(root: Path = "/var/lib/skiff/networks", run: Path = "/run/skiff/networks") {
    self.root = root
    self.run = run
    isUsual = root == "/var/lib/skiff/networks"
    mark = hexadecimal(fingerprint(root.bytes), digits: 4)
  }

  // MARK: - Names on the host

  var defaultBridge: String { isUsual ? "skiff0" : "sk\(mark)-0" }
  func bridge(identifier: String) -> String { "sk\(mark)-\(identifier.prefix(8))" }
  func isOurBridge(_ name: String) -> Bool { name.hasPrefix("sk\(mark)-") || (isUsual && name == defaultBridge) }
  /// The host's end of a container's cable. `interface` counts the container's networks; one character is left for it.
  package func hostLink(container identifier: String, interface: Int = 0) -> String {
    "sk\(mark)\(identifier.prefix(8))\(String(interface, radix: 36))"
  }

  /// How many networks a container may be on.
  package static let mostInterfaces = 36
  var table: String { isUsual ? "skiff" : "skiff_\(mark)" }

  // MARK: - Files

  func record(_ name: String) -> Path { root.appending("\(name).json") }
  func runDirectory(_ name: String) -> Path { run.appending(name) }
  func leases(_ name: String) -> Path { run.appending(name).appending("leases") }
  func members(_ name: String) -> Path { run.appending(name).appending("members") }
  /// Held while the networks themselves, their bridges or the firewall change.
  private var lock: Path { run.appending(".lock") }
  var firewallState: Path { run.appending(".firewall") }

  func takeLock() throws(Fault) -> Descriptor {
    try locked(lock, .exclusive)
  }

  func locked(_ path: Path, _ kind: LockKind) throws(Fault) -> Descriptor {
    do throws(Fault) { return try openLock(path, kind) } catch {
      guard error.errno == .noSuchFile else { throw error }
      try makeDirectories(path.parent, mode: 0o700)
      return try openLock(path, kind)
    }
  }

  // MARK: - Reading

  /// Nil when there is no record by that name.
  package func read(_ name: String) throws(NetworkError) -> Network? {
    guard isValidNetworkName(name) else { return nil }
    let bytes: [UInt8]
    do throws(Fault) { bytes = try readRegularFile(record(name), limit: 1 << 20) } catch {
      if error.errno == .noSuchFile { return nil }
      throw NetworkError("cannot read the record of network \(name)", error)
    }
    do throws(JSONError) {
      var reader = try JSONReader(bytes)
      let network: Network = try reader.value()
      try reader.finish()
      guard network.name == name else { throw reader.error("it is the record of \"\(network.name)\"") }
      return network
    } catch {
      var damage = NetworkError(
        .host, "the record of network \(name) is damaged: \(error)",
        hint: "skiff network rm \(name), and create the network again")
      damage.isDamage = true
      throw damage
    }
  }

  /// All networks, by name.
  package func all() throws(NetworkError) -> [Network] {
    var networks: [Network] = []
    for name in try names() { if let network = try read(name) { networks.append(network) } }
    return networks
  }

  package func names() throws(NetworkError) -> [String] {
    do throws(Fault) {
      return try entries(of: root).map(\.name.string).filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }
        .map { String($0.dropLast(5)) }.filter(isValidNetworkName).sorted()
    } catch {
      if error.errno == .noSuchFile { return [] }
      throw NetworkError("cannot list the networks", error)
    }
  }

  /// By name, or by an identifier's beginning that no other network shares.
  package func find(_ word: String) throws(NetworkError) -> Network {
    if let network = try read(word) { return network }
    let all = try all()
    if word.utf8.count >= 2 {
      let matches = all.filter { $0.identifier.hasPrefix(word) }
      if matches.count == 1 { return matches[0] }
      if matches.count > 1 {
        throw NetworkError(
          .usage, "\(word) is the beginning of several networks' identifiers",
          hint: matches.map { "\($0.name) \($0.identifier.prefix(12))" }.joined(separator: ", "))
      }
    }
    if word == Network.defaultName {
      throw NetworkError(
        .notFound, "network \(word) is not there yet", hint: "it is made when the first container uses it")
    }
    let known = all.map(\.name).filter { $0 != Network.defaultName }
    throw NetworkError(
      .notFound, "there is no network \(word)",
      hint: (known.isEmpty ? "" : "there are \(known.joined(separator: ", ")); ")
        + "make it with: skiff network create \(word)")
  }
}

/// FNV-1a, 64 bits.
func fingerprint(_ bytes: some Sequence<UInt8>) -> UInt64 {
  bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

func hexadecimal(_ value: UInt64, digits: Int) -> String {
  let text = String(value, radix: 16)
  return String((String(repeating: "0", count: max(0, digits - text.count)) + text).suffix(digits))
}
