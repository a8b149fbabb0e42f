import JSON
import Testing

@testable import YAML

/// What people and programs write; each meaning is what libyaml makes of the same.
@Suite struct YAMLTests {
  private func json(_ text: String) throws -> JSONValue {
    try JSONValue(
      yaml: Array(text.utf8), numbers: ["major", "minor", "fileMode", "uid", "additionalGids"])
  }

  @Test func textsAreTextsAndNumbersNumbers() throws {
    let text = """
      # As people write it.
      cdiVersion: 0.5
      kind: "vendor.com/class"
      annotations: {on: yes, empty: , tilde: ~, quoted: '~'}
      devices:
        - name: 0
          containerEdits:
            deviceNodes: [{path: /dev/x, major: 0x1F, minor: 010, fileMode: 0o666, uid: 438}]
            additionalGids:
            - 44
            - "44"
            env:
            - A=1
            - >-
              B=two
              words
      """
    let expected = """
      {"cdiVersion": "0.5", "kind": "vendor.com/class",
       "annotations": {"on": "yes", "empty": null, "tilde": null, "quoted": "~"},
       "devices": [{"name": "0", "containerEdits": {
         "deviceNodes": [{"path": "/dev/x", "major": 31, "minor": 8, "fileMode": 438, "uid": 438}],
         "additionalGids": [44, "44"], "env": ["A=1", "B=two words"]}}]}
      """
    #expect(try json(text) == JSONValue(parsing: Array(expected.utf8)))
  }

  @Test(arguments: [
    ("a: b", #"{"a": "b"}"#), ("- a\n-  b\n- - c\n  - d\n-\n  e", #"["a", "b", ["c", "d"], "e"]"#),
    ("a:\n- 1\n- b: c\n  d: e\nf:", #"{"a": ["1", {"b": "c", "d": "e"}], "f": null}"#),
    ("a: b\n   c\n\n   d # no", #"{"a": "b c\nd"}"#),
    ("'it''s': \"\\t\\u00e9\\\n   x\"", #"{"it's": "\téx"}"#),
    ("a: \"b\n  c\n\n  d\\\n  e\"", #"{"a": "b c\nde"}"#),
    ("a: |\n  b\n   c\n\nd: |-\n  e\n", #"{"a": "b\n c\n", "d": "e"}"#),
    ("a: >\n  b\n  c\n\n  d\n   e\n  f\n\ng: |+\n  h\n\n", #"{"a": "b c\nd\n e\nf\n", "g": "h\n\n"}"#),
    (
      "{a: [b, {c: d}, 'e', ], \"f\": g,\n h: i j\n  k, l}",
      #"{"a": ["b", {"c": "d"}, "e"], "f": "g", "h": "i j k", "l": null}"#
    ),
    ("a: b:c\nd: e#f\ng: http://x/?y=z", #"{"a": "b:c", "d": "e#f", "g": "http://x/?y=z"}"#),
    ("# x\n---\n# y\na: -b\n", #"{"a": "-b"}"#), ("a: b\n...\n# end", #"{"a": "b"}"#),
    ("\u{feff}a: b\r\nc: d\r\n", #"{"a": "b", "c": "d"}"#), ("text", #""text""#),
    ("- |2\n   a\n  b\n", #"[" a\nb\n"]"#),
    ("a: [\n  b, # c\n  d]\ne: {}", #"{"a": ["b", "d"], "e": {}}"#), ("a: \"#\" # b", ##"{"a": "#"}"##),
    ("-  a: b\n   c: d", #"[{"a": "b", "c": "d"}]"#), ("a : b", #"{"a": "b"}"#),
    ("a:\n  b: [\n c\n]", #"{"a": {"b": ["c"]}}"#),
  ])
  func means(text: String, meaning: String) throws {
    #expect(try json(text) == JSONValue(parsing: Array(meaning.utf8)))
  }

  @Test(arguments: [
    ("", "it is empty"), ("# only", "it is empty"), ("a: b: c", "line 1: a colon"), ("a: [", "has no end"),
    ("a: 'x", "has no end"), ("a: 1\nb: 2\na: 3", "line 3: the key \"a\" is there twice"), ("{a: 1, a: 2}", "twice"),
    ("a: *x", "aliases"), ("a: &x b", "anchors"), ("a: !!str b", "tags"), ("%YAML 1.2\n---\na: b", "directives"),
    ("? a\n: b", "keys are texts"), ("a: 1\n---\nb: 2", "another document"), ("--- a", "may follow"),
    ("major: x", "no whole number"), ("major: 99999999999999999999", "no whole"),
    ("a:\n  b: c\n   d: e", "line 3"), ("a:\n    b: c\n  d: e", "lead nowhere"), ("\ta: b", "a tab"),
    ("a: \u{1}", "control"), ("a: - b", "begins like this"), ("a: @b", "begins like this"), ("a: [b, c}", "comma"),
    ("a: \"\\q\"", "is no escape"), ("a: \"\\ud800\"", "is no escape"), ("a: 'b' c", "follows a value"),
    ("a: [b] c", "follows a value"), ("- a\nb: c", "line 2"), ("a: b\n- c", "line 2"), ("a: | x\n  b", "| and >"),
    ("[a]: b", "follows a value"), (": a", "without a key"), ("[|]", "begins like this"),
    ("a: " + String(repeating: "[", count: 5000), "too deeply"),
    (String(repeating: "- ", count: 5000) + "a", "too deeply"),
    ((0..<100).map { String(repeating: " ", count: $0) + "a:\n" }.joined(), "too deeply"),
  ])
  func refused(text: String, reason: String) {
    let error = #expect(throws: YAMLError.self) { try json(text) }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
  }

  @Test func whatIsNoTextIsRefused() {
    #expect(throws: YAMLError.self) { try JSONValue(yaml: [0x61, 0x3a, 0x20, 0xff, 0xfe]) }
  }

  /// Whatever is cut off or changed, it ends, and in one of the two ways.
  @Test func damage() throws {
    let text = Array(
      "a: [b, {c: 'd'}]\ne:\n- f: \"g\\n\"\n  h: |\n   i\n   j\n- >-\n  k\n  l # m\nn: o\n  p\n".utf8)
    var read = 0
    for index in text.indices {
      if (try? JSONValue(yaml: Array(text[..<index]))) != nil { read += 1 }
      for byte in "\n\t :-[]{},'\"#|>\\&?x".utf8 {
        var changed = text
        changed[index] = byte
        if (try? JSONValue(yaml: changed)) != nil { read += 1 }
      }
    }
    #expect(read > 100 && read < text.count * 18)
  }
}
