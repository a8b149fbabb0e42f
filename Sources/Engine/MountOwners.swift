internal import Containers
internal import Kernel
internal import Privileges
internal import Rooted
internal import Steps

// The option `U` of `-v`, podman's: what is mounted belongs to the container's user from now on.

extension Engine {
  /// Directories of the host whose owners other programs count on, with all above them.
  private static let guarded: Set<Path> = [
    "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin", "/srv",
    "/sys",
    "/tmp", "/usr", "/var", "/var/lib", "/var/log",
  ]

  /// - Throws: for a directory of the system.
  func changeOwner(of mount: MountRecord, _ context: MountContext) throws(Failure) {
    let source = Path(mount.source).lexicallyNormal
    guard source != "/", !Self.guarded.contains(source) else {
      throw Failure(
        .usage, "\(source) is a directory of the system, and its owner is not changed",
        hint: "leave out U, or mount a directory below it")
    }
    guard let user = hostIdentifier(context.user.user, context.userNamespace?.users),
      let group = hostIdentifier(context.user.group, context.userNamespace?.groups)
    else { throw Failure(.usage, "the user \(context.user.user) of the container is none of the host's here") }
    // A volume's owners are shifted when it is mounted, so on the disk they are the container's own.
    let isShifted = mount.kind == .volume
    do throws(Fault) {
      let top = try open(source, [.path])
      try chown(top.borrowed, isShifted ? context.user.user : user, isShifted ? context.user.group : group)
    } catch { throw Failure("cannot change the owner of \(source)", error) }
  }

  private func hostIdentifier(_ own: UInt32, _ maps: [IdentifierMap]?) -> UInt32? {
    guard let maps else { return own }
    return maps.first { own >= $0.container && own - $0.container < $0.count }.map { own - $0.container + $0.host }
  }

  /// On descriptors, and never through a link: another container may be at work in there.
  private func chown(_ top: BorrowedDescriptor, _ user: UInt32, _ group: UInt32) throws(Fault) {
    try setOwner(of: "", at: top, user: user, group: group)
    guard try status(of: top).kind == .directory else { return }
    var waiting = [Path(".")]
    let root = Root(try open(".", [.path, .directory], at: top))
    while let path = waiting.popLast() {
      let directory: Descriptor
      do throws(Fault) { directory = try root.open(path, [.readOnly, .directory, .noFollow]) } catch {
        if [.noSuchFile, .notDirectory, .tooManyLinks].contains(error.errno) { continue }
        throw error
      }
      for entry in try entries(of: directory.borrowed) {
        do throws(Fault) {
          let status = try status(of: entry.name, at: directory.borrowed, followLinks: false)
          if status.owner != user || status.group != group {
            try setOwner(of: entry.name, at: directory.borrowed, user: user, group: group)
          }
          if status.kind == .directory { waiting.append(path == "." ? entry.name : path.appending(entry.name)) }
        } catch { if error.errno != .noSuchFile { throw error } }
      }
    }
  }
}
