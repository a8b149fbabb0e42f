internal import Cgroups
internal import JSON
internal import Kernel
internal import RuntimeSpec

extension OCIRuntime {
  /// Takes a container down to files. Unless it is left running it is deleted then; when it fails it runs on.
  package func checkpoint(_ id: String, _ options: CheckpointOptions) throws(RuntimeFailure) {
    let directory = try store.find(id)
    let view = try view(of: directory)
    guard view.status == .running || view.status == .paused, let process = view.state.process else {
      throw RuntimeFailure("Container cannot be checkpointed in \(view.status.rawValue) state")
    }
    let spec = try directory.spec()
    try told("cannot make the directory of the image") { () throws(Fault) in
      try makeDirectories(options.images, mode: 0o700)
      if let work = options.work { try makeDirectories(work, mode: 0o700) }
    }
    if let parent = options.parent { try checkParent(parent, options) }
    var words = ["--tree", "\(process.process)", "--root", view.state.rootfs] + options.commonWords
    if let group = try cgroup(of: view.state), let freezer = group.freezerPath {
      words += ["--freeze-cgroup", freezer.string]
    }
    if options.leavesRunning { words.append("--leave-running") }
    if let server = options.pageServer {
      words += ["--page-server", "--address", server.address, "--port", "\(server.port)"]
    }
    if let parent = options.parent { words += ["--prev-images-dir", parent, "--track-mem"] }
    if options.isPreDump {
      if options.parent == nil { words.append("--track-mem") }
      return try options.call("pre-dump", words)
    }
    words += externalMounts(of: spec).flatMap { ["--external", "mnt[\($0.inside)]:\($0.inside)"] }
    words += externalNamespaces(of: spec)
    try told("cannot write the image") { () throws(Fault) in
      try replaceFile(
        options.images.appending(descriptorsFile), with: descriptorsJSON(of: process.process), mode: 0o600,
        durable: false)
    }
    try dump(words, options)
    if !options.leavesRunning { try delete(id, force: true) }
  }

  private func dump(_ words: [String], _ options: CheckpointOptions) throws(RuntimeFailure) {
    guard let number = options.statusDescriptor else { return try options.call("dump", words) }
    let status = BorrowedDescriptor(rawValue: number)
    try options.call("dump", words + ["--status-fd", "3"], inheriting: [status])
  }

  private func checkParent(_ parent: String, _ options: CheckpointOptions) throws(RuntimeFailure) {
    guard !parent.hasPrefix("/") else { throw RuntimeFailure("--parent-path must be relative") }
    let path = options.images.appending(Path(parent))
    do throws(Fault) { _ = try open(path, [.path, .directory]) } catch {
      throw RuntimeFailure("invalid --parent-path", error)
    }
  }

  /// The three standard streams as /proc shows them: pipes are given to the restored processes under these names.
  private func descriptorsJSON(of process: ProcessIdentifier) -> [UInt8] {
    var writer = JSONWriter()
    writer.array {
      for number in 0...2 { $0.string((try? readSymbolicLink("/proc/\(process)/fd/\(number)"))?.string ?? "") }
    }
    return writer.finish()
  }

  /// Namespaces that are somebody else's: criu leaves them alone and wants them given again.
  private func externalNamespaces(of spec: Spec) -> [String] {
    joinedNamespaces(of: spec).flatMap { kind, path -> [String] in
      guard let file = try? open(path, [.path]), let status = try? status(of: file.borrowed) else { return [] }
      return ["--external", "\(kind)[\(status.inode)]:\(externalKey(kind))"]
    }
  }
}

let descriptorsFile: Path = "descriptors.json"

func externalKey(_ kind: String) -> String { "extRoot\(kind.prefix(1).uppercased())\(kind.dropFirst())NS" }

/// Those that criu can leave alone: of the network and of processes.
func joinedNamespaces(of spec: Spec) -> [(kind: String, path: Path)] {
  (spec.linux?.namespaces ?? []).compactMap { namespace in
    guard let path = namespace.path else { return nil }
    switch namespace.type {
    case .network: return ("net", Path(path))
    case .pid: return ("pid", Path(path))
    default: return nil
    }
  }
}

/// What is mounted in a container from outside of it: each by the place that it has inside and its source on the host.
func externalMounts(of spec: Spec) -> [(inside: String, source: String)] {
  let binds = spec.mounts.filter { $0.type == "bind" || $0.options.contains("bind") || $0.options.contains("rbind") }
  let masked = spec.linux?.maskedPaths ?? []
  return binds.map { ($0.destination, $0.source ?? "") } + masked.map { ($0, "/dev/null") }
}
