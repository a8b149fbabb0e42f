internal import Cgroups
internal import Containers
internal import Kernel
internal import Planning
internal import Rootless
internal import RuntimeSpec
internal import Steps
internal import Systemd

// An ordinary user's control groups: below a group of v2 that somebody with the right to it handed over.
//
//   the user's systemd → a scope for the supervisor ─┬─ skiff-leaf   the supervisor and what it started
//                                                    └─ skiff/ID     the container, with its limits
//   no systemd         → the group that the command is in, when that is the user's: the same two in there

extension Engine {
  func delegation(_ layout: CgroupLayout, of container: ContainerIdentifier? = nil) -> GroupDelegation {
    let user = userOfHost()
    return GroupDelegation(layout, of: container, user: user, name: userName(of: user) ?? "\(user)")
  }

  /// Puts the container's group into the request: where it is, and how to get there. Nothing where the user has none, as long
  /// as nobody asked for a limit.
  func placeGroup(
    of record: ContainerRecord, _ files: ContainerFiles, in request: inout LaunchRequest
  ) throws(Failure) {
    let name = GroupDelegation.scope(of: files.identifier)
    let group: HandedGroup
    var entry: [CgroupStep] = []
    var scope: String?
    let delegation = delegation(request.layout, of: files.identifier)
    switch delegation {
    case .none(let reason, let cure):
      if request.asksForLimits { throw lackingGroups("a limit", reason, cure) }
      return
    case .manager(let manager, let layout):
      guard let unified = layout.unified else { return }
      group = HandedGroup(base: manager.appending("user.slice").appending(Path(name)), in: unified)
      entry.append(.enterScope(SystemdUnit(delegated: name, description: "skiff container \(record.name)")))
      scope = name
    case .scope(let handed, _):
      group = handed
      scope = name
    case .group(let handed, _): group = handed
    }
    request.layout = delegation.layout ?? request.layout
    request.layout.unified?.base = group.base
    request.group = cgroupName(of: record)
    entry.append(.vacate(group.leaf.parent, into: group.leaf))
    let place = group.base.string + "\n" + (scope ?? "")
    request.entry = [.file(.writeFile(files.handedGroup, contents: Array(place.utf8), mode: 0o600))]
    request.entry += entry.map(Step.cgroup)
  }

  /// The container's group, where it is; nil where it has none of its own.
  func group(of identifier: ContainerIdentifier, in layout: CgroupLayout) -> Cgroup? {
    if isRootOfHost() { return Cgroup(group: cgroupName(of: identifier), layout: layout) }
    guard let lines = handedPlace(of: identifier), let base = lines.first else { return nil }
    let place = GroupPlace(group: cgroupName(of: identifier), bases: ["": base])
    guard layout.kind == .v2, let group = try? Cgroup(place, layout: layout), group.exists else { return nil }
    return group.whereItIs()
  }

  /// The scope that an ordinary user's container is in, where systemd made it one.
  func ownScope(of identifier: ContainerIdentifier) -> ExecPlan.Scope? {
    guard !isRootOfHost(), let lines = handedPlace(of: identifier), lines.count > 1, !lines[1].isEmpty else {
      return nil
    }
    return ExecPlan.Scope(name: lines[1], subgroup: "/" + cgroupName(of: identifier))
  }

  private func handedPlace(of identifier: ContainerIdentifier) -> [String]? {
    guard let text = try? readText(store.files(of: identifier).handedGroup, limit: 8192) else { return nil }
    return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  // MARK: - What is refused

  /// Before anything is made: limits of which no group can be told.
  func checkLimits(_ resources: ResourceRequest, _ what: String) throws(Failure) {
    if isRootOfHost() { return }
    switch delegation(try layout()) {
    case .none(let reason, let cure): throw lackingGroups(what, reason, cure)
    case .manager(_, let layout), .scope(_, let layout), .group(_, let layout):
      do throws(CgroupError) { _ = try layout.plan(for: Resources(resources), group: Self.usualGroup) } catch {
        throw Failure(.host, "\(error)", hint: error.hint)
      }
    }
  }

  /// The container has no group: the words for why, by what it was to be for.
  func requireGroup(of identifier: ContainerIdentifier, _ what: String) throws(Failure) -> Cgroup {
    let layout = try layout()
    if let group = group(of: identifier, in: layout) { return group }
    switch delegation(layout) {
    case .none(let reason, let cure): throw lackingGroups(what, reason, cure)
    default:
      throw Failure(
        .host, "\(what) takes a control group of the container's own, and it was started without one",
        hint: "start it again: skiff restart \(identifier.short)")
    }
  }

  private func lackingGroups(_ what: String, _ reason: String, _ cure: String) -> Failure {
    Failure(
      .host, "\(what) takes a control group of the container's own: \(reason)",
      hint: "\(cure); or leave it out, or run it with sudo")
  }
}
