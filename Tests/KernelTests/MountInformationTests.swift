import Testing

@testable import Kernel

@Suite struct MountInformationTests {
  private func parse(_ line: String) -> MountInformation? { MountInformation(Array(line.utf8)[...]) }

  @Test func everyField() {
    let mount = parse(
      #"36 35 98:0 /mnt1\040x /mnt2\134y rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue"#)
    #expect(mount?.identifier == 36 && mount?.root == "/mnt1 x" && mount?.point == #"/mnt2\y"# && mount?.type == "ext3")
    #expect(mount?.options == ["rw", "noatime"] && mount?.superOptions == ["rw", "errors=continue"])
    #expect(mount?.hasType("ext3") == true && mount?.hasType("ext") == false && mount?.hasType("ext34") == false)
    // A type is what comes after the dash, whatever the fields before it are called.
    #expect(parse("32 24 0:27 / /x - resctrl rw - tmpfs resctrl rw")?.type == "tmpfs")
    #expect(parse("9 8 0:1 / /mnt rw shared:1 master:2 propagate_from:3 - cgroup2 none rw")?.type == "cgroup2")
  }

  @Test(arguments: [
    "", "36 35 98:0 / / rw", "x 35 98:0 / / rw - ext3 a b", "36 35 98:0 / / rw a b c -", "36 35 98:0 / / rw - ext3 a",
    "-1 35 98:0 / / rw - ext3 a b", "99999999999999999999 35 98:0 / / rw - ext3 a b",
  ])
  func aLineThatIsCutShort(_ line: String) { #expect(parse(line) == nil) }

  @Test func whatIsNoEscapeStaysAsItIs() {
    #expect(parse(#"1 2 0:1 / /a\9b\04 rw - t s o"#)?.point == #"/a\9b\04"#)
    #expect(parse(#"1 2 0:1 / /a\777 rw - t s o"#)?.point == #"/a\777"#)
  }

  @Test func theOwnNamespace() throws {
    let mounts = try MountInformation.own()
    #expect(mounts.contains { $0.point == "/" })
    #expect(mounts.contains { $0.hasType("proc") && $0.point == "/proc" })
  }
}

@Suite struct ByteFieldsTests {
  private func fields(_ text: String, _ separator: Unicode.Scalar) -> [String] {
    var fields = ByteFields(Array(text.utf8))
    var found: [String] = []
    while let field = fields.next(separator) { found.append(String(decoding: field, as: UTF8.self)) }
    return found
  }

  @Test func fieldsBetweenSeparators() {
    #expect(fields("a:b,c:/d", ":") == ["a", "b,c", "/d"])
    #expect(fields("0::/", ":") == ["0", "", "/"])
    #expect(fields("", ":") == [] && fields(":", ":") == [""] && fields("a:", ":") == ["a"])
  }

  @Test func wordsOfALine() {
    var words = ByteFields(Array(" a  bc\td\n".utf8))
    #expect(words.nextWord().map(Array.init) == [97] && words.nextWord().map(Array.init) == [98, 99])
    #expect(words.nextWord().map(Array.init) == [100] && words.nextWord() == nil && words.nextWord() == nil)
  }

  @Test func decimalNumbers() {
    func decimal(_ text: String) -> UInt64? { Array(text.utf8)[...].decimal }
    #expect(decimal("0") == 0 && decimal("18446744073709551615") == .max)
    for text in ["", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "99999999999999999999"] {
      #expect(decimal(text) == nil, "\(text)")
    }
  }
}
