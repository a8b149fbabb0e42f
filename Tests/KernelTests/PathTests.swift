import Kernel
import Testing

@Suite struct PathTests {
  /// What the kernel would read as the end must not hide what follows it from whoever checks the text.
  @Test func aNULInsideIsRefusedOrTheEnd() {
    #expect(Path(bytes: [0x61, 0, 0x62]) == nil)
    #expect(Path("a\u{0}b") == "a")
    #expect(Path(bytes: [UInt8]()) == "")
  }

  @Test func bytesThatAreNoTextAreKept() throws {
    let path = try #require(Path(bytes: [0x2f, 0xff, 0xfe, 0x2f, 0x80]))
    #expect(path.components.map { Array($0.bytes) } == [[0xff, 0xfe], [0x80]])
    #expect(Array(path.parent.bytes) == [0x2f, 0xff, 0xfe])
    #expect(Array(path.lastComponent.bytes) == [0x80])
    #expect(Path(bytes: [0xff]) != Path(bytes: [0xfe]))
  }

  @Test(
    arguments: [
      ("/a/b", ["a", "b"], "/a", "b"), ("/", [], "/", ""), ("", [], "", ""), ("a", ["a"], "", "a"),
      ("//a//./b//", ["a", "b"], "/a", "b"), ("a/..", ["a", ".."], "a", ".."), ("./.", [], "", ""),
      ("...", ["..."], "", "..."), ("/.a", [".a"], "/", ".a"),
    ] as [(String, [String], String, String)])
  func components(text: String, expected: [String], parent: String, name: String) {
    let path = Path(text)
    #expect(path.components.map(\.string) == expected)
    #expect(path.parent.string == parent)
    #expect(path.name == name)
  }

  @Test(arguments: [
    ("/a/b", "/a", true), ("/a", "/a/b", false), ("/a/b", "/", true), ("/ab", "/a", false), ("/a", "/ab", false),
    ("//a/./b/", "/a/b", true), ("/a/b", "./a//", true), ("/", "/", true), ("/a/../b", "/a", true), ("", "/a", false),
  ])
  func inside(path: String, other: String, expected: Bool) { #expect(Path(path).isInside(Path(other)) == expected) }

  /// Nothing that is appended leaves what it is appended to, but by `..`, which only the kernel can resolve.
  @Test(arguments: [
    ("/a", "/b", "/a/b"), ("/a/", "b", "/a/b"), ("/", "/b", "/b"), ("a", "//b", "a/b"), ("", "/b", "/b"),
    ("/a", "", "/a/"), ("/a//", "//b//c", "/a/b//c"),
  ])
  func appending(base: String, other: String, expected: String) {
    #expect(Path(base).appending(other).string == expected)
  }

  @Test(arguments: [
    ("/a/../b", "/b"), ("/../../a", "/a"), ("a/../../b", "../b"), ("../..", "../.."), ("/a/./b//c/", "/a/b/c"),
    ("/", "/"),
    ("/..", "/"), ("a/..", "."), ("", "."), (".", "."), ("/a/b/../../../c", "/c"), ("a/b/../..", "."),
    ("../a/..", ".."),
  ])
  func lexicallyNormal(text: String, expected: String) {
    #expect(Path(text).lexicallyNormal.string == expected)
  }
}

@Suite struct JoiningTests {
  @Test func joinsAsTheStandardLibraryDoes() {
    for words in [[], [""], ["a"], ["a", "b"], ["", "", "c"]] as [[String]] {
      for separator in ["", ", ", "\u{301}"] {
        #expect(words.joined(separator: separator) == AnyCollection(words).joined(separator: separator))
      }
    }
  }
}
