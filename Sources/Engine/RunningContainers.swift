package import Containers
internal import JSON
package import Kernel
package import Monitoring

// Starting a supervisor and connecting to one.

extension Engine {
  /// Starts the supervisor of a container that is to be, so that it is ready when the container is made.
  package func startSupervisor(of identifier: ContainerIdentifier, isTimed: Bool) throws(Failure) -> WaitingSupervisor {
    let arguments = supervisorArguments(of: identifier) + (isTimed ? ["--timings"] : [])
    do throws(Fault) {
      return try WaitingSupervisor(arguments: arguments, environment: supervisorEnvironment())
    } catch { throw Failure("cannot start a supervisor", error) }
  }

  /// Gives a created container to its supervisor, which starts it. The socket is where that reports, and where an attached
  /// command talks.
  package func start(
    _ created: consuming CreatedContainer, by supervisor: consuming WaitingSupervisor
  ) throws(Failure) -> Descriptor {
    do throws(Fault) { return try supervisor.begin(holding: created.lock.descriptor.borrowed) } catch {
      throw Failure("the supervisor of \(created.record.name) is gone", error)
    }
  }

  /// What MonitorProgram reads.
  func supervisorArguments(of identifier: ContainerIdentifier) -> [Path] {
    ["skiff-monitor", Path(identifier.description), state.root, state.run]
  }

  /// The user's environment is none of the supervisor's affair.
  private func supervisorEnvironment() -> [Path] {
    // A backtrace would be written by a second process that knows nothing of namespaces.
    var kept: [Path] = ["SWIFT_BACKTRACE=enable=no", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    // Where the user's own systemd listens, which makes the group.
    if !isRootOfHost() {
      for name in ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"] {
        if let value = environment(name) { kept.append(Path("\(name)=\(value)")) }
      }
    }
    if let kill = environment("SKIFF_KILL_AT") { kept.append(Path("SKIFF_KILL_AT=\(kill)")) }
    return kept
  }

  /// Connects to the supervisor of a running container.
  package func connect(to identifier: ContainerIdentifier, named word: String) throws(Failure) -> Descriptor {
    do throws(Fault) { return try connectUnix(store.files(of: identifier).attachSocket) } catch {
      if error.errno == .noSuchFile || error.errno == .connectionRefused {
        throw notRunning(try? containerState(of: identifier), named: word)
      }
      throw Failure("cannot attach to \(word)", error)
    }
  }

  /// Blocks until the container has ended; its exit code. One that ended earlier answers at once.
  package func waitForExit(of word: String) throws(Failure) -> Int32 {
    let identifier = try find(word)
    let files = store.files(of: identifier)
    // With --rm the record is gone when it has ended: the supervisor's last word is then the only one.
    if let socket = try? connect(to: identifier, named: word) {
      var received: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while let count = try? socket.borrowed.receive(into: &buffer), count > 0 {
        received.append(contentsOf: buffer[..<count])
        for frame in Frame.take(from: &received) ?? [] {
          if case .exited(let code, _) = frame { return code }
        }
      }
    }
    do throws(Fault) { try wait(on: files) { isHeld(files) } } catch {
      throw Failure("cannot wait for \(word)", error)
    }
    heal()
    return try containerState(of: identifier).exitCode
  }
}
