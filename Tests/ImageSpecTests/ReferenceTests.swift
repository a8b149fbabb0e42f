import ImageSpec
import Testing

private let digest = "sha256:" + String(repeating: "0a", count: 32)

@Suite struct ReferenceTests {
  @Test(arguments: [
    ("bash", "bash:latest", "docker.io/library/bash:latest"),
    ("bash:5.2", "bash:5.2", "docker.io/library/bash:5.2"),
    ("library/bash", "bash:latest", "docker.io/library/bash:latest"),
    ("docker.io/bash", "bash:latest", "docker.io/library/bash:latest"),
    ("index.docker.io/library/bash", "bash:latest", "docker.io/library/bash:latest"),
    ("team/web", "team/web:latest", "docker.io/team/web:latest"),
    ("localhost/web", "localhost/web:latest", "localhost/web:latest"),
    ("localhost:5000/web:v1", "localhost:5000/web:v1", "localhost:5000/web:v1"),
    ("registry.example/a/b/c:1", "registry.example/a/b/c:1", "registry.example/a/b/c:1"),
    ("Host/web", "Host/web:latest", "Host/web:latest"),
    ("[::1]:5000/web", "[::1]:5000/web:latest", "[::1]:5000/web:latest"),
    ("a__b-c---d.e_f", "a__b-c---d.e_f:latest", "docker.io/library/a__b-c---d.e_f:latest"),
    ("web@\(digest)", "web@\(digest)", "docker.io/library/web@\(digest)"),
    ("web:1@\(digest)", "web:1@\(digest)", "docker.io/library/web:1@\(digest)"),
    ("4f2a", "4f2a:latest", "docker.io/library/4f2a:latest"),
    ("web:_x.Y-1", "web:_x.Y-1", "docker.io/library/web:_x.Y-1"),
  ])
  func normalises(_ text: String, _ familiar: String, _ canonical: String) throws {
    let reference = try Reference(text)
    #expect(reference.familiar == familiar)
    #expect(reference.canonical == canonical)
    #expect(try Reference(familiar) == reference)
    #expect(try Reference(canonical) == reference)
  }

  @Test(arguments: [
    "", ":", "@", "/", "a/", "/a", "a//b", "Web", "team/Web", "a:", ":a", "a:b:c", "a@", "a@sha256:12", "a b", "a\n",
    "a\0b", "-a", "a-",
    "_a", "a_", ".a", "a.", "a..b", "a___b", "a._b", "a._", "é", "a:é", "a:-x", "a:.x", "../a", "a/../b", "./a",
    "host:port/a",
    "host:/a", "-host.example/a", "host-.example/a", "ho_st.example/a", "[::1/a", "[]/a", "[zz]:1/a", "http://a/b",
    "a:" + String(repeating: "x", count: 129),
    String(repeating: "a", count: 256), String(repeating: "a/", count: 300) + "b", String(repeating: "ab", count: 32),
    "a@md5:\(String(repeating: "0", count: 32))",
    "a@sha256:" + String(repeating: "0A", count: 32), "a@\(digest)x",
  ])
  func refuses(_ text: String) {
    #expect(throws: ImageSpecError.self) { try Reference(text) }
  }

  @Test func theMessageNamesWhatIsWrong() {
    #expect(throws: ImageSpecError("image name \"Web\" must be lower case")) { try Reference("Web") }
    #expect(throws: ImageSpecError("\"-x\" in \"a:-x\" is not a tag")) { try Reference("a:-x") }
    #expect(throws: ImageSpecError("\"a?b\" is not an image name")) { try Reference("a\u{1b}b") }
  }
}

@Suite struct DigestTests {
  @Test func isWhatSHA256Gives() throws {
    let bytes = (0..<32).map { UInt8($0 * 7 & 255) }
    let digest = Digest(sha256: bytes)
    #expect(digest.hex == bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    #expect(try Digest(digest.description) == digest)
    #expect(digest.short == String(digest.hex.prefix(12)))
  }

  @Test(arguments: [
    "", "sha256:", "sha256:../../x", "sha256:" + String(repeating: "g", count: 64),
    "sha256:" + String(repeating: "A", count: 64),
    "sha256:" + String(repeating: "a", count: 63), "sha256:" + String(repeating: "a", count: 65),
    "SHA256:" + String(repeating: "a", count: 64), "sha512:" + String(repeating: "a", count: 128),
    " sha256:" + String(repeating: "a", count: 64), "sha256:" + String(repeating: "a", count: 64) + "\n",
    "sha256:" + String(repeating: "a", count: 62) + "é",
  ])
  func refuses(_ text: String) {
    #expect(throws: ImageSpecError.self) { try Digest(text) }
  }
}
