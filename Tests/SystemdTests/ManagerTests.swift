import Foundation
import Kernel
import Steps
import Testing

@testable import DBus
@testable import Systemd

/// A peer that speaks the protocol and stands for systemd's private socket: it answers each call by a script.
final class FakeManager: @unchecked Sendable {
  typealias Answer = @Sendable (BusMessage) -> [BusMessage]
  private let lock = NSLock()
  private var seen: [BusMessage] = []
  var calls: [BusMessage] { lock.withLock { seen } }

  init(_ path: Path, _ answer: @escaping Answer) throws {
    let socket = try listenUnix(path)
    let number = socket.release()
    Thread { [self] in
      let listening = Descriptor(owning: number)
      guard let peer = try? listening.borrowed.accept() else { return }
      try? serve(peer.borrowed, answer)
    }.start()
  }

  private func serve(_ peer: BorrowedDescriptor, _ answer: Answer) throws {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    func more() throws -> Bool {
      let count = try peer.read(into: &buffer)
      bytes += buffer[..<count]
      return count > 0
    }
    while bytes.count(where: { $0 == 10 }) < 3 { if try !more() { return } }
    let greeting = String(decoding: bytes, as: UTF8.self)
    // What comes together with BEGIN is lost, as systemd loses it.
    bytes.removeAll()
    let isRight = greeting == "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"
    try peer.write(isRight ? "DATA\r\nOK 0123\r\n" : "REJECTED\r\n")
    while true {
      while let length = try BusMessage.length(of: bytes[...]), bytes.count >= length {
        let call = try BusMessage(bytes[..<length])
        bytes.removeFirst(length)
        lock.withLock { seen.append(call) }
        for message in answer(call) { try peer.write(message.bytes) }
      }
      if try !more() { return }
    }
  }
}

func reply(to call: BusMessage, _ body: [BusValue] = []) -> BusMessage {
  var message = BusMessage(.reply)
  message.replySerial = call.serial
  message.body = body
  return message
}

func refusal(of call: BusMessage, _ name: String) -> BusMessage {
  var message = BusMessage(.error)
  message.replySerial = call.serial
  message.errorName = "org.freedesktop.systemd1." + name
  message.body = [.string("no " + name)]
  return message
}

func removed(_ job: String, _ result: String) -> BusMessage {
  var message = BusMessage(.signal)
  message.path = "/org/freedesktop/systemd1"
  message.interface = "org.freedesktop.systemd1.Manager"
  message.member = "JobRemoved"
  message.body = [.uint32(1), .objectPath(job), .string("x.scope"), .string(result)]
  return message
}

@Suite struct ManagerTests {
  private func with(
    _ answer: @escaping FakeManager.Answer, _ body: (FakeManager, inout SystemdManager) throws -> Void
  ) throws {
    try withTemporaryDirectory { directory in
      let path = directory.appending("private")
      let fake = try FakeManager(path, answer)
      var manager = try SystemdManager(.init(path: path, isBus: false), isUser: false, milliseconds: 2000)
      try body(fake, &manager)
    }
  }

  static let unit = SystemdUnit(
    name: "docker-1.scope", isUser: false,
    properties: [UnitProperty("Slice", .text("system.slice")), UnitProperty("CPUWeight", .number(0), since: 252)])

  @Test func startsAScopeAndWaitsForItsJob() throws {
    try with({ call in
      switch call.member {
      // The job may be done before its own call is answered.
      case "StartTransientUnit":
        [removed("/job/0", "failed"), removed("/job/1", "done"), reply(to: call, [.objectPath("/job/1")])]
      case "Get": [reply(to: call, [.variant(.string("v251.4-1"))])]
      default: [refusal(of: call, "Unexpected")]
      }
    }) { fake, manager in
      try manager.start(Self.unit, processes: [4711])
      let start = try #require(fake.calls.last)
      #expect(start.destination == nil && start.path == "/org/freedesktop/systemd1")
      #expect(start.body.map(\.signature) == ["s", "s", "a(sv)", "a(sa(sv))"])
      guard case .array(_, let properties) = start.body[2] else { throw Fault("test", .invalid) }
      // Systemd 251 does not know a weight of 0.
      #expect(properties.count == 2)
      #expect(properties[1] == .structure([.string("PIDs"), .variant(.array(of: "u", [.uint32(4711)]))]))
    }
  }

  @Test func aUnitThatFailedOnceIsResetAndTriedAgain() throws {
    let tries = Counter()
    try with({ call in
      switch call.member {
      case "StartTransientUnit" where tries.next() == 1: [refusal(of: call, "UnitExists")]
      case "StartTransientUnit": [reply(to: call, [.objectPath("/job/2")]), removed("/job/2", "done")]
      case "Get": [reply(to: call, [.variant(.string("252"))])]
      default: [reply(to: call)]
      }
    }) { fake, manager in
      try manager.start(Self.unit, processes: [1])
      #expect(
        fake.calls.compactMap(\.member) == ["Get", "StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"])
    }
  }

  @Test func saysWhatSystemdSays() throws {
    try with({ call in
      call.member == "Get" ? [reply(to: call, [.variant(.string("252"))])] : [refusal(of: call, "AccessDenied")]
    }) {
      _, manager in
      let fault = #expect(throws: Fault.self) { try manager.start(Self.unit, processes: [1]) }
      #expect(fault?.errno == .accessDenied && fault?.hint == "systemd says: no AccessDenied")
    }
    try with({ call in
      switch call.member {
      case "Get": [reply(to: call, [.variant(.string("252"))])]
      case "StartTransientUnit": [reply(to: call, [.objectPath("/j")]), removed("/j", "timeout")]
      default: [reply(to: call)]
      }
    }) { _, manager in
      let fault = #expect(throws: Fault.self) { try manager.start(Self.unit, processes: [1]) }
      #expect(fault?.arguments.contains("timeout") == true)
    }
  }

  @Test func stoppingWhatIsGoneIsFine() throws {
    try with({ [refusal(of: $0, "NoSuchUnit")] }) { fake, manager in
      try manager.stop("docker-1.scope")
      #expect(fake.calls.compactMap(\.member) == ["StopUnit", "ResetFailedUnit"])
    }
  }

  @Test func changesLimitsOfARunningScope() throws {
    try with({ [reply(to: $0)] }) { fake, manager in
      try manager.set([UnitProperty("MemoryMax", .number(.max))], of: "docker-1.scope")
      #expect(
        fake.calls.last?.body == [
          .string("docker-1.scope"), .bool(true),
          .array(of: "(sv)", [.structure([.string("MemoryMax"), .variant(.uint64(.max))])]),
        ])
      try manager.set([], of: "docker-1.scope")
      #expect(fake.calls.count == 1)
    }
  }

  @Test func aPeerThatIsSilentIsNotWaitedForLong() throws {
    try withTemporaryDirectory { directory in
      let path = directory.appending("private")
      _ = try FakeManager(path) { _ in [] }
      var manager = try SystemdManager(.init(path: path, isBus: false), isUser: false, milliseconds: 200)
      let fault = #expect(throws: Fault.self) { try manager.stop("x.scope") }
      #expect(fault?.errno == .timedOut)
    }
  }

  @Test func whoAsksIsAttachedByTheNumberThatTheManagerKnows() throws {
    try with({ call in [reply(to: call)] }) { fake, manager in
      try manager.attach(to: "runc-1.scope", subgroup: "/below")
      let call = try #require(fake.calls.last)
      #expect(call.member == "AttachProcessesToUnit")
      #expect(call.body == [.string("runc-1.scope"), .string("/below"), .array(of: "u", [.uint32(0)])])
    }
  }

  @Test func aUserWithoutAManagerIsToldWhereOneComesFrom() throws {
    try withTemporaryDirectory { directory in
      let fault = #expect(throws: Fault.self) {
        _ = try SystemdManager(.init(path: directory.appending("bus"), isBus: true), isUser: true)
      }
      #expect(fault?.errno == .noSuchFile)
      #expect(fault?.hint?.contains("loginctl enable-linger") == true)
    }
  }

  @Test func findsTheBusOfAUser() throws {
    func find(_ variables: [String: String]) throws -> Path {
      try SystemdManager.address(isUser: true) { variables[$0] }.path
    }
    #expect(try find(["DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/7/bus,guid=1"]) == "/run/user/7/bus")
    #expect(try find(["DBUS_SESSION_BUS_ADDRESS": "tcp:host=x;unix:path=/b"]) == "/b")
    #expect(try find(["XDG_RUNTIME_DIR": "/run/user/7"]) == "/run/user/7/bus")
    #expect(throws: Fault.self) { try find([:]) }
  }
}

final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0
  func next() -> Int {
    lock.withLock {
      count += 1
      return count
    }
  }
}
