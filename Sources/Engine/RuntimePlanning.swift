internal import Containers
internal import JSON
internal import Kernel
internal import Planning
internal import RuntimeSpec
internal import Seccomp
internal import Steps

// From a container on disk to the plan by which another OCI runtime makes it: a bundle, the calls, and around them what stays
// ours, the root and the network.

extension Engine {
  /// - Parameter spec: with the namespaces of others in it.
  func plan(
    of record: ContainerRecord, _ spec: Spec, _ files: ContainerFiles, on host: HostView, by runtime: RuntimeChoice
  ) throws(Failure) -> LaunchPlan {
    let place = files.runtime
    let program = Path(runtime.program)
    let name = Path(files.identifier.description)
    func call(_ words: [Path], reverse: [Path]? = nil) -> RuntimeCall {
      RuntimeCall(program: program, root: place.state, log: place.log, words: words, reverse: reverse)
    }
    var words: [Path] = ["create", "--bundle", place.directory, "--pid-file", place.process]
    if record.hasTerminal { words += ["--console-socket", place.console] }
    let create = call(words + [name], reverse: ["delete", "--force", name])
    let bundle = try bundle(of: record, spec, files, on: host)
    let network = try networkSteps(of: record)
    var plan = LaunchPlan(hasTerminal: record.hasTerminal, hasInit: record.hasInit)
    plan.runtime = RuntimePlan(
      call: create, directory: place.directory, processFile: place.process,
      console: record.hasTerminal ? place.console : nil)
    let steps: [FileStep] = [
      .makeDirectory(place.directory, mode: 0o700),
      // Before all else in there: by it the rest is found again.
      .writeFile(place.program, contents: Array(program.bytes), mode: 0o600),
      .makeDirectory(place.rootfs, mode: 0o755),
      .makeDirectory(place.state, mode: 0o700),
      .writeFile(place.configuration, contents: bundle.jsonBytes(), mode: 0o600),
    ]
    plan.host = steps.map(Step.file)
    plan.joining = rootSteps(of: record, files, spec)
    plan.wiring = network.wiring.map(Step.network)
    plan.finishing = network.inside.map(Step.network) + [.process(.callRuntime(call(["start", name])))]
    plan.stagingTarget = stagingTarget(of: record)
    return plan
  }

  /// Seen by the runtime alone, and by the container that it makes.
  private func rootSteps(of record: ContainerRecord, _ files: ContainerFiles, _ spec: Spec) -> [Step] {
    var steps: [MountStep] = [.setPropagation(.slave)]
    if case .overlay(var overlay) = root(of: record, files) {
      overlay.target = files.runtime.rootfs
      steps.append(.mountOverlay(overlay))
    }
    return steps.map(Step.mount)
  }

  /// The configuration in words that every runtime knows: what ours is told beside it stands in it here.
  private func bundle(
    of record: ContainerRecord, _ spec: Spec, _ files: ContainerFiles, on host: HostView
  ) throws(Failure) -> Spec {
    var spec = spec
    // All that stands in it was there by then, and crun refuses what it does not know.
    spec.ociVersion = "1.0.2"
    spec.root = spec.root ?? Spec.Root(path: "")
    spec.root?.path = record.lower.isEmpty ? record.rootDirectory : files.runtime.rootfs.string
    var linux = spec.linux ?? Spec.Linux()
    linux.cgroupsPath = "/" + cgroupName(of: record)
    linux.seccomp = try profile(of: record, spec)
    spec.linux = linux
    for index in spec.mounts.indices { spec.mounts[index].spellLayers() }
    if record.hasInit {
      spec.mounts.append(
        Spec.Mount(
          destination: Self.initPlace, type: "bind", source: files.initProgram.string,
          options: ["bind", "ro", "nosuid", "nodev", "rprivate"]))
      // The name decides what the program is.
      spec.process?.args.insert(contentsOf: [Self.initPlace, "--"], at: 0)
    }
    return spec
  }

  /// On the container's own /dev, so that nothing of it is ever in the root.
  private static let initPlace = "/dev/skiff-init"
}

extension Spec.Mount {
  /// `lowerdir+=` is a word of the kernel's new mount calls; the old one has a list, and wants more than one layer.
  fileprivate mutating func spellLayers() {
    let key = "lowerdir+="
    let layers = options.filter { $0.hasPrefix(key) }.map { Path(String($0.dropFirst(key.utf8.count))) }
    guard type == "overlay", !layers.isEmpty else { return }
    options.removeAll { $0.hasPrefix(key) }
    if layers.count == 1 {
      type = "bind"
      source = layers[0].string
      options = ["bind", "rprivate"] + options
    } else {
      options.append("lowerdir=" + layers.map(\.escapedInList).joined(separator: ":"))
    }
  }
}

extension Path {
  /// As an item of `lowerdir=` (overlayfs.rst): a backslash before what would end it.
  fileprivate var escapedInList: String {
    String(string.flatMap { ["\\", ":", ","].contains($0) ? ["\\", $0] : [$0] })
  }
}
