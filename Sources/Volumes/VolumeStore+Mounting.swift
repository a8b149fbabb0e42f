package import Kernel

// A volume with options is mounted when its first container starts and unmounted after its last one has ended.
//
// ```
// run/volumes/NAME/CONTAINER    an empty file for each that uses it
// ```
// Whether it is mounted the kernel is asked, never a counter; a file is there before the mount is, and goes before it
// does, each under the volume's lock. Who is killed in between leaves a file, and whoever finds its container without a
// supervisor takes it away as that one would have.

extension VolumeStore {
  /// Mounts the volume for a container, unless it is mounted already; nothing for one without options.
  ///
  /// - Throws: ENOENT when there is no such volume.
  package func mount(_ name: String, for user: String) throws(Fault) {
    let record = try read(name)
    guard !record.options.isEmpty else { return }
    let lock = try locked(name)
    defer { hold(lock) }
    try mount(name, record, for: user)
  }

  /// Lets go of all that a container uses. The last one unmounts.
  package func unmountAll(for user: String) throws(Fault) {
    var first: Fault?
    for entry in (try? entries(of: run)) ?? [] where exists(run.appending(entry.name).appending(user)) {
      do throws(Fault) {
        let lock = try locked(entry.name.string)
        defer { hold(lock) }
        try unmount(entry.name.string, for: user)
      } catch { first = first ?? error }
    }
    if let first { throw first }
  }

  private func locked(_ name: String) throws(Fault) -> Descriptor {
    let directory = try open(root.appending(name), [.readOnly, .directory, .noFollow])
    // Those that hold a volume for a container in the making have a shared lock on the directory itself.
    return try openLock(".lock", at: directory.borrowed)
  }

  /// The lock is held.
  private func mount(_ name: String, _ record: VolumeRecord, for user: String) throws(Fault) {
    let options: VolumeOptions
    do throws(VolumeOptions.Refusal) { options = try VolumeOptions(record.options) } catch {
      throw Fault("mount", .invalid, arguments: "volume \(name): \(error.reason)", hint: error.hint)
    }
    let users = run.appending(name)
    try makeDirectories(users, mode: 0o700)
    _ = try open(users.appending(user), [.writeOnly, .create, .noFollow], mode: 0o600)
    passKillSwitch("volume", 0)
    let data = mountpoint(of: name)
    if isMounted(data) { return }
    do throws(Fault) { try options.mount(on: data) } catch {
      try? removeFile(users.appending(user))
      try? removeDirectory(users)
      throw error
    }
    passKillSwitch("volume", 1)
  }

  /// The lock is held.
  private func unmount(_ name: String, for user: String) throws(Fault) {
    let users = run.appending(name)
    do throws(Fault) { try removeFile(users.appending(user)) } catch {
      if error.errno != .noSuchFile { throw error }
    }
    passKillSwitch("volume", 2)
    guard try entries(of: users).isEmpty else { return }
    try unmountData(of: name)
    passKillSwitch("volume", 3)
    try removeDirectory(users)
  }

  /// - Throws: EBUSY when something is mounted there all the same.
  func unmountData(of name: String) throws(Fault) {
    let data = mountpoint(of: name)
    var rounds = 0
    while isMounted(data) {
      guard rounds < 16 else { throw Fault("umount2", .busy, arguments: data.quoted) }
      rounds += 1
      // Whoever stands in it keeps what they have open.
      try Kernel.unmount(data)
    }
  }

  private func isMounted(_ data: Path) -> Bool {
    guard let top = try? status(of: data, followLinks: false), let above = try? status(of: data.parent) else {
      return false
    }
    return top.mountIdentifier != above.mountIdentifier
  }

  /// Who this process is among the users of a volume, where it is no container.
  package static var commandName: String { "command.\(processIdentifier())" }

  private func removeDeadCommands(of users: Path) {
    for entry in (try? entries(of: users)) ?? [] {
      let parts = entry.name.string.split(separator: ".")
      guard parts.count == 2, parts[0] == "command", let process = Int32(parts[1]), !isRunning(process) else {
        continue
      }
      try? removeFile(users.appending(entry.name))
    }
  }

  /// Volumes that are mounted although no file says for whom: a command was killed between the two.
  func unmountForgotten() {
    for entry in (try? entries(of: run)) ?? [] { removeDeadCommands(of: run.appending(entry.name)) }
    for entry in (try? entries(of: run)) ?? [] where (try? entries(of: run.appending(entry.name)))?.isEmpty == true {
      guard let lock = try? locked(entry.name.string) else {
        try? removeDirectory(run.appending(entry.name))
        continue
      }
      defer { hold(lock) }
      guard (try? entries(of: run.appending(entry.name)))?.isEmpty == true else { continue }
      try? unmountData(of: entry.name.string)
      try? removeDirectory(run.appending(entry.name))
    }
  }
}

extension VolumeOptions {
  /// mount(2), as docker's driver calls it: its one string of options is what people write.
  func mount(on data: Path) throws(Fault) {
    do throws(Fault) {
      guard isBind else {
        return try Kernel.mount(source: Path(device), on: data, type: Path(type), flags: flags, data: Path(dataText))
      }
      try Kernel.mount(
        source: Path(device), on: data, flags: isRecursive ? [.bind, .recursive] : .bind)
      // A bind takes the options of what it binds; its own come second.
      guard !flags.isEmpty else { return }
      do throws(Fault) { try Kernel.mount(source: "", on: data, flags: flags.union([.bind, .remount])) } catch {
        try? Kernel.unmount(data)
        throw error
      }
    } catch {
      var fault = error
      fault.hint = fault.hint ?? hint(error.errno)
      throw fault
    }
  }

  private func hint(_ errno: Errno) -> String? {
    switch errno {
    case .noSuchDevice: "this kernel has no file system \(type): modprobe \(type), if its module is there"
    case .noSuchFile: "\(device) does not exist on this host"
    default: nil
    }
  }
}
