package import Containers
internal import Journal
internal import Kernel
internal import Cgroups
internal import ImageSpec
internal import JSON
internal import Networks
internal import Privileges
internal import Rooted
internal import RuntimeSpec
package import Steps

// From a request to a container on disk, ready for its supervisor.

/// What a container is made from when it is made from an image.
struct ImageDefaults {
  /// How the container runs, the image's defaults and the request taken together.
  var config = ContainerDefaults()
  /// The request's part of it.
  var overrides = ContainerOverrides()
  /// The configuration's digest.
  var identifier = ""
  /// Unpacked layers, topmost first.
  var lower: [Path] = []
  /// The reference as the store knows it.
  var reference = ""
  /// Nothing of the image is removed meanwhile.
  var hold: ImageHold?
}

/// A container that has been thought through and not been made: its record, its configuration and the steps that would
/// put them on disk.
package struct PreparedContainer: Sendable {
  package var identifier: ContainerIdentifier
  package var record: ContainerRecord
  package var steps: [Step]
  /// What a person should know before it runs.
  package var warnings: [String]
  var spec: Spec
  var network: NetworkUse
  /// In a rehearsal, what would be made for its mounts to come from.
  var sources: [Step] = []
  /// Nothing of its image is removed before its record is on disk.
  var hold: ImageHold?
  /// Nor of what its mounts stand on.
  var mountHold: MountHold?
  /// Nobody chose its name: another one does as well.
  var nameIsRandom = false

  /// All that happens before the container's own plan, for those who print it: the network's steps are done by now, unless
  /// this is a rehearsal.
  package var explainedSteps: [Step] { network.steps + sources + steps + network.later }
}

/// A container on disk, its lock held.
package struct CreatedContainer: ~Copyable {
  package var identifier: ContainerIdentifier
  package var record: ContainerRecord
  package var lock: ContainerLock

  /// Nobody starts it now.
  package consuming func rest() { try? lock.remove() }
}

extension Engine {
  package func newIdentifier() throws(Failure) -> ContainerIdentifier {
    do throws(Fault) { return try .random() } catch { throw Failure("cannot name a container", error) }
  }

  /// The lock of a container that is to be, taken before anything of it is made, its address included: whoever finds any of
  /// it and can take the lock knows that we are dead. A healer may hold it for a moment, so it is waited for.
  package func reserve(_ identifier: ContainerIdentifier) throws(Failure) -> ContainerLock {
    do throws(Fault) { return try ContainerLock.take(store.files(of: identifier)) } catch {
      throw Failure("cannot lock container \(identifier.short)", error)
    }
  }

  /// Thinks the whole request through: everything that can be refused is refused here, and nothing is made but, unless it
  /// is only a rehearsal, the address lease.
  ///
  /// - Parameter starts: false where somebody will start it later, who leases the address then.
  package func prepare(
    _ request: RunRequest, as identifier: ContainerIdentifier, rehearsal: Bool, starts: Bool = true
  ) throws(Failure) -> PreparedContainer {
    let name: String
    do throws(Fault) {
      if let asked = request.name { name = asked } else { name = try freeRandomName() }
    } catch { throw Failure("cannot name a container", error) }
    guard isValidName(name) else {
      throw Failure(
        .usage, "\"\(name)\" is no container name", hint: "letters, digits, _ . and -, starting with a letter or digit")
    }
    try checkUserNamespace(of: request)
    try checkOrdinaryUser(request)
    let runtime = try request.runtime.map { (name) throws(Failure) in try self.runtime(named: name, for: request) }
    var request = request
    try resolveSharing(&request, starts: starts)
    try checkHost(for: request)
    try checkStorage(of: request)
    let edits = try deviceEdits(of: request)
    try checkKept(request)
    let warnings = try completeLimits(&request.resources)
    let files = store.files(of: identifier)
    let image = try imageDefaults(of: request)
    let user = try user(of: request, image)
    try checkIdentifiers(of: user)
    let hostname = request.hostname ?? hostnameByDefault(request, identifier)
    var mountHold: MountHold?
    do throws(Failure) {
      let mounts = try resolveMounts(request, image, user: user, for: identifier, rehearsal: rehearsal)
      mountHold = mounts.hold
      passKillSwitch("preparing", 0)
      let ports = try ports(of: request, image.config)
      let network =
        starts
        ? try prepareNetwork(
          request.network, request.endpoints, identifier, hostname: hostname, ports: ports, rehearsal: rehearsal)
        : try checkNetwork(request.network, request.endpoints, hostname: hostname, ports: ports)
      passKillSwitch("preparing", 1)
      let builder = SpecBuilder(
        request: request, config: image.config,
        files: .init(
          hostname: files.hostname, hosts: files.hosts, resolvConf: files.resolvConf, rootfs: files.rootfs,
          timezone: files.timezone, secrets: files.secrets),
        hostname: hostname, user: user, mounts: mounts.records)
      var spec = try builder.build()
      try edits.apply(to: &spec)
      var record = record(identifier, name, request, image, spec, network)
      record.anonymousVolumes = mounts.anonymous
      record.mounts = mounts.records
      record.health = try healthCheck(request.health, image.config.healthcheck)
      record.wishes = NetworkWishes(request, ports: ports)
      if let runtime { try adopt(runtime, into: &record, request) }
      var steps = preparationSteps(files, record, spec, request, image, hostname: hostname)
      steps += starts ? startSteps(files, network, record, spec) : [restingStep(files)]
      return PreparedContainer(
        identifier: identifier, record: record, steps: steps,
        warnings: warnings + network.warnings, spec: spec, network: network,
        sources: rehearsal ? missingSources(of: mounts.records) : [], hold: image.hold, mountHold: mountHold,
        nameIsRandom: request.name == nil)
    } catch {
      mountHold?.end()
      releaseNetwork(of: identifier, record: nil)
      removeAnonymousVolumes(of: identifier)
      throw error
    }
  }

  /// Puts a prepared container on disk. When a step fails, those before it are taken back.
  package func create(
    _ prepared: PreparedContainer, lock: consuming ContainerLock
  ) throws(Failure) -> CreatedContainer {
    defer {
      prepared.hold?.end()
      prepared.mountHold?.end()
    }
    var prepared = prepared
    do throws(StepFailure) { try putOnDisk(&prepared) } catch {
      prepared.mountHold?.end()
      releaseNetwork(of: prepared.identifier, record: prepared.record)
      removeAnonymousVolumes(of: prepared.identifier)
      try? lock.remove()
      throw creationFailure(prepared.record.name, error)
    }
    note(.create, prepared.record)
    return CreatedContainer(identifier: prepared.identifier, record: prepared.record, lock: lock)
  }

  private func putOnDisk(_ prepared: inout PreparedContainer) throws(StepFailure) {
    for attempt in 0... {
      do throws(StepFailure) { return try performAll(prepared.steps, phase: "preparation") } catch {
        guard takesName(error) else { throw error }
        if prepared.nameIsRandom, attempt < 20, let name = try? freeRandomName() {
          rename(&prepared, to: name)
          continue
        }
        // The name of a container that is only waiting to be healed is free.
        guard attempt == 0, names.identifier(of: prepared.record.name) != nil else { throw error }
        heal()
        guard names.identifier(of: prepared.record.name) == nil else { throw error }
      }
    }
  }

  /// Another one that nobody named was made meanwhile, and has the name that this one chose.
  private func rename(_ prepared: inout PreparedContainer, to name: String) {
    let files = store.files(of: prepared.identifier)
    let old = names.path(of: prepared.record.name)
    prepared.record.name = name
    let record = prepared.record
    prepared.steps = prepared.steps.map { step in
      switch step {
      case .file(.makeSymbolicLink(old, let target)): .file(.makeSymbolicLink(names.path(of: name), target: target))
      case .file(.writeFile(files.record, _, let mode)):
        .file(.writeFile(files.record, contents: record.jsonBytes(.pretty), mode: mode))
      default: step
      }
    }
  }

  private func creationFailure(_ name: String, _ failure: StepFailure) -> Failure {
    if takesName(failure) {
      let holder = names.identifier(of: name)
      return Failure(
        .conflict, "the name \(name) is taken by container \(holder?.short ?? "another")",
        hint: "choose another --name, or remove that one: skiff rm -f \(name)")
    }
    return Failure("cannot create \(name)", failure.fault)
  }

  /// Whether it was the name that another container has.
  private func takesName(_ failure: StepFailure) -> Bool {
    if case .file(.makeSymbolicLink) = failure.step { failure.fault.errno == .exists } else { false }
  }

  /// With the host's network the host's name too, and with another container's that one's, as docker has it.
  private func hostnameByDefault(_ request: RunRequest, _ identifier: ContainerIdentifier) -> String {
    let isHosts = request.sharing.namesAreHosts || request.network == .host
    // Whose addresses it has, its name it has too.
    if case .container(let word) = request.network, let other = try? find(word) { return hostname(of: other) }
    return isHosts ? (try? readText("/proc/sys/kernel/hostname")) ?? "localhost" : identifier.short
  }

  private func freeRandomName() throws(Fault) -> String {
    for _ in 0..<20 {
      let name = try RandomName.make()
      if names.identifier(of: name) == nil { return name }
    }
    return try RandomName.make() + "_" + ContainerIdentifier.random().short.prefix(6)
  }
}
