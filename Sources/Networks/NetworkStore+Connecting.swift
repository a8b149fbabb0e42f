package import Kernel
internal import Netlink
package import Steps

// A container that runs comes on a network, or leaves one: the same steps as at its start, performed by the command.

extension NetworkStore {
  /// Performs a container's steps on the host and in its network namespace, all of them or none.
  ///
  /// - Parameters:
  ///   - made: what the steps lay; when one fails, it is taken away again. Nil where nothing is made.
  ///   - namespace: the container's network namespace. The calling thread enters it for the steps there.
  package func perform(
    _ wiring: [NetworkStep], inside: [NetworkStep], of made: NetworkAttachment?, in namespace: BorrowedDescriptor,
    observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) {
    do throws(Fault) {
      for (index, step) in wiring.enumerated() {
        passKillSwitch("connecting", index)
        try Netlink.perform(step, container: namespace)
        observe(.network(step))
      }
      try insideNetwork(of: namespace) { () throws(Fault) in
        for (index, step) in inside.enumerated() {
          passKillSwitch("connecting", wiring.count + index)
          try Netlink.perform(step)
          observe(.network(step))
        }
      }
    } catch {
      if let made { try? unwire(made, in: namespace) }
      throw NetworkError("cannot wire the container", error)
    }
  }

  /// Takes a container's cable away. One that is gone already is as good.
  package func unwire(
    _ attachment: NetworkAttachment, in namespace: BorrowedDescriptor, observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) {
    do throws(Fault) {
      if attachment.macvlan != nil {
        var name = attachment.name
        try insideNetwork(of: namespace) { () throws(Fault) in
          do throws(Fault) { try Netlink.perform(.deleteLink(name)) } catch {
            guard error.errno == .noSuchDevice, let found = try renamedMacvlan(attachment) else { throw error }
            name = found
            try Netlink.perform(.deleteLink(name))
          }
        }
        observe(.network(.deleteLink(name)))
      } else {
        var name = attachment.hostLink
        do throws(Fault) { try Netlink.perform(.deleteLink(name)) } catch {
          // Gone, or under another name.
          guard error.errno == .noSuchDevice, let found = try renamedCables([name]).first else { throw error }
          name = found.link.name
          try Netlink.perform(.deleteLink(name))
        }
        observe(.network(.deleteLink(name)))
      }
    } catch {
      if error.errno != .noSuchDevice {
        throw NetworkError("cannot take the link \(attachment.name) of network \(attachment.network) away", error)
      }
    }
  }
}

extension NetworkStore {
  /// What can be refused before anything is made.
  package func check(_ request: EndpointRequest, on network: Network) throws(NetworkError) {
    try request.check(on: network)
  }
}

extension NetworkAttachment {
  /// Its network is the container's way out.
  package var isOutlet: Bool { gateway != nil && isDefaultRoute }

  /// What makes this network the container's way out, in place of another that was.
  package var routes: [NetworkStep] {
    var steps: [NetworkStep] = []
    if let gateway, isDefaultRoute { steps.append(.replaceDefaultRoute(.v4(gateway), LinkName(name))) }
    if let gateway6, isDefaultRoute6 { steps.append(.replaceDefaultRoute(.v6(gateway6), LinkName(name))) }
    return steps
  }
}
