internal import Containers
internal import Journal
internal import Kernel
internal import Networks

// `rename`: the record and the link that is the name. Who is killed on the way leaves two links to one container, of which
// the next command takes away the one that the record does not have. That it may have to is said by a file `<id>.renaming`
// beside the container's lock, which whoever renames holds locked: until then more links may come.

extension Engine {
  package func rename(_ word: String, to name: String) throws(Failure) {
    let identifier = try find(word)
    let files = store.files(of: identifier)
    guard isValidName(name) else {
      throw Failure(
        .usage, "\"\(name)\" is no container name", hint: "letters, digits, _ . and -, starting with a letter or digit")
    }
    let updating = try lockUpdates(files, word)
    defer { try? updating.borrowed.unlock() }
    var record = try record(of: identifier)
    let old = record.name
    guard old != name else {
      throw Failure(.conflict, "container \(word) has the name \(name) already")
    }
    let trace = try leaveTrace(of: identifier, word)
    defer { hold(trace) }
    // Whoever heals takes the trace of a container that is gone away: it may have been this one, before it was locked.
    guard !isLeaving(files) else {
      try? removeFile(renamingTrace(identifier))
      throw Failure(.notFound, "no such container: \(word)")
    }
    // Of one that is being removed meanwhile, the new name may be left: the next command looks at all names then.
    defer { if !isLeaving(files) { try? removeFile(renamingTrace(identifier)) } }
    try take(name, for: identifier)
    passKillSwitch("renaming", 0)
    record.name = name
    do throws(Fault) { try store.write(record, of: identifier) } catch {
      try? names.release(name, of: identifier)
      throw Failure("cannot rename container \(word)", error)
    }
    passKillSwitch("renaming", 1)
    try? names.release(old, of: identifier)
    if (try? containerState(of: identifier))?.status == .running {
      let hostname = hostname(of: identifier)
      for network in record.networks where !network.isPending {
        guard let attachment = network.attachment else { continue }
        // Away and back: its old name is nobody's then.
        try? networks.withdraw(record.identifier, from: attachment)
      }
      announce(record, hostname, files)
    }
    note(.rename, record, ["oldName": "/" + old])
  }

  /// symlink(2) gives a name to one of two that want it at once.
  private func take(_ name: String, for identifier: ContainerIdentifier) throws(Failure) {
    let target = Path(identifier.description)
    do throws(Fault) {
      do throws(Fault) { try makeSymbolicLink(names.path(of: name), to: target) } catch {
        guard error.errno == .exists else { throw error }
        // It may be free but for a container that waits to be healed.
        heal()
        try makeSymbolicLink(names.path(of: name), to: target)
      }
    } catch {
      guard error.errno == .exists else { throw Failure("cannot take the name \(name)", error) }
      throw Failure(
        .conflict, "the name \(name) is taken by container \(names.identifier(of: name)?.short ?? "another")",
        hint: "choose another name, or remove that one: skiff rm -f \(name)")
    }
  }

  /// Whether it is gone, or marked as being removed.
  private func isLeaving(_ files: ContainerFiles) -> Bool {
    !exists(files.directory) || ((try? status(of: files.lock, followLinks: false))?.size ?? 0) > 0
  }

  private static let renamingSuffix = ".renaming"
  private func renamingTrace(_ identifier: ContainerIdentifier) -> Path {
    state.locks.appending(identifier.description + Self.renamingSuffix)
  }

  private func leaveTrace(of identifier: ContainerIdentifier, _ word: String) throws(Failure) -> Descriptor {
    do throws(Fault) { return try openLock(renamingTrace(identifier)) } catch {
      throw Failure("cannot rename container \(word)", error)
    }
  }

  /// Names that a killed `rename` left.
  func healNames(_ given: [ContainerNames.Entry], _ traces: Set<String>) {
    var counts: [ContainerIdentifier: Int] = [:]
    for entry in given { counts[entry.identifier, default: 0] += 1 }
    var doubtful = Set(counts.lazy.filter { $0.value > 1 }.map(\.key))
    for trace in traces where trace.hasSuffix(Self.renamingSuffix) {
      if let identifier = ContainerIdentifier(String(trace.dropLast(Self.renamingSuffix.utf8.count))) {
        doubtful.insert(identifier)
      }
    }
    for identifier in doubtful { healNames(of: identifier) }
  }

  /// Of two links to one container the record knows the right one; of one that is no more, none is.
  private func healNames(of identifier: ContainerIdentifier) {
    let files = store.files(of: identifier)
    let isThere = exists(files.directory)
    // Whoever renames holds both, the directory and the trace.
    guard !isThere || !isLeaving(files),
      let held = try? open(isThere ? files.directory : renamingTrace(identifier), [.readOnly, .noFollow]),
      (try? held.borrowed.tryLock(.exclusive)) == true
    else { return }
    defer { hold(held) }
    var right: String?
    if isThere {
      guard let record = try? store.record(of: identifier) else { return }
      right = record.name
    }
    // As they are now: until the lock was ours, one more may have come.
    for entry in (try? names.all()) ?? [] where entry.identifier == identifier && entry.name != right {
      try? names.release(entry.name, of: identifier)
    }
    try? removeFile(renamingTrace(identifier))
  }
}
