package import Containers
package import Kernel
internal import Arguments

/// What Skiff does with containers, over the files that it keeps. No daemon: every command makes one of these.
package struct Engine: Sendable {
  package let state: StateDirectories
  /// Bytes that the unpacked layers may have together; nil for as many as there are.
  package var cacheBudget: Int64?
  package var store: ContainerStore { ContainerStore(state) }
  package var names: ContainerNames { ContainerNames(in: state) }

  package init(_ state: StateDirectories) { self.state = state }

  /// The directories that everything else stands in. Nobody but root looks inside (CVE-2021-41091).
  ///
  /// - Throws: also where they belong to somebody else: whoever owns a directory may change what is done by what is in it.
  package func prepareDirectories() throws(Failure) {
    for directory in [state.root, state.run] { try checkOwner(of: directory) }
    for directory in state.all {
      do throws(Fault) { try makeDirectories(directory, mode: 0o700) } catch {
        var failure = Failure("cannot keep state in \(directory)", error).hintedElsewhere(error)
        failure.hint = failure.hint ?? "keep it elsewhere with --root and --state"
        throw failure
      }
    }
  }

  /// Nothing is refused that is not there yet, or cannot be looked at: making it says more.
  private func checkOwner(of directory: Path) throws(Failure) {
    guard let owner = try? status(of: directory).owner, owner != 0, owner != effectiveUser() else { return }
    throw Failure(
      .host, "\(directory) belongs to user \(owner), who could have anything done by what is in it",
      hint: "chown \(effectiveUser() == 0 ? "root" : "\(effectiveUser())") \(directory), or keep state elsewhere with "
        + "--root and --state")
  }

  /// A container by its whole identifier, its name, or a prefix of the identifier which no other has: in docker's order, so
  /// that no name stands before what identifies another container.
  package func find(_ word: String) throws(Failure) -> ContainerIdentifier {
    if let exact = ContainerIdentifier(word), exists(store.files(of: exact).directory) { return exact }
    if !word.isEmpty, !word.contains("/"), let identifier = names.identifier(of: word),
      exists(store.files(of: identifier).directory)
    {
      return identifier
    }
    let all = try containers()
    let matches = word.isEmpty ? [] : all.filter { $0.description.hasPrefix(word) }
    if matches.count == 1 { return matches[0] }
    if matches.count > 1 {
      throw Failure(
        .usage, "\"\(word)\" is the start of \(matches.count) containers' ids", hint: "give more digits of the id")
    }
    let known = ((try? names.all()) ?? []).map(\.name)
    throw Failure(
      .notFound, "no such container: \(word)",
      hint: nearest(to: word, in: known).map { "did you mean \($0)?" } ?? "skiff ps -a lists all of them")
  }

  package func containers() throws(Failure) -> [ContainerIdentifier] {
    do throws(Fault) { return try store.identifiers() } catch { throw Failure("cannot list containers", error) }
  }

  package func record(of identifier: ContainerIdentifier) throws(Failure) -> ContainerRecord {
    do throws(Fault) { return try store.record(of: identifier) } catch {
      throw damaged("cannot read the record of container \(identifier.short)", error)
    }
  }

  package func containerState(of identifier: ContainerIdentifier) throws(Failure) -> ContainerState {
    do throws(Fault) { return try store.state(of: identifier) ?? ContainerState(status: .created) } catch {
      if healDamaged(identifier), let state = try? store.state(of: identifier) { return state }
      throw damaged("cannot read the state of container \(identifier.short)", error)
    }
  }

  private func damaged(_ what: String, _ fault: Fault) -> Failure {
    var failure = Failure(what, fault)
    if fault.errno == .badMessage {
      failure.hint = "the file is damaged (\(fault.hint ?? "")); skiff rm -f takes the container away"
    }
    return failure
  }

  /// The first process of a running container, or the failure that says it does not run.
  package func runningProcess(
    of identifier: ContainerIdentifier, named word: String
  ) throws(Failure) -> RunningProcess {
    let state = try containerState(of: identifier)
    guard state.status == .running, let process = state.process, let pidfd = process.open() else {
      try checkState(store.files(of: identifier), named: word)
      throw notRunning(state, named: word)
    }
    return RunningProcess(identity: process, pidfd: pidfd)
  }

  /// For what went wrong with a container that ran a moment ago: that it has ended says more than the call that failed.
  func checkRuns(_ identifier: ContainerIdentifier, named word: String) throws(Failure) {
    _ = try runningProcess(of: identifier, named: word)
  }

  func notRunning(_ state: ContainerState?, named word: String) -> Failure {
    guard state?.status == .restarting else {
      return Failure(.conflict, "container \(word) is not running", hint: "skiff ps -a shows how it ended")
    }
    return Failure(
      .conflict, "container \(word) waits to be started again",
      hint: "skiff why \(word) says how it ended; skiff stop \(word) keeps it from that")
  }
}

/// A container's first process, held by a pidfd so that its number cannot come to mean another one.
package struct RunningProcess: ~Copyable {
  package let identity: ProcessIdentity
  package let pidfd: Descriptor
}
