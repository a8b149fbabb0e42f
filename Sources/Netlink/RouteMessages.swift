internal import Kernel
internal import Steps

// Requests of rtnetlink(7): the numbers of <linux/rtnetlink.h>, <linux/if_link.h>, <linux/if_addr.h>.

enum RouteType {
  static let newLink: UInt16 = 16
  static let deleteLink: UInt16 = 17
  static let getLink: UInt16 = 18
  static let newAddress: UInt16 = 20
  static let getAddress: UInt16 = 22
  static let newRoute: UInt16 = 24
  static let getRoute: UInt16 = 26
}

enum LinkAttribute {
  static let address: UInt16 = 1
  static let name: UInt16 = 3
  static let mtu: UInt16 = 4
  static let link: UInt16 = 5
  static let master: UInt16 = 10
  static let information: UInt16 = 18
  static let namespaceDescriptor: UInt16 = 28
  static let extensionMask: UInt16 = 29
  static let transmitQueues: UInt16 = 31
  static let receiveQueues: UInt16 = 32
  // Inside of `information`.
  static let kind: UInt16 = 1
  static let data: UInt16 = 2
  static let macvlanMode: UInt16 = 1
  static let vlanIdentifier: UInt16 = 1
  static let slaveKind: UInt16 = 4
  static let slaveData: UInt16 = 5
  /// Inside of `slaveData` of a bridge's port: IFLA_BRPORT_MODE, "hairpin" to bridge(8).
  static let portMode: UInt16 = 4
  /// And IFLA_BRPORT_ISOLATED.
  static let portIsolation: UInt16 = 33
  // Inside of `data` of a veth.
  static let vethPeer: UInt16 = 1
}

enum AddressAttribute {
  static let address: UInt16 = 1
  static let local: UInt16 = 2
  static let broadcast: UInt16 = 4
  /// 32 bits of them; the header has room for 8.
  static let flags: UInt16 = 8
  static let routePriority: UInt16 = 9
}

/// AF_INET.
let ipv4Family: UInt8 = 2
/// AF_INET6.
let ipv6Family: UInt8 = 10
/// IFF_UP.
let upFlag: UInt32 = 1

extension MessageWriter {
  /// struct ifinfomsg: u8 family, u8 padding, u16 hardware type, i32 index, u32 flags, u32 which flags change.
  mutating func linkHeader(index: Int32 = 0, isUp: Bool = false, changing: UInt32 = 0) {
    word(0)
    word(UInt32(bitPattern: index))
    word(isUp ? upFlag : 0)
    word(isUp ? upFlag : changing)
  }

  mutating func bridge(name: String, mac: MacAddress) {
    linkHeader()
    attribute(LinkAttribute.name, text: name)
    // Without one of its own a bridge takes the lowest of its ports', and changes it as containers come and go.
    attribute(LinkAttribute.address, mac.bytes)
    nest(LinkAttribute.information) { $0.attribute(LinkAttribute.kind, text: "bridge") }
  }

  /// Both ends in one message: the host's is up and in its bridge when it appears, the peer appears in its namespace
  /// under its final name.
  mutating func veth(_ pair: VethPair, bridgeIndex: Int32, namespace: BorrowedDescriptor) {
    linkHeader(isUp: true)
    attribute(LinkAttribute.name, text: pair.host)
    if let mac = pair.hostMac { attribute(LinkAttribute.address, mac.bytes) }
    attribute(LinkAttribute.master, word: UInt32(bitPattern: bridgeIndex))
    if let mtu = pair.mtu { attribute(LinkAttribute.mtu, word: mtu) }
    oneQueue()
    nest(LinkAttribute.information) {
      $0.attribute(LinkAttribute.kind, text: "veth")
      $0.nest(LinkAttribute.data) {
        $0.nest(LinkAttribute.vethPeer) {
          $0.linkHeader()
          $0.attribute(LinkAttribute.name, text: pair.peer)
          $0.attribute(LinkAttribute.address, pair.peerMac.bytes)
          if let mtu = pair.mtu { $0.attribute(LinkAttribute.mtu, word: mtu) }
          $0.attribute(LinkAttribute.namespaceDescriptor, word: UInt32(bitPattern: namespace.rawValue))
          $0.oneQueue()
        }
      }
    }
  }

  /// A flag of a bridge's port.
  mutating func portFlag(_ flag: UInt16) {
    nest(LinkAttribute.information) {
      $0.attribute(LinkAttribute.slaveKind, text: "bridge")
      $0.nest(LinkAttribute.slaveData) { $0.attribute(flag, [1]) }
    }
  }

  /// Made where it is to be, on a link of the namespace of the socket.
  mutating func macvlan(_ link: MacvlanLink, parent: Int32, namespace: BorrowedDescriptor) {
    linkHeader()
    attribute(LinkAttribute.name, text: link.name)
    attribute(LinkAttribute.link, word: UInt32(bitPattern: parent))
    // In passthru it takes the parent's address, and gives the parent its own.
    if link.mode != .passthru { attribute(LinkAttribute.address, link.mac.bytes) }
    if let mtu = link.mtu { attribute(LinkAttribute.mtu, word: mtu) }
    attribute(LinkAttribute.namespaceDescriptor, word: UInt32(bitPattern: namespace.rawValue))
    nest(LinkAttribute.information) {
      $0.attribute(LinkAttribute.kind, text: "macvlan")
      $0.nest(LinkAttribute.data) { $0.attribute(LinkAttribute.macvlanMode, word: link.mode.number) }
    }
  }

  mutating func dummy(name: String) {
    linkHeader()
    attribute(LinkAttribute.name, text: name)
    nest(LinkAttribute.information) { $0.attribute(LinkAttribute.kind, text: "dummy") }
  }

  mutating func vlan(name: String, parent: Int32, identifier: UInt16) {
    linkHeader()
    attribute(LinkAttribute.name, text: name)
    attribute(LinkAttribute.link, word: UInt32(bitPattern: parent))
    nest(LinkAttribute.information) {
      $0.attribute(LinkAttribute.kind, text: "vlan")
      $0.nest(LinkAttribute.data) {
        // A number of the machine's order.
        $0.attribute(LinkAttribute.vlanIdentifier, [UInt8(identifier & 255), UInt8(identifier >> 8)])
      }
    }
  }

  /// A veth has no hardware to spread over; the default makes a queue, and its directories in sysfs, for every CPU.
  private mutating func oneQueue() {
    attribute(LinkAttribute.transmitQueues, word: 1)
    attribute(LinkAttribute.receiveQueues, word: 1)
  }

  /// struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index.
  mutating func address(_ prefix: IPv4Prefix, index: Int32) {
    addressHeader(prefixLength: prefix.length, index: index)
    attribute(2, prefix.address.bytes)  // IFA_LOCAL
    attribute(1, prefix.address.bytes)  // IFA_ADDRESS
    // A network of one or two hosts has no broadcast address (RFC 3021).
    if prefix.length < 31 { attribute(4, prefix.last.bytes) }  // IFA_BROADCAST
  }

  /// IFA_F_NODAD: the address is usable at once. Duplicate address detection takes a second or two, in which a program that
  /// binds to it fails.
  mutating func address(_ prefix: IPv6Prefix, index: Int32) {
    for value in [ipv6Family, prefix.length, 0x02, 0] { byte(value) }
    word(UInt32(bitPattern: index))
    attribute(2, prefix.address.bytes)  // IFA_LOCAL
    attribute(1, prefix.address.bytes)  // IFA_ADDRESS
  }

  /// All addresses of a link, of every family.
  mutating func addressFilter(index: Int32) {
    word(0)
    word(UInt32(bitPattern: index))
  }

  mutating func address(_ kept: KeptAddress, index: Int32) {
    for value in [kept.family, kept.prefixLength, UInt8(truncatingIfNeeded: kept.flags), 0] { byte(value) }
    word(UInt32(bitPattern: index))
    for (type, payload) in kept.attributes { attribute(type, payload) }
    attribute(AddressAttribute.flags, word: kept.flags)
  }

  /// The link changes its namespace and its name in one message.
  mutating func move(index: Int32, namespace: BorrowedDescriptor, name: String) {
    linkHeader(index: index)
    attribute(LinkAttribute.name, text: name)
    attribute(LinkAttribute.namespaceDescriptor, word: UInt32(bitPattern: namespace.rawValue))
  }

  mutating func addressHeader(family: UInt8 = ipv4Family, prefixLength: UInt8 = 0, index: Int32) {
    for value in [family, prefixLength, 0, 0] { byte(value) }
    word(UInt32(bitPattern: index))
  }

  mutating func defaultRoute(gateway: IPv4Address, index: Int32) {
    // Table main, protocol boot (as ip(8) has it), scope universe, type unicast.
    routeHeader(table: 254, protocol: 3, scope: 0, type: 1)
    attribute(5, gateway.bytes)  // RTA_GATEWAY
    attribute(4, word: UInt32(bitPattern: index))  // RTA_OIF
  }

  mutating func defaultRoute(gateway: IPv6Address, index: Int32) {
    routeHeader(family: ipv6Family, table: 254, protocol: 3, scope: 0, type: 1)
    attribute(5, gateway.bytes)  // RTA_GATEWAY
    attribute(4, word: UInt32(bitPattern: index))  // RTA_OIF
  }

  /// Table local, type local, behind the loopback's own, whose metric is 0: `ip -6 route add local ::1 dev LINK table local`.
  mutating func loopbackRoute6(index: Int32) {
    routeHeader(family: ipv6Family, destinationLength: 128, table: 255, protocol: 3, scope: 0, type: 2)
    attribute(1, [UInt8](repeating: 0, count: 15) + [1])  // RTA_DST
    attribute(6, word: 1024)  // RTA_PRIORITY
    attribute(4, word: UInt32(bitPattern: index))  // RTA_OIF
  }

  /// struct rtmsg: u8 family, u8 destination length, u8 source length, u8 tos, u8 table, u8 protocol, u8 scope, u8 type,
  /// u32 flags.
  mutating func routeHeader(
    family: UInt8 = ipv4Family, destinationLength: UInt8 = 0, table: UInt8 = 0, protocol number: UInt8 = 0,
    scope: UInt8 = 0, type: UInt8 = 0
  ) {
    for value in [family, destinationLength, 0, 0, table, number, scope, type] { byte(value) }
    word(0)
  }
}
