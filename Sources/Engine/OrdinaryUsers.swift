internal import Containers
internal import Kernel
package import Networks
internal import Planning
internal import Privileges
internal import Rootless
internal import RuntimeSpec

// What an ordinary user's engine does otherwise. All of it happens in a user namespace of his, where he is root.

extension Engine {
  /// Enters the caller's user namespace. Does nothing for root, and for who has entered it already.
  package func becomeRoot() throws(Failure) {
    guard Caller.current.isOrdinary, effectiveUser() != 0 else { return }
    do throws(Fault) { try makeOwnDirectory(state.run) } catch {
      throw Failure("cannot keep state in \(state.run)", error).hintedElsewhere(error)
    }
    do throws(Fault) { try enterUserNamespace(keepingRecordIn: state.run) } catch {
      throw Failure("cannot become root of a user namespace", error)
    }
  }
}

extension Failure {
  /// Where an ordinary user may not make a directory, sudo is no cure: the state would be root's, or somebody else's.
  func hintedElsewhere(_ fault: Fault) -> Failure {
    var failure = self
    if Caller.current.isOrdinary, [.accessDenied, .notPermitted].contains(fault.errno), fault.hint == nil {
      failure.hint = "keep it in a directory of yours, with --root and --state"
    }
    return failure
  }
}

extension Engine {
  /// Who the program runs as has to be somebody.
  func checkIdentifiers(of user: ResolvedUser) throws(Failure) {
    guard !isRootOfHost(), let space = try? IdentifierSpace() else { return }
    if space.has(user: user.user), ([user.group] + user.supplementary).allSatisfy(space.has(group:)) { return }
    throw Failure(
      .usage,
      "user \(user.user):\(user.group) is nobody in this user's namespace, which has "
        + (space.isSingle ? "one id alone" : "fewer ids"),
      hint: "give this user more: \(lineForMoreIdentifiers(of: .current)), and stop his containers once")
  }

  /// What is refused an ordinary user by name, before anything is made.
  func checkOrdinaryUser(_ request: RunRequest) throws(Failure) {
    guard !isRootOfHost() else { return }
    if request.userNamespace != nil {
      throw Failure(
        .usage, "--userns does not go with an ordinary user: the container is in this user's namespace already",
        hint: "leave it out: its root is this user, and no other process of the host")
    }
    if request.cgroupParent != nil {
      throw Failure(
        .usage, "--cgroup-parent does not go with an ordinary user: the group is where this user may make one",
        hint: "leave it out, or run it with sudo")
    }
    if request.resources != ResourceRequest() || request.memorySwappiness != nil || !request.deviceRates.isEmpty
      || request.disablesOOMKiller
    {
      try checkLimits(request.resources, "a limit")
    }
  }
}

extension Engine {
  /// The default network of who may make none, by that name too.
  func isForwarded(_ request: NetworkRequest) -> Bool {
    switch request {
    case .bridge: !isRootOfHost()
    case .named(let mode): !isRootOfHost() && ForwarderProgram(mode: mode) != nil
    default: false
    }
  }

  /// Links, addresses and programs of the host are root's.
  func refuseHostNetworks(_ request: NetworkRequest) throws(Failure) {
    if case .named(let mode) = request, ForwarderProgram(mode: mode) != nil, isRootOfHost(),
      (try? networks.read(mode)) ?? nil == nil
    {
      throw Failure(
        .usage, "--network \(mode) is an ordinary user's way out",
        hint: "leave it out: root's containers are on a bridge")
    }
    guard case .plugins = request, !isRootOfHost() else { return }
    throw Failure(
      .host, "networks of CNI need root: its programs change the host's links",
      hint: "leave --network out for pasta, make a network with skiff network create, or run it with sudo")
  }

  /// A macvlan is on a link of the host.
  package func refuseParents(of driver: Network.Driver) throws(Failure) {
    guard driver == .macvlan, !isRootOfHost() else { return }
    throw Failure(
      .host, "a macvlan needs root: it is on a link of the host", hint: "use the driver bridge, or run it with sudo")
  }
}

extension LaunchRequest {
  /// Leaves out what a user namespace cannot have.
  mutating func adaptToUserNamespace() {
    isInUserNamespace = true
    // The kernel lets root of the host alone decide about devices; others have the nodes that are bound for them.
    spec.linux?.resources?.devices = []
    guard let space = try? IdentifierSpace() else { return }
    if space.isSingle { spec.process?.leaveGroupsAlone() }
    guard !space.has(group: 5) else { return }
    // Terminals then belong to the group of root.
    for index in spec.mounts.indices where spec.mounts[index].type == "devpts" {
      spec.mounts[index].options.removeAll { $0 == "gid=5" }
    }
  }
}

extension Spec.Process {
  /// Who mapped his own id without help gave up setgroups(2) for it: a group can be what a file is kept from.
  mutating func leaveGroupsAlone() { user.additionalGids = [] }
}
