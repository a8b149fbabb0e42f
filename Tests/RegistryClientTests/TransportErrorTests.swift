import NIOCore
import Testing

@testable import RegistryClient

@Suite struct TransportErrorTests {
  @Test func whoDoesNotListenIsSaidInTheKernelsWords() {
    let failure = RegistryFailure("cannot read it", cause: IOError(errnoCode: 111, reason: "connect (error set)"))
    #expect(failure.message == "cannot read it: connection refused")
    // A port where nobody listens will be so in five seconds too.
    #expect(failure.kind == .other)
    #expect(RegistryFailure("x", cause: IOError(errnoCode: 104, reason: "read")).kind == .transient)
  }
}
