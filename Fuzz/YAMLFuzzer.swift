// libFuzzer's way into what describes devices: Fuzz/run YAML.
// The same is held on bounded, deterministic changes by Tests/YAMLTests/YAMLTests.swift.
import JSON
@testable import YAML

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  do throws(YAMLError) {
    let value = try JSONValue(yaml: bytes, numbers: ["n"])
    // Nothing becomes more than it was: an escape of JSON has six bytes at the most, a null between two commas four.
    precondition(value.jsonBytes().count <= 8 * count + 16)
  } catch {
    precondition(error.line >= 1 && !error.reason.isEmpty)
  }
  return 0
}
