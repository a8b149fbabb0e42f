extension Fault {
  /// What to do about an errno whose cause is nearly always the same.
  package var usualHint: String? {
    switch errno {
    case .noSpace: "the disk is full: free some space, or keep Skiff's state elsewhere with --root"
    case .overQuota: "the disk quota is used up"
    case .readOnlyFileSystem: "the file system is mounted read-only: keep Skiff's state elsewhere with --root"
    case .notPermitted, .accessDenied:
      effectiveUser() == 0
        ? "the host withholds this right from root too (a container, a seccomp filter or a missing capability)"
        : "this needs root: run it with sudo"
    case .tooManyOpenFiles: "raise the limit on open files (ulimit -n)"
    case .noSystemCall: "this kernel or a seccomp filter lacks the call; Skiff needs Linux 5.14 or newer"
    default: nil
    }
  }
}
