internal import Containers
internal import Kernel
internal import Networks
internal import Steps

extension NetworkRecord {
  init(_ attachment: NetworkAttachment, _ request: EndpointRequest) {
    self.init()
    network = attachment.network
    address = attachment.address.address.description
    prefixLength = Int(attachment.address.length)
    gateway = attachment.gateway?.description ?? ""
    if let prefix = attachment.address6 {
      address6 = prefix.address.description
      prefixLength6 = Int(prefix.length)
      gateway6 = attachment.gateway6?.description ?? ""
    }
    isDefaultRoute = attachment.isDefaultRoute
    isDefaultRoute6 = attachment.isDefaultRoute6
    hardwareAddress = attachment.mac.description
    hostLink = attachment.hostLink
    bridge = attachment.bridge
    parent = attachment.macvlan?.parent ?? ""
    macvlanMode = attachment.macvlan?.mode.rawValue ?? ""
    isIsolated = attachment.isIsolated
    mtu = Int(attachment.mtu ?? 0)
    interfaceName = attachment.name
    interface = attachment.interface
    aliases = attachment.aliases
    linkLocal = attachment.linkLocal.map(\.description)
    gatewayPriority = attachment.gatewayPriority
    askedAddress = request.address?.description ?? ""
    askedAddress6 = request.address6?.description ?? ""
    askedHardwareAddress = request.mac?.description ?? ""
  }

  /// Of a container that does not run: what its next start asks for.
  init(network: String, _ request: EndpointRequest, interface: Int) {
    self.init()
    self.network = network
    self.interface = interface
    interfaceName = request.interfaceName ?? "eth\(interface)"
    aliases = request.aliases
    linkLocal = request.linkLocal.map(\.description)
    gatewayPriority = request.gatewayPriority
    askedAddress = request.address?.description ?? ""
    askedAddress6 = request.address6?.description ?? ""
    askedHardwareAddress = request.mac?.description ?? ""
  }

  /// Nil where no address is leased: the container does not run.
  var attachment: NetworkAttachment? {
    guard let address = IPv4Address(address), let length = UInt8(exactly: prefixLength), length <= 32 else {
      return nil
    }
    var attachment = NetworkAttachment(
      network: network, address: IPv4Prefix(address, length: length), gateway: IPv4Address(gateway), bridge: bridge,
      hostLink: hostLink, name: interfaceName, mac: MacAddress(hardwareAddress), interface: interface)
    if let address6 = IPv6Address(address6), let length = UInt8(exactly: prefixLength6), length <= 128 {
      attachment.address6 = IPv6Prefix(address6, length: length)
      attachment.gateway6 = IPv6Address(gateway6)
    }
    if let mode = MacvlanLink.Mode(rawValue: macvlanMode) {
      attachment.macvlan = MacvlanPlace(parent: parent, mode: mode)
    }
    attachment.isIsolated = isIsolated
    attachment.mtu = mtu == 0 ? nil : UInt32(exactly: mtu)
    attachment.isDefaultRoute = isDefaultRoute
    attachment.isDefaultRoute6 = isDefaultRoute6
    attachment.aliases = aliases
    attachment.linkLocal = linkLocal.compactMap { IPAddress($0) }
    attachment.gatewayPriority = gatewayPriority
    return attachment
  }

  /// What the next start of the container asks for.
  var request: EndpointRequest {
    var request = EndpointRequest(network: network)
    request.address = IPv4Address(askedAddress)
    request.address6 = IPv6Address(askedAddress6)
    request.mac = MacAddress(askedHardwareAddress)
    request.aliases = aliases
    request.linkLocal = linkLocal.compactMap { IPAddress($0) }
    request.gatewayPriority = gatewayPriority
    // The usual names are given anew, so that they are without a gap.
    if interfaceName != "eth\(interface)" { request.interfaceName = interfaceName }
    return request
  }
}

extension ContainerRecord {
  /// Which of its networks is its way out may have changed. The last one is new where there is a request.
  mutating func remember(_ attachments: [NetworkAttachment], adding request: EndpointRequest? = nil) {
    for attachment in attachments {
      if let index = networks.firstIndex(where: { $0.network == attachment.network }) {
        networks[index].isDefaultRoute = attachment.isDefaultRoute
        networks[index].isDefaultRoute6 = attachment.isDefaultRoute6
      } else if let request {
        networks.append(NetworkRecord(attachment, request))
      }
    }
  }
}
