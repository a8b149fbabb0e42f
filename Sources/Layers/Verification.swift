package import ImageSpec

/// One thing that is wrong with the store.
package struct Damage: Hashable, Sendable {
  /// What became of it.
  package enum Outcome: Hashable, Sendable {
    /// `--repair` cures it.
    case curable(String)
    /// Only who has the image can: it has to be pulled or loaded again. Whether its containers go on meanwhile, because the
    /// unpacked layer is there.
    case lost(hasTree: Bool)
    /// Done, in words.
    case repaired(String)
  }
  /// The thing and what is wrong with it.
  package var reason: String
  package var outcome: Outcome

  package init(reason: String, outcome: Outcome) {
    self.reason = reason
    self.outcome = outcome
  }

  package var isRepaired: Bool { if case .repaired = outcome { true } else { false } }
  package var isLost: Bool { if case .lost = outcome { true } else { false } }
}

/// What a look at an image of the list found.
package struct VerifiedImage: Hashable, Sendable {
  /// Its name, or the digest of its manifest where it has none.
  package var name: String
  /// None when all is as it should be.
  package var damages: [Damage]
  /// Taken out of the list, for nothing could repair it.
  package var isRemoved = false

  package var isLost: Bool { damages.contains(where: \.isLost) }
}

/// What a look at a store found.
package struct Verification: Hashable, Sendable {
  package var images: [VerifiedImage] = []
  /// What is wrong with the store itself.
  package var store: [Damage] = []

  package var isSound: Bool {
    store.allSatisfy(\.isRepaired) && images.allSatisfy { $0.isRemoved || $0.damages.allSatisfy(\.isRepaired) }
  }
}

/// What is to be looked at, and what to be done about it.
package struct VerificationRequest: Sendable {
  /// Names or identifiers as they stand in the list; none for the whole store.
  package var words: [String] = []
  /// Makes anew what can be made of the rest.
  package var repairs = false
  /// Takes images away that nothing can repair.
  package var removesLost = false
  /// Layers that must not change now: containers run on them, or they are mounted.
  package var busyLayers: Set<Digest> = []
  /// Layers that must not go.
  package var keptLayers: Set<Digest> = []
  /// The images that containers were made from, and a container of each.
  package var containers: [Digest: String] = [:]
  /// What containers call their images, for a list that is lost.
  package var knownNames: [String: Digest] = [:]
  package init() {}
}
