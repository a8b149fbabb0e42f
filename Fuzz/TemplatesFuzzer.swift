// libFuzzer's way into the templates that people give to --format: Fuzz/run Templates.
// The same is held on bounded, deterministic mutations by Tests/TemplatesTests/TemplateDamageTests.swift.
import JSON
@testable import Templates

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  let value: JSONValue = [
    "s": "text", "n": 7, "f": 2.5, "b": true, "z": nil, "l": [1, "two", nil], "m": ["k": ["a": ["b": "c"]]],
  ]
  var context = TemplateContext()
  context.maps = ["m"]
  do throws(TemplateError) {
    let made = try TextTemplate(text).text(value, context)
    precondition(made.utf8.count <= 130 << 20)
  } catch {
    precondition(error.line >= 1 && error.column >= 1 && !error.reason.isEmpty)
  }
  return 0
}
