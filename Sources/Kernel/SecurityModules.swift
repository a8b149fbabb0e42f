/// Which of the kernel's security modules that labels of processes are for is at work.
package struct SecurityModules: Hashable, Sendable {
  package var hasAppArmor: Bool
  package var hasSELinux: Bool
  package init(hasAppArmor: Bool = false, hasSELinux: Bool = false) {
    self.hasAppArmor = hasAppArmor
    self.hasSELinux = hasSELinux
  }

  /// What this kernel says of itself. SELinux that is compiled in and switched off has no file system.
  package static func current() -> SecurityModules {
    SecurityModules(
      hasAppArmor: (try? readText("/sys/module/apparmor/parameters/enabled"))?.hasPrefix("Y") == true,
      hasSELinux: exists("/sys/fs/selinux/enforce"))
  }
}
