// Which of an index's images is meant.

extension Platform {
  /// Reads `linux/arm64`, `linux/arm/v7`, `amd64`.
  package init(_ text: String) throws(ImageSpecError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard (1...3).contains(parts.count), !parts.contains("") else {
      throw ImageSpecError("\(shown(text)) is not a platform such as linux/amd64 or linux/arm64/v8")
    }
    if parts.count == 1 {
      self.init(architecture: parts[0], os: "linux")
    } else {
      self.init(architecture: parts[1], os: parts[0], variant: parts.count == 3 ? parts[2] : nil)
    }
    // The names of uname(2), which people give.
    if architecture == "x86_64" { architecture = "amd64" }
    if architecture == "aarch64" { architecture = "arm64" }
  }

  /// Whether an image for `other` is what is asked for here. 64-bit ARM has one variant in use, v8, often left out.
  package func accepts(_ other: Platform) -> Bool {
    guard os == other.os, architecture == other.architecture else { return false }
    guard let variant, let theirs = other.variant, !theirs.isEmpty else { return true }
    return variant == theirs
  }
}

extension Platform: CustomStringConvertible {
  /// `linux/arm64/v8`
  package var description: String {
    "\(os)/\(architecture)" + (variant.map { $0.isEmpty ? "" : "/\($0)" } ?? "")
  }
}

extension Index {
  /// The first manifest for the platform; one that names no platform will do where no other names it.
  package func manifest(for platform: Platform) -> ContentDescriptor? {
    let manifests = manifests.filter(\.mediaType.isManifest)
    return manifests.first { $0.platform.map(platform.accepts) ?? false } ?? manifests.first { $0.platform == nil }
  }

  /// Those that its manifests are for. `unknown/unknown` is how builders mark what is no image (attestations).
  package var platforms: [Platform] {
    manifests.compactMap(\.platform).filter { $0.os != "unknown" }
  }
}
