package import Containers
internal import JSON
internal import Kernel
internal import Launching
internal import Networks
internal import RuntimeSpec
package import Steps

// `create` and `start`: a container that is made now and started later, again and again.
//
// While it does not run it has a record, a configuration and its own layer, and nothing of the host: no address, no port,
// no group. Each start leases and chooses those anew, writes them down, and hands the container to a supervisor, as `run`
// does with one that it has just made.

/// A container that rests, thought through for its next life.
package struct PreparedStart: Sendable {
  package var identifier: ContainerIdentifier
  package var record: ContainerRecord
  package var steps: [Step]
  /// What a person should know before it runs.
  package var warnings: [String]
  var spec: Spec
  var network: NetworkUse
  /// As it was before.
  var rest: ContainerState

  /// All that happens before the container's own plan, for those who print it.
  package var explainedSteps: [Step] { network.steps + steps + network.later }
}

extension Engine {
  /// The lock of a container that is to be started; nil when it runs already.
  package func lockForStart(_ identifier: ContainerIdentifier, named word: String) throws(Failure) -> ContainerLock? {
    let files = store.files(of: identifier)
    while true {
      try waitForStart(of: identifier, named: word)
      do throws(Fault) {
        if let lock = try ContainerLock.tryTake(files) {
          if exists(files.directory) { return lock }
          try? lock.remove()
          throw Fault("open", .noSuchFile, arguments: files.directory.quoted)
        }
        if let state = try store.state(of: identifier), state.status.isLive { return nil }
        // Its supervisor tidies up, somebody removes it, or another command heals: each is soon done.
        try wait(on: files) {
          let status = containerStatus(in: files)
          return isHeld(files) && (status == .created || status == .exited)
        }
      } catch {
        if error.errno == .noSuchFile { throw Failure(.notFound, "no such container: \(word)") }
        throw Failure("cannot lock container \(word)", error)
      }
    }
  }

  /// Decides all that the next life needs, with the addresses leased; the caller holds the lock.
  package func prepareStart(
    _ identifier: ContainerIdentifier, rehearsal: Bool
  ) throws(Failure) -> PreparedStart {
    let files = store.files(of: identifier)
    var record = try record(of: identifier)
    var rest = try containerState(of: identifier)
    if rest.status != .created && rest.status != .exited {
      // Its supervisor was killed, and nobody has healed it since.
      end(identifier, record: record)
      rest = try containerState(of: identifier)
    }
    let spec = try specification(of: record, files)
    try checkRoot(of: record)
    if let runtime = record.options.runtime { try check(runtime, of: record) }
    try checkSecrets(of: record)
    if !rehearsal { try mark(.starting, rest, identifier) }
    do throws(Failure) {
      // Not from the file that is the container's /etc/hostname, where it may have written anything.
      let hostname = spec.hostname ?? (try? readText("/proc/sys/kernel/hostname")) ?? identifier.short
      let network = try network(of: record, identifier, hostname: hostname, rehearsal: rehearsal)
      passKillSwitch("preparing", 0)
      record.networks = network.records
      record.ports = network.ports.map(PortRecord.init)
      record.asksSupervisor = network.asksSupervisor
      return PreparedStart(
        identifier: identifier, record: record,
        steps: [.file(.writeFile(files.record, contents: record.jsonBytes(.pretty), mode: 0o600))]
          + startSteps(files, network, record, spec),
        warnings: network.warnings + storageWarnings(record), spec: spec, network: network, rest: rest)
    } catch {
      if !rehearsal { abandonStart(of: identifier, record, rest, error) }
      throw error
    }
  }

  /// Writes the next life down. The answer goes to a supervisor.
  package func perform(
    _ prepared: PreparedStart, lock: consuming ContainerLock
  ) throws(Failure) -> CreatedContainer {
    do throws(Fault) {
      try? removeFile(store.files(of: prepared.identifier).endCause)
      // What these replace is of no use any more, so there is nothing to undo.
      for (index, step) in prepared.steps.enumerated() {
        passKillSwitch("preparation", index)
        _ = try performOnHost(step)
      }
    } catch {
      let failure = Failure("cannot start \(prepared.record.name)", error)
      abandonStart(of: prepared.identifier, prepared.record, prepared.rest, failure)
      throw failure
    }
    return CreatedContainer(identifier: prepared.identifier, record: prepared.record, lock: lock)
  }

  /// Those that are to run after a boot and do not, the oldest first.
  package func wantedAtBoot() throws(Failure) -> [String] {
    try summaries(includingEnded: true)
      .filter { !$0.state.status.isLive && $0.record.restart.startsAtBoot($0.state) }
      .sorted { $0.record.created < $1.record.created }.map(\.record.name)
  }

  /// A start that failed leaves the container as it was, with the reason.
  func abandonStart(
    of identifier: ContainerIdentifier, _ record: ContainerRecord, _ rest: ContainerState, _ failure: Failure
  ) {
    releaseNetwork(of: identifier, record: record)
    unmountVolumes(of: identifier)
    try? removeRun(store.files(of: identifier))
    var state = rest
    state.exitCode = failure.exitCode == 125 ? 128 : failure.exitCode
    state.message = failure.message
    try? store.write(state, of: identifier)
  }

  private func mark(
    _ status: ContainerState.Status, _ rest: ContainerState, _ identifier: ContainerIdentifier
  ) throws(Failure) {
    var state = ContainerState(status: status)
    state.started = rest.started
    do throws(Fault) { try store.write(state, of: identifier) } catch {
      throw Failure("cannot write the state of container \(identifier.short)", error)
    }
  }

  /// Layers are a cache that may have been thrown away; a directory is the user's.
  private func checkRoot(of record: ContainerRecord) throws(Failure) {
    if record.lower.isEmpty {
      guard exists(Path(record.rootDirectory)) else {
        throw Failure(.notFound, "cannot start \(record.name): its root \(record.rootDirectory) is not there")
      }
      return
    }
    if let missing = record.lower.first(where: { !exists(Path($0)) }) {
      throw Failure(
        .notFound, "cannot start \(record.name): layer \(missing) of its image is not there",
        hint: "skiff image verify --repair makes the layers anew from the blobs")
    }
  }

  // MARK: - Network

  /// What can be refused of the network of a container that is not started yet. Nothing is leased.
  func checkNetwork(
    _ request: NetworkRequest, _ endpoints: [EndpointRequest], hostname: String, ports: [PortRequest]
  ) throws(Failure) -> NetworkUse {
    try refusePorts(ports, on: request)
    // Chosen when it starts, as the ports are.
    if isForwarded(request) { return NetworkUse(mode: try forwardedMode(of: request), hostname: hostname) }
    switch request {
    case .none, .host, .plugins:
      return try prepareNetwork(
        request, endpoints, try newIdentifier(), hostname: hostname, ports: ports, rehearsal: true)
    case .container(let word): return NetworkUse(mode: "container:\(try find(word))", hostname: hostname)
    case .bridge, .named:
      _ = try portsOnHost(ports)
      let all = endpoints.isEmpty ? [EndpointRequest(network: request.networkName)] : endpoints
      var use = NetworkUse(mode: "", hostname: hostname)
      do throws(NetworkError) {
        for (interface, endpoint) in all.enumerated() {
          var name = endpoint.network
          // The default network is made when the first container that uses it is started.
          if name != Network.defaultName || (try? networks.find(name)) != nil {
            let network = try networks.find(name)
            try networks.check(endpoint, on: network)
            name = network.name
          }
          use.records.append(NetworkRecord(network: name, endpoint, interface: interface))
        }
      } catch { throw Failure(error) }
      use.mode = use.records[0].network
      return use
    }
  }

  private func network(
    of record: ContainerRecord, _ identifier: ContainerIdentifier, hostname: String, rehearsal: Bool
  ) throws(Failure) -> NetworkUse {
    let request: NetworkRequest
    do throws(OptionError) { request = try NetworkRequest(record.networkMode) } catch {
      throw Failure(.host, "the record of \(record.name) has a network that makes no sense: \(record.networkMode)")
    }
    let endpoints = record.networks.filter { !$0.isPending }.map(\.request)
    // It was disconnected from every one that it had.
    let isAlone = endpoints.isEmpty && (request == .bridge || request.isNamed) && !isForwarded(request)
    let ports = isAlone ? [] : try ports(of: record)
    var use = try prepareNetwork(
      isAlone ? .none : request, endpoints, identifier, hostname: hostname, ports: ports, rehearsal: rehearsal)
    use.mode = record.networkMode
    return use
  }

  private func ports(of record: ContainerRecord) throws(Failure) -> [PortRequest] {
    do throws(OptionError) { return try record.wishes.ports } catch {
      throw Failure(.host, "the record of \(record.name) has a port that makes no sense: \(error.reason)")
    }
  }
}
