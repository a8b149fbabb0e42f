import Foundation
import Kernel
import Testing

@testable import Monitoring

/// A unix datagram socket that somebody reads, or does not.
private final class Listener {
  let path = Path("/tmp/skiff-log-\(UUID().uuidString)")
  let socket: Descriptor

  init() throws {
    socket = try makeSocket(.unix, .datagram, nonBlocking: true)
    try socket.borrowed.bindUnix(path)
  }
  deinit { try? removeFile(path) }

  func receive() -> String? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    guard let count = try? socket.borrowed.receive(into: &buffer) else { return nil }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  func receiver(_ form: LogReceiver.Form) -> LogReceiver {
    LogReceiver(.unix(path, .datagram), form, name: "test", hint: "it is not there")
  }
}

private func syslog(_ kind: SyslogForm.Kind) -> LogReceiver.Form {
  .syslog(SyslogForm(kind: kind, facility: 3, hostname: "host", tag: "web", process: 7))
}

extension LogWriter {
  fileprivate mutating func append(_ text: String, _ stream: LogStream = .output) {
    append(Array(text.utf8)[...], stream: stream)
  }
}

@Suite struct LogForwarderTests {
  @Test func theJournalsOwnProtocol() throws {
    let listener = try Listener()
    let fields = JournalForm.field("CONTAINER_NAME", "web") + JournalForm.field("X", "a\nb")
    var writer = try LogWriter(.forwarded(listener.receiver(.journal(fields: fields))))
    writer.append("hello\nhalf")
    writer.append("oops\n", .errors)
    writer.finish()
    let constant = "CONTAINER_NAME=web\nX\n\u{3}\0\0\0\0\0\0\0a\nb\n"
    let first = try #require(listener.receive())
    #expect(first.hasPrefix("MESSAGE=hello\nPRIORITY=6\nSYSLOG_TIMESTAMP=20") && first.hasSuffix("Z\n" + constant))
    #expect(listener.receive()?.hasPrefix("MESSAGE=oops\nPRIORITY=3\n") == true)
    #expect(listener.receive()?.hasSuffix("CONTAINER_PARTIAL_MESSAGE=true\n" + constant) == true)
    #expect(JournalForm.fieldName("_com.example-x/y") == "COM_EXAMPLE_X_Y")
  }

  @Test func formsOfSyslog() throws {
    let time = Timestamp(rfc3339: "2026-11-03T04:05:06.123456789Z")!
    func text(_ kind: SyslogForm.Kind, _ stream: LogStream) -> String {
      let form = SyslogForm(kind: kind, facility: 16, hostname: "host", tag: "web", process: 7)
      return String(decoding: form.message(Array("hi".utf8)[...], stream, time), as: UTF8.self)
    }
    #expect(text(.local, .output) == "<134>Nov  3 04:05:06 web[7]: hi\n")
    #expect(text(.rfc3164, .errors) == "<131>Nov  3 04:05:06 host web[7]: hi\n")
    #expect(text(.rfc5424, .output) == "<134>1 2026-11-03T04:05:06Z host web 7 web - hi\n")
    #expect(text(.rfc5424micro, .output) == "<134>1 2026-11-03T04:05:06.123456Z host web 7 web - hi\n")
  }

  @Test func whoIsNotThereFailsTheStartAndNotTheContainer() throws {
    let receiver = LogReceiver(.unix("/nonexistent/socket", .datagram), syslog(.local), name: "x", hint: "start it")
    let fault = #expect(throws: Fault.self) { _ = try LogWriter(.forwarded(receiver)) }
    #expect(fault?.hint == "start it")
    var writer = try LogWriter(.forwarded(receiver), mustReach: false)
    writer.append("lost\n")
    let lost = writer.lost
    #expect(lost?.lines == 1 && lost?.bytes == 5)
  }

  @Test func nobodyAcceptsAConnection() throws {
    let probe = try makeSocket(.ipv4, .stream)
    try probe.borrowed.bind(.ipv4(IPv4Address(127, 0, 0, 1), port: 0))
    let port = try #require(try probe.borrowed.localAddress().port)
    let address = LogReceiver.Address.internet(IPAddress("127.0.0.1")!, port: port, .stream)
    #expect(throws: Fault.self) {
      _ = try LogWriter(.forwarded(LogReceiver(address, syslog(.local), name: "x", hint: "h")))
    }
    try probe.borrowed.listen()
    var writer = try LogWriter(.forwarded(LogReceiver(address, syslog(.rfc5424), name: "x", hint: "h")))
    let connection = try probe.borrowed.accept()
    writer.append("over tcp\n")
    var buffer = [UInt8](repeating: 0, count: 1000)
    let count = try connection.borrowed.receive(into: &buffer)
    #expect(String(decoding: buffer[..<count], as: UTF8.self).hasSuffix(" host web 7 web - over tcp\n"))
  }

  @Test func aReceiverThatStallsLosesLinesAndHoldsNobody() throws {
    let listener = try Listener()
    var writer = try LogWriter(.forwarded(listener.receiver(syslog(.local))))
    let line = String(repeating: "x", count: 999) + "\n"
    for _ in 0..<2000 { writer.append(line) }
    let awaited = writer.waiting
    #expect(awaited != nil)
    let loss = writer.lost
    let lost = try #require(loss)
    #expect(lost.lines > 100 && lost.bytes == lost.lines * 1000)
    // It takes something again: what was kept back comes, then how much is not there, then what is new.
    var received = 0
    while listener.receive() != nil {
      received += 1
      writer.sendWaiting()
    }
    #expect(received == 2000 - lost.lines)
    writer.append("again\n")
    #expect(
      listener.receive()?.hasSuffix(
        "skiff: \(lost.lines) lines (\(lost.bytes) bytes) of this log were lost: \(lost.reason)\n")
        == true)
    #expect(listener.receive()?.hasSuffix(": again\n") == true)
    let after = writer.lost
    #expect(after == nil)
  }

  @Test func aReceiverThatComesAgainIsFoundAgain() throws {
    let path: Path
    var writer: LogWriter
    do {
      let listener = try Listener()
      path = listener.path
      writer = try LogWriter(.forwarded(listener.receiver(syslog(.local))))
    }
    writer.append("nobody\n")
    let lost = writer.lost
    #expect(lost?.lines == 1)
    let socket = try makeSocket(.unix, .datagram, nonBlocking: true)
    try socket.borrowed.bindUnix(path)
    defer { try? removeFile(path) }
    writer.append("somebody\n")
    var buffer = [UInt8](repeating: 0, count: 1000)
    var count = try socket.borrowed.receive(into: &buffer)
    #expect(String(decoding: buffer[..<count], as: UTF8.self).contains("1 lines (7 bytes)"))
    count = try socket.borrowed.receive(into: &buffer)
    #expect(String(decoding: buffer[..<count], as: UTF8.self).hasSuffix("somebody\n"))
  }
}
