internal import Kernel
internal import Firewall
internal import Netlink
package import Steps

extension NetworkStore {
  /// `skiff network rm`: refused while containers are on it. Unlike docker's, the default network can go too: it comes back
  /// with the next container, and until then nothing of Skiff is on the host.
  package func remove(
    _ word: String, isAlive: (String) -> Bool, observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) {
    guard !reservedNames.contains(word) else {
      throw NetworkError(.conflict, "\(word) is a network that is always there, and cannot be removed")
    }
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    defer { hold(lock) }
    let network: Network
    do throws(NetworkError) { network = try find(word) } catch {
      guard error.isDamage, try names().contains(word) else { throw error }
      return try removeDamaged(word, isAlive: isAlive)
    }
    _ = try heal(network.name, isAlive: isAlive)
    // Nobody takes an address from here on.
    let leasing = try describing("cannot lock network \(network.name)") { () throws(Fault) in
      try locked(leaseLock(network.name), .exclusive)
    }
    defer { hold(leasing) }
    try refuseAttached(network)
    let others = try all().filter { $0.name != network.name }
    var steps: [Step] = []
    let update: FirewallUpdate?
    do throws(Fault) {
      let isLast = network.driver == .bridge && !others.contains { $0.driver == .bridge }
      let ends = isLast ? try forwardingEnds() : (false, false)
      steps += try forwardingStops(ends).map(Step.network)
      update =
        network.driver == .bridge
        ? try firewallUpdate(for: others, uplinks: ends.0 ? [] : nil, uplinks6: ends.1 ? [] : nil) : nil
    } catch { throw NetworkError("cannot look at the firewall", error) }
    // The bridge goes first: without it there is nothing that the rules still have to keep apart.
    let link: String? =
      switch network.driver {
      case .bridge: network.bridge
      case .macvlan: network.isParentMade ? network.parent : nil
      }
    if let name = link, try self.link(name) != nil {
      steps.append(.network(.deleteLink(name)))
    } else if let renamed = try renamedBridge(of: network) {
      steps.append(.network(.deleteLink(renamed.name)))
    }
    if let update { steps += update.steps.map(Step.network) }
    steps.append(.file(.removeFile(record(network.name))))
    steps.append(.file(.removeTree(runDirectory(network.name))))
    try performAll(steps, on: "an end of network \(network.name)", observe: observe)
    if let update { remember(update) }
  }

  /// A network whose record nobody can read: the record goes, and with it what is left on the host without one.
  private func removeDamaged(_ name: String, isAlive: (String) -> Bool) throws(NetworkError) {
    _ = try heal(name, isAlive: isAlive)
    try describing("cannot remove network \(name)") { () throws(Fault) in
      let leasing = try locked(leaseLock(name), .exclusive)
      defer { hold(leasing) }
      let count = try readLeases(leases(name)).count
      guard count == 0 else {
        throw Fault(
          "unlink", .busy, arguments: record(name).quoted,
          hint: "stop the \(count) container\(count == 1 ? "" : "s") on it first")
      }
      try removeFile(record(name))
    }
    _ = try sweep([name])
  }

  private func refuseAttached(_ network: Network) throws(NetworkError) {
    let leases = try leases(of: network)
    guard !leases.isEmpty else { return }
    let members = try members(of: network)
    let names = leases.map { lease in
      members.first { $0.container == lease.container }?.names.first ?? String(lease.container.prefix(12))
    }
    throw NetworkError(
      .conflict,
      "network \(network.name) is in use by \(names.prefix(10).joined(separator: ", "))"
        + (names.count > 10 ? " and \(names.count - 10) more" : ""),
      hint: "stop them first: skiff stop \(names.prefix(10).joined(separator: " "))")
  }
}

// MARK: - After a crash

extension NetworkStore {
  /// Takes away what containers left that are no more: leases, names, cables; and bridges without a record. Cheap when
  /// there is nothing: a look at one directory for each network, and `isAlive` once for each lease.
  ///
  /// - Parameter isAlive: true for a container that runs, or whose command or supervisor still lives.
  /// - Returns: what was taken away, for a person.
  @discardableResult
  package func heal(isAlive: (String) -> Bool) throws(NetworkError) -> [String] {
    // Before the leases, so that no port leads to an address that is somebody else's by then.
    var healed = try healPorts(isAlive: isAlive)
    let running = try describing("cannot list the networks") { () throws(Fault) in try runningNames() }
    for name in running { healed += try heal(name, isAlive: isAlive) }
    return healed + (try healNetworks())
  }

  /// The same where no container has ended unseen: what commands left that were killed while they changed a network.
  @discardableResult
  package func healNetworks() throws(NetworkError) -> [String] {
    let running = try describing("cannot list the networks") { () throws(Fault) in try runningNames() }
    var healed: [String] = []
    removeDrafts()
    let known = try names()
    let strays = running.filter { !known.contains($0) }
    if !strays.isEmpty { healed += try removeStrays(strays) }
    return healed
  }

  /// What whoever was killed had written of the firewall's state and not given its name yet: NAME.PID.new (replaceFile).
  private func removeDrafts() {
    let start = firewallState.name + "."
    for entry in (try? entries(of: run)) ?? [] {
      let name = entry.name.string
      guard name.hasPrefix(start), name.hasSuffix(".new"),
        let writer = ProcessIdentifier(name.dropFirst(start.utf8.count).dropLast(4)), !exists(Path("/proc/\(writer)"))
      else { continue }
      try? removeFile(run.appending(entry.name))
    }
  }

  func heal(_ name: String, isAlive: (String) -> Bool) throws(NetworkError) -> [String] {
    try describing("cannot heal network \(name)") { () throws(Fault) in
      // What is no lease takes an address all the same, and nobody would ever give it back.
      let taken = try readNames(leases(name))
      let found = readLeases(leases(name), taken)
      let isClean = found.count == taken.count
      let dead = found.filter { !holds($0, isAlive) }
      let gone = try memberNames(name).filter { !isAlive($0) }
      guard !dead.isEmpty || !gone.isEmpty || !isClean else { return [] }
      var healed: [String] = []
      let lock = try locked(leaseLock(name), .exclusive)
      defer { hold(lock) }
      // Read again: what was dead without the lock may have been given back and leased anew.
      let ended = try readLeases(leases(name)).filter { !holds($0, isAlive) }
      let cables = ended.map { hostLink(container: $0.container, interface: $0.interface) }
      // A lease is taken before its cable is laid and given back after it is gone, so no cable outlives its lease.
      for name in cables + ((try? renamedCables(cables)) ?? []).map(\.link.name) { removeLink(name) }
      // Who leases next looks at all of them.
      try? removeFile(firstFree(name))
      for lease in ended {
        try? removeFile(leases(name).appending(lease.address.description))
        healed.append("the address \(lease.address) of \(lease.container.prefix(12))")
      }
      let valid = Set(try readLeases(leases(name)).map(\.address))
      for address in try readNames(leases(name)) where !valid.contains(address) {
        try removeTree(leases(name).appending(address.description))
        healed.append("the address \(address), which nobody held")
      }
      for container in gone { try withdraw(container, from: name) }
      return healed
    }
  }

  /// The leaser counts: between the lease and the container's record there is nothing else to see.
  private func holds(_ lease: Lease, _ isAlive: (String) -> Bool) -> Bool {
    isAlive(lease.container) || isRunning(lease.leaser)
  }

  private func removeLink(_ name: String) {
    try? Netlink.perform(.deleteLink(name))
  }

  /// Networks whose record is gone while something of them is still here.
  private func removeStrays(_ strays: [String]) throws(NetworkError) -> [String] {
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    defer { hold(lock) }
    return try sweep(strays)
  }

  /// The lock is held.
  private func sweep(_ strays: [String]) throws(NetworkError) -> [String] {
    let networks = try all()
    let bridges = Set(networks.map(\.bridge))
    return try describing("cannot take away what networks left") { () throws(Fault) in
      var healed: [String] = []
      var socket = try RouteSocket()
      for link in try socket.links()
      where link.kind == "bridge" && isOurBridge(link.name) && !bridges.contains(link.name) {
        try? socket.perform(.deleteLink(link.name), container: nil)
        healed.append("the bridge \(link.name)")
      }
      for name in strays where !networks.contains(where: { $0.name == name }) {
        try removeTree(runDirectory(name))
        healed.append("the remains of network \(name)")
      }
      if let update = try firewallUpdate(for: networks) {
        for step in update.steps { try Firewall.perform(step) }
        remember(update)
      }
      return healed
    }
  }
}
