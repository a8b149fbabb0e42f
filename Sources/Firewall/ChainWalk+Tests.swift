internal import Kernel

// What one test of a rule says of the flow.

extension ChainWalk {
  enum Answer {
    case yes, no, unknown
    case from(AddressSet)
    init(_ isSo: Bool) { self = isSo ? .yes : .no }
  }

  func answer(_ test: HostRules.Test, _ chain: HostRules.Chain) -> Answer {
    switch test {
    case .known(let isSo): return Answer(isSo)
    case .unknown: return .unknown
    case .states(let mask, let isInverted):
      let bits: UInt32 = (flow.isAnswer ? 2 : 8) | (flow.isTranslated ? 128 : 0)
      return Answer((mask & bits != 0) != isInverted)
    case .ports(let list, let isInverted):
      return Answer(list.contains { $0.contains(flow.destinationPort) } != isInverted)
    case .compare(let field, let operation, let value):
      if let mask = sourceMask(field) { return compareSource(mask, operation, value) }
      guard let present = bytes(of: field), present.count >= value.count else { return .unknown }
      let one = present.prefix(value.count)
      let two = value[...]
      return switch operation {
      case .equal: Answer(one.elementsEqual(two))
      case .notEqual: Answer(!one.elementsEqual(two))
      case .less: Answer(precedes(one, two))
      case .lessOrEqual: Answer(!precedes(two, one))
      case .greater: Answer(precedes(two, one))
      case .greaterOrEqual: Answer(!precedes(one, two))
      }
    case .range(let field, let ends, let isInverted):
      if isSource(field), let lower = number(ends.lower), let upper = number(ends.upper), lower <= upper {
        let set = AddressSet(flow.family, [(lower, upper)])
        return .from(isInverted ? set.complement : set)
      }
      guard let present = bytes(of: field) else { return .unknown }
      let isInside = !precedes(present[...], ends.lower[...]) && !precedes(ends.upper[...], present[...])
      return Answer(isInside != isInverted)
    case .lookUp(let fields, let name, let isInverted):
      guard let set = rules.sets["\(chain.table) \(name)"], !set.isOpaque else { return .unknown }
      if fields.count == 1, isSource(fields[0]) {
        let found = AddressSet(
          flow.family,
          set.elements.compactMap { element in
            guard let first = number(element.key), let last = number(element.end), first <= last else { return nil }
            return (first, last)
          })
        return .from(isInverted ? found.complement : found)
      }
      guard let key = key(fields) else { return .unknown }
      return Answer((set.first(key) != nil) != isInverted)
    }
  }

  // Where an address begins in the header of its family (RFC 791, RFC 8200), and how long it is.
  private var sourceOffset: Int { flow.family == .v4 ? 12 : 8 }
  private var destinationOffset: Int { flow.family == .v4 ? 16 : 24 }
  private var size: Int { flow.family.size }

  private func isSource(_ field: HostRules.Field) -> Bool { field == .network(offset: sourceOffset, count: size) }

  /// The bits of the source's address that are compared; nil for another field.
  private func sourceMask(_ field: HostRules.Field) -> (mask: UInt128, count: Int)? {
    let all = number([UInt8](repeating: 255, count: size)) ?? 0
    switch field {
    case .network(sourceOffset, let count) where (1...size).contains(count):
      return (all - (count == size ? 0 : all >> UInt128(8 * count)), count)
    case .masked(let inner, let mask, let xor) where isSource(inner) && xor.allSatisfy { $0 == 0 }:
      // Ones, and then zeros: as a prefix.
      guard let mask = number(mask), (all - mask) & (all - mask &+ 1) == 0 else { return nil }
      return (mask, size)
    default: return nil
    }
  }

  private func compareSource(
    _ part: (mask: UInt128, count: Int), _ operation: HostRules.Operator, _ value: [UInt8]
  ) -> Answer {
    guard value.count == part.count, let first = number(value + [UInt8](repeating: 0, count: size - value.count)),
      let all = number([UInt8](repeating: 255, count: size))
    else { return .unknown }
    let set = AddressSet(flow.family, [(first & part.mask, first | (all - part.mask))])
    return switch operation {
    case .equal: .from(set)
    case .notEqual: .from(set.complement)
    default: .unknown
    }
  }

  /// Of a whole address.
  private func number(_ bytes: [UInt8]) -> UInt128? {
    bytes.count == size ? bytes.reduce(0) { $0 << 8 | UInt128($1) } : nil
  }

  /// In a set each part fills registers of four bytes.
  func key(_ fields: [HostRules.Field]) -> [UInt8]? {
    var key: [UInt8] = []
    for field in fields {
      guard let part = bytes(of: field) else { return nil }
      key += part
      if fields.count > 1 { while key.count % 4 != 0 { key.append(0) } }
    }
    return key
  }

  private func bytes(of field: HostRules.Field) -> [UInt8]? {
    func machine(_ value: UInt32) -> [UInt8] { bigEndianBytes(value).reversed() }
    switch field {
    case .input: return interfaceKey(flow.input)
    case .output: return interfaceKey(flow.output ?? "")
    case .inputIndex: return flow.inputIndex.map(machine)
    case .outputIndex: return flow.outputIndex.map(machine)
    case .family: return [flow.family == .v4 ? 2 : 10]
    case .etherType: return flow.family == .v4 ? [0x08, 0x00] : [0x86, 0xdd]
    case .transport: return [flow.transport]
    case .state: return machine(flow.isAnswer ? 2 : 8)  // NF_CT_STATE_BIT of IP_CT_ESTABLISHED, IP_CT_NEW
    case .status: return machine(flow.isTranslated ? 32 : 0)  // IPS_DST_NAT
    case .mark: return machine(0)
    case .flags: return [flow.isAnswer ? 18 : 2]  // SYN, and ACK
    case .addressType: return machine(flow.output == nil ? 2 : 1)  // RTN_LOCAL, RTN_UNICAST
    case .destinationPort: return [UInt8(flow.destinationPort >> 8), UInt8(flow.destinationPort & 255)]
    case .network(destinationOffset, let count) where count <= size:
      return flow.destination.map { Array($0.bytes.prefix(count)) }
    // The protocol; behind extension headers, which nobody has who opens a connection, it would stand elsewhere.
    case .network(let offset, 1) where offset == (flow.family == .v4 ? 9 : 6): return [flow.transport]
    case .network, .unknown: return nil
    case .masked(let inner, let mask, let xor):
      guard let value = bytes(of: inner), value.count == mask.count, mask.count == xor.count else { return nil }
      return value.indices.map { value[$0] & mask[$0] ^ xor[$0] }
    }
  }
}
