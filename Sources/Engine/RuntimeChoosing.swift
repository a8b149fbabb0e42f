internal import Containers
internal import Kernel
internal import Launching

// `--runtime`: another OCI runtime in place of ours. It is looked up once, when the container is made, on the host, and never
// through a shell.

extension Engine {
  /// - Parameter name: `crun`, looked up where this command finds its programs, or a path.
  func runtime(named name: String, for request: RunRequest) throws(Failure) -> RuntimeChoice {
    guard isRootOfHost() else {
      throw Failure(
        .usage, "--runtime \(name) does not go with an ordinary user: other runtimes make containers for root here",
        hint: "leave it out, or run it with sudo")
    }
    guard let program = HostProgram(named: name)?.path else {
      throw Failure(
        .notFound,
        "there is no runtime \(name) on this host"
          + (name.contains("/") ? "" : ": no program of that name in PATH"),
        hint: name.contains("/")
          ? "name a program that is there and may be executed"
          : "install it, or give its path: --runtime /usr/bin/\(name)")
    }
    let choice = RuntimeChoice(name: name, program: program.string)
    try checkTrust(choice)
    try refuse(request, for: choice)
    return choice
  }

  /// Before each start: since it was made the runtime may have gone.
  func check(_ runtime: RuntimeChoice, of record: ContainerRecord) throws(Failure) {
    guard exists(Path(runtime.program)) else {
      throw Failure(
        .notFound, "cannot start \(record.name): its runtime \(runtime.program) is not there any more",
        hint: "install it again, or make the container anew with another --runtime")
    }
    try checkTrust(runtime)
  }

  private func checkTrust(_ runtime: RuntimeChoice) throws(Failure) {
    do throws(Fault) { try checkRuntime(Path(runtime.program)) } catch {
      throw Failure(.usage, "the runtime \(runtime.program) is refused: it is not root's alone", hint: error.hint)
    }
  }

  /// What only our own runtime does, by name.
  private func refuse(_ request: RunRequest, for runtime: RuntimeChoice) throws(Failure) {
    if request.userNamespace == nil { return }
    throw refusal(of: "--userns", "the owners of its files are shifted by Skiff's own alone", by: runtime)
  }

  /// What is different in a container of another runtime: the record says so, and what cannot be is refused.
  func adopt(
    _ runtime: RuntimeChoice, into record: inout ContainerRecord, _ request: RunRequest
  ) throws(Failure) {
    record.options.runtime = runtime
    // Docker's rule: an init only for who asks for one. It is a file more in the container.
    record.hasInit = request.hasInit ?? false
    if let mount = record.mounts.first(where: { $0.options.contains { $0.hasPrefix("idmap") } }) {
      throw refusal(of: "idmap of \(mount.destination)", "not every runtime knows it", by: runtime)
    }
    if let mount = record.mounts.first(where: { !$0.subpath.isEmpty }) {
      throw refusal(
        of: "a subpath for \(mount.destination)", "Skiff's own alone opens it so that no link leads out of it",
        by: runtime)
    }
  }

  private func refusal(of option: String, _ reason: String, by runtime: RuntimeChoice) -> Failure {
    Failure(
      .usage, "\(option) does not go with --runtime \(runtime.name): \(reason)",
      hint: "leave out one of the two: \(RuntimeChoice.own), which is the default, does it")
  }

  /// In a container whose processes the host does not see, what looks at one from outside finds the sandbox.
  func requireVisible(_ record: ContainerRecord, _ what: String) throws(Failure) {
    guard let runtime = record.options.runtime, runtime.hidesProcesses else { return }
    throw Failure(
      .conflict,
      "\(what) does not go with the running container \(record.name): \(runtime.name) hides it from the host",
      hint: "skiff exec goes in by the runtime itself; skiff cp works while the container is stopped")
  }
}
