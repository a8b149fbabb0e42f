import Privileges
import Steps
import Testing

@Suite struct ResourceLimitTests {
  @Test(
    arguments: [
      ("nofile=1024:2048", "RLIMIT_NOFILE", 7, 1024, 2048),
      ("nofile=1024", "RLIMIT_NOFILE", 7, 1024, 1024),
      ("NPROC=5:-1", "RLIMIT_NPROC", 6, 5, UInt64.max),
      ("core=-1", "RLIMIT_CORE", 4, UInt64.max, UInt64.max),
      ("stack=0:unlimited", "RLIMIT_STACK", 3, 0, UInt64.max),
      ("rttime=9223372036854775807", "RLIMIT_RTTIME", 15, 9_223_372_036_854_775_807, 9_223_372_036_854_775_807),
    ] as [(String, String, Int32, UInt64, UInt64)])
  func accepted(text: String, name: String, number: Int32, soft: UInt64, hard: UInt64) throws {
    let limit = try ResourceLimit(option: text)
    #expect(limit == ResourceLimit(name: name, resource: number, soft: soft, hard: hard))
  }

  @Test(arguments: [
    "", "nofile", "nofile=", "=1", "nofile=a", "nofile=1:2:3", "nofile=1:", "nofile=:1", "nofile=-2", "nofile=+1",
    "nofile= 1", "nofile=9223372036854775808", "nofile=1=2",
  ])
  func malformed(text: String) {
    #expect(throws: ResourceLimitError.malformed(text)) { try ResourceLimit(option: text) }
  }

  @Test func unknownAndUpsideDown() {
    #expect(throws: ResourceLimitError.unknown("files")) { try ResourceLimit(option: "files=1") }
    #expect(throws: ResourceLimitError.softAboveHard("nofile=2:1")) { try ResourceLimit(option: "nofile=2:1") }
    #expect(throws: ResourceLimitError.softAboveHard("core=-1:5")) { try ResourceLimit(option: "core=-1:5") }
  }

  @Test func namesOfTheSpecification() {
    #expect(ResourceLimit(name: "RLIMIT_AS", soft: 1, hard: 1)?.resource == 9)
    #expect(ResourceLimit(name: "AS", soft: 1, hard: 1) == nil)
    #expect(ResourceLimit(name: "RLIMIT_", soft: 1, hard: 1) == nil)
  }
}
