import JSON
import RuntimeSpec
import Seccomp
import Steps
import Testing

@testable import OCIRuntime

@Suite struct SavedFilterTests {
  private func filter() throws -> SystemCallFilter {
    var filter = try compile(DefaultProfile.resolve(granted: []), name: "the configuration's profile")
    filter.flags = 5
    return filter
  }

  @Test(arguments: [nil, SystemCallFilter.ListenerCall.sendmsg, .sendmmsg]) func itComesBackAsItWas(
    _ call: SystemCallFilter.ListenerCall?
  ) throws {
    var filter = try filter()
    filter.listenerCall = call
    filter.isMute = call == .sendmmsg
    #expect(SystemCallFilter(saved: filter.savedBytes) == filter)
  }

  @Test func whatItDidNotWriteIsNoFilter() throws {
    let bytes = try filter().savedBytes
    #expect(SystemCallFilter(saved: []) == nil)
    // Cut inside an instruction; without any; another version's mark; a call, and a flag, that do not exist.
    #expect(SystemCallFilter(saved: Array(bytes.dropLast())) == nil)
    #expect(SystemCallFilter(saved: Array(bytes.prefix(32))) == nil)
    for offset in [0, 15, 16, 24] {
      var bent = bytes
      bent[offset] = bent[offset] &+ 7
      #expect(SystemCallFilter(saved: bent) == nil, "byte \(offset)")
    }
  }
}
