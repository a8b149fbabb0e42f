import Foundation
import JSON
import Testing

@Suite struct JSONWriterTests {
  private struct Mount: JSONWritable {
    var target: String
    var options: [String]?
    func write(to writer: inout JSONWriter) {
      writer.object {
        $0.member("target", target)
        $0.member("options", options)
      }
    }
  }

  private func sample(_ style: JSONWriter.Style) -> String {
    var writer = JSONWriter(style)
    writer.object {
      $0.member("name", "a\"b\\\n\u{1}\u{7f}é")
      $0.member("absent", nil as String?)
      $0.member("count", 18_446_744_073_709_551_615 as UInt64)
      $0.member("ratio", 0.5)
      $0.member("on", false)
      $0.member("map", ["b": "2", "a": "1"])
      $0.member("mounts", [Mount(target: "/proc", options: ["ro"]), Mount(target: "/x", options: nil)])
      $0.member("empty", object: { _ in })
      $0.member("ids", [] as [Int])
    }
    return String(decoding: writer.finish(), as: UTF8.self)
  }

  @Test func compact() {
    #expect(
      sample(.compact) == #"{"name":"a\"b\\\n\u0001\u007fé","count":18446744073709551615,"ratio":0.5,"on":false,"#
        + #""map":{"a":"1","b":"2"},"mounts":[{"target":"/proc","options":["ro"]},{"target":"/x"}],"empty":{},"ids":[]}"#
    )
  }

  @Test func pretty() {
    #expect(
      sample(.pretty) == #"""
        {
          "name": "a\"b\\\n\u0001\u007fé",
          "count": 18446744073709551615,
          "ratio": 0.5,
          "on": false,
          "map": {
            "a": "1",
            "b": "2"
          },
          "mounts": [
            {
              "target": "/proc",
              "options": [
                "ro"
              ]
            },
            {
              "target": "/x"
            }
          ],
          "empty": {},
          "ids": []
        }

        """#)
  }

  @Test func whatIsWrittenReadsBackAlike() throws {
    let value: JSONValue = [
      "a": [1, -2, 3.25, 1e300, nil, true, "\u{0}\u{1f}\"\\/é😀\u{2028}"], "b": [:], "c": [], "": ["": [[]]],
      "big": .number(.unsigned(.max)), "small": .number(.integer(.min)),
    ]
    for style in [JSONWriter.Style.compact, .pretty] {
      #expect(try JSONValue(parsing: value.jsonBytes(style)) == value)
    }
    // Foundation's eyes see the same.
    let theirs = try JSONSerialization.jsonObject(with: Data(value.jsonBytes())) as? [String: Any]
    #expect((theirs?["a"] as? [Any])?.last as? String == "\u{0}\u{1f}\"\\/é😀\u{2028}")
    #expect(theirs?["big"] as? UInt64 == .max)
  }

  @Test func nothingThatIsNoNumberIsWritten() {
    #expect(JSONValue.number(.double(.infinity)).jsonString() == "null")
    #expect(JSONValue.number(.double(.nan)).jsonString() == "null")
  }
}
