internal import Kernel

extension RunRequest {
  /// A first process that is no init leaves zombies, and never gets a signal that it has no handler for
  /// (pid_namespaces(7)): such a one gets ours above it. One that is an init insists on being the first. In the host's
  /// processes it is not the first anyway.
  func needsInit(before program: String?) -> Bool {
    guard sharing.processes == .own, let program else { return false }
    return !Self.inits.contains(Path(program).name)
  }

  /// As they are called where they are packaged or copied into images.
  private static let inits: Set<String> = [
    "catatonit", "docker-init", "dumb-init", "finit", "init", "my_init", "openrc-init", "pid1", "podman-init", "runit",
    "runit-init", "s6-svscan", "s6-linux-init", "skiff-init", "systemd", "tini", "tini-static",
  ]
}
