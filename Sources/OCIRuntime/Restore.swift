internal import Cgroups
internal import JSON
internal import Launching
package import Kernel
internal import Mounts
internal import Planning
internal import RuntimeSpec
package import Steps

extension OCIRuntime {
  /// Makes a container again from what `checkpoint` wrote. Its first process is a child of the caller.
  package func restore(
    _ id: String, _ bundle: Bundle, _ options: CheckpointOptions, pidFile: Path?
  ) throws(RuntimeFailure) -> CreatedContainer {
    let prepared = try prepare(id, bundle, CreateOptions(), waitsForStart: false)
    let inherited = try descriptors(in: options.images)
    let directory = try store.claim(id)
    do throws(RuntimeFailure) {
      var state = prepared.firstState
      let initial = state
      try told("cannot keep the state of \(id)") { () throws(Fault) in
        try directory.write(initial)
        try directory.write(configuration: bundle.bytes)
        try perform(rootSteps(of: bundle))
      }
      let process = try callRestore(bundle, options, inherited, directory)
      do throws(Fault) {
        let pidfd = try openProcess(process)
        state.process = try ProcessIdentity(of: process)
        try directory.write(state)
        if let pidFile { try replaceFile(pidFile, with: Array("\(process)".utf8), mode: 0o644, durable: false) }
        let made = state
        return CreatedContainer(
          process: process, pidfd: pidfd, terminal: nil, timings: [], relay: nil, state: made, hooks: bundle.spec.hooks,
          directory: directory)
      } catch {
        try? sendSignal(9, toProcess: process)
        _ = try? wait(for: .process(process))
        throw RuntimeFailure("cannot restore \(id)", error)
      }
    } catch {
      _ = performUndo(
        prepared.plan.host.reversed().compactMap(\.undo) + prepared.plan.wiring.reversed().compactMap(\.undo))
      try? directory.remove()
      throw error
    }
  }

  /// criu wants a mount point for a root. One that only this process and criu see is gone with them.
  package func rootSteps(of bundle: Bundle) -> [Step] {
    [.process(.unshare(.mount)), .mount(.setPropagation(.slave)), .mount(.bindRoot(bundle.rootfs))]
  }

  private func perform(_ steps: [Step]) throws(Fault) {
    var mounts = MountExecutor()
    for step in steps {
      switch step {
      case .process(.unshare(let namespaces)): try unshare(namespaces)
      case .mount(let mount): try mounts.perform(mount)
      default: preconditionFailure("only criu changes more for a restore")
      }
    }
  }

  private func callRestore(
    _ bundle: Bundle, _ options: CheckpointOptions, _ streams: [String], _ directory: borrowing ContainerDirectory
  ) throws(RuntimeFailure) -> ProcessIdentifier {
    let number = directory.path.appending("criu.pid")
    var words = ["--restore-detached", "--restore-sibling", "--pidfile", number.string, "--root", bundle.rootfs.string]
    words += options.commonWords
    words += externalMounts(of: bundle.spec).flatMap { ["--external", "mnt[\($0.inside)]:\($0.source)"] }
    if let profile = options.securityProfile { words += ["--lsm-profile", profile] }
    if let context = options.securityMountContext { words += ["--lsm-mount-context", context] }
    // criu has what it is given from 3 on.
    var inherited: [BorrowedDescriptor] = []
    for (stream, name) in streams.enumerated() where name.hasPrefix("pipe:") {
      words += ["--inherit-fd", "fd[\(3 + inherited.count)]:\(name)"]
      inherited.append(BorrowedDescriptor(rawValue: Int32(stream)))
    }
    var namespaces: [Int32] = []
    defer { for number in namespaces { try? Descriptor(owning: number).close() } }
    for (kind, path) in joinedNamespaces(of: bundle.spec) {
      let file = try told("cannot open the \(kind) namespace") { () throws(Fault) in try open(path, .readOnly) }
      words += ["--inherit-fd", "fd[\(3 + inherited.count)]:\(externalKey(kind))"]
      namespaces.append(file.release())
      inherited.append(BorrowedDescriptor(rawValue: namespaces[namespaces.count - 1]))
    }
    try options.call("restore", words, inheriting: inherited)
    let text = try told("criu wrote no pid file") { () throws(Fault) in try readText(number, limit: 64) }
    guard let process = ProcessIdentifier(text), process > 0 else {
      throw RuntimeFailure("criu wrote \"\(text)\" as the number of a process")
    }
    try? removeFile("criu.pid", at: directory.descriptor.borrowed)
    return process
  }

  /// The names of the standard streams at the time of the checkpoint.
  private func descriptors(in images: Path) throws(RuntimeFailure) -> [String] {
    do {
      let value = try JSONValue(parsing: try readFile(images.appending(descriptorsFile), limit: 65_536))
      return value.array?.prefix(3).map { $0.string ?? "" } ?? []
    } catch let fault as Fault {
      throw RuntimeFailure("cannot read the image", fault)
    } catch {
      throw RuntimeFailure("\(images.appending(descriptorsFile)): \(error)")
    }
  }
}
