package import DNS
internal import Kernel

/// What becomes of a question. The responder acts on it; whoever follows a question shows it.
package enum Decision: Hashable, Sendable {
  case addresses([KnownAddress])
  case names([String])
  /// The name is known, and has nothing of the kind that was asked for. That is no error: with "no such name" for AAAA, a
  /// program would never ask for A.
  case nothing(of: [KnownAddress])
  case nobody
  case forward([NameServer])
  case closed(String)

  package init(_ question: Question, _ source: NameSource) {
    self = Self.known(question, source) ?? Self.elsewhere(source)
  }

  /// What is to be said to it here; nil where others know.
  static func known(_ question: Question, _ source: NameSource) -> Decision? {
    guard question.recordClass == 1 else { return nil }
    if let address = question.name.reversedAddress {
      guard question.type == .ptr || question.type == .any else { return nil }
      switch source.owner(address) {
      case .names(let names): return .names(names)
      case .nobody: return .nobody
      case .elsewhere: return nil
      }
    }
    guard let name = question.name.hostName, let all = source.addresses(name), !all.isEmpty else { return nil }
    let wanted = all.filter { known in
      switch (question.type, known.address) {
      case (.a, .v4), (.aaaa, .v6), (.any, _): true
      default: false
      }
    }
    return wanted.isEmpty ? .nothing(of: all) : .addresses(wanted)
  }

  static func elsewhere(_ source: NameSource) -> Decision {
    switch source.upstream() {
    case .servers(let servers) where servers.isEmpty: .closed("the host's /etc/resolv.conf names no server")
    case .servers(let servers): .forward(servers)
    case .closed(let reason): .closed(reason)
    }
  }

  /// The answer, where it takes nobody else to give it.
  ///
  /// - Parameter turn: with which of several addresses the answer begins.
  func reply(to query: Query, turn: Int) -> Reply? {
    switch self {
    case .addresses(let known):
      let first = turn % known.count
      let inTurn = known[first...] + known[..<first]
      return Reply(to: query, .success, inTurn.map { AnswerRecord(.address($0.address), lifetime: lifetime) })
    case .names(let names):
      let records = names.compactMap { DomainName($0) }.map { AnswerRecord(.name($0), lifetime: lifetime) }
      return Reply(to: query, .success, records)
    case .nothing: return Reply(to: query, .success)
    case .nobody: return Reply(to: query, .noSuchName)
    case .closed(let reason): return .failure(to: query, ExtendedError(.prohibited, reason))
    case .forward: return nil
    }
  }

  /// An address is another container's as soon as its own has ended, so an answer is good for now alone.
  private var lifetime: UInt32 { 0 }
}

extension Reply {
  /// "I could not find out", which leaves the asker free to ask somebody else; "no such name" would be a claim.
  static func failure(to query: Query, _ error: ExtendedError) -> Reply {
    var reply = Reply(to: query, .serverFailure, error: error)
    reply.isAuthoritative = false
    return reply
  }
}

/// What was said to the last questions, until any name changes.
struct KnownDecisions {
  private var decisions: [Question: Decision?] = [:]
  private var generation: UInt64?

  /// More names than a program asks for again and again.
  private static let limit = 64

  mutating func decision(_ question: Question, _ source: NameSource) -> Decision {
    // Looked at before the names are: what changes in between is seen the next time.
    let now = source.generation()
    if now == nil || now != generation { decisions = [:] }
    generation = now
    if let found = decisions[question] { return found ?? .elsewhere(source) }
    let found = Decision.known(question, source)
    if now != nil {
      if decisions.count >= Self.limit { decisions = [:] }
      decisions[question] = .some(found)
    }
    return found ?? .elsewhere(source)
  }

  mutating func forget() { decisions = [:] }
}

/// Which of several addresses comes first, for each name and kind in turn. A and AAAA are nearly always asked for together: a
/// single counter would give every second one the same.
struct Turns {
  private var counters = [UInt8](repeating: 0, count: 64)

  mutating func next(_ question: Question) -> Int {
    var hash = UInt32(question.type.number)
    for byte in question.name.wire { hash = hash &* 31 &+ UInt32(byte | 0x20) }
    let slot = Int(hash >> 7 ^ hash) % counters.count
    counters[slot] &+= 1
    return Int(counters[slot])
  }
}
