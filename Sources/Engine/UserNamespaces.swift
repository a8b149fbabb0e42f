// What cannot go together with `--userns`. The kernel asks for rights over the namespace's owner, which the root of another
// user namespace has not; docker refuses the same.

extension Engine {
  func checkUserNamespace(of request: RunRequest) throws(Failure) {
    guard request.userNamespace != nil else { return try refuseMappedMounts(request.mounts) }
    if request.network == .host {
      throw Failure(
        .usage, "--userns does not go with --network host: the container's root has no rights over the host's network",
        hint: "use --network bridge or none, or leave out --userns")
    }
    if case .container(let name) = request.network {
      throw Failure(
        .usage, "--userns does not go with --network container:\(name): its network belongs to another user namespace",
        hint: "put both on one network by name (skiff network create), or leave out --userns")
    }
    switch request.sharing.processes {
    case .own: break
    case .host:
      throw Failure(
        .usage, "--userns does not go with --pid host: the container's root may not mount proc of the host's processes",
        hint: "leave out one of the two")
    case .container(let name):
      throw Failure(
        .usage, "--userns does not go with --pid container:\(name): its processes belong to another user namespace",
        hint: "leave out one of the two")
    }
    if case .container(let name) = request.sharing.ipc {
      throw Failure(
        .usage, "--userns does not go with --ipc container:\(name): its memory belongs to another user namespace",
        hint: "leave out one of the two")
    }
  }

  /// Owners are shifted to the ids of a user namespace, so there must be one.
  private func refuseMappedMounts(_ mounts: [MountRequest]) throws(Failure) {
    for mount in mounts where mount.options.contains("idmap") {
      throw Failure(
        .usage, "the mount at \(mount.target) asks for idmap, and the container has no user namespace",
        hint: "add --userns auto, or leave out idmap")
    }
  }
}
