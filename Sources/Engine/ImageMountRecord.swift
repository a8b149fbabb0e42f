package import ImageSpec
package import JSON
package import Kernel

/// What is known of an image that is mounted on the host. Written before it is mounted, so that nothing of it is removed; all
/// the rest is asked of the kernel.
package struct ImageMount: Hashable, Sendable {
  package var image: Digest
  /// The names that the image had then.
  package var names: [String]
  /// The trees that it stands on.
  var layers: [Digest]
  /// Where it is.
  package var path: Path
  /// The mount namespace that it was mounted in, and the boot: elsewhere nobody can see whether it still is.
  var namespace: String
  var boot: String
}

extension ImageMount: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    var image: Digest?
    self.init(
      image: Digest(sha256: [UInt8](repeating: 0, count: 32)), names: [], layers: [], path: "", namespace: "", boot: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "image": image = try reader.value()
      case "names": names = try reader.strings()
      case "layers": layers = try reader.list()
      case "path": path = Path(try reader.string())
      case "namespace": namespace = try reader.string()
      case "boot": boot = try reader.string()
      default: try reader.skip()
      }
    }
    guard let image else { throw reader.error("a mount without its image") }
    self.image = image
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("image", image)
      $0.member("names", names)
      $0.member("layers", layers)
      $0.member("path", path.string)
      $0.member("namespace", namespace)
      $0.member("boot", boot)
    }
  }
}
