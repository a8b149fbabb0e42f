internal import CKernel

// Who a process is (credentials(7)). The raw calls change the calling thread alone, where the C library would chase every
// thread of the process; callers here are single-threaded, between clone and exec.

/// setgroups(2): the supplementary groups become exactly `groups`. EPERM in a user namespace that denies it.
package func setSupplementaryGroups(_ groups: [UInt32]) throws(Fault) {
  _ = try groups.withAddress { (base) throws(Fault) in
    try systemCall(
      "setgroups", Int(SYS_setgroups), groups.count, base,
      arguments: "\(groups.count), [\(groups.map(String.init).joined(separator: ", "))]")
  }
}

/// getgroups(2).
package func supplementaryGroups() throws(Fault) -> [UInt32] {
  // NGROUPS_MAX of Linux.
  var groups = [UInt32](repeating: 0, count: 65_536)
  let room = groups.count
  let count = try groups.withMutableAddress { (base) throws(Fault) in
    try systemCall("getgroups", Int(SYS_getgroups), room, base)
  }
  return Array(groups[..<count])
}

/// setresuid(2): real, effective and saved id, so that none of them can be taken back.
package func setUser(_ user: UInt32) throws(Fault) {
  let id = Int(user)
  _ = try systemCall("setresuid", Int(SYS_setresuid), id, id, id, arguments: "\(user), \(user), \(user)")
}

/// setresgid(2): real, effective and saved id.
package func setGroup(_ group: UInt32) throws(Fault) {
  let id = Int(group)
  _ = try systemCall("setresgid", Int(SYS_setresgid), id, id, id, arguments: "\(group), \(group), \(group)")
}
