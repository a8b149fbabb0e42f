package import Kernel
package import Steps

/// What a person asked for with `--cap-add`, `--cap-drop` and `--privileged`.
package struct CapabilityRequest: Hashable, Sendable {
  package var add: [String]
  package var drop: [String]
  package var isPrivileged: Bool

  package init(add: [String] = [], drop: [String] = [], isPrivileged: Bool = false) {
    self.add = add
    self.drop = drop
    self.isPrivileged = isPrivileged
  }

  /// The capabilities of the container, by docker's rules: `--privileged` is all; `--cap-add ALL` is all but what is
  /// dropped by name; `--cap-drop ALL` leaves what is added; else the default set less the dropped and then with the added,
  /// so that a name given to both is added.
  ///
  /// - Parameter available: what this host can give at all. "All" and the defaults are quietly less where it cannot; what
  ///   was named is refused.
  package func granted(available: CapabilitySet) throws(CapabilityError) -> CapabilitySet {
    if isPrivileged { return available }
    let (added, addsAll) = try parse(add)
    let (dropped, dropsAll) = try parse(drop)
    let missing = added.subtracting(available)
    if !missing.isEmpty { throw .notAvailable(missing) }
    if addsAll { return available.subtracting(dropped) }
    if dropsAll { return added }
    return CapabilitySet.containerDefault.subtracting(dropped).intersection(available).union(added)
  }

  private func parse(_ names: [String]) throws(CapabilityError) -> (CapabilitySet, isAll: Bool) {
    var set: CapabilitySet = []
    var isAll = false
    for name in names {
      if name.uppercased() == "ALL" {
        isAll = true
      } else if let one = CapabilitySet(name: name) {
        set.insert(one)
      } else {
        throw .unknown(name, near: nearestCapability(to: name))
      }
    }
    return (set, isAll)
  }
}

extension CapabilitySet {
  /// What docker gives a container that asks for nothing: fourteen of forty-one.
  package static let containerDefault: CapabilitySet = [
    .changeOwner, .overrideAccess, .fileSetIdentifier, .fileOwner, .makeNode, .rawNetwork, .setGroup, .setUser,
    .setFileCapabilities, .setCapabilities, .bindService, .changeRoot, .kill, .auditWrite,
  ]
}

extension Capabilities {
  /// The sets of the first process of a container that was granted `granted` (its bounding set).
  ///
  /// Inheritable and ambient are empty: a non-empty inheritable set gives a program with file capabilities more than its
  /// user should have (CVE-2022-24769). A user other than root starts with nothing but the bounding set, as execve(2)
  /// would leave it: a set-uid program or one with file capabilities can still gain what the bounding set allows.
  package init(granted: CapabilitySet, user: UInt32) {
    let held: CapabilitySet = user == 0 ? granted : []
    self.init(effective: held, permitted: held, inheritable: [], ambient: [])
  }
}

/// Why a request for capabilities cannot be met.
package enum CapabilityError: Error, Hashable, Sendable {
  case unknown(String, near: String?)
  case notAvailable(CapabilitySet)
}

extension CapabilityError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unknown(let name, _): "unknown capability \"\(name)\""
    case .notAvailable(let set):
      "this host cannot give \(set.names.joined(separator: ", ")): it does not have it itself"
    }
  }

  /// What to do about it.
  package var hint: String? {
    switch self {
    case .unknown(_, let near?): "did you mean \(near)"
    case .unknown: "capabilities(7) lists the names; ALL stands for every one"
    case .notAvailable: "leave it out of --cap-add"
    }
  }
}

/// The known name with the fewest edits from `name`, unless that would be another word altogether.
private func nearestCapability(to name: String) -> String? {
  var wanted = Array(name.uppercased().utf8.prefix(64))
  if wanted.starts(with: "CAP_".utf8) { wanted.removeFirst(4) }
  let ranked = CapabilitySet.allNames.map { (distance(wanted, Array($0.utf8.dropFirst(4))), $0) }
  guard let best = ranked.min(by: { $0.0 < $1.0 }), best.0 <= max(1, wanted.count / 3) else { return nil }
  return best.1
}

/// Levenshtein's distance.
private func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let substituted = diagonal + (x == y ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
    }
  }
  return row[b.count]
}
