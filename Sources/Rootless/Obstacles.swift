internal import Kernel

/// Why a user namespace was refused, with the line that mends it.
func obstacle(_ errno: Errno) -> String? {
  func is0(_ path: Path) -> Bool { (try? readText(path)) == "0" }
  if is0("/proc/sys/user/max_user_namespaces") {
    return "this host allows no user namespaces: sudo sysctl -w user.max_user_namespaces=15000"
  }
  if is0("/proc/sys/kernel/unprivileged_userns_clone") {
    return "this host keeps user namespaces for root: sudo sysctl -w kernel.unprivileged_userns_clone=1"
  }
  if (try? readText("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")) == "1" {
    return "AppArmor keeps user namespaces for programs that it knows: "
      + "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
  }
  switch errno {
  case .noSystemCall, .invalid: return "this kernel has no user namespaces (CONFIG_USER_NS)"
  case .notPermitted: return "a user in a changed root (chroot) or behind a seccomp filter makes no user namespace"
  case .noSpace: return "this user has as many user namespaces as are allowed: sysctl user.max_user_namespaces"
  default: return nil
  }
}
