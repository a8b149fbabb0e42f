internal import Firewall
package import Kernel
internal import Netlink

// While containers run, one of their supervisors hears of every change to links and rules (Monitoring/WatchPost.swift). It
// asks `isAsLeft`, which is short, and where that says no, a process of its own calls `repair`.

extension NetworkStore {
  /// Where the supervisors agree on who watches.
  package var watchPost: Path { run.appending(".watch") }

  /// Whether nobody has changed a rule since we last looked, and the bridges of running containers are up.
  ///
  /// - Parameter atEveryCable: whether to look for one that was renamed as well. Who listens to the kernel need not: a change
  ///   that makes it worth while is one that `mayBeRenamed` knows.
  package func isAsLeft(atEveryCable: Bool) -> Bool {
    do throws(Fault) {
      let used = try usedNetworks()
      guard !used.isEmpty else { return true }
      guard let state = try readFirewallState() else { return false }
      var rules = try FirewallSocket()
      guard try rules.generation() == state.generation else { return false }
      var links = try RouteSocket()
      for name in used {
        guard let network = try? read(name), network.driver == .bridge else { continue }
        guard let bridge = try links.link(network.bridge), bridge.isUp else { return false }
        guard atEveryCable, try mayHaveRenamedCables(on: bridge.index, &links) else { continue }
        guard try renamedCables(cables(on: used)).isEmpty else { return false }
      }
      return true
    } catch { return false }
  }

  /// Makes what containers that run have lost: bridges with their cables, addresses, rules. What somebody else did at the same
  /// moment is seen under the networks' lock.
  ///
  /// - Returns: whether anything had to be made.
  package func repair() throws(NetworkError) -> Bool {
    let used = try describing("cannot list the networks") { () throws(Fault) in try usedNetworks() }
    // First: a bridge that is made anew takes up its cables by their names.
    var hasRepaired = try describing("cannot give cables their names") { () throws(Fault) in
      try restoreNames(of: cables(on: used))
    }
    for name in used {
      guard let network = try read(name), try !isReady(network) else { continue }
      _ = try perform(prepare(name))
      hasRepaired = true
    }
    return hasRepaired
  }

  /// Networks on which an address is leased.
  private func usedNetworks() throws(Fault) -> [String] {
    var used: [String] = []
    for name in try runningNames() where try hasEntries(leases(name)) { used.append(name) }
    return used
  }
}
