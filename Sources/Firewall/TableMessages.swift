internal import Kernel
internal import Netlink
internal import Steps

// The numbers of <linux/netfilter/nf_tables.h>. Every number in an attribute of nf_tables is in network order.

enum TableType {
  static let batchBegin: UInt16 = 16
  static let batchEnd: UInt16 = 17
  private static let subsystem: UInt16 = 10 << 8  // NFNL_SUBSYS_NFTABLES
  static let newTable = subsystem | 0
  static let deleteTable = subsystem | 2
  static let newChain = subsystem | 3
  static let getChain = subsystem | 4
  static let newRule = subsystem | 6
  static let deleteRule = subsystem | 8
  static let getRule = subsystem | 7
  static let newSet = subsystem | 9
  static let getSet = subsystem | 10
  static let newElements = subsystem | 12
  static let getElements = subsystem | 13
  static let deleteElements = subsystem | 14
  static let getGeneration = subsystem | 16
}

/// NFPROTO_INET: one table for IPv4 and IPv6.
let inetFamily: UInt8 = 1

/// Elements in one message: an attribute cannot hold 64 KiB, and the largest element takes 84 bytes.
private let elementsInMessage = 700

extension MessageWriter {
  /// struct nfgenmsg: u8 family, u8 version, u16 resource id (network order).
  mutating func tableHeader(family: UInt8 = inetFamily, resource: UInt16 = 0) {
    byte(family)
    byte(0)
    half(resource.byteSwapped)
  }

  /// The whole change between a begin and an end; returns the sequence number of its last operation, which alone asks for
  /// an acknowledgement.
  mutating func transaction(_ change: FirewallChange, first: UInt32) -> UInt32 {
    // A commit that fails is answered with the number of the begin, before any acknowledgement.
    message(TableType.batchBegin, .request, sequence: first) { $0.tableHeader(family: 0, resource: 10) }
    var next = first &+ 1
    var start = 0
    var sets: UInt32 = 0
    for operation in change.operations {
      switch operation {
      case .addSet, .addMap: sets += 1
      default: break
      }
      add(operation, change, setIdentifier: sets, next: &next, start: &start)
    }
    requestAcknowledgement(ofMessageAt: start)
    message(TableType.batchEnd, .request, sequence: next) { $0.tableHeader(family: 0, resource: 10) }
    return next &- 1
  }

  private mutating func add(
    _ operation: FirewallOperation, _ change: FirewallChange, setIdentifier: UInt32, next: inout UInt32,
    start: inout Int
  ) {
    let table = change.table
    func one(_ type: UInt16, _ flags: RequestFlags, _ body: (inout MessageWriter) -> Void) {
      start = bytes.count
      message(type, [.request, flags], sequence: next) {
        $0.tableHeader(family: change.family == .inet ? inetFamily : change.family == .ip ? 2 : 10)
        body(&$0)
      }
      next &+= 1
    }
    switch operation {
    case .addTable: one(TableType.newTable, .create) { $0.attribute(1, text: table) }
    case .deleteTable: one(TableType.deleteTable, []) { $0.attribute(1, text: table) }
    case .addChain(let chain):
      one(TableType.newChain, .create) {
        $0.attribute(1, text: table)
        $0.chain(chain)
      }
    case .addRule(let chain, let rule):
      one(TableType.newRule, [.create, .append]) {
        $0.attribute(1, text: table)
        $0.attribute(2, text: chain)
        $0.rule(rule)
      }
    case .insertRule(let chain, let position, let rule):
      one(TableType.newRule, .create) {
        $0.attribute(1, text: table)
        $0.attribute(2, text: chain)
        $0.rule(rule)
        $0.attribute(6, bigEndian64: position)
      }
    case .deleteRule(let chain, let handle):
      one(TableType.deleteRule, []) {
        $0.attribute(1, text: table)
        $0.attribute(2, text: chain)
        $0.attribute(3, bigEndian64: handle)
      }
    case .addSet(let set):
      one(TableType.newSet, .create) {
        $0.attribute(1, text: table)
        $0.set(set, identifier: setIdentifier)
      }
      fill(set.name, set.keys, of: setIdentifier)
    case .addMap(let map):
      one(TableType.newSet, .create) {
        $0.attribute(1, text: table)
        $0.map(map, identifier: setIdentifier)
      }
      fill(map.name, map.keys, of: setIdentifier)
    case .addElements(let set): fill(set.name, set.keys)
    case .addEntries(let map): fill(map.name, map.keys)
    case .deleteElements(let set): fill(set.name, set.keys, TableType.deleteElements)
    // By its key alone: whatever it leads to.
    case .deleteEntries(let map):
      fill(map.name, map.keys.map { SetKey(bytes: $0.bytes) }, TableType.deleteElements)
    }
    /// - Parameter identifier: of a set that this transaction makes; one that is there is found by its name.
    func fill(
      _ name: String, _ elements: [SetKey], _ type: UInt16 = TableType.newElements, of identifier: UInt32? = nil
    ) {
      for start in stride(from: 0, to: elements.count, by: elementsInMessage) {
        one(type, type == TableType.newElements ? .create : []) {
          $0.attribute(1, text: table)
          $0.attribute(2, text: name)
          if let identifier { $0.attribute(4, bigEndian: identifier) }
          $0.elements(elements[start..<min(start + elementsInMessage, elements.count)])
        }
      }
    }
  }

  private mutating func chain(_ chain: FirewallChain) {
    let (kind, hook, priority): (String, UInt32, Int32) =
      switch chain.hook {
      case .arrival: ("filter", 0, -300)  // NF_INET_PRE_ROUTING, NF_IP_PRI_RAW
      case .prerouting: ("nat", 0, -100)  // NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST
      case .output: ("nat", 3, -100)  // NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST
      case .forward: ("filter", 2, 0)  // NF_INET_FORWARD, NF_IP_PRI_FILTER
      case .postrouting: ("nat", 4, 100)  // NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC
      case .sent: ("filter", 3, -300)  // NF_INET_LOCAL_OUT, NF_IP_PRI_RAW
      case .received: ("filter", 1, 300)  // NF_INET_LOCAL_IN
      }
    attribute(3, text: chain.name)
    nest(4) {
      $0.attribute(1, bigEndian: hook)
      $0.attribute(2, bigEndian: UInt32(bitPattern: priority))
    }
    attribute(5, bigEndian: 1)  // NFTA_CHAIN_POLICY: NF_ACCEPT
    attribute(7, text: kind)
  }

  private mutating func set(_ set: FirewallSet, identifier: UInt32) {
    // Data types are nft's own numbering: the kernel only keeps them for who lists the set. A concatenation has six bits
    // for each part.
    let (type, length, flags, order): (UInt32, UInt32, UInt32, UInt8) =
      switch set.elements {
      case .interfaces: (41, 16, 0, 1)
      case .interfacePairs: (41 << 6 | 41, 32, 0, 0)
      case .prefixes: (7, 4, 4, 2)  // NFT_SET_INTERVAL
      case .prefixes6: (8, 16, 4, 2)
      case .callers: (7 << 12 | 12 << 6 | 13, 12, 0x84, 0)  // NFT_SET_INTERVAL | NFT_SET_CONCAT
      case .callersByLink: (41 << 18 | 7 << 12 | 12 << 6 | 13, 28, 0x84, 0)
      case .callers6: (8 << 12 | 12 << 6 | 13, 24, 0x84, 0)
      case .callers6ByLink: (41 << 18 | 8 << 12 | 12 << 6 | 13, 40, 0x84, 0)
      }
    let parts: [UInt32] =
      switch set.elements {
      case .callers: [4, 1, 2]
      case .callersByLink: [16, 4, 1, 2]
      case .callers6: [16, 1, 2]
      case .callers6ByLink: [16, 16, 1, 2]
      default: []
      }
    attribute(2, text: set.name)
    attribute(3, bigEndian: flags)
    attribute(4, bigEndian: type)
    attribute(5, bigEndian: length)
    attribute(10, bigEndian: identifier)
    if !parts.isEmpty {
      // NFTA_SET_DESC, NFTA_SET_DESC_CONCAT: how long each part is.
      nest(9) { $0.nest(2) { for part in parts { $0.nest(1) { $0.attribute(1, bigEndian: part) } } } }
    }
    // nft's note to itself, without which it shows every name as "": the keys' byte order (1 the machine's, 2 network).
    attribute(13, [0, 4, order, 0, 0, 0])
  }

  private mutating func map(_ map: PortMap, identifier: UInt32) {
    // nft's data types, six bits for each part of a concatenation: ipv4_addr 7, ipv6_addr 8, inet_proto 12, inet_service 13.
    let (family, length): (UInt32, UInt32) = map.isIPv6 ? (8, 16) : (7, 4)
    let key: UInt32 = (map.isByAddress ? family << 12 : 0) | 12 << 6 | 13
    attribute(2, text: map.name)
    attribute(3, bigEndian: 8)  // NFT_SET_MAP
    attribute(4, bigEndian: key)
    attribute(5, bigEndian: map.isByAddress ? length + 8 : 8)
    attribute(6, bigEndian: family << 6 | 13)
    attribute(7, bigEndian: length + 4)
    attribute(10, bigEndian: identifier)
  }

  private mutating func elements(_ keys: ArraySlice<SetKey>) {
    nest(3) {
      for key in keys {
        $0.nest(1) {
          if key.endsInterval { $0.attribute(3, bigEndian: 1) }  // NFT_SET_ELEM_INTERVAL_END
          $0.nest(1) { $0.attribute(1, key.bytes) }
          if let end = key.end { $0.nest(10) { $0.attribute(1, end) } }
          if let value = key.value { $0.nest(2) { $0.attribute(1, value) } }
        }
      }
    }
  }
}
