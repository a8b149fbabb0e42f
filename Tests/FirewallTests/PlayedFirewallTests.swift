import Kernel
import Steps
import Testing

@testable import Firewall

/// nfnetlink from a kernel that is busy, short of memory, or out of step.
@Suite struct PlayedFirewallTests {
  private typealias Answer = PlayedKernel.Answer

  private static let change = FirewallChange(
    table: "skiff", [.addTable, .addChain(FirewallChain("post", .postrouting))])

  private static func apply(_ answers: [Answer]) throws -> (fault: Fault?, asked: Int) {
    var fault: Fault?
    let asked = try PlayedKernel.play(answers) {
      var socket = FirewallSocket(answeredOver: $0)
      do throws(Fault) { try socket.apply(change) } catch { fault = error }
    }
    return (fault, asked)
  }

  /// EAGAIN: modules were loaded, ERESTART: another transaction came in between, ENOBUFS: no memory. Nothing was applied.
  @Test(arguments: [11, 85, 105] as [Int32]) func aTransactionIsSentAgain(number: Int32) throws {
    let passing: Answer = { [PlayedKernel.verdict($0, number)] }
    let (fault, asked) = try Self.apply([passing, passing, { [PlayedKernel.verdict($0)] }])
    #expect(fault == nil && asked == 3)
    let (last, often) = try Self.apply([Answer](repeating: passing, count: 20))
    #expect(last?.errno.rawValue == number && often == 16)
  }

  /// Of any message of it, in whatever order with others' answers.
  @Test func aRefusalIsToldOnce() throws {
    // A chain in use (EBUSY), of the operation before the last.
    let (fault, asked) = try Self.apply([
      { [PlayedKernel.verdict($0 &+ 1), PlayedKernel.verdict($0 &- 9, 1), PlayedKernel.verdict($0 &- 1, 16)] },
      { [PlayedKernel.verdict($0)] },
    ])
    #expect(fault?.errno == .busy && asked == 1)
  }

  @Test func aListIsAskedForAgain() throws {
    // One rule's place in a generation: NFT_MSG_NEWGEN is an answer to a request, a mark to three lists.
    let number: [UInt8] = [0, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 9]
    func generation(_ answers: [Answer]) throws -> (value: UInt32?, fault: Fault?) {
      var (value, fault): (UInt32?, Fault?)
      _ = try PlayedKernel.play(answers) {
        var socket = FirewallSocket(answeredOver: $0)
        do throws(Fault) { value = try socket.generation() } catch { fault = error }
      }
      return (value, fault)
    }
    let answer: Answer = { [PlayedKernel.message(0x0a0f, $0, number), PlayedKernel.verdict($0)] }
    #expect(try generation([answer]).value == 9)
    let stranger: Answer = {
      [PlayedKernel.message(0x0a0f, $0 &+ 1, [0, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 3])] + answer($0)
    }
    #expect(try generation([stranger]).value == 9)
    for cut in 1..<number.count {
      let short: Answer = { [PlayedKernel.message(0x0a0f, $0, Array(number[..<cut])), PlayedKernel.verdict($0)] }
      #expect(try generation([short]).fault?.errno == .badMessage, "\(cut)")
    }
    func frame(_ answers: [Answer]) throws -> (mark: UInt64?, asked: Int) {
      var mark: UInt64?
      let asked = try PlayedKernel.play(answers) {
        var socket = FirewallSocket(answeredOver: $0)
        mark = try socket.frameMark(of: "skiff")
      }
      return (mark, asked)
    }
    let chain: Answer = {
      [
        PlayedKernel.message(0x0a03, $0, flags: 2, [1, 0, 0, 0, 10, 0, 1, 0] + Array("skiff".utf8) + [0, 0, 0])
          + PlayedKernel.end($0)
      ]
    }
    let nothing: Answer = { [PlayedKernel.end($0)] }
    let changed: Answer = { [PlayedKernel.end($0, flags: 0x12)] }
    let busy: Answer = { [PlayedKernel.verdict($0, 16)] }
    let (mark, asked) = try frame([chain, nothing, nothing])
    #expect(mark != nil && asked == 3)
    let (again, more) = try frame([changed, chain, busy, nothing, { [PlayedKernel.loss($0)] }, nothing])
    #expect(again == mark && more == 6)
  }
}
