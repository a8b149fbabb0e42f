// libFuzzer's way into the JSON reader and the runtime configuration: Fuzz/run RuntimeSpec.
// Tests/JSONTests/JSONFuzzTests.swift compares the reader with Foundation's on bounded, deterministic mutations.
@testable import JSON
import Kernel
@testable import RuntimeSpec

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  if let value = try? JSONValue(parsing: bytes) {
    // What was read can be written, and reads the same; a document with a NUL in a text is read by none but this.
    for format in [value.jsonBytes(), value.jsonBytes(.pretty)] {
      guard let again = try? JSONValue(parsing: format), again == value else {
        preconditionFailure(String(decoding: format, as: UTF8.self))
      }
    }
  }
  if let spec = try? Spec(parsing: bytes) {
    let written = spec.jsonBytes()
    guard let again = try? Spec(parsing: written), again == spec else {
      preconditionFailure(String(decoding: written, as: UTF8.self))
    }
  }
  return 0
}
