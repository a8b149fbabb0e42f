package import JSON

/// What kind of bytes a descriptor points at.
package struct MediaType: RawRepresentable, Hashable, Sendable {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }

  package static let ociIndex = MediaType(rawValue: "application/vnd.oci.image.index.v1+json")
  package static let ociManifest = MediaType(rawValue: "application/vnd.oci.image.manifest.v1+json")
  package static let ociConfig = MediaType(rawValue: "application/vnd.oci.image.config.v1+json")
  package static let ociLayer = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar")
  package static let ociLayerGzip = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+gzip")
  package static let ociLayerZstd = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+zstd")
  package static let empty = MediaType(rawValue: "application/vnd.oci.empty.v1+json")

  package static let dockerManifestList = MediaType(
    rawValue: "application/vnd.docker.distribution.manifest.list.v2+json")
  package static let dockerManifest = MediaType(rawValue: "application/vnd.docker.distribution.manifest.v2+json")
  package static let dockerConfig = MediaType(rawValue: "application/vnd.docker.container.image.v1+json")
  package static let dockerLayer = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar")
  package static let dockerLayerGzip = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.gzip")

  package var isIndex: Bool { self == .ociIndex || self == .dockerManifestList }
  package var isManifest: Bool { self == .ociManifest || self == .dockerManifest }
  package var isImageConfig: Bool { self == .ociConfig || self == .dockerConfig }

  /// How a layer's tar is compressed; nil for what is no layer that we know.
  package var layerCompression: LayerCompression? {
    switch self {
    case .ociLayer, .dockerLayer: LayerCompression.none
    case .ociLayerGzip, .dockerLayerGzip: .gzip
    case .ociLayerZstd: .zstd
    default: nil
    }
  }
}

package enum LayerCompression: Hashable, Sendable { case none, gzip, zstd }

extension MediaType: CustomStringConvertible {
  package var description: String { rawValue }
}

extension MediaType: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) { self.init(rawValue: try reader.string()) }
  package func write(to writer: inout JSONWriter) { writer.string(rawValue) }
}
