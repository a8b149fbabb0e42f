// libFuzzer's way into image names and documents: Fuzz/run ImageSpec.
@testable import ImageSpec
import JSON
import Kernel

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  let text = String(decoding: bytes, as: UTF8.self)
  if let reference = try? Reference(text) {
    // However it is written, it is the same; and no part of it leads anywhere.
    let parts = reference.path.split(separator: "/", omittingEmptySubsequences: false)
    precondition(!parts.contains { ["", ".", ".."].contains($0) } && !reference.domain.contains("/"))
    for form in [reference.familiar, reference.canonical] {
      guard let again = try? Reference(form), again == reference else { preconditionFailure("\(text) → \(form)") }
    }
  }
  if let digest = try? Digest(text) {
    precondition(digest.hex.utf8.count == 64 && !digest.hex.contains("/") && digest.description == text)
  }
  expectSameAgain(Manifest.self, bytes)
  expectSameAgain(Index.self, bytes)
  expectSameAgain(ImageConfig.self, bytes)
  // No bytes are both: two readers would see two images (CVE-2021-41190).
  precondition((try? Manifest(parsing: bytes)) == nil || (try? Index(parsing: bytes)) == nil)
  var defaults = ContainerDefaults()
  try? defaults.apply(changes: [text])
  return 0
}

/// What was read can be written, and reads the same.
private func expectSameAgain<Document: JSONReadable & JSONWritable & Equatable>(_: Document.Type, _ bytes: [UInt8]) {
  guard let document = try? Document(parsing: bytes) else { return }
  let written = document.jsonBytes()
  guard let again = try? Document(parsing: written) else {
    preconditionFailure(String(decoding: written, as: UTF8.self))
  }
  precondition(again == document, String(decoding: written, as: UTF8.self))
}
