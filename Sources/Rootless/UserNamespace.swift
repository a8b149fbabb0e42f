package import Kernel
internal import Launching

// One user namespace for all that a user does, because whoever is in another one can neither enter his containers nor see
// who owns their files. Nobody keeps it: it lives while a supervisor, a container or a command of his is in it, and the
// next command makes a new one, with the same maps.
//
//   reader   flock(SH) → record: a process of it that lives? → setns → unlock
//   maker    flock(EX) → record, then all of /proc: does anybody live in it? → setns, else clone → maps → setns → record
//
// Who is about to enter holds the lock, so that a maker, who holds it alone, finds everybody in /proc.

/// Makes this process root of the caller's user namespace, in a mount namespace of its own. Does nothing for root.
///
/// The caller has one thread. Its working directory and what it has open stay what they were.
///
/// - Parameter run: the user's directory of what dies with a boot; it is there.
package func enterUserNamespace(keepingRecordIn run: Path) throws(Fault) {
  let caller = Caller.current
  guard caller.isOrdinary else { return }
  let lock = try openLock(run.appending("namespace.lock"), .shared)
  var record = NamespaceRecord(in: run)
  if let namespace = record.namespaceOfHolder(for: caller) {
    try join(namespace.borrowed)
  } else {
    // flock(2) gives up the shared lock first, so that two who do this do not wait for each other; and what was seen under
    // it has to be looked at again.
    try lock.borrowed.lock(.exclusive)
    record = NamespaceRecord(in: run)
    if let namespace = record.namespaceOfHolder(for: caller) ?? record.search(for: caller) {
      try join(namespace.borrowed)
    } else {
      let made = try makeNamespace(IdentifierChoice(for: caller))
      try join(made.borrowed)
    }
    try NamespaceRecord.write(in: run)
  }
  try lock.borrowed.unlock()
  // The kernel makes of what the host shares a slave there: mounts are heard of, and none is told.
  do throws(Fault) { try unshare(.mount) } catch { throw error.hinted(obstacle(error.errno)) }
}

private func join(_ namespace: BorrowedDescriptor) throws(Fault) {
  try joinNamespace(namespace, .user)
  // Whoever changes its user namespace to one that it owns stays dumpable; its ids are the same to the host.
  guard effectiveUser() == 0 else {
    throw Fault(
      "setns", .notPermitted, arguments: "CLONE_NEWUSER", hint: "the user namespace does not map this user to root")
  }
}

/// Its maps only somebody outside of it may write.
private func makeNamespace(_ choice: IdentifierChoice) throws(Fault) -> Descriptor {
  do throws(Fault) {
    return try withHolder(of: .user) { (holder) throws(Fault) in
      let namespace = try openNamespace("/proc/\(holder)/ns/user")
      try writeMaps(of: holder, users: choice.users, groups: choice.groups, by: choice.writer)
      return namespace
    }
  } catch { throw error.hinted(error.hint ?? obstacle(error.errno)) }
}
