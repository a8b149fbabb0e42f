import Hashing
import JSON
import Testing

@testable import SPDX

@Suite struct BillOfMaterialsTests {
  private static let bash = BillOfMaterials.Package(
    .deb, name: "bash", version: "1:5.2+b8", architecture: "amd64", distribution: "debian", supplier: "A <a@b.c>",
    source: "bash-src")
  private static let bill = BillOfMaterials(
    name: "web:latest", namespace: "https://spdx.org/spdxdocs/skiff-1", created: "2026-01-02T03:04:05Z", tool: "skiff",
    files: [
      .init(path: "/usr/bin/bash", sha1: SHA1.digest(of: [1]), sha256: "22", package: bash),
      .init(path: "/etc/passwd", sha1: SHA1.digest(of: []), sha256: "11"),
    ])

  @Test func isReadAsItWasWritten() throws {
    #expect(try BillOfMaterials(parsing: Self.bill.jsonBytes(.pretty)) == Self.bill)
    #expect(Self.bill.files.map(\.path) == ["/etc/passwd", "/usr/bin/bash"])
  }

  /// What a scanner looks for: the package by its URL, its part of the files, and files of nobody.
  @Test func whatTheSpecificationDemands() throws {
    let json = try JSONValue(parsing: Self.bill.jsonBytes())
    #expect(json["spdxVersion"] == "SPDX-2.3" && json["dataLicense"] == "CC0-1.0")
    let package = json["packages"]?[1]
    #expect(
      package?["externalRefs"]?[0]?["referenceLocator"] == "pkg:deb/debian/bash@1:5.2%2Bb8?arch=amd64&upstream=bash-src"
    )
    // One file: the checksum over all checksums is that of its own.
    let code = SHA1.digest(of: Array(SHA1.digest(of: [1]).utf8))
    #expect(package?["packageVerificationCode"]?["packageVerificationCodeValue"] == .string(code))
    #expect(json["files"]?[0]?["comment"] == "unowned")
    #expect(json["files"]?[1]?["fileName"] == "./usr/bin/bash")
  }

  @Test(arguments: [
    "", "pkg:deb/debian/bash", "pkg:npm/a/b@1?arch=x", "pkg:deb/debian/bash?arch=amd64", "bash@1?arch=x",
  ])
  func whatIsNoPackage(url: String) { #expect(BillOfMaterials.Package(url: url) == nil) }
}
