import Kernel
import Steps
import Testing

@testable import Netlink

/// rtnetlink from a kernel that is busy, short of memory, or out of step.
@Suite struct PlayedKernelTests {
  private typealias Answer = PlayedKernel.Answer

  private static let whole: Answer = { [PlayedKernel.link($0, "one") + PlayedKernel.end($0)] }
  private static let busy: Answer = { [PlayedKernel.verdict($0, 16)] }
  /// The list changed between its two datagrams, of which the second says so.
  private static let interrupted: Answer = {
    [PlayedKernel.link($0, "old"), PlayedKernel.link($0, "new", flags: 0x12) + PlayedKernel.end($0)]
  }
  private static let lost: Answer = { [PlayedKernel.link($0, "old") + PlayedKernel.loss($0)] }

  private static func links(_ answers: [Answer]) throws -> (names: [String], asked: Int) {
    var names: [String] = []
    let asked = try PlayedKernel.play(answers) {
      var socket = RouteSocket(answeredOver: $0)
      names = try socket.links().map(\.name)
    }
    return (names, asked)
  }

  @Test func aListIsAskedForAgain() throws {
    let passing: [Answer] = [Self.busy, Self.interrupted, Self.lost, { [PlayedKernel.verdict($0, 105)] }]
    for passing in passing {
      let (names, asked) = try Self.links([passing, passing, Self.whole])
      #expect(names == ["one"] && asked == 3)
    }
    // What the one before left behind is passed over.
    let (names, asked) = try Self.links([
      { [PlayedKernel.link($0, "old") + PlayedKernel.verdict($0, 16)] + [PlayedKernel.link($0, "late")] },
      {
        [PlayedKernel.end($0 &- 1), PlayedKernel.link($0 &- 1, "older"), PlayedKernel.link($0, "one")] + [
          PlayedKernel.end($0)
        ]
      },
    ])
    #expect(names == ["one"] && asked == 2)
  }

  @Test func notForEver() throws {
    for (answer, errno) in [(Self.busy, Errno.busy), (Self.interrupted, .interrupted), (Self.lost, .noBufferSpace)] {
      var fault: Fault?
      let asked = try PlayedKernel.play([Answer](repeating: answer, count: 40)) {
        var socket = RouteSocket(answeredOver: $0)
        do throws(Fault) { _ = try socket.links() } catch { fault = error }
      }
      #expect(fault?.errno == errno && asked == 32)
    }
  }

  /// What is shown one by one is shown again.
  @Test func aListThatIsNotKeptIsShownAgain() throws {
    var names: [String] = []
    _ = try PlayedKernel.play([Self.interrupted, Self.whole]) {
      var socket = RouteSocket(answeredOver: $0)
      try socket.eachPort(of: 1) { names.append($0.name) }
    }
    #expect(names == ["old", "new", "one"])
  }

  /// A change is not made twice: whoever asked for it is told.
  @Test(arguments: [16, 105, 4] as [Int32]) func aRefusalIsToldOnce(number: Int32) throws {
    var fault: Fault?
    let asked = try PlayedKernel.play([{ [PlayedKernel.verdict($0, number)] }, { [PlayedKernel.verdict($0)] }]) {
      var socket = RouteSocket(answeredOver: $0)
      do throws(Fault) { try socket.perform(.setUp(.loopback), container: nil) } catch { fault = error }
    }
    #expect(fault?.errno.rawValue == number && fault?.operation == "RTM_NEWLINK" && asked == 1)
  }

  @Test func anotherNumbersAnswerIsNoAnswer() throws {
    var fault: Fault?
    let asked = try PlayedKernel.play([
      { [PlayedKernel.verdict($0 &+ 1), PlayedKernel.verdict($0 &- 1, 1), PlayedKernel.verdict($0, 95)] }
    ]) {
      var socket = RouteSocket(answeredOver: $0)
      do throws(Fault) { try socket.perform(.setUp(.loopback), container: nil) } catch { fault = error }
    }
    #expect(fault?.errno == .notSupported && asked == 1)
  }

  /// A datagram that ends too early, says that it is longer or shorter than it is, or has nothing in it.
  @Test func aShortMessageIsNoAnswer() throws {
    let good = PlayedKernel.link(1, "one") + PlayedKernel.end(1)
    var cut = (1..<good.count).filter { $0 != 40 }.map { Array(good[..<$0]) }
    for length in [0, 15, 255] as [UInt8] { cut.append([length] + good.dropFirst()) }
    // Headers are whole, and what they promise is missing.
    cut.append(PlayedKernel.message(16, 1, [0, 0, 0]) + PlayedKernel.end(1))
    cut.append(PlayedKernel.message(2, 1, [0]))
    cut.append([])
    for datagram in cut {
      var fault: Fault?
      _ = try PlayedKernel.play([{ _ in datagram.isEmpty ? [] : [datagram] }]) {
        // A lone end of a list would be waited for.
        try $0.borrowed.setReceiveTimeout(seconds: 1)
        var socket = RouteSocket(answeredOver: $0)
        do throws(Fault) { _ = try socket.links() } catch { fault = error }
      }
      #expect(
        fault?.errno == (datagram.isEmpty ? .timedOut : .badMessage), "\(datagram.count): \(String(describing: fault))")
    }
  }
}

/// The same of a real one, whose queue for us is full.
@Suite(.enabled(if: namespacesAreMissing == nil, "needs root: \(namespacesAreMissing ?? "")"))
struct FullQueueTests {
  @Test func whatWasLostIsToldOrAskedForAgain() throws {
    try inNewNamespace {
      let raw = try makeSocket(.netlink, .raw)
      try raw.borrowed.setSocketOption(level: 1, 8, to: 1)  // SO_RCVBUF: the least there is.
      try raw.borrowed.bind(.netlink(groups: 1))
      try raw.borrowed.setReceiveTimeout(seconds: 5)
      var socket = RouteSocket(answeredOver: raw)
      func overflow() throws {
        for number in 0..<8 { try run("ip", "link", "add", "br\(number)", "type", "bridge") }
        for number in 0..<8 { try run("ip", "link", "delete", "br\(number)") }
      }
      try overflow()
      let fault = #expect(throws: Fault.self) { try socket.perform(.setUp(.loopback), container: nil) }
      #expect(fault?.errno == .noBufferSpace && fault?.hint?.contains("may be done, or not") == true)
      // It was done, in fact; and the next request finds a queue with room in it.
      try socket.perform(.setUp(.loopback), container: nil)
      try overflow()
      #expect(try socket.links().map(\.name) == ["lo"])
    }
  }
}
