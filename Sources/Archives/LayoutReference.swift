package import Blobs
package import ImageSpec
package import Kernel
package import Layers

/// An image layout that lies somewhere on the host, and perhaps which of its images: `./dir`, `./dir:tag`, `/srv/web`,
/// `oci:dir:tag` (skopeo's words).
package struct LayoutReference: Hashable, Sendable {
  package var path: Path
  /// Its `org.opencontainers.image.ref.name`; nil where the layout holds one image only.
  package var name: String?

  /// Nil for what names an image of the store: no such name begins so.
  ///
  /// - Parameter directory: what a relative path starts from.
  package init?(_ text: String, from directory: Path) {
    var rest = Substring(text)
    if rest.hasPrefix("oci:") {
      rest = rest.dropFirst(4)
    } else if !["/", "./", "../"].contains(where: { rest.hasPrefix($0) }), rest != ".", rest != ".." {
      return nil
    }
    guard !rest.isEmpty else { return nil }
    func absolute(_ text: Substring) -> Path {
      let path = Path(String(text))
      return (path.isAbsolute ? path : directory.appending(path)).lexicallyNormal
    }
    path = absolute(rest)
    // A colon may belong to the directory's name; as a path that is there, the whole is meant. A name may hold one itself
    // (`web:1`), so it begins at the first that leaves a directory before it.
    if exists(path) { return }
    for colon in rest.indices where rest[colon] == ":" && colon > rest.startIndex {
      let candidate = absolute(rest[..<colon])
      guard exists(candidate) else { continue }
      path = candidate
      name = String(rest[rest.index(after: colon)...])
      return
    }
  }

  /// In full, as a container's record keeps it: `oci:/srv/web:tag`.
  package var text: String { "oci:\(path)" + (name.map { ":\($0)" } ?? "") }
}

extension ImageStore {
  /// The image of a layout, its layers unpacked here; its blobs stay where they are.
  package func resolve(
    _ layout: LayoutReference, platform: Platform? = nil
  ) throws(StoreError) -> Image {
    guard exists(layout.path.appending("oci-layout")) else {
      throw StoreError(
        .notFound, "\(layout.path) is not an OCI image layout",
        hint: exists(layout.path)
          ? "a directory of files runs with --rootfs \(layout.path)" : "there is no such directory")
    }
    let images = try LayoutImages(
      LayoutDirectory(layout.path, into: self), ImageChoice(platform: platform, name: layout.name)
    ).images
    guard images.count == 1 else {
      let names = images.map { $0.names.first?.familiar ?? $0.manifest.digest.description }
      throw StoreError(
        .invalid, "\(layout.path) holds \(images.count) images",
        hint: "say which: \(layout.text):NAME; it has \(names.prefix(8).joined(separator: ", "))")
    }
    return try reading(blobs: BlobStore(reading: layout.path)).resolve(manifest: images[0].manifest)
  }
}
