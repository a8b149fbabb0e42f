internal import CKernel

/// setsid(2): a new session without a controlling terminal.
package func startSession() throws(Fault) {
  _ = try systemCall("setsid", Int(SYS_setsid))
}

/// setpgid(2) on the caller: a process group of its own.
package func startProcessGroup() throws(Fault) {
  _ = try systemCall("setpgid", Int(SYS_setpgid), 0, 0)
}

/// TIOCSPGRP: the caller's process group gets what is typed at its controlling terminal.
package func takeForeground(of terminal: BorrowedDescriptor) throws(Fault) {
  var group = [processIdentifier()]
  _ = try group.withMutableAddress { (base) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), terminal.argument, Int(TIOCSPGRP), base, arguments: "\(terminal.description), TIOCSPGRP")
  }
}

/// PR_SET_CHILD_SUBREAPER: orphans below this process become its children and not those of PID 1.
package func becomeSubreaper() throws(Fault) {
  _ = try systemCall("prctl", Int(SYS_prctl), Int(PR_SET_CHILD_SUBREAPER), 1, arguments: "PR_SET_CHILD_SUBREAPER, 1")
}

/// PR_SET_NAME: what ps and /proc/PID/comm show; 15 bytes of it.
package func setProcessName(_ name: Path) {
  _ = try? name.withAddress { (address) throws(Fault) in
    try systemCall("prctl", Int(SYS_prctl), Int(PR_SET_NAME), address)
  }
}
