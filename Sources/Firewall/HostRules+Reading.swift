package import Kernel
internal import Netlink

/// A set with more elements than this is not read: lists of half the internet are no rules about a port.
private let elementLimit = 65_536

/// NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6.
private let hostFamilies: [UInt8] = [inetFamily, 2, 10]

extension FirewallSocket {
  /// All rules of others that filter what comes in or is forwarded.
  ///
  /// - Parameters:
  ///   - own: tables of ours, which are no host's.
  ///   - isOwn: whether a comment is one that we write: such rules are told apart.
  package mutating func hostRules(
    except own: (String) -> Bool, isOwn: (String) -> Bool
  ) throws(Fault) -> HostRules {
    var rules = HostRules()
    for message in try dump("NFT_MSG_GETCHAIN", TableType.getChain, family: 0, { _ in }) {
      if let chain = chain(message, except: own) { rules.chains.append(chain) }
    }
    let tables = Set(rules.chains.filter { $0.hook != nil }.map(\.table))
    rules.chains.removeAll { !tables.contains($0.table) }
    // Only those tables, whose rules are dumped by name: what translates for a thousand services is none of them.
    for table in tables.sorted() {
      guard let (family, name) = HostRules.parts(of: table) else { continue }
      try readRules(of: table, family, name, into: &rules, isOwn: isOwn)
      try readSets(of: table, family, name, into: &rules)
    }
    for family in [AddressSet.Family.v4, .v6] { rules.chains += (try? legacyChains(family)) ?? [] }
    return rules
  }

  private func chain(_ message: Message, except own: (String) -> Bool) -> HostRules.Chain? {
    guard let table = tableName(message, except: own) else { return nil }
    let data = Attributes(message.payload.dropFirst(4))
    var chain = HostRules.Chain(table: table, name: data.text(3))
    if let hook = data.bytes(4) {
      let place = Attributes(hook)
      // Only filters: a translation is no verdict.
      guard data.text(7) == "filter", let number = place.number(1) else { return chain }
      chain.hook = HostRules.Hook(rawValue: number)
      chain.priority = Int32(bitPattern: place.number(2) ?? 0)
      chain.policyDrops = data.number(5) == 0
    }
    return chain
  }

  /// `ip filter`; nil for ours and for families that do not see what is forwarded.
  private func tableName(_ message: Message, except own: (String) -> Bool) -> String? {
    guard let family = message.payload.first, hostFamilies.contains(family) else { return nil }
    let table = Attributes(message.payload.dropFirst(4)).text(1)
    if family == inetFamily && own(table) { return nil }
    return (family == inetFamily ? "inet " : family == 2 ? "ip " : "ip6 ") + table
  }

  private mutating func readRules(
    of table: String, _ family: UInt8, _ name: String, into rules: inout HostRules, isOwn: (String) -> Bool
  ) throws(Fault) {
    var index: [String: Int] = [:]
    for (place, chain) in rules.chains.enumerated() where chain.table == table { index[chain.name] = place }
    let messages = try dump("NFT_MSG_GETRULE", TableType.getRule, family: family) { $0.attribute(1, text: name) }
    for message in messages {
      let data = Attributes(message.payload.dropFirst(4))
      // Kernels that know no filter answer with all tables.
      guard data.text(1) == name else { continue }
      guard let place = index[data.text(2)], let expressions = data.bytes(4) else { continue }
      var handle: UInt64 = 0
      if let bytes = data.bytes(3), let high = bytes.word(at: 0), let low = bytes.word(at: 4) {
        handle = UInt64(high.byteSwapped) << 32 | UInt64(low.byteSwapped)
      }
      if let comment = comment(data), isOwn(comment) {
        rules.own.append(OwnRule(table: table, chain: data.text(2), handle: handle, comment: comment))
        continue
      }
      var reader = RuleReader()
      try reader.read(expressions)
      var rule = reader.rule
      rule.handle = handle
      rules.chains[place].rules.append(rule)
    }
  }

  /// NFTA_RULE_USERDATA as nft(8) writes it: type 0, length with the NUL, text.
  private func comment(_ data: Attributes) -> String? {
    guard let bytes = data.bytes(7), bytes.byte(at: 0) == 0, let count = bytes.byte(at: 1) else { return nil }
    return bytes.dropFirst(2).prefix(Int(count)).text
  }

  /// The sets that a rule looks into.
  private mutating func readSets(
    of table: String, _ family: UInt8, _ name: String, into rules: inout HostRules
  ) throws(Fault) {
    let wanted = rules.setNames(of: table)
    guard !wanted.isEmpty else { return }
    do throws(Fault) {
      let messages = try dump("NFT_MSG_GETSET", TableType.getSet, family: family) { $0.attribute(1, text: name) }
      for message in messages {
        let data = Attributes(message.payload.dropFirst(4))
        guard data.text(1) == name, wanted.contains(data.text(2)) else { continue }
        rules.sets["\(table) \(data.text(2))"] = try elements(
          of: data.text(2), table: name, family, flags: data.number(3) ?? 0)
      }
    } catch {
      // Somebody deletes the table in this moment; what is unknown of it counts as closed.
      if error.errno != .noSuchFile { throw error }
    }
  }

  private mutating func elements(
    of set: String, table: String, _ family: UInt8, flags: UInt32
  ) throws(Fault) -> ElementSet {
    var found = ElementSet()
    var points: [(key: [UInt8], isEnd: Bool, element: ElementSet.Element)] = []
    let messages = try dump("NFT_MSG_GETSETELEM", TableType.getElements, family: family) {
      $0.attribute(1, text: table)
      $0.attribute(2, text: set)
    }
    for message in messages {
      guard let list = Attributes(message.payload.dropFirst(4)).bytes(3) else { continue }
      for item in try parseAttributes(list) {
        let data = Attributes(item.payload)
        // An element for whatever else there is has no key.
        guard let key = try data.value(1) else {
          found.isOpaque = true
          continue
        }
        var element = ElementSet.Element(key: key, end: try data.value(10) ?? key)
        if let value = data.bytes(2), let verdict = try parseAttributes(value).first(where: { $0.type == 2 }) {
          element.outcome = try outcome(verdict.payload)
        }
        points.append((key, (data.number(3) ?? 0) & 1 == 1, element))
        if points.count > elementLimit { return ElementSet(isOpaque: true) }
      }
    }
    // NFT_SET_INTERVAL: where an interval begins, and the first key behind it, unless each element has both.
    guard flags & 4 != 0, points.allSatisfy({ $0.element.end == $0.key }) else {
      found.elements = points.map(\.element)
      return found
    }
    points.sort { precedes($0.key[...], $1.key[...]) || ($0.key == $1.key && $0.isEnd && !$1.isEnd) }
    for (place, point) in points.enumerated() where !point.isEnd {
      var element = point.element
      let next = place + 1 < points.count ? points[place + 1].key : nil
      element.end = next.map { before($0) } ?? [UInt8](repeating: 255, count: point.key.count)
      found.elements.append(element)
    }
    return found
  }
}

/// The key that comes right before.
private func before(_ key: [UInt8]) -> [UInt8] {
  var key = key
  for index in key.indices.reversed() {
    if key[index] > 0 {
      key[index] -= 1
      break
    }
    key[index] = 255
  }
  return key
}
