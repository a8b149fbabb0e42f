import Foundation
import JSON
import Testing

@testable import Templates

/// The same templates through the docker client that is installed: it formats its list of contexts without a daemon.
@Suite struct DockerComparisonTests {
  private static let client: String? = ["/usr/local/bin/docker", "/usr/bin/docker"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  private func docker(_ format: String) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.client))
    process.arguments = ["context", "ls", "--format", format]
    let folder = FileManager.default.temporaryDirectory.appending(path: "skiff-docker-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    process.environment = ["HOME": folder.path, "DOCKER_CONFIG": folder.path]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  @Test(.enabled(if: client != nil)) func formatsAlike() throws {
    let expressions = [
      #"{{.Name}}"#, #"{{json .Name}}"#, #"{{.Name | printf "%10s|%-10s|%.3s" "x" "y"}}"#,
      #"{{printf "%d|%5d|%-5d|%05d|%+d|%x|%#x|%X|%o|%b|%c|%U" 42 42 42 42 42 255 255 255 8 5 65 233}}"#,
      #"{{printf "%q|%q|%s|%v" "a\"b\"" 'x' "é" true}}"#,
      #"{{printf "%.2f|%8.3f|%e|%g|%g" 2.345 3.14159 1234.5 0.00001 1e21}}"#,
      #"{{printf "%v|%v|%v|%v" 1.0 1.5 100000.0 1e20}}"#, #"{{printf "%d %d" 1}}"#, #"{{printf "%d" "x"}}"#,
      #"{{printf "x" 1 "y"}}"#,
      #"{{printf "%t|%5t|%T %T %T" true false 1 "x" 1.5}}"#, #"{{printf "%x|%X" "hi" "hi"}}"#,
      #"{{printf "%-8q|%08d|%+.1f" "a" -7 2.0}}"#,
      #"{{print 1 2 "x" 3 4}}"#, #"{{println 1 "x" true}}"#, #"{{len "abc"}} {{index "abc" 1}} {{slice "abcdef" 2 4}}"#,
      #"{{split "a:b:c" ":"}} {{join (split "a:b" ":") "-"}} {{index (split "a:b:c" ":") 2}}"#,
      #"{{lower "AbC"}} {{upper "AbC"}} {{title "two words"}} {{truncate "abcdef" 3}} [{{pad "x" 1 2}}]"#,
      #"{{html "<a href='x'>&\"</a>"}} {{js "it's \"<x>\" = "}} {{urlquery "a b&c/é~"}}"#,
      #"{{if and (eq 1 1) (ne "a" "b") (lt 1 2) (ge 2.5 2.5)}}yes{{else}}no{{end}}"#,
      #"{{eq 3 1 2 3}} {{or "" "d"}} {{and 1 0}} {{not ""}}"#,
      #"{{range $i, $e := split "a,b,c" ","}}{{if $i}};{{end}}{{$i}}={{$e}}{{end}}"#,
      #"{{range split "" ","}}[{{.}}]{{else}}none{{end}}"#,
      #"{{range 3}}{{.}}{{end}}"#, #"{{range split "a,b,c" ","}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}"#,
      #"{{with "x"}}{{.}}{{end}}{{with ""}}a{{else}}b{{end}}{{with ""}}a{{else with "c"}}{{.}}{{end}}"#,
      #"{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{$y}}{{end}}{{$x}}"#, #"a  {{- 1 -}}  b {{- /* c */ -}} d"#,
      #"{{0x1f}} {{1_000}} {{017}} {{0b11}} {{1.5e3}} {{1e-3}} {{'a'}} {{-3}} {{+4}}"#,
      #"{{`raw "x"`}} {{"é\x41\u00e9"}}"#,
      #"{{$s := split "a b" " "}}{{$s}} {{len $s}} {{slice $s 1}}"#, #"{{("x" | printf "%s-%s" "y") | upper}}"#,
      #"{{print nil}} {{print true false}} {{print "a" "b"}} {{print 1.5 2}}"#,
      #"{{json (split "a,<b>" ",")}} {{json "é<"}} {{json 1.5}}"#,
    ]
    let mark = "\u{1}"
    // One call for all of them.
    let theirs = try docker(expressions.joined(separator: mark)).split(separator: "\n\u{1}").joined(
      separator: "\n\u{1}")
    let parts = theirs.components(separatedBy: mark)
    // Its Go did not know yet what all of this is.
    if theirs.isEmpty { try Test.cancel("this docker client is too old") }
    try #require(parts.count == expressions.count)
    for (expression, part) in zip(expressions, parts) {
      let ours = try TextTemplate(expression).text(["Name": "default"])
      #expect(ours == (expression == expressions.last ? String(part.dropLast()) : part), "\(expression)")
    }
  }
}
