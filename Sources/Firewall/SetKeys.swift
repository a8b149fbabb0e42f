internal import Kernel
internal import Netlink
package import Steps

/// An element as nf_tables has it. An interval is two: where it begins, and the first key behind its end.
struct SetKey {
  var bytes: [UInt8]
  var endsInterval = false
  /// The last key, where an interval is one element.
  var end: [UInt8]?
  /// What a map has for it.
  var value: [UInt8]?
}

// MARK: - Told apart

extension FirewallChange {
  /// What it does to the sum of all elements' marks: the order of elements does not count, so who adds or takes away a few need
  /// not read the others.
  package var elementMark: UInt64 {
    operations.reduce(0) { sum, operation in
      switch operation {
      case .addSet(let set), .addElements(let set): sum &+ mark(of: set.keys, in: set.name)
      case .addMap(let map), .addEntries(let map): sum &+ mark(of: map.keys, in: map.name)
      case .deleteElements(let set): sum &- mark(of: set.keys, in: set.name)
      case .deleteEntries(let map): sum &- mark(of: map.keys, in: map.name)
      case .deleteTable: 0
      case .addTable, .addChain, .addRule, .insertRule, .deleteRule: sum
      }
    }
  }
}

private func mark(of keys: [SetKey], in set: String) -> UInt64 { keys.reduce(0) { $0 &+ $1.mark(in: set) } }

extension SetKey {
  /// A number that stands for the element and the set that it is in.
  func mark(in set: String) -> UInt64 {
    var hash = FingerPrint()
    hash.combine(set.utf8)
    hash.combine([0, endsInterval ? 1 : 0])
    for part in [bytes, end ?? [], value ?? []] {
      hash.combine([UInt8(truncatingIfNeeded: part.count)])
      hash.combine(part)
    }
    return hash.value
  }

  /// As the kernel dumps it. What else it says of an element, a comment or a time at which it ends, makes another of it.
  init(dumped attributes: [Attribute]) throws(Fault) {
    self.init(bytes: [])
    for attribute in attributes {
      let payload = attribute.payload
      switch attribute.type {
      case 1: bytes += try dataValue(payload)
      case 2: value = try dataValue(payload)
      case 3: endsInterval = payload.word(at: 0) == UInt32(1).byteSwapped
      case 10: end = try dataValue(payload)
      default: bytes += [UInt8(truncatingIfNeeded: attribute.type)] + payload
      }
    }
  }
}

/// NFTA_DATA_VALUE within.
private func dataValue(_ payload: ArraySlice<UInt8>) throws(Fault) -> [UInt8] {
  try parseAttributes(payload).first { $0.type == 1 }.map { Array($0.payload) } ?? []
}

/// FNV-1a, 64 bits.
struct FingerPrint {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325
  mutating func combine(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }
}

// MARK: - From what Networks composes

extension PortMap {
  /// Every part fills a register of four bytes, or four of them.
  var keys: [SetKey] {
    entries.map { entry in
      var key = SetKey(bytes: isByAddress ? entry.address?.bytes ?? [UInt8](repeating: 0, count: isIPv6 ? 16 : 4) : [])
      key.bytes += [entry.transport.number, 0, 0, 0] + portBytes(entry.port)
      key.value = entry.container.bytes + portBytes(entry.containerPort)
      return key
    }
  }
}

private func portBytes(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(port & 255), 0, 0] }

extension FirewallSet {
  var keys: [SetKey] {
    switch elements {
    case .interfaces(let names): return names.map { SetKey(bytes: interfaceKey($0)) }
    case .interfacePairs(let pairs):
      return pairs.map { SetKey(bytes: interfaceKey($0.input) + interfaceKey($0.output)) }
    case .callers(let callers), .callersByLink(let callers), .callers6(let callers), .callers6ByLink(let callers):
      return callers.map { caller in
        let link = caller.link.map { interfaceKey($0) } ?? []
        let rest = [caller.transport.number, 0, 0, 0] + portBytes(caller.port)
        return SetKey(bytes: link + caller.first.bytes + rest, end: link + caller.last.bytes + rest)
      }
    case .prefixes(let prefixes):
      var keys: [SetKey] = []
      for prefix in prefixes.sorted(by: { $0.first < $1.first }) {
        keys.append(SetKey(bytes: prefix.first.bytes))
        // An interval up to the last address has no end.
        if prefix.last.value < .max {
          keys.append(SetKey(bytes: bigEndianBytes(prefix.last.value + 1), endsInterval: true))
        }
      }
      return keys
    case .prefixes6(let prefixes):
      var keys: [SetKey] = []
      for prefix in prefixes.sorted(by: { $0.first < $1.first }) {
        keys.append(SetKey(bytes: prefix.first.bytes))
        if prefix.last.value < .max {
          keys.append(SetKey(bytes: IPv6Address(value: prefix.last.value + 1).bytes, endsInterval: true))
        }
      }
      return keys
    }
  }
}

/// IFNAMSIZ bytes, filled up with zeros.
func interfaceKey(_ name: String) -> [UInt8] {
  let bytes = Array(name.utf8.prefix(15))
  return bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
}

func bigEndianBytes(_ value: UInt32) -> [UInt8] {
  [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
}
