package import Kernel
internal import Steps

// `debug`: the same program beside the container's root instead of in it.
//
// ```
//   /                   the toolbox: the host's own tools and their libraries, read-only
//   /container          the container's root, with all that is mounted below it
//   /proc /sys /dev     the container's
//   /etc/hosts …        the container's, read-only
//   /tmp                empty, gone with the last process
// ```
// All of it is in a mount namespace that begins as a copy of the container's: the container never sees the toolbox, and no
// directory is made in its root for it.

extension ExecPlan {
  /// Where the container's root is seen.
  package static var containerPlace: Path { "/container" }
  /// Files by which names, of machines and of users, are found as the container finds them. The toolbox has each of them.
  package static var sharedFiles: [Path] {
    ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/passwd", "/etc/group"]
  }

  package mutating func enterToolbox() {
    var steps: [Step] = [
      .process(.unshare(.mount)), .mount(.setPropagation(.private)),
      .mount(.enterToolbox(container: Self.containerPlace)),
    ]
    for path in ["/proc", "/sys", "/dev"] as [Path] {
      steps.append(.mount(.share(path, isDirectory: true, of: Self.containerPlace)))
    }
    for path in Self.sharedFiles { steps.append(.mount(.share(path, isDirectory: false, of: Self.containerPlace))) }
    steps.append(
      .mount(
        .mount(
          FileSystemMount(
            type: "tmpfs", source: "tmpfs", target: "/tmp", attributes: [.noSetUserId, .noDevices],
            options: ["mode=1777"]))))
    // In a user namespace the process is nobody until it has become its root.
    var first = 0
    if case .process(.setUser)? = finishing.first { first = 1 }
    finishing.insert(contentsOf: steps, at: first)
  }
}
