internal import Containers
internal import Kernel
package import Networks
package import Steps

// `network connect` and `disconnect`: a container's networks change while it runs, and in its record for its next start.
//
// The record says first that a connection is being made, then the cable is laid, then the record has it. So whoever is
// killed in between leaves what the next of these commands on that container takes away, and its end too.

extension Engine {
  package func connect(
    _ word: String, to request: EndpointRequest, observe: (Step) -> Void = { _ in }
  ) throws(Failure) {
    let identifier = try find(word)
    let updating = try lockUpdates(store.files(of: identifier), word)
    defer { try? updating.borrowed.unlock() }
    var record = try record(of: identifier)
    try refuseConnecting(record)
    let namespace = try networkNamespace(of: identifier, named: word)
    do throws(NetworkError) {
      try clearPending(&record, identifier, in: namespace.view)
      guard let view = namespace.view else { return try remember(request, in: &record, identifier) }
      if let name = try? networks.find(request.network).name {
        try refuseTwice(name, record)
        // An address that a killed connect has leased, and nobody wrote down.
        try networks.release(identifier.description, leasesOn: name)
      }
      let interface = try freeInterface(record)
      let new = try networks.attach(
        identifier.description, to: request, interface: interface, isAlive: isAlive, observe: observe)
      do throws(NetworkError) {
        try refuseTwice(new.network, record)
        guard !record.networks.contains(where: { $0.interfaceName == new.name }) else {
          throw NetworkError(.conflict, "container \(record.name) has a link \(new.name) already")
        }
        try wire(new, request, in: view, &record, identifier, observe)
      } catch {
        try? networks.release(identifier.description, leases: [new])
        throw error
      }
    } catch { throw Failure(error) }
  }

  /// What connecting a container that runs would do: on the host, and in its network namespace. Nothing is made.
  package func rehearseConnecting(
    _ word: String, to request: EndpointRequest
  ) throws(Failure) -> (host: [Step], inside: [Step]) {
    let identifier = try find(word)
    let record = try record(of: identifier)
    try refuseConnecting(record)
    guard try containerState(of: identifier).status == .running else { return ([], []) }
    do throws(NetworkError) {
      if let name = try? networks.find(request.network).name { try refuseTwice(name, record) }
      var host: [Step] = []
      let interface = try freeInterface(record)
      let new = try networks.rehearse(identifier.description, on: request, interface) { host.append($0) }
      var all = record.networks.compactMap(\.attachment) + [new]
      NetworkAttachment.chooseDefaultRoutes(&all)
      var attachment = all[all.count - 1]
      attachment.publishes = !record.ports.isEmpty
      let ports = try networks.rehearseMovingPorts(
        of: identifier.description, to: all.first(where: \.isOutlet))
      return (host + attachment.wiring.map(Step.network) + ports, attachment.joining.map(Step.network))
    } catch { throw Failure(error) }
  }

  /// The same of disconnecting.
  package func rehearseDisconnecting(
    _ word: String, from network: String
  ) throws(Failure) -> (host: [Step], inside: [Step]) {
    let identifier = try find(word)
    let record = try record(of: identifier)
    let name = (try? networks.find(network).name) ?? network
    guard let leaving = record.networks.first(where: { $0.network == name }) else {
      throw Failure(notOn(network, record))
    }
    guard try containerState(of: identifier).status == .running, let attachment = leaving.attachment else {
      return ([], [])
    }
    var others = record.networks.filter { $0.network != name }.compactMap(\.attachment)
    NetworkAttachment.chooseDefaultRoutes(&others)
    let end = Step.network(.deleteLink(attachment.macvlan == nil ? attachment.hostLink : attachment.name))
    let routes = others.flatMap(\.routes).map(Step.network)
    do throws(NetworkError) {
      let ports = try networks.rehearseMovingPorts(
        of: identifier.description, to: others.first(where: \.isOutlet))
      return attachment.macvlan == nil ? ([end] + ports, routes) : (ports, [end] + routes)
    } catch { throw Failure(error) }
  }

  private func notOn(_ network: String, _ record: ContainerRecord) -> NetworkError {
    NetworkError(
      .notFound, "container \(record.name) is not on network \(network)",
      hint: "it is on "
        + (record.networks.isEmpty ? record.networkMode : record.networks.map(\.network).joined(separator: ", ")))
  }

  /// The container does not run: its next start wires it.
  private func remember(
    _ request: EndpointRequest, in record: inout ContainerRecord, _ identifier: ContainerIdentifier
  ) throws(NetworkError) {
    let network = try networks.find(request.network)
    try refuseTwice(network.name, record)
    try networks.check(request, on: network)
    record.networks.append(NetworkRecord(network: network.name, request, interface: try freeInterface(record)))
    try write(record, of: identifier)
  }

  private func wire(
    _ new: NetworkAttachment, _ request: EndpointRequest, in namespace: BorrowedDescriptor,
    _ record: inout ContainerRecord, _ identifier: ContainerIdentifier, _ observe: (Step) -> Void
  ) throws(NetworkError) {
    let before = record
    var attachments = record.networks.compactMap(\.attachment) + [new]
    NetworkAttachment.chooseDefaultRoutes(&attachments)
    record.remember(attachments, adding: request)
    var pending = record
    pending.networks[pending.networks.count - 1].isPending = true
    passKillSwitch("connection", 0)
    try write(pending, of: identifier)
    passKillSwitch("connection", 1)
    var attachment = attachments[attachments.count - 1]
    attachment.publishes = !record.ports.isEmpty
    do throws(NetworkError) {
      try networks.perform(
        attachment.wiring, inside: attachment.joining, of: attachment, in: namespace, observe: observe)
      passKillSwitch("connection", 2)
      let files = store.files(of: identifier)
      let hostname = hostname(of: files.identifier)
      try networks.announce(member(record, attachment, hostname, files), on: attachment.network)
      try networks.movePorts(of: identifier.description, to: attachments.first(where: \.isOutlet))
      passKillSwitch("connection", 3)
      try write(record, of: identifier)
    } catch {
      try? networks.unwire(attachment, in: namespace)
      try? write(before, of: identifier)
      throw error
    }
  }

  /// - Parameter force: what cannot be undone in the container's namespace keeps nobody from taking it off the network.
  package func disconnect(
    _ word: String, from network: String, force: Bool = false, observe: (Step) -> Void = { _ in }
  ) throws(Failure) {
    let identifier = try find(word)
    let updating = try lockUpdates(store.files(of: identifier), word)
    defer { try? updating.borrowed.unlock() }
    var record = try record(of: identifier)
    let namespace = try networkNamespace(of: identifier, named: word)
    do throws(NetworkError) {
      try clearPending(&record, identifier, in: namespace.view)
      let name = (try? networks.find(network).name) ?? network
      guard let index = record.networks.firstIndex(where: { $0.network == name }) else {
        throw notOn(network, record)
      }
      let leaving = record.networks.remove(at: index)
      guard let view = namespace.view, let attachment = leaving.attachment else {
        return try write(record, of: identifier)
      }
      try unwire(attachment, in: view, &record, identifier, force: force, observe)
    } catch { throw Failure(error) }
  }

  private func unwire(
    _ attachment: NetworkAttachment, in namespace: BorrowedDescriptor, _ record: inout ContainerRecord,
    _ identifier: ContainerIdentifier, force: Bool, _ observe: (Step) -> Void
  ) throws(NetworkError) {
    // Names first, so that nobody is sent to an address that leads nowhere.
    try networks.withdraw(identifier.description, from: attachment)
    passKillSwitch("disconnection", 0)
    var others = record.networks.compactMap(\.attachment)
    NetworkAttachment.chooseDefaultRoutes(&others)
    record.remember(others)
    do throws(NetworkError) {
      try networks.unwire(attachment, in: namespace, observe: observe)
      passKillSwitch("disconnection", 1)
      try networks.perform([], inside: others.flatMap(\.routes), of: nil, in: namespace, observe: observe)
    } catch { if !force { throw error } }
    try networks.movePorts(of: identifier.description, to: others.first(where: \.isOutlet))
    passKillSwitch("disconnection", 2)
    // The lease goes last but the record: whoever is killed before finds the network in it, and does all of this again.
    try networks.release(identifier.description, leases: [attachment])
    passKillSwitch("disconnection", 3)
    try write(record, of: identifier)
  }

  // MARK: - What there is

  private func refuseConnecting(_ record: ContainerRecord) throws(Failure) {
    switch record.networkMode {
    case "host":
      throw Failure(
        .conflict, "container \(record.name) has the host's network, and no other can be added",
        hint: "run it with --network NAME")
    case "none":
      throw Failure(
        .conflict, "container \(record.name) was made to have no network", hint: "run it with --network NAME")
    case let mode where ForwarderProgram(mode: mode) != nil:
      throw Failure(
        .conflict, "container \(record.name) has the network of \(mode), and no other can be added",
        hint: "run it with --network NAME")
    case let mode where mode.hasPrefix("container:"):
      throw Failure(
        .conflict, "container \(record.name) has the network of another container",
        hint: "connect that one: \(mode.dropFirst(10).prefix(12))")
    default: return
    }
  }

  private func refuseTwice(_ network: String, _ record: ContainerRecord) throws(NetworkError) {
    guard record.networks.contains(where: { $0.network == network }) else { return }
    throw NetworkError(.conflict, "container \(record.name) is on network \(network) already")
  }

  private func freeInterface(_ record: ContainerRecord) throws(NetworkError) -> Int {
    let used = Set(record.networks.map(\.interface))
    guard let free = (0..<NetworkStore.mostInterfaces).first(where: { !used.contains($0) }) else {
      throw NetworkError(
        .conflict, "container \(record.name) is on \(used.count) networks, and can be on no more",
        hint: "skiff network disconnect NETWORK \(record.name)")
    }
    return free
  }

  /// What a killed connect has left of itself.
  private func clearPending(
    _ record: inout ContainerRecord, _ identifier: ContainerIdentifier, in namespace: BorrowedDescriptor?
  ) throws(NetworkError) {
    let pending = record.networks.filter(\.isPending)
    guard !pending.isEmpty else { return }
    for attachment in pending.compactMap(\.attachment) {
      if let namespace { try networks.unwire(attachment, in: namespace) }
      try networks.release(identifier.description, leases: [attachment])
    }
    record.networks.removeAll(where: \.isPending)
    var others = record.networks.compactMap(\.attachment)
    NetworkAttachment.chooseDefaultRoutes(&others)
    record.remember(others)
    if let namespace { try networks.perform([], inside: others.flatMap(\.routes), of: nil, in: namespace) }
    try networks.movePorts(of: identifier.description, to: others.first(where: \.isOutlet))
    try write(record, of: identifier)
  }

  private func write(_ record: ContainerRecord, of identifier: ContainerIdentifier) throws(NetworkError) {
    do throws(Fault) { try store.write(record, of: identifier) } catch {
      throw NetworkError("cannot write down the networks of \(record.name)", error)
    }
  }

  /// Nil for a container that does not run.
  private func networkNamespace(
    of identifier: ContainerIdentifier, named word: String
  ) throws(Failure) -> Descriptor? {
    guard try containerState(of: identifier).status == .running else { return nil }
    let process = try runningProcess(of: identifier, named: word).identity.process
    do throws(Fault) { return try open("/proc/\(process)/ns/net", .readOnly) } catch {
      throw Failure("cannot look into the network of \(word)", error)
    }
  }
}
