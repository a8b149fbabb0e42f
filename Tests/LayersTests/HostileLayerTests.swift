import Archive
import Blobs
import Foundation
import ImageSpec
import Kernel
import Layers
import Testing

/// Layers that try to leave their directory (SECURITY.md, "Layer escape"). Outside of it nothing may change.
@Suite(.enabled(if: isRoot, needsRoot)) struct HostileLayerTests {
  private func withCanary(_ body: (ImageStore, Path) throws -> Void) throws {
    try withScratch { scratch in
      let outside = scratch.appending("outside")
      try sh(
        "mkdir -p \(outside)/dir; printf safe > \(outside)/file; printf safe > \(outside)/dir/file; chmod 600 \(outside)/file"
      )
      let before = try listing(outside)
      try body(try ImageStore(root: scratch.appending("state")), outside)
      #expect(try listing(outside) == before)
      #expect(try entries(of: scratch.appending("state/layers/.work")).isEmpty)
      #expect(try entries(of: scratch).map(\.name).sorted { $0.string < $1.string } == ["outside", "state"])
    }
  }

  @Test(arguments: ["../x", "a/../../x", "/../x", "..", "a/..", "../outside/file"])
  func pathsThatClimbAreRefused(_ path: String) throws {
    try withCanary { store, _ in
      for entry in [file(Path(path)), directory(Path(path)), link(Path(path), to: "x"), hardLink(Path(path), to: "x")] {
        #expect(throws: StoreError.self) { try unpack(archive((entry, "")), in: store) }
      }
    }
  }

  @Test func absolutePathsAreInside() throws {
    try withCanary { store, outside in
      let tree = try unpack(archive((file("\(outside)/file"), "evil"), (file("//etc//passwd"), "root")), in: store)
      #expect(try readText(tree.appending(outside).appending("file")) == "evil")
      #expect(try readText(tree.appending("etc/passwd")) == "root")
    }
  }

  @Test func aFileThroughALinkStaysInside() throws {
    try withCanary { store, outside in
      let tree = try unpack(
        archive(
          (link("escape", to: outside), ""), (directory(Path("./\(outside)")), ""), (file("escape/file"), "evil"),
          (link("up", to: "../../../../../../.."), ""), (file("up/rootfile"), "evil")), in: store)
      #expect(try readText(tree.appending(outside).appending("file")) == "evil")
      #expect(try readText(tree.appending("rootfile")) == "evil")
      #expect(!exists("/rootfile"))
    }
  }

  @Test func aFileOverALinkReplacesTheLink() throws {
    try withCanary { store, outside in
      let tree = try unpack(
        archive(
          (link("a", to: outside.appending("file")), ""), (file("a", mode: 0o4777), "evil"),
          (link("d", to: outside.appending("dir")), ""), (directory("d", mode: 0o777), ""), (file("d/file"), "evil"),
          (link("p", to: outside.appending("file")), ""), (TarEntry(path: "p", kind: .fifo, mode: 0o777), "")),
        in: store)
      #expect(try status(of: tree.appending("a"), followLinks: false).mode == 0o4777)
      #expect(try status(of: tree.appending("d"), followLinks: false).kind == .directory)
      #expect(try status(of: tree.appending("p"), followLinks: false).kind == .fifo)
    }
  }

  @Test func hardLinksReachNothingOutside() throws {
    try withCanary { store, outside in
      for target in [outside.appending("file"), "../../../../\(outside)/file", "escape/file", "/etc/passwd"] as [Path] {
        #expect(throws: StoreError.self, "\(target)") {
          try unpack(archive((link("escape", to: outside), ""), (hardLink("h", to: target), "")), in: store)
        }
      }
      // A link to a link is the link itself.
      let tree = try unpack(
        archive((link("l", to: outside.appending("file")), ""), (hardLink("h", to: "l"), ""), (file("h"), "evil")),
        in: store)
      #expect(try readText(tree.appending("h")) == "evil")
    }
  }

  @Test func whiteoutsRemoveNothingOutside() throws {
    try withCanary { store, outside in
      for name in [".wh.", ".wh..", ".wh...", ".wh..wh.plnk"] {
        #expect(throws: StoreError.self, "\(name)") { try unpack(archive((file(Path(name)), "")), in: store) }
        #expect(throws: StoreError.self) { try unpack(archive((file(Path("d/\(name)")), "")), in: store) }
      }
      let tree = try unpack(
        archive(
          (link("d", to: outside), ""), (directory(Path("./\(outside)")), ""), (file("d/.wh.file"), ""),
          (file("d/.wh..wh..opq"), "")), in: store)
      let whiteout = try status(of: tree.appending(outside).appending("file"), followLinks: false)
      #expect(whiteout.kind == .characterDevice)
      #expect(whiteout.device == DeviceNumber(major: 0, minor: 0))
    }
  }

  @Test func whatWouldMeanSomethingToOverlayfsIsNotKept() throws {
    try withCanary { store, _ in
      var entry = directory("d")
      entry.attributes = ["trusted.overlay.opaque", "trusted.overlay.redirect", "user.overlay.opaque", "user.fine"].map
      {
        ExtendedAttribute(name: Path($0), value: Array("y".utf8))
      }
      let tree = try unpack(archive((entry, "")), in: store)
      let opened = try open(tree.appending("d"), [.readOnly])
      #expect(try extendedAttributeNames(of: opened.borrowed) == ["user.fine"])
      let device = TarEntry(path: "w", kind: .characterDevice(DeviceNumber(major: 0, minor: 0)), mode: 0o600)
      #expect(throws: StoreError.self) { try unpack(archive((device, "")), in: store) }
      var nobody = file("f")
      nobody.owner = .max
      #expect(throws: StoreError.self) { try unpack(archive((nobody, "")), in: store) }
      #expect(throws: StoreError.self) { try unpack(archive((file("/"), "x")), in: store) }
    }
  }

  @Test func archivesThatAreNoneAreRefused() throws {
    try withCanary { store, _ in
      let good = archive((file("f"), String(repeating: "x", count: 2000)))
      for bytes in [
        Array(good[..<1000]), Array(good[..<512]), Array("not a tar".utf8), [UInt8](repeating: 1, count: 4096),
      ] {
        #expect(throws: StoreError.self) { try unpack(bytes, in: store) }
      }
      // An empty blob and one without the end blocks are what some tools make.
      _ = try unpack([], in: store)
      _ = try unpack(Array(good[..<(512 + 2048)]), in: store)
    }
  }

  @Test func aLayersOwnFilesOutliveItsWhiteouts() throws {
    try withCanary { store, _ in
      let tree = try unpack(
        archive(
          (file(".wh.a"), ""), (file("a"), "new"), (file("b"), "new"), (file(".wh.b"), ""), (file(".wh.c"), ""),
          (directory("c"), ""), (directory("d"), ""), (file(".wh.d"), "")), in: store)
      #expect(try readText(tree.appending("a")) == "new")
      #expect(try readText(tree.appending("b")) == "new")
      for name in ["c", "d"] {
        let opened = try open(tree.appending(name), [.readOnly, .directory])
        #expect(try extendedAttribute("trusted.overlay.opaque", of: opened.borrowed) == Array("y".utf8))
      }
    }
  }
}
