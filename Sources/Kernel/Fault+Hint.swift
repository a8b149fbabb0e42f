extension Fault {
  /// The same with what to do about it, unless that is said already.
  package func hinted(_ hint: @autoclosure () -> String?) -> Fault {
    var fault = self
    fault.hint = fault.hint ?? hint()
    return fault
  }

  /// What to do about an errno whose cause is nearly always the same.
  package var usualHint: String? {
    switch errno {
    case .noSpace: "the disk is full: free some space, or keep Skiff's state elsewhere with --root"
    case .overQuota: "the disk quota is used up"
    case .readOnlyFileSystem: "the file system is mounted read-only: keep Skiff's state elsewhere with --root"
    case .notPermitted, .accessDenied:
      switch effectiveUser() {
      case 0 where isRootOfHost():
        "the host withholds this right from root too (a container, a seccomp filter or a missing capability)"
      case 0: "an ordinary user has this right only over what is his own: run it with sudo"
      default: "this needs root: run it with sudo"
      }
    case .tooManyOpenFiles: "raise the limit on open files (ulimit -n)"
    case .noSystemCall: "this kernel or a seccomp filter lacks the call; Skiff needs Linux 5.14 or newer"
    default: nil
    }
  }
}
