internal import Hashing
package import JSON

extension BillOfMaterials: JSONWritable {
  package static let mediaType = "application/spdx+json"

  package func write(to writer: inout JSONWriter) {
    let parts = Dictionary(grouping: files.filter { $0.package != nil }, by: \.package)
    let packages = self.packages
    writer.object { json in
      json.member("spdxVersion", "SPDX-2.3")
      json.member("dataLicense", "CC0-1.0")
      json.member("SPDXID", "SPDXRef-DOCUMENT")
      json.member("name", name)
      json.member("documentNamespace", namespace)
      json.key("creationInfo")
      json.object {
        $0.member("created", created)
        $0.member("creators", ["Tool: \(tool)"])
      }
      json.key("packages")
      json.array { list in
        writeImage(to: &list)
        for (index, package) in packages.enumerated() {
          write(package, index, parts[package] ?? [], to: &list)
        }
      }
      json.key("files")
      json.array { list in
        for (index, file) in files.enumerated() { write(file, index, to: &list) }
      }
      json.key("relationships")
      json.array { list in writeRelationships(packages, to: &list) }
    }
  }

  private func writeImage(to writer: inout JSONWriter) {
    writer.object {
      $0.member("SPDXID", "SPDXRef-Image")
      $0.member("name", name)
      $0.member("primaryPackagePurpose", "CONTAINER")
      Self.writeUnknowns(to: &$0)
      writeFiles(of: files, to: &$0)
    }
  }

  private func write(_ package: Package, _ index: Int, _ parts: [File], to writer: inout JSONWriter) {
    writer.object {
      $0.member("SPDXID", "SPDXRef-Package-\(index + 1)")
      $0.member("name", package.name)
      $0.member("versionInfo", package.version)
      if let supplier = package.supplier { $0.member("supplier", "Organization: \(supplier)") }
      if let source = package.source { $0.member("sourceInfo", "built from source package \(source)") }
      Self.writeUnknowns(to: &$0)
      // Of the package only what is in the image; its other files were not looked at.
      writeFiles(of: parts, to: &$0)
      $0.key("externalRefs")
      $0.array { list in
        list.object {
          $0.member("referenceCategory", "PACKAGE-MANAGER")
          $0.member("referenceType", "purl")
          $0.member("referenceLocator", package.url)
        }
      }
    }
  }

  /// What nobody looked at here: SPDX wants that said.
  private static func writeUnknowns(to writer: inout JSONWriter) {
    writer.member("downloadLocation", "NOASSERTION")
    writer.member("licenseConcluded", "NOASSERTION")
    writer.member("licenseDeclared", "NOASSERTION")
    writer.member("copyrightText", "NOASSERTION")
  }

  /// Which files a package element stands for, and one checksum over all of theirs (7.9, package verification code).
  private func writeFiles(of files: [File], to writer: inout JSONWriter) {
    writer.member("filesAnalyzed", !files.isEmpty)
    guard !files.isEmpty else { return }
    writer.key("packageVerificationCode")
    writer.object {
      $0.member("packageVerificationCodeValue", SHA1.digest(of: Array(files.map(\.sha1).sorted().joined().utf8)))
    }
    writer.member("licenseInfoFromFiles", ["NOASSERTION"])
  }

  private func write(_ file: File, _ index: Int, to writer: inout JSONWriter) {
    writer.object {
      $0.member("SPDXID", "SPDXRef-File-\(index + 1)")
      $0.member("fileName", "." + file.path)
      $0.key("checksums")
      $0.array { list in
        for (algorithm, value) in [("SHA1", file.sha1), ("SHA256", file.sha256)] {
          list.object {
            $0.member("algorithm", algorithm)
            $0.member("checksumValue", value)
          }
        }
      }
      $0.member("licenseConcluded", "NOASSERTION")
      $0.member("licenseInfoInFiles", ["NOASSERTION"])
      $0.member("copyrightText", "NOASSERTION")
      $0.member("comment", file.package.map { "owned by \($0.name) \($0.version)" } ?? "unowned")
    }
  }

  private func writeRelationships(_ packages: [Package], to writer: inout JSONWriter) {
    func relate(_ element: String, _ type: String, _ other: String) {
      writer.object {
        $0.member("spdxElementId", element)
        $0.member("relationshipType", type)
        $0.member("relatedSpdxElement", other)
      }
    }
    let places = Dictionary(uniqueKeysWithValues: zip(packages, packages.indices))
    relate("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image")
    for index in packages.indices { relate("SPDXRef-Image", "CONTAINS", "SPDXRef-Package-\(index + 1)") }
    for (index, file) in files.enumerated() {
      relate("SPDXRef-Image", "CONTAINS", "SPDXRef-File-\(index + 1)")
      if let package = file.package, let owner = places[package] {
        relate("SPDXRef-Package-\(owner + 1)", "CONTAINS", "SPDXRef-File-\(index + 1)")
      }
    }
  }
}
