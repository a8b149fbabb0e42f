import Foundation
import ImageSpec
import Kernel
import Layers
import SPDX
import Staging
import Testing

@Suite(.enabled(if: isRoot, "layers keep owners, which needs root")) struct StageBillTests {
  /// Every regular file of the tree, with what sha1sum(1) and sha256sum(1) say of it.
  private func files(below root: Path) throws -> [String: (sha1: String, sha256: String)] {
    func sums(_ program: String) throws -> [String: String] {
      let output = try run(["sh", "-c", "cd \(root.string) && find . -type f -exec \(program) {} +"]).output
      return Dictionary(
        uniqueKeysWithValues: output.split(separator: "\n").map { line in
          let fields = line.split(separator: " ", maxSplits: 1)
          return (String(fields[1].drop { $0 == " " || $0 == "." }), String(fields[0]))
        })
    }
    let (first, second) = (try sums("sha1sum"), try sums("sha256sum"))
    return Dictionary(uniqueKeysWithValues: first.map { ($0.key, ($0.value, second[$0.key] ?? "")) })
  }

  @Test func everyFileAndWhoOwnsIt() throws {
    let scratch = try Scratch()
    let image = try #require(try StageImageTests.stage(["bash"], "shell", in: scratch).0)
    let store = try ImageStore(root: scratch["store"])
    let bill = try BillOfMaterials(of: image, named: "shell", in: store)
    let layer = try #require(try store.resolve("shell").lowerdirs.first)
    let there = try files(below: layer)
    #expect(Set(bill.files.map(\.path)) == Set(there.keys))
    for file in bill.files {
      #expect(file.sha1 == there[file.path]?.sha1 && file.sha256 == there[file.path]?.sha256, "\(file.path)")
    }
    guard exists("/var/lib/dpkg/status") else { return }
    for file in bill.files where file.path.hasSuffix("/bash") || file.path.contains("/libc.so.") {
      // dpkg may know the file by its path before /bin was a link.
      let short = String(file.path.dropFirst("/usr".utf8.count))
      let answer = try run(["sh", "-c", "dpkg -S \(file.path) || dpkg -S \(short)"]).output
      #expect(answer.hasPrefix(try #require(file.package).name + ":"), "\(file.path): \(answer)")
    }
  }

  /// Staging on top keeps what was known, and one image has one bill.
  @Test func anImageThatGrows() throws {
    let scratch = try Scratch()
    _ = try StageImageTests.stage(["bash"], "shell", in: scratch)
    let grown = try #require(try StageImageTests.stage(["bash", "ls"], "shell", in: scratch).0)
    let store = try ImageStore(root: scratch["store"])
    let bill = try BillOfMaterials(of: grown, named: "shell", in: store)
    #expect(bill.files.contains { $0.path.hasSuffix("/bash") } && bill.files.contains { $0.path.hasSuffix("/ls") })
    #expect(bill.namespace.hasSuffix(grown.manifestDigest.hex))
    // The bill is no image, and goes when its image does.
    #expect(try store.images().count == 2)
    for image in try store.images() { _ = try store.remove(image.id.description, force: true) { _ in [] } }
    #expect(try store.blobs.index().manifests.isEmpty && store.blobs.digests().isEmpty)
  }

  @Test func whatAnImageSaysOfItself() throws {
    let scratch = try Scratch()
    let store = try ImageStore(root: scratch["store"])
    var request = StageRequest(into: "web", extras: [.directories])
    request.programs = ["bash"]
    let changes = ["ENTRYPOINT [\"/usr/bin/bash\"]", "ENV A=1", "LABEL team=web", "WORKDIR /tmp", "EXPOSE 80"]
    let staged = try StagedImage(
      request, as: Reference("web"), changes: changes, in: store, buildingIn: scratch["store/staging"])
    let config = try #require(try staged.perform(createdBy: "skiff stage").image).config
    #expect(config.config.entrypoint == ["/usr/bin/bash"] && config.config.cmd.isEmpty)
    #expect(config.config.env.contains("A=1") && config.config.labels == ["team": "web"])
    #expect(config.config.workingDir == "/tmp" && config.config.exposedPorts == ["80/tcp"])
    #expect(config.history.first?.createdBy == "skiff stage" && config.created != nil)
    #expect(
      failure {
        _ = try StagedImage(
          request, as: Reference("web"), changes: ["RUN ls"], in: store, buildingIn: scratch["store/staging"])
      }?.kind == .unusable)
  }

  /// dpkg as it is on a machine whose /bin is a link into /usr, with a diverted file and one that was removed.
  @Test func packagesOfAnImage() throws {
    let scratch = try Scratch()
    let root = scratch["tree"]
    let files = [
      "usr/bin/ls": "ls", "usr/bin/sh": "dash", "usr/bin/sh.distrib": "old", "usr/bin/mine": "x",
      "var/lib/dpkg/status":
        "Package: coreutils\nStatus: install ok installed\nArchitecture: amd64\nVersion: 9.1-1\nMaintainer: M <m@x>\n\n"
        + "Package: dash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 0.5\nSource: dash-src (0.5)\n\n"
        + "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n",
      "var/lib/dpkg/info/coreutils.list": "/.\n/bin\n/bin/ls\n/bin/sh\n",
      "var/lib/dpkg/info/dash:amd64.list": "/bin/sh\n", "var/lib/dpkg/info/gone.list": "/usr/bin/mine\n",
      "var/lib/dpkg/diversions": "/bin/sh\n/bin/sh.distrib\ndash\n", "etc/os-release": "NAME=x\nID=debian\n",
    ]
    for (name, text) in files {
      let path = root.appending(name)
      try makeDirectories(path.parent, mode: 0o755)
      try Data(text.utf8).write(to: URL(filePath: path.string))
    }
    try makeSymbolicLink(root.appending("bin"), to: "usr/bin")
    let store = try ImageStore(root: scratch["store"])
    let image = try store.createImage(fromTree: root, reference: Reference("debian"), config: ImageConfig())
    let bill = try BillOfMaterials(of: try store.resolve(image.id.description), named: "debian", in: store)
    let owners = Dictionary(uniqueKeysWithValues: bill.files.map { ($0.path, $0.package?.name) })
    #expect(owners["/usr/bin/ls"] == "coreutils" && owners["/usr/bin/sh"] == "dash")
    #expect(owners["/usr/bin/mine"] == .some(nil))
    #expect(bill.files.first { $0.path == "/usr/bin/sh" }?.package?.source == "dash-src")
    #expect(bill.files.first { $0.path == "/usr/bin/ls" }?.package?.distribution == "debian")
  }
}
