package import Hashing
package import ImageSpec

extension SHA256 {
  /// What content of these bytes is called by.
  package static func digest(of bytes: [UInt8]) -> Digest {
    var hash = SHA256()
    hash.update(bytes[...])
    return hash.finish()
  }

  package consuming func finish() -> Digest { Digest(sha256: result()) }
}
