/// A bill of materials as SPDX 2.3 in JSON (spdx.github.io/spdx-spec/v2.3): the files of an image, and for each the package that it
/// came from.
///
/// It may know the document's form; it may not know where files and packages are found.

/// The bill of one image.
package struct BillOfMaterials: Hashable, Sendable {
  /// The image as a person calls it.
  package var name: String
  /// What no other document has: made of the image's own digest, so equal images have equal bills.
  package var namespace: String
  /// RFC 3339, UTC.
  package var created: String
  /// `skiff-0.1.0`.
  package var tool: String
  /// Sorted by path.
  package var files: [File]

  package init(name: String, namespace: String, created: String, tool: String, files: [File]) {
    self.name = name
    self.namespace = namespace
    self.created = created
    self.tool = tool
    self.files = files.sorted { $0.path < $1.path }
  }

  /// One regular file.
  package struct File: Hashable, Sendable {
    /// Absolute, inside the image.
    package var path: String
    /// 40 hexadecimal digits; SPDX demands this one of every file.
    package var sha1: String
    /// 64 hexadecimal digits.
    package var sha256: String
    /// Nil for a file that no package of the machine owns.
    package var package: Package?
    package init(path: String, sha1: String, sha256: String, package: Package? = nil) {
      self.path = path
      self.sha1 = sha1
      self.sha256 = sha256
      self.package = package
    }
  }

  /// An installed package, as the machine's package manager knows it.
  package struct Package: Hashable, Sendable {
    package enum Manager: String, Hashable, Sendable { case deb, rpm }
    package var manager: Manager
    package var name: String
    package var version: String
    package var architecture: String
    /// Whom to ask about it: Debian's maintainer, rpm's vendor.
    package var supplier: String?
    /// The package of sources that it was built from, where that has another name.
    package var source: String?
    /// `debian`, `rocky`: ID of the machine's os-release.
    package var distribution: String
    package init(
      _ manager: Manager, name: String, version: String, architecture: String, distribution: String,
      supplier: String? = nil, source: String? = nil
    ) {
      self.manager = manager
      self.name = name
      self.version = version
      self.architecture = architecture
      self.distribution = distribution
      self.supplier = supplier
      self.source = source
    }
  }
}

extension BillOfMaterials {
  package var packages: [Package] { Set(files.compactMap(\.package)).sorted { $0.identity < $1.identity } }
}

extension BillOfMaterials.Package {
  /// One text for each package that can be installed beside others.
  var identity: String { "\(manager.rawValue) \(name) \(architecture) \(version)" }

  /// The package URL that scanners look vulnerabilities up by (github.com/package-url/purl-spec).
  package var url: String {
    "pkg:\(manager.rawValue)/\(escaped(distribution))/\(escaped(name))@\(escaped(version))?arch=\(escaped(architecture))"
      + (source.map { "&upstream=\(escaped($0))" } ?? "")
  }

  private func escaped(_ text: String) -> String {
    var bytes: [UInt8] = []
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"), UInt8(ascii: ":"):
        bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
