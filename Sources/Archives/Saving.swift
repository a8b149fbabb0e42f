package import Blobs
package import ImageSpec
internal import JSON
package import Kernel
package import Layers

/// How images leave the store.
package enum SaveFormat: String, CaseIterable, Sendable {
  /// What `docker load` of any age and `podman load` read: manifest.json, and beside it, as docker writes it since
  /// version 25, the OCI documents, so that digests survive.
  case dockerArchive = "docker-archive"
  case ociArchive = "oci-archive"
  case ociDirectory = "oci-dir"
}

/// An image and the names that it is saved under.
package struct SavedImage: Sendable {
  package var image: Image
  package var names: [Reference]
  /// What goes with it: what is about it, and about that.
  package var referrers: [Artifact] = []
}

extension ImageStore {
  /// What words mean to `save`: `name:tag` that name, `name` all tags of it, an identifier the image without a name.
  package func imagesToSave(_ words: [String]) throws(StoreError) -> [SavedImage] {
    var chosen: [SavedImage] = []
    for word in words {
      for (image, name) in try imagesToSave(word) {
        if let at = chosen.firstIndex(where: { $0.image.manifestDigest == image.manifestDigest }) {
          if let name, !chosen[at].names.contains(name) { chosen[at].names.append(name) }
        } else {
          chosen.append(SavedImage(image: image, names: name.map { [$0] } ?? []))
        }
      }
    }
    return chosen
  }

  /// The same with what the store has about them.
  package func withReferrers(_ images: [SavedImage]) throws(StoreError) -> [SavedImage] {
    var images = images
    for index in images.indices {
      var waiting = [images[index].image.manifestDigest]
      var seen = Set(waiting)
      while let subject = waiting.popLast() {
        for artifact in try artifacts(about: subject) where seen.insert(artifact.descriptor.digest).inserted {
          images[index].referrers.append(artifact)
          waiting.append(artifact.descriptor.digest)
        }
      }
    }
    return images
  }

  private func imagesToSave(_ word: String) throws(StoreError) -> [(Image, Reference?)] {
    let reference = try? Reference(word)
    // The tag that a bare name stands for elsewhere is one of all its tags here.
    if let reference, reference.digest == nil, reference.familiarName == Self.withoutRegistry(word) {
      let tagged = try images().flatMap { image in
        image.tags.compactMap { try? Reference($0) }.filter { $0.familiarName == reference.familiarName }
          .map { (image, Optional($0)) }
      }
      if !tagged.isEmpty { return tagged }
    }
    let image = try find(word)
    guard let reference, image.tags.contains(reference.familiar) else { return [(image, nil)] }
    return [(image, reference)]
  }

  /// A name as it was given, in the short form that references are compared in.
  private static func withoutRegistry(_ word: String) -> String {
    for prefix in ["docker.io/library/", "docker.io/", "index.docker.io/library/", "index.docker.io/", "library/"]
    where word.hasPrefix(prefix) { return String(word.dropFirst(prefix.count)) }
    return word
  }

  /// Writes an archive front to back: it may be a pipe. The same images are the same bytes on every machine.
  package func save(
    _ images: [SavedImage], as format: SaveFormat, to file: BorrowedDescriptor
  ) throws(StoreError) {
    try blobs.whileAdding { () throws(StoreError) in
      let archive = ArchiveOutput(file)
      // The documents come first, so that who reads the archive from a pipe knows what the blobs are when they come.
      for (name, bytes) in documents(images, as: format) { try archive.add(name, bytes) }
      try archive.addDirectory("blobs")
      try archive.addDirectory("blobs/sha256")
      for blob in blobs(of: images) { try archive.add("blobs/sha256/\(blob.digest.hex)", blob, from: blobs) }
      try archive.finish()
    }
  }

  /// Writes a layout into a directory, which is made, or is there and empty.
  package func save(_ images: [SavedImage], toDirectory path: Path) throws(StoreError) {
    try blobs.whileAdding { () throws(StoreError) in
      try storing("cannot save to \(path)") { () throws(Fault) in
        if exists(path), let first = try entries(of: path).first {
          throw Fault(
            "mkdir", .directoryNotEmpty, arguments: path.quoted,
            hint: "it holds \(first.name.quoted): give a directory that is new or empty")
        }
        try makeDirectories(path.appending("blobs/sha256"), mode: 0o755)
      }
      for blob in blobs(of: images) {
        let copy = path.appending("blobs/sha256/\(blob.digest.hex)")
        let file = try storing("cannot save to \(path)") { () throws(Fault) in
          try open(copy, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o644)
        }
        try blobs.copy(blob) { (piece) throws(Fault) in try file.borrowed.write(piece) }
      }
      // The list last: until then it is no layout.
      for (name, bytes) in documents(images, as: .ociDirectory) {
        try storing("cannot save to \(path)") { () throws(Fault) in
          try replaceFile(path.appending(name), with: bytes, mode: 0o644)
        }
      }
    }
  }

  /// Each once, sorted by digest.
  private func blobs(of images: [SavedImage]) -> [ContentDescriptor] {
    var found: [Digest: ContentDescriptor] = [:]
    for saved in images {
      let image = saved.image
      for blob in [image.descriptor, image.manifest.config] + image.manifest.layers { found[blob.digest] = blob }
      for artifact in saved.referrers {
        for blob in [artifact.descriptor, artifact.manifest.config] + artifact.manifest.layers {
          found[blob.digest] = blob
        }
      }
    }
    return found.values.sorted { $0.digest.hex < $1.digest.hex }
  }

  private func documents(_ images: [SavedImage], as format: SaveFormat) -> [(name: String, bytes: [UInt8])] {
    var index = Index()
    for saved in images {
      var descriptor = saved.image.descriptor
      descriptor.annotations = [:]
      descriptor.platform = saved.image.config.platform
      if saved.names.isEmpty { index.manifests.append(descriptor) }
      for name in saved.names {
        descriptor.annotations = [
          LayoutImages.containerdName: name.canonical, LayoutImages.referenceName: name.canonical,
        ]
        index.manifests.append(descriptor)
      }
    }
    for artifact in images.flatMap(\.referrers) { index.manifests.append(artifact.descriptor) }
    var documents = [
      (name: "oci-layout", bytes: Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)), ("index.json", index.jsonBytes()),
    ]
    if format == .dockerArchive { documents.append(("manifest.json", dockerManifest(images).jsonBytes())) }
    return documents
  }

  /// Names in full, for podman would take `web` for localhost/web.
  private func dockerManifest(_ images: [SavedImage]) -> JSONValue {
    func path(_ digest: Digest) -> JSONValue { .string("blobs/sha256/\(digest.hex)") }
    return .array(
      images.map { saved in
        [
          "Config": path(saved.image.id),
          "RepoTags": saved.names.isEmpty ? .null : .array(saved.names.map { .string($0.canonical) }),
          "Layers": .array(saved.image.manifest.layers.map { path($0.digest) }),
        ]
      })
  }
}
