internal import Kernel
internal import Steps

/// The claims that are there, by their ports: of all of them the names are read, and a claim itself only when somebody wants its
/// port.
struct PortBook {
  private let store: NetworkStore
  private let isHeld: (PortClaim) -> Bool
  private var names: [PublishedPort.Number: [Path]] = [:]
  private var entered: [PublishedPort.Number: [PortClaim]] = [:]
  private var candidates: [PortEntry.Transport: PortCandidates] = [:]
  /// Whose holder is gone, of those that somebody asked for.
  private(set) var dead: [PortClaim] = []

  init(_ store: NetworkStore, names: [Path], isHeld: @escaping (PortClaim) -> Bool) {
    self.store = store
    self.isHeld = isHeld
    for name in names {
      let parts = name.string.split(separator: "-", omittingEmptySubsequences: false)
      guard let transport = parts.first.flatMap({ PortEntry.Transport(rawValue: String($0)) }),
        let port = parts.last.flatMap({ UInt16($0) })
      else { continue }
      self.names[PublishedPort.Number(transport: transport, port: port), default: []].append(name)
    }
  }

  /// Who has that port, on whatever address.
  mutating func claims(on transport: PortEntry.Transport, _ port: UInt16) -> [PortClaim] {
    let key = PublishedPort.Number(transport: transport, port: port)
    var held: [Path] = []
    var found: [PortClaim] = []
    for name in names[key] ?? [] {
      guard let claim = store.readClaim(name) else { continue }
      if isHeld(claim) {
        held.append(name)
        found.append(claim)
      } else {
        dead.append(claim)
      }
    }
    names[key] = held
    return found + (entered[key] ?? [])
  }

  /// One that was not given out by this book before; whether it is free is another matter. Nil when there is no more.
  mutating func candidate(_ transport: PortEntry.Transport) -> UInt16? {
    candidates[transport, default: PortCandidates()].next()
  }

  /// Another, which is not on disk yet.
  mutating func enter(_ claim: PortClaim) { entered[claim.port.number, default: []].append(claim) }
}

/// Claims that go and claims that come; one that leads elsewhere by then does both.
struct PortChange {
  var removed: [PortClaim] = []
  var added: [PortClaim] = []

  init(removed: [PortClaim] = [], added: [PortClaim] = []) {
    self.removed = removed
    self.added = added
  }

  init(moving claims: [PortClaim], to outlet: NetworkAttachment?) {
    removed = claims
    added = claims.map { claim in
      var moved = claim
      moved.lead(to: outlet)
      return moved
    }
  }

  func applied(to claims: [PortClaim]) -> [PortClaim] {
    let names = Set((removed + added).map(\.fileName))
    return claims.filter { !names.contains($0.fileName) } + added
  }

  /// What the claims were before.
  func reverted(in claims: [PortClaim]) -> [PortClaim] {
    let names = Set((removed + added).map(\.fileName))
    return claims.filter { !names.contains($0.fileName) } + removed
  }
}

// MARK: - On disk

extension NetworkStore {
  func portBook(isHeld: @escaping (PortClaim) -> Bool) throws(NetworkError) -> PortBook {
    try describing("cannot read the published ports") { () throws(Fault) in
      PortBook(self, names: try portNames(), isHeld: isHeld)
    }
  }

  func readClaims() throws(Fault) -> [PortClaim] {
    try portNames().compactMap(readClaim).sorted { $0.fileName.string < $1.fileName.string }
  }

  /// Nil for one that is gone, or is no claim.
  func readClaim(_ name: Path) -> PortClaim? {
    (try? readSymbolicLink(ports.appending(name)).string).flatMap { PortClaim(name: name.string, target: $0) }
  }

  /// By rename where there is one: nobody finds the port free in between.
  func write(_ claim: PortClaim) throws(Fault) {
    let file = ports.appending(claim.fileName)
    do throws(Fault) { try makeSymbolicLink(file, to: claim.target) } catch {
      guard error.errno == .exists else { throw error }
      let new = ports.appending(".\(claim.fileName)")
      try? removeTree(new)
      try makeSymbolicLink(new, to: claim.target)
      try rename(new, to: file)
    }
  }

  func portNames() throws(Fault) -> [Path] {
    do throws(Fault) { return try entries(of: ports).map(\.name) } catch {
      if error.errno == .noSuchFile { return [] }
      throw error
    }
  }
}
