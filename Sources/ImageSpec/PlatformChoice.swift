// Which platform runs what, as containerd's platforms package has it (github.com/containerd/platforms): docker chooses from
// an index by the same rules.

extension Platform {
  /// `linux/arm64/v8`, `linux/amd64`, or one word: an operating system or an architecture, the rest this machine's.
  package init(_ text: String) throws(ImageSpecError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let isWord = { (part: String) in
      !part.isEmpty
        && part.utf8.allSatisfy {
          ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2d || $0 == 0x2e
            || $0 == 0x5f
        }
    }
    guard (1...3).contains(parts.count), parts.allSatisfy(isWord) else {
      throw ImageSpecError("\(shown(text)) is not a platform such as linux/arm64/v8")
    }
    let host = Platform.host
    if parts.count > 1 {
      self.init(architecture: parts[1], os: parts[0], variant: parts.count > 2 ? parts[2] : nil)
    } else if ["linux", "windows", "darwin", "freebsd"].contains(parts[0].lowercased()) {
      self.init(architecture: host.architecture, os: parts[0], variant: host.variant)
    } else {
      self.init(architecture: parts[0], os: host.os)
    }
    self = normalized
  }

  /// One spelling for each machine: `aarch64` is arm64, whose variant v8 goes without saying; arm without one is v7.
  package var normalized: Platform {
    var changed = self
    changed.os = os.lowercased() == "macos" ? "darwin" : os.lowercased()
    changed.architecture = architecture.lowercased()
    var variant = (variant ?? "").lowercased()
    switch changed.architecture {
    case "i386": (changed.architecture, variant) = ("386", "")
    case "x86_64", "x86-64": (changed.architecture, variant) = ("amd64", variant == "v1" ? "" : variant)
    case "amd64": variant = variant == "v1" ? "" : variant
    case "aarch64", "arm64":
      changed.architecture = "arm64"
      if variant == "8" || variant == "v8" { variant = "" }
    case "armhf": (changed.architecture, variant) = ("arm", "v7")
    case "armel": (changed.architecture, variant) = ("arm", "v6")
    case "arm":
      if variant.isEmpty || variant == "7" { variant = "v7" }
      if ["5", "6", "8"].contains(variant) { variant = "v\(variant)" }
    default: break
    }
    changed.variant = variant.isEmpty ? nil : variant
    return changed
  }

  /// What a machine of this platform can run, the best first.
  package var accepted: [Platform] {
    let own = normalized
    func other(_ architecture: String, _ variant: String?) -> Platform {
      Platform(architecture: architecture, os: own.os, variant: variant)
    }
    let arm = ["v8", "v7", "v6", "v5"]
    switch own.architecture {
    case "amd64":
      let level = own.variant.flatMap { Int($0.dropFirst()) } ?? 1
      let lower = level > 2 ? (2..<level).reversed().map { other("amd64", "v\($0)") } : []
      return [own] + lower + (own.variant == nil ? [] : [other("amd64", nil)]) + [other("386", nil)]
    case "arm64": return [own] + (own.variant == nil ? [] : [other("arm64", nil)]) + arm.map { other("arm", $0) }
    case "arm":
      guard let at = arm.firstIndex(of: own.variant ?? "v7") else { return [own] }
      return arm[at...].map { other("arm", $0) }
    default: return [own]
    }
  }
}

extension Platform: CustomStringConvertible {
  /// `linux/arm64/v8`
  package var description: String { ([os, architecture] + (variant.map { [$0] } ?? [])).joined(separator: "/") }
}

extension Platform {
  /// Whether a machine of this platform runs what was made for `other`.
  package func accepts(_ other: Platform) -> Bool { accepted.contains { $0.isSame(as: other.normalized) } }

  /// The version of an operating system decides on Windows alone.
  fileprivate func isSame(as other: Platform) -> Bool {
    os == other.os && architecture == other.architecture && variant == other.variant
  }
}

extension Index {
  /// The image for a platform: the first of the best that it accepts; one that names no platform will do where no other is
  /// accepted. Attestations say `unknown/unknown` and match nothing.
  package func manifest(for platform: Platform) -> ContentDescriptor? {
    let images = manifests.filter(\.mediaType.isManifest)
    for accepted in platform.accepted {
      if let found = images.first(where: { $0.platform.map { accepted.isSame(as: $0.normalized) } ?? false }) {
        return found
      }
    }
    return images.first { $0.platform == nil }
  }

  /// Those that its manifests are for. `unknown/unknown` is how builders mark what is no image.
  package var platforms: [Platform] { manifests.compactMap(\.platform).filter { $0.os != "unknown" } }
}
