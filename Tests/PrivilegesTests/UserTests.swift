import Kernel
import Privileges
import Testing

private let passwd = """
  root:x:0:0:root:/root:/bin/bash
  # a comment
  broken:x:abc:0::/:/bin/sh
  empty:x:::/:/bin/sh:
  4294967296:x:0:0::/evil:/bin/sh
  1000:x:0:0:numeric name:/evil:/bin/sh
  daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
  web:x:33:34:web,,,:/var/www:/usr/sbin/nologin
  web:x:0:0:second:/evil:/bin/sh
  huge:x:4294967295:4294967295::/:/bin/sh
  relative:x:50:50::not/absolute:/bin/sh
  short:x:51:51
  ada:x:1001:1001:Ada:/home/ada:/bin/sh
  +::::::
  """

private let group = """
  root:x:0:
  daemon:x:1:
  wheel:x:10:root,ada
  audio:x:29:web,ada,
  www:x:34:
  ada:x:1001:
  4242:x:0:ada
  bad:x:-1:ada
  video:x:44:ada,web
  none:x:99
  dup:x:10:ada
  """

private func resolve(_ text: String, added: [String] = []) throws -> ResolvedUser {
  let database = try UserDatabase(passwd: Array(passwd.utf8), group: Array(group.utf8))
  return try database.resolve(UserReference(text), added: added.map { try UserReference.Principal($0) })
}

@Suite struct UserTests {
  @Test func numberWithoutEntryHasGroupZero() throws {
    let user = try resolve("1234")
    #expect(user == ResolvedUser(user: 1234, group: 0, supplementary: [0], name: nil, home: "/"))
  }

  @Test func oneIsOne() throws {
    // The entry of uid 1 gives its group; without a passwd file it is 0, and never user 0 (CVE-2026-30892).
    #expect(try resolve("1").user == 1)
    #expect(try resolve("1").group == 1)
    let bare = try UserDatabase(passwd: [], group: [])
    #expect(try bare.resolve(UserReference("1")).user == 1)
    #expect(try bare.resolve(UserReference("1")).group == 0)
  }

  @Test func digitsAreNeverAName() throws {
    #expect(try resolve("1000").user == 1000)
    #expect(try resolve("1000").home == "/")
    #expect(throws: UserError.outOfRange("4294967296")) { try resolve("4294967296") }
    #expect(try resolve("0:4242").group == 4242)
    #expect(try resolve("007").user == 7)
  }

  @Test(arguments: ["2147483648", "4294967295", "4294967296", "18446744073709551616", "99999999999999999999999"])
  func beyondInt32(text: String) {
    #expect(throws: UserError.outOfRange(text)) { try UserReference(text) }
    #expect(throws: UserError.outOfRange(text)) { try UserReference("0:" + text) }
  }

  @Test func greatestId() throws {
    #expect(try resolve("2147483647:2147483647").group == 2_147_483_647)
  }

  @Test(arguments: ["-1", "+0", "0x0", " 0", "0 ", "1e0", "٠", "nosuch", "web2", "we", "WEB", "#"])
  func whatIsNoNumberIsLookedUpAndNotFound(text: String) {
    #expect(throws: UserError.noSuchUser(text)) { try resolve(text) }
  }

  @Test(arguments: ["a:b:c", "root:", ":", "a\nb", "root\u{0}", "a:\t"])
  func malformed(text: String) {
    #expect(throws: UserError.self) { try UserReference(text) }
  }

  @Test func emptyIsRoot() throws {
    #expect(try resolve("").user == 0)
    #expect(try resolve("").home == "/root")
    #expect(try resolve(":34").group == 34)
  }

  @Test func firstEntryWins() throws {
    let user = try resolve("web")
    #expect(user == ResolvedUser(user: 33, group: 34, supplementary: [34, 29, 44], name: "web", home: "/var/www"))
  }

  @Test(arguments: ["broken", "empty", "huge", "short", "+", "# a comment"])
  func brokenLinesAreNoEntries(name: String) {
    #expect(throws: UserError.noSuchUser(name)) { try resolve(name) }
  }

  @Test func relativeHomeIsRoot() throws { #expect(try resolve("relative").home == "/") }

  /// The `id -G` matrix: what setgroups(2) gets (CVE-2022-36109, CVE-2023-25173).
  @Test(arguments: [
    ("ada", [], [1001, 10, 29, 0, 44] as [UInt32]),
    ("1001", [], [1001, 10, 29, 0, 44]),
    ("ada:www", [], [34]),
    ("ada:7", [], [7]),
    ("ada", ["video", "5", "5"], [1001, 10, 29, 0, 44, 5]),
    ("5000", [], [0]),
    ("5000:5000", ["audio"], [5000, 29]),
    ("root", [], [0, 10]),
    ("daemon", [], [1]),
  ])
  func supplementaryGroups(user: String, added: [String], expected: [UInt32]) throws {
    #expect(try resolve(user, added: added).supplementary == expected)
  }

  @Test func unknownGroups() {
    #expect(throws: UserError.noSuchGroup("nosuch")) { try resolve("ada:nosuch") }
    #expect(throws: UserError.noSuchGroup("bad")) { try resolve("ada:bad") }
    #expect(throws: UserError.noSuchGroup("nosuch")) { try resolve("ada", added: ["nosuch"]) }
  }

  @Test func aLineWithoutEnd() throws {
    let long = Array("x:x:1:1::/:".utf8) + [UInt8](repeating: 97, count: UserDatabase.lineLimit)
    let database = try UserDatabase(passwd: Array("root:x:0:0::/:\n".utf8) + long, group: [])
    #expect(try database.resolve(UserReference("root")).user == 0)
    #expect(throws: UserError.lineTooLong(file: "passwd", line: 2)) { try database.resolve(UserReference("other")) }
  }

  @Test func aFileWithoutEnd() {
    let huge = [UInt8](repeating: 10, count: UserDatabase.fileLimit + 1)
    #expect(throws: UserError.fileTooLong(file: "passwd")) { try UserDatabase(passwd: huge, group: []) }
    #expect(throws: UserError.fileTooLong(file: "group")) { try UserDatabase(passwd: [], group: huge) }
  }

  @Test func moreGroupsThanTheKernelTakes() throws {
    let lines = (1...70_000).map { "g\($0):x:\($0):ada" }.joined(separator: "\n")
    let database = try UserDatabase(passwd: Array(passwd.utf8), group: Array(lines.utf8))
    #expect(throws: UserError.tooManyGroups) { try database.resolve(UserReference("ada")) }
  }

  /// Of many mutations of the two files: the number that a line of that name has, or an error, never another's.
  @Test func mutatedFiles() throws {
    var state: UInt64 = 42
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    let original = Array("root:x:0:0::/root:/bin/sh\nada:x:1001:1001::/home/ada:/bin/sh\n".utf8)
    var answers = 0
    for _ in 0..<2000 {
      var bytes = original
      for _ in 0..<(1 + next() % 4) {
        let at = Int(next() % UInt64(bytes.count))
        switch next() % 3 {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: next())
        case 1: bytes.remove(at: at)
        default: bytes.insert(UInt8(ascii: ":"), at: at)
        }
      }
      let database = try UserDatabase(passwd: bytes, group: bytes)
      guard let found = try? database.resolve(UserReference("ada")) else { continue }
      answers += 1
      let numbers = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
        let fields = line.split(separator: ":", omittingEmptySubsequences: false)
        return fields.count > 2 && fields[0] == "ada" ? UInt32(fields[2]) : nil
      }
      #expect(numbers.contains(found.user), "\(found.user) of \(String(decoding: bytes, as: UTF8.self))")
    }
    #expect(answers > 500, "\(answers) answers")
  }
}
