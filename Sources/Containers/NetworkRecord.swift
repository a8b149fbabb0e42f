package import JSON

/// A container's place on one network, and what was asked for there.
package struct NetworkRecord: Hashable, Sendable {
  package var network = ""
  package var address = ""
  package var prefixLength = 0
  /// Empty on an internal network.
  package var gateway = ""
  /// Empty on a network without IPv6.
  package var address6 = ""
  package var prefixLength6 = 0
  package var gateway6 = ""
  /// Whether its gateway is the container's default route, for each family.
  package var isDefaultRoute = true
  package var isDefaultRoute6 = true
  package var hardwareAddress = ""
  package var hostLink = ""
  package var bridge = ""
  /// Of a macvlan; both empty on a bridge.
  package var parent = ""
  package var macvlanMode = ""
  package var isIsolated = false
  /// 0 for the kernel's.
  package var mtu = 0
  /// It is being made: whoever finds it so without the lock takes away what there is of it.
  package var isPending = false
  /// What the link is called in the container.
  package var interfaceName = "eth0"
  /// Which of the container's links it is: part of the host link's name.
  package var interface = 0
  /// What it is found by on this network besides its own names.
  package var aliases: [String] = []
  package var linkLocal: [String] = []
  package var gatewayPriority = 0
  /// `--ip`, `--ip6` and `--mac-address`: what the next start asks for again. Empty where it was left to the network.
  package var askedAddress = ""
  package var askedAddress6 = ""
  package var askedHardwareAddress = ""

  package init() {}
}

extension NetworkRecord: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "network": network = try reader.string()
      case "address": address = try reader.string()
      case "prefixLength": prefixLength = try reader.integer()
      case "gateway": gateway = try reader.string()
      case "address6": address6 = try reader.string()
      case "prefixLength6": prefixLength6 = try reader.integer()
      case "gateway6": gateway6 = try reader.string()
      case "isDefaultRoute": isDefaultRoute = try reader.bool()
      case "isDefaultRoute6": isDefaultRoute6 = try reader.bool()
      case "hardwareAddress": hardwareAddress = try reader.string()
      case "hostLink": hostLink = try reader.string()
      case "bridge": bridge = try reader.string()
      case "parent": parent = try reader.string()
      case "macvlanMode": macvlanMode = try reader.string()
      case "isIsolated": isIsolated = try reader.bool()
      case "mtu": mtu = try reader.integer()
      case "isPending": isPending = try reader.bool()
      case "interfaceName": interfaceName = try reader.string()
      case "interface": interface = try reader.integer()
      case "aliases": aliases = try reader.strings()
      case "linkLocal": linkLocal = try reader.strings()
      case "gatewayPriority": gatewayPriority = try reader.integer()
      case "askedAddress": askedAddress = try reader.string()
      case "askedAddress6": askedAddress6 = try reader.string()
      case "askedHardwareAddress": askedHardwareAddress = try reader.string()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    func given(_ text: String) -> String? { text.isEmpty ? nil : text }
    writer.object { writer in
      writer.member("network", network)
      writer.member("address", address)
      writer.member("prefixLength", prefixLength)
      writer.member("gateway", gateway)
      if !address6.isEmpty {
        writer.member("address6", address6)
        writer.member("prefixLength6", prefixLength6)
        writer.member("gateway6", gateway6)
      }
      writer.member("isDefaultRoute", isDefaultRoute)
      writer.member("isDefaultRoute6", isDefaultRoute6)
      writer.member("hardwareAddress", hardwareAddress)
      writer.member("hostLink", hostLink)
      writer.member("bridge", bridge)
      writer.member("parent", given(parent))
      writer.member("macvlanMode", given(macvlanMode))
      writer.member("isIsolated", isIsolated ? true : nil)
      writer.member("mtu", mtu == 0 ? nil : mtu)
      writer.member("isPending", isPending ? true : nil)
      writer.member("interfaceName", interfaceName)
      writer.member("interface", interface)
      writer.member("aliases", aliases.isEmpty ? nil : aliases)
      writer.member("linkLocal", linkLocal.isEmpty ? nil : linkLocal)
      writer.member("gatewayPriority", gatewayPriority == 0 ? nil : gatewayPriority)
      writer.member("askedAddress", given(askedAddress))
      writer.member("askedAddress6", given(askedAddress6))
      writer.member("askedHardwareAddress", given(askedHardwareAddress))
    }
  }
}
