package import JSON

/// Points at content: its type, its digest and its size (descriptor.md).
package struct ContentDescriptor: Hashable, Sendable {
  package var mediaType: MediaType
  package var digest: Digest
  /// Bytes; content of any other size is not what is meant.
  package var size: Int64
  package var urls: [String] = []
  package var annotations: [String: String] = [:]
  package var artifactType: String?
  package var platform: Platform?

  package init(
    mediaType: MediaType, digest: Digest, size: Int64, annotations: [String: String] = [:], platform: Platform? = nil
  ) {
    self.mediaType = mediaType
    self.digest = digest
    self.size = size
    self.annotations = annotations
    self.platform = platform
  }
}

/// What an image runs on, in Go's words: `amd64`, `arm64` with variant `v8`.
package struct Platform: Hashable, Sendable {
  package var architecture: String
  package var os: String
  package var variant: String?
  package var osVersion: String?
  package var osFeatures: [String] = []

  package init(architecture: String, os: String, variant: String? = nil) {
    self.architecture = architecture
    self.os = os
    self.variant = variant
  }

  /// The platform that this program was compiled for.
  package static var host: Platform {
    #if arch(x86_64)
      Platform(architecture: "amd64", os: "linux")
    #elseif arch(arm64)
      Platform(architecture: "arm64", os: "linux", variant: "v8")
    #else
      #error("skiff knows the seccomp and system call tables of x86_64 and arm64 only")
    #endif
  }
}

extension ContentDescriptor: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    var mediaType: MediaType?
    var digest: Digest?
    var size: Int64?
    var urls: [String] = []
    var annotations: [String: String] = [:]
    var artifactType: String?
    var platform: Platform?
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "mediaType": mediaType = try reader.value()
      case "digest": digest = try reader.value()
      case "size": size = try reader.integer()
      case "urls": urls = try reader.strings()
      case "annotations": annotations = try reader.stringMap()
      case "artifactType": artifactType = try reader.string()
      case "platform": platform = try reader.value()
      default: try reader.skip()
      }
    }
    guard let mediaType else { throw reader.error("a descriptor without mediaType") }
    guard let digest else { throw reader.error("a descriptor without digest") }
    guard let size, size >= 0 else { throw reader.error("a descriptor without a size") }
    self.init(mediaType: mediaType, digest: digest, size: size, annotations: annotations, platform: platform)
    (self.urls, self.artifactType) = (urls, artifactType)
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("mediaType", mediaType)
      $0.member("digest", digest)
      $0.member("size", size)
      if !urls.isEmpty { $0.member("urls", urls) }
      if !annotations.isEmpty { $0.member("annotations", annotations) }
      $0.member("artifactType", artifactType)
      $0.member("platform", platform)
    }
  }
}

extension Platform: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(architecture: "", os: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "architecture": architecture = try reader.string()
      case "os": os = try reader.string()
      case "variant": variant = try reader.string()
      case "os.version": osVersion = try reader.string()
      case "os.features": osFeatures = try reader.strings()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("architecture", architecture)
      $0.member("os", os)
      $0.member("os.version", osVersion)
      if !osFeatures.isEmpty { $0.member("os.features", osFeatures) }
      $0.member("variant", variant)
    }
  }
}
