package import JSON

/// One image: its config and its layers, the lowest first (manifest.md).
package struct Manifest: Hashable, Sendable {
  package var mediaType: MediaType
  package var config: ContentDescriptor
  package var layers: [ContentDescriptor]
  package var annotations: [String: String]
  /// What the content is, where it is no image: `application/spdx+json`.
  package var artifactType: String?
  /// The manifest that this one is about (a referrer).
  package var subject: ContentDescriptor?

  package init(
    mediaType: MediaType = .ociManifest, config: ContentDescriptor, layers: [ContentDescriptor],
    annotations: [String: String] = [:]
  ) {
    self.mediaType = mediaType
    self.config = config
    self.layers = layers
    self.annotations = annotations
  }
}

/// Several manifests: one for each platform, or all images of a layout (image-index.md).
package struct Index: Hashable, Sendable {
  package var mediaType: MediaType
  package var manifests: [ContentDescriptor]
  package var annotations: [String: String]

  package init(
    mediaType: MediaType = .ociIndex, manifests: [ContentDescriptor] = [], annotations: [String: String] = [:]
  ) {
    self.mediaType = mediaType
    self.manifests = manifests
    self.annotations = annotations
  }
}

/// The members that say which of the two a document is. Bytes that can be read as both are refused: they would be one image
/// to us and another to whoever checked them before (CVE-2021-41190).
private struct DocumentMembers {
  var schemaVersion: Int64?
  var mediaType: MediaType?
  var config: ContentDescriptor?
  var layers: [ContentDescriptor]?
  var manifests: [ContentDescriptor]?
  var annotations: [String: String] = [:]
  var artifactType: String?
  var subject: ContentDescriptor?

  init(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "schemaVersion": schemaVersion = try reader.integer()
      case "mediaType": mediaType = try reader.value()
      // A null counts as being there: another reader may not see it as we do.
      case "config": config = try reader.value()
      case "layers": layers = try reader.list()
      case "manifests": manifests = try reader.list()
      case "annotations": if try !reader.readNull() { annotations = try reader.stringMap() }
      case "artifactType": if try !reader.readNull() { artifactType = try reader.string() }
      case "subject": if try !reader.readNull() { subject = try reader.value() }
      case "fsLayers", "history", "signatures":
        throw reader.error("a manifest of Docker's schema 1, which is not supported")
      default: try reader.skip()
      }
    }
    guard schemaVersion == 2 else { throw reader.error("schemaVersion is not 2") }
    if manifests != nil && (layers != nil || config != nil) {
      throw reader.error("both an index and a manifest: refused, for two readers could see two images")
    }
  }
}

extension Manifest: JSONReadable, JSONWritable {
  /// What registries accept, too.
  package static var jsonLimits: JSONLimits {
    JSONLimits(length: 4 << 20, depth: 32, values: 200_000, allowsNUL: false)
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    let members = try DocumentMembers(from: &reader)
    let mediaType = members.mediaType ?? .ociManifest
    guard mediaType.isManifest else { throw reader.error("\(mediaType) where a manifest was expected") }
    guard let config = members.config, let layers = members.layers else {
      throw reader.error("a manifest without config and layers")
    }
    self.init(mediaType: mediaType, config: config, layers: layers, annotations: members.annotations)
    artifactType = members.artifactType
    subject = members.subject
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("schemaVersion", 2)
      $0.member("mediaType", mediaType)
      $0.member("artifactType", artifactType)
      $0.member("config", config)
      $0.member("layers", layers)
      $0.member("subject", subject)
      if !annotations.isEmpty { $0.member("annotations", annotations) }
    }
  }
}

extension Index: JSONReadable, JSONWritable {
  package static var jsonLimits: JSONLimits { JSONLimits(length: 16 << 20, depth: 32, allowsNUL: false) }

  package init(from reader: inout JSONReader) throws(JSONError) {
    let members = try DocumentMembers(from: &reader)
    let mediaType = members.mediaType ?? .ociIndex
    guard mediaType.isIndex else { throw reader.error("\(mediaType) where an index was expected") }
    guard let manifests = members.manifests else { throw reader.error("an index without manifests") }
    self.init(mediaType: mediaType, manifests: manifests, annotations: members.annotations)
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("schemaVersion", 2)
      $0.member("mediaType", mediaType)
      $0.member("manifests", manifests)
      if !annotations.isEmpty { $0.member("annotations", annotations) }
    }
  }
}
