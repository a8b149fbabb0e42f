internal import Containers
internal import Kernel
internal import Networks
internal import Steps

// What is remembered of a request's network, and read again by every start.

extension NetworkWishes {
  init(_ request: RunRequest, ports: [PortRequest]) {
    self.init()
    publish = ports.map(\.words)
    hosts = request.extraHosts.map { "\($0.name)=\($0.value)" }
    search = request.resolving.search
    options = request.resolving.options
    domainName = request.domainName ?? ""
  }

  var extraHosts: [Label] {
    hosts.compactMap { entry in
      entry.firstIndex(of: "=").map {
        Label(name: String(entry[..<$0]), value: String(entry[entry.index(after: $0)...]))
      }
    }
  }

  var ports: [PortRequest] {
    get throws(OptionError) {
      var ports: [PortRequest] = []
      for text in publish { ports += try PortRequest.parse(text) }
      return ports
    }
  }
}

extension PortRequest {
  /// As `-p` reads it.
  var words: String {
    let address: String =
      switch self.address {
      case .v4(let address): "\(address):"
      case .v6(let address): "[\(address)]:"
      case nil: ""
      }
    let host = hostPorts.map { $0.count == 1 ? "\($0.lowerBound):" : "\($0.lowerBound)-\($0.upperBound):" }
    return address + (host ?? (address.isEmpty ? "" : ":")) + "\(containerPort)/\(transport.rawValue)"
  }
}

extension ContainerRecord {
  var resolving: ResolvRequest {
    var request = ResolvRequest()
    request.servers = nameServers
    request.search = wishes.search
    request.options = wishes.options
    return request
  }
}
