import Foundation
import Kernel
import Testing

@Suite struct DescriptorTests {
  private func isOpen(_ number: Int32) -> Bool { fcntl(number, F_GETFD) >= 0 }
  private func closesOnExec(_ number: Int32) -> Bool { fcntl(number, F_GETFD) & FD_CLOEXEC != 0 }

  @Test func closedOnceAtTheEndOfItsOwner() throws {
    var number: Int32 = -1
    do {
      let file = try open("/", [.readOnly, .directory])
      number = file.rawValue
      #expect(isOpen(number))
    }
    // The number may be somebody else's by now: what it is open on is not.
    #expect((try? readSymbolicLink(Path("/proc/self/fd/\(number)"))) != "/")
    let given = try open("/", [.readOnly, .directory]).release()
    #expect(isOpen(given))
    try Descriptor(owning: given).close()
  }

  /// SECURITY.md, rule 5: nothing is inherited by accident.
  @Test func everyKindClosesOnExec() throws {
    try withTemporaryDirectory { directory in
      let pipe = try makePipe()
      let pair = try makeSocketPair(.stream)
      let file = try open(directory.appending("f"), [.readWrite, .create], mode: 0o600)
      let top = try open(directory, .path)
      let opened2 = try open("f", .readOnly, at: top.borrowed, resolve: .inRoot)
      let memory = try makeMemoryFile("m")
      let listener = try listenUnix(directory.appending("s"))
      let client = try connectUnix(directory.appending("s"))
      let accepted = try listener.borrowed.accept(nonBlocking: true)
      let copy = try file.duplicate()
      let process = try openProcess(processIdentifier())
      let event = try Event()
      let timer = try Timer()
      let poller = try Poller()
      let watcher = try Watcher()
      let signals = try SignalDescriptor(SignalSet(Signal.user2))
      let temporary = try open(directory, [.writeOnly, .temporary], mode: 0o600)
      for number in [
        pipe.reading.rawValue, pipe.writing.rawValue, pair.first.rawValue, pair.second.rawValue, file.rawValue,
        opened2.rawValue, memory.rawValue, listener.rawValue, client.rawValue, accepted.rawValue, copy.rawValue,
        process.rawValue, event.borrowed.rawValue, timer.borrowed.rawValue, poller.borrowed.rawValue,
        watcher.borrowed.rawValue, signals.borrowed.rawValue, temporary.rawValue,
      ] { #expect(closesOnExec(number), "\(number)") }
      // What comes over a socket too.
      _ = try pair.first.borrowed.sendMessage([1], descriptors: [file.borrowed])
      var byte: [UInt8] = [0]
      var message = try pair.second.borrowed.receiveMessage(into: &byte, descriptorLimit: 1)
      let received = message.descriptors.take()
      #expect(closesOnExec(received.view?.rawValue ?? -1))
    }
  }

  @Test func whatAProgramIsToInherit() throws {
    let file = try open("/dev/null", .readWrite)
    let place = try open("/dev/null", .readWrite)
    try file.borrowed.duplicate(asInherited: place.rawValue)
    #expect(!closesOnExec(place.rawValue) && closesOnExec(file.rawValue))
    // dup3(2) refuses equal numbers: then the flag alone changes.
    try file.borrowed.duplicate(asInherited: file.rawValue)
    #expect(!closesOnExec(file.rawValue))
    let high = try file.borrowed.duplicate(from: 200)
    #expect(high.rawValue >= 200 && closesOnExec(high.rawValue))
  }

  @Test func moreThanTheLimitIsRefusedAndLessIsWhole() throws {
    try withTemporaryDirectory { directory in
      let path = directory.appending("f")
      for size in [0, 1, 4095, 4096, 4097, 100_000] {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try replaceFile(path, with: bytes, durable: false)
        #expect(try readFile(path, limit: size) == bytes)
        let file = try open(path, .readOnly)
        #expect(try file.borrowed.readAll(limit: size + 1) == bytes)
        if size > 0 {
          #expect(try errno { _ = try readFile(path, limit: size - 1) } == .fileTooLarge)
          #expect(try file.borrowed.read(size + 10, at: 1) == Array(bytes.dropFirst()))
        }
      }
      // 1 TiB of nothing is no reason to ask for memory.
      let sparse = try open(path, [.writeOnly, .truncate])
      try sparse.borrowed.truncate(to: 1 << 40)
      #expect(try errno { _ = try readFile(path, limit: 1 << 16) } == .fileTooLarge)
    }
  }

  @Test func everythingIsWrittenThroughAFullPipe() async throws {
    let pipe = try makePipe()
    let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let number = pipe.writing.release()
    let writer = Task.detached {
      try BorrowedDescriptor(rawValue: number).write(bytes)
      _ = Descriptor(owning: number)
    }
    #expect(try pipe.reading.borrowed.readAll() == bytes)
    try await writer.value
  }
}

@Suite struct InterruptionTests {
  /// EINTR is retried in one place, so no signal that somebody handles makes a call fail.
  @Test func aSignalDoesNotEndAWait() throws {
    // Without SA_RESTART: the kernel itself goes on with nothing.
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in }
    var before = sigaction()
    sigaction(SIGUSR1, &action, &before)
    defer { sigaction(SIGUSR1, &before, nil) }
    let pipe = try makePipe()
    let reading = pipe.reading.rawValue
    final class Answer: @unchecked Sendable {
      var thread: pthread_t?
      var read: Result<Int, any Error>?
      var polled: Result<PollEvents, any Error>?
      let started = DispatchSemaphore(value: 0)
      let ended = DispatchSemaphore(value: 0)
    }
    let answer = Answer()
    Thread {
      answer.thread = pthread_self()
      answer.started.signal()
      answer.polled = Result { try poll(BorrowedDescriptor(rawValue: reading), .readable) }
      answer.read = Result {
        var buffer = [UInt8](repeating: 0, count: 8)
        var count = 0
        while count < 3 { count += try BorrowedDescriptor(rawValue: reading).read(into: &buffer) }
        return count
      }
      answer.ended.signal()
    }.start()
    answer.started.wait()
    let thread = try #require(answer.thread)
    for byte: UInt8 in 1...3 {
      for _ in 0..<20 {
        pthread_kill(thread, SIGUSR1)
        usleep(500)
      }
      try pipe.writing.borrowed.write([byte])
    }
    answer.ended.wait()
    #expect(try answer.polled?.get() == .readable)
    #expect(try answer.read?.get() == 3)
  }
}

@Suite struct FaultTests {
  @Test func saysTheCallItsArgumentsAndTheReason() throws {
    func told(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "nothing"
    }
    #expect(told { _ = try open("/no/such", .readOnly) } == "openat(AT_FDCWD, \"/no/such\"): no such file or directory")
    #expect(
      told { try makeDirectory("/proc/x", mode: 0o755) }
        == "mkdirat(AT_FDCWD, \"/proc/x\", 0755): no such file or directory")
    #expect(told { _ = try unshare(Namespaces(rawValue: 1 << 40)) }.hasPrefix("unshare"))
    #expect(told { _ = try openProcess(-1) } == "pidfd_open(-1): invalid argument")
    #expect("\(Fault("mount", .notPermitted))" == "mount: operation not permitted")
    #expect("\(Errno(rawValue: 4095))".lowercased().contains("4095"))
    #expect(Fault(operation: "a", .again, arguments: "b", hint: "c").hint == "c")
    // The first letter alone is changed: names keep theirs.
    #expect("\(Errno.noSystemCall)" == "function not implemented")
  }

  /// A name is shown as well as that can be done, and never ends the message.
  @Test func namesThatAreNoText() throws {
    let path = try #require(Path(bytes: Array("/no/".utf8) + [0xff, 0x0a]))
    do { _ = try open(path, .readOnly) } catch { #expect("\(error)".hasSuffix("no such file or directory")) }
  }
}
