internal import Kernel
internal import RuntimeSpec
internal import Steps

// Namespaces that are there already, the ids of a user namespace, and clocks.

extension PlanCompiler {
  // MARK: - Joining

  /// Whether the clone has to come from inside of what is joined. A namespace of the host's own is out of reach from within a
  /// new user namespace, and so is entered before that is made.
  var passes: Bool {
    joined.contains { $0.namespace == .user || $0.namespace == .process } || created.contains(.user) && !joined.isEmpty
  }

  /// The user namespace last: a privileged process reaches all the others from outside, those that belong to it and those
  /// that belong to the host. An ordinary user reaches any only from within it. The mount namespace comes after all that is
  /// still found by its paths.
  func joins() -> [Step] {
    let user = joined.filter { $0.namespace == .user }
    let mount = joined.filter { $0.namespace == .mount }
    let others = joined.filter { $0.namespace != .user && $0.namespace != .mount }
    let ordered = request.rootless == nil ? others + mount + user : user + others + mount
    return ordered.map { .process(.joinNamespace($0.namespace, $0.path)) }
  }

  /// What the container changes in a namespace must not be the host's.
  func joinedNamespaces() -> [JoinedNamespace] {
    joined.map { namespace, path in
      var danger: String?
      switch namespace {
      case .mount: danger = "the container's root would take the place of the host's"
      case .uts where spec.hostname != nil || spec.domainname != nil: danger = "the host would be renamed"
      case .network where !linux.netDevices.isEmpty: danger = "devices cannot be moved to where they are"
      default: break
      }
      if danger == nil, linux.sysctl.keys.contains(where: { Self.namespace(ofSysctl: $0) == namespace }) {
        danger = "kernel parameters of the host would change"
      }
      return JoinedNamespace(namespace, path, danger: danger)
    }
  }

  /// Before the hooks, which may look for them. In the order of their names, for the configuration has none.
  func movedLinks() -> [Step] {
    linux.netDevices.sorted { $0.key < $1.key }.map { name, device in
      .network(.moveLink(LinkMove(name, to: device.name ?? name)))
    }
  }

  // MARK: - Ids

  /// The program's user must be somebody in there, and so must root, who builds the container.
  func checkIdentifiers() throws(PlanningError) {
    if let rootless = request.rootless { try checkRootless(rootless) }
    guard created.contains(.user) else { return }
    let user = process.user
    let users = try maps(linux.uidMappings, "linux.uidMappings")
    try require(user.uid, in: users, "process.user.uid", "linux.uidMappings")
    let groups = try maps(linux.gidMappings, "linux.gidMappings")
    try require(user.gid, in: groups, "process.user.gid", "linux.gidMappings")
    for (index, group) in user.additionalGids.enumerated() {
      try require(group, in: groups, "process.user.additionalGids[\(index)]", "linux.gidMappings")
    }
  }

  private func checkRootless(_ identity: HostIdentity) throws(PlanningError) {
    guard hasUserNamespace else {
      throw PlanningError(
        "linux.namespaces", "a user namespace is missing: user \(identity.user) may make no container without one",
        hint: "`skiff oci spec --rootless` writes a configuration that has it")
    }
    guard process.user.additionalGids.isEmpty || writer == .helpers else {
      throw PlanningError(
        "process.user.additionalGids", "an ordinary user may give a container no further groups",
        hint: "remove them, or map ranges of /etc/subgid")
    }
  }

  private func maps(_ list: [Spec.IDMapping], _ path: String) throws(PlanningError) -> [IdentifierMap] {
    guard list.contains(where: { $0.containerID == 0 && $0.size > 0 }) else {
      throw PlanningError(
        path, list.isEmpty ? "is missing: the user namespace would have nobody" : "id 0 is not mapped")
    }
    return identifierMaps(list)
  }

  private func require(
    _ identifier: UInt32, in maps: [IdentifierMap], _ path: String, _ list: String
  ) throws(PlanningError) {
    guard maps.contains(where: { identifier >= $0.container && identifier - $0.container < $0.count }) else {
      throw PlanningError(path, "\(identifier) is nobody in the user namespace", hint: "map it in \(list)")
    }
  }

  func identifierMaps() -> [Step] {
    guard created.contains(.user) else { return [] }
    let (users, groups) = (identifierMaps(linux.uidMappings), identifierMaps(linux.gidMappings))
    return [.process(.mapIdentifiers(users: users, groups: groups, by: writer))]
  }

  func identifierMaps(_ list: [Spec.IDMapping]) -> [IdentifierMap] {
    list.map { IdentifierMap(container: $0.containerID, host: $0.hostID, count: $0.size) }
  }

  /// An ordinary user may map its own two ids. For all else there are the helpers.
  private var writer: MapWriter {
    guard let rootless = request.rootless else { return .parent }
    func isOwn(_ maps: [Spec.IDMapping], _ identifier: UInt32) -> Bool {
      maps.count == 1 && maps[0].size == 1 && maps[0].hostID == identifier
    }
    return isOwn(linux.uidMappings, rootless.user) && isOwn(linux.gidMappings, rootless.group) ? .owner : .helpers
  }

  // MARK: - Clocks

  /// The offsets are written before any process is in the namespace, so it cannot be made by the clone.
  func clocks() throws(PlanningError) -> [Step] {
    guard created.contains(.time) else {
      guard linux.timeOffsets.isEmpty else {
        throw PlanningError("linux.timeOffsets", "stands there without a time namespace to make")
      }
      return []
    }
    var offsets: [ClockOffset] = []
    for (clock, offset) in linux.timeOffsets.sorted(by: { $0.key < $1.key }) {
      guard clock == "monotonic" || clock == "boottime" else {
        throw PlanningError("linux.timeOffsets.\(clock)", "is no clock of a time namespace: monotonic and boottime are")
      }
      guard offset.nanosecs < 1_000_000_000 else {
        throw PlanningError("linux.timeOffsets.\(clock).nanosecs", "\(offset.nanosecs) is a second or more")
      }
      offsets.append(ClockOffset(clock: clock, seconds: offset.secs, nanoseconds: offset.nanosecs))
    }
    return [.process(.enterTimeNamespace(offsets))]
  }
}
