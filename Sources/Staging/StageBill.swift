package import Blobs
internal import Hashing
internal import ImageSpec
internal import JSON
internal import Kernel
package import Layers
package import SPDX

// What a staged image is made of: every file, with the package of this machine that it came from. An image without a package
// database of its own is opaque to scanners; this is what they read instead.

extension StagedImage {
  /// The new files of the tree that was built, with their checksums and owners.
  func billedFiles() throws(StoreError) -> [BillOfMaterials.File] {
    let files = plan.newFiles.filter { file in
      if case .link = file.kind { false } else { true }
    }
    let owners: PackageOwners
    do throws(StageFailure) { owners = PackageOwners(of: files.map(\.source), in: try Host(at: host)) } catch {
      throw StoreError(.host, error.description, hint: error.hint)
    }
    return try files.map { (file) throws(StoreError) in
      do throws(Fault) {
        let (sha1, sha256) = try Self.checksums(of: built.appending(file.path))
        return BillOfMaterials.File(
          path: file.path.string, sha1: sha1, sha256: sha256,
          package: file.kind == .generated ? nil : owners.owner(of: file.source))
      } catch { throw StoreError("cannot read \(file.path) for the bill of materials", error) }
    }
  }

  static func checksums(of path: Path) throws(Fault) -> (sha1: String, sha256: String) {
    let file = try open(path, [.readOnly, .noFollow])
    var (first, second) = (SHA1(), SHA256())
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = try file.borrowed.read(into: &buffer)
      if count == 0 { return (first.finish(), second.finish().hex) }
      first.update(buffer[..<count])
      second.update(buffer[..<count])
    }
  }

  /// The bill of the whole image: what was known of the one below, and these files.
  func bill(of image: Image, _ files: [BillOfMaterials.File]) throws(StoreError) -> BillOfMaterials {
    var all: [String: BillOfMaterials.File] = [:]
    for file in try earlierFiles() + files { all[file.path] = file }
    return BillOfMaterials(of: image, named: reference.familiar, Array(all.values))
  }

  private func earlierFiles() throws(StoreError) -> [BillOfMaterials.File] {
    guard let base, let document = try store.document(of: base, type: BillOfMaterials.mediaType) else { return [] }
    do throws(JSONError) { return try BillOfMaterials(parsing: document).files } catch {
      throw StoreError(.damaged, "the bill of materials of \(reference.familiar) cannot be read: \(error)")
    }
  }
}

extension Host: FileSource {
  var tree: Path? { prefix }
}

extension ImageTree: FileSource {
  var tree: Path? { nil }

  func bytes(of path: Path, limit: Int) -> [UInt8]? {
    place(of: path).flatMap { try? readRegularFile($0, limit: limit) }
  }

  func readLink(_ path: Path) -> Path? { place(of: path).flatMap { try? readSymbolicLink($0) } }
}

extension BillOfMaterials {
  init(of image: Image, named name: String, _ files: [File]) {
    // Whole seconds are all that SPDX takes.
    let created = image.config.created.map { String($0.prefix { $0 != "." && $0 != "Z" }) + "Z" }
    self.init(
      name: name, namespace: "https://spdx.org/spdxdocs/skiff-\(image.manifestDigest.hex)",
      created: created ?? "1970-01-01T00:00:00Z", tool: "skiff", files: files)
  }

  /// The bill that an image was staged with; of any other, its files with the owners that its own dpkg database names.
  ///
  /// - Parameter image: resolved.
  package init(of image: Image, named name: String, in store: ImageStore) throws(StoreError) {
    if let document = try store.document(of: image, type: Self.mediaType) {
      do throws(JSONError) { try self.init(parsing: document) } catch {
        throw StoreError(.damaged, "the bill of materials of \(name) cannot be read: \(error)")
      }
      return
    }
    let tree = ImageTree(image)
    var files: [File] = []
    try tree.forEachFile { (path, place) throws(StoreError) in
      do throws(Fault) {
        let (sha1, sha256) = try StagedImage.checksums(of: place)
        files.append(File(path: path.string, sha1: sha1, sha256: sha256))
      } catch { throw StoreError("cannot read \(path) for the bill of materials", error) }
    }
    let owners = PackageOwners(of: files.map { Path($0.path) }, in: tree)
    for index in files.indices { files[index].package = owners.owner(of: Path(files[index].path)) }
    self.init(of: image, named: name, files)
  }
}
