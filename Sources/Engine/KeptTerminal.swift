package import Inside
package import Kernel
internal import Monitoring
package import Planning

// `exec -t`: who holds the master of the program's pseudo terminal, and so keeps it from a hangup.
//
// ```
//   command ── fork ─→ keeper ── joins the container ─→ program
//       ←── started, with a copy of the master ──┘
//   copies between the two terminals, and then either
//       ── detached ─→ the keeper reads what the program says, so that it never has to wait
//   or  ── (closed) ─→ the keeper lets go of the master: SIGHUP for the program, as when a window is closed
//   or  ←── exited, with the code
// ```
//
// `exec -d` has a keeper too, with a terminal or without: it lets the command go as soon as the program runs. What is left to
// do then, to wait for the end and to write it down for who reads the events, is done by this program started anew, which needs
// as little memory as a supervisor.
//
// The keeper is there from the start, for only its parent can reap the program: an orphan that nobody reaps would keep the
// container's pid namespace, and with it the container, from ending.

/// A program with a terminal that `exec` started, as the command sees it. When it goes, so does the terminal.
package struct TerminalSession: ~Copyable {
  private let keeper: Descriptor
  package let master: Descriptor
  /// Lines of `--timings`.
  package let timings: [String]

  fileprivate init(keeper: consuming Descriptor, master: consuming Descriptor, timings: [String]) {
    self.keeper = keeper
    self.master = master
    self.timings = timings
  }

  /// The program goes on without us.
  package consuming func detach() { _ = try? keeper.borrowed.send([ProgramKeeper.detach]) }

  /// Waits for the program's end.
  package consuming func exitCode() -> Int32 {
    guard let answer = try? KeeperAnswer(from: keeper.borrowed), case .exited(let code, _) = answer.frame else {
      return 137
    }
    return code
  }
}

extension Engine {
  /// Performs a plan with a terminal up to the running program. The calling process runs from a sealed executable.
  ///
  /// - Parameter execution: by which the events name it.
  package func executeWithTerminal(
    _ plan: ExecPlan, in word: String, named execution: String, isTimed: Bool = false, toolbox: Toolbox? = nil
  ) throws(Failure) -> TerminalSession {
    let channel = try startKeeper(plan, word, execution, isDetached: false, isTimed: isTimed, toolbox)
    var timings: [String] = []
    var answer = try started(channel.borrowed, word, &timings)
    guard let master = answer.message.descriptors.take() else { throw keeperWasKilled(word) }
    return TerminalSession(keeper: channel, master: master, timings: timings)
  }

  /// Performs a plan up to the running program, which goes on without this process; its end is told to who reads the events.
  ///
  /// - Returns: lines of `--timings`.
  package func executeDetached(
    _ plan: ExecPlan, in word: String, named execution: String, isTimed: Bool = false
  ) throws(Failure) -> [String] {
    let channel = try startKeeper(plan, word, execution, isDetached: true, isTimed: isTimed, nil)
    var timings: [String] = []
    guard case .started = try started(channel.borrowed, word, &timings).frame else { throw keeperWasKilled(word) }
    return timings
  }

  /// What the keeper says when the program runs.
  private func started(
    _ channel: BorrowedDescriptor, _ word: String, _ timings: inout [String]
  ) throws(Failure) -> KeeperAnswer {
    var answer = try nextAnswer(channel, word)
    while case .timing(let line) = answer.frame {
      timings.append(line)
      answer = try nextAnswer(channel, word)
    }
    if case .failed(let code, let message, let hint) = answer.frame {
      throw Failure(.init(exitCode: code), message, hint: hint.isEmpty ? nil : hint)
    }
    return answer
  }

  private func keeperWasKilled(_ word: String) -> Failure {
    Failure(.host, "cannot execute in \(word): the process that watches over the program was killed")
  }

  private func nextAnswer(_ channel: BorrowedDescriptor, _ word: String) throws(Failure) -> KeeperAnswer {
    do throws(Fault) { return try KeeperAnswer(from: channel) } catch {
      throw Failure("cannot execute in \(word)", error)
    }
  }

  private func startKeeper(
    _ plan: ExecPlan, _ word: String, _ execution: String, isDetached: Bool, isTimed: Bool, _ toolbox: Toolbox?
  ) throws(Failure) -> Descriptor {
    do throws(Fault) {
      let pair = try makeSocketPair(.sequencedPacket)
      let (ours, theirs) = (pair.first.release(), pair.second.release())
      if try fork() == nil {
        _ = Descriptor(owning: ours)
        var keeper = ProgramKeeper(
          engine: self, execution: execution, isDetached: isDetached, channel: BorrowedDescriptor(rawValue: theirs),
          toolbox: toolbox)
        keeper.run(plan, in: word, isTimed: isTimed)
      }
      _ = Descriptor(owning: theirs)
      return Descriptor(owning: ours)
    } catch { throw Failure("cannot execute in \(word)", error) }
  }
}

extension Failure.Kind {
  fileprivate init(exitCode: Int32) {
    switch exitCode {
    case 126: self = .notExecutable
    case 127: self = .programNotFound
    default: self = .host
    }
  }
}

/// One message of the keeper; without a frame it was killed.
struct KeeperAnswer: ~Copyable {
  var frame: Frame?
  var message: ReceivedMessage

  init(from channel: BorrowedDescriptor) throws(Fault) {
    var buffer = [UInt8](repeating: 0, count: frameLimit)
    message = try channel.receiveMessage(into: &buffer)
    var bytes = Array(buffer[..<message.count])
    frame = Frame.take(from: &bytes)?.first
  }
}
