internal import Kernel

/// Where the search for a free address begins: `<run>/<network>/.free`, an address of each family below which all are leased.
/// Without it each start listed all leases, a millisecond beside five hundred.
///
/// What it says is never relied on: an address that it leads to may be taken, for a lease is made or it is there, and one that it
/// leads past is found by the list once there is no other. So it may be lost, and who is killed between it and a lease does no
/// harm. It is locked for as long as this lives.
struct FirstFree: ~Copyable {
  private let file: Descriptor
  private var addresses: [IPAddress]

  /// One size, so that one write replaces all of it.
  private static let size = 96

  init(_ path: Path) throws(Fault) {
    let file = try open(path, [.readWrite, .create, .noFollow], mode: 0o600)
    try file.borrowed.lockBriefly(.exclusive)
    let text = (try? file.borrowed.read(Self.size, at: 0)) ?? []
    self.file = file
    addresses = text.split(separator: UInt8(ascii: "\n")).compactMap { IPAddress(String(decoding: $0, as: UTF8.self)) }
  }

  var v4: IPAddress? { addresses.first { $0.v4 != nil } }
  var v6: IPAddress? { addresses.first { $0.v6 != nil } }

  /// All up to these, which were looked for from the first on, are leased by now.
  mutating func pass(_ leased: [IPAddress]) throws(Fault) {
    for address in leased {
      switch address {
      // Behind the last of all there is none: the first is as good.
      case .v4(let address): set(.v4(IPv4Address(value: address.value &+ 1)))
      case .v6(let address): set(.v6(IPv6Address(value: address.value &+ 1)))
      }
    }
    try write()
  }

  /// These are free soon, before the lock is let go.
  mutating func free(_ released: [IPAddress]) throws(Fault) {
    let before = addresses
    for address in released {
      if let first = addresses.first(where: { ($0.v4 == nil) == (address.v4 == nil) }), address < first { set(address) }
    }
    if addresses != before { try write() }
  }

  private mutating func set(_ address: IPAddress) {
    addresses.removeAll { ($0.v4 == nil) == (address.v4 == nil) }
    addresses.append(address)
  }

  private func write() throws(Fault) {
    let text = Array(addresses.map { "\($0)\n" }.joined().utf8)
    let rest = [UInt8](repeating: UInt8(ascii: "\n"), count: max(0, Self.size - text.count))
    try file.borrowed.write(text + rest, at: 0)
  }
}

extension NetworkStore {
  func firstFree(_ network: String) -> Path { runDirectory(network).appending(".free") }

  /// Gives leases back.
  func removeLeases(of addresses: [IPAddress], on network: String) {
    guard !addresses.isEmpty else { return }
    var first = try? FirstFree(firstFree(network))
    // Locked until they are gone.
    defer { first = nil }
    try? first?.free(addresses)
    for address in addresses { try? removeFile(leases(network).appending(address.description)) }
  }
}
