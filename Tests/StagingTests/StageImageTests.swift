import Foundation
import ImageSpec
import Kernel
import Layers
import Staging
import Testing

@Suite struct StageImageTests {
  static func stage(_ programs: [String], _ name: String, in scratch: Scratch) throws -> (Image?, StagedImage) {
    var request = StageRequest(into: Path(name), extras: [.directories])
    request.programs = programs.map { Path($0) }
    let store = try ImageStore(root: scratch["store"])
    let staged = try StagedImage(
      request, as: Reference(name), in: store, buildingIn: scratch["store/staging"])
    return (try staged.perform(createdBy: "skiff stage").image, staged)
  }

  @Test(.enabled(if: isRoot, "layers keep owners, which needs root"))
  func anImageOfOneLayerAndThenOneMore() throws {
    let scratch = try Scratch()
    let (made, _) = try Self.stage(["bash"], "shell", in: scratch)
    let first = try #require(made)
    #expect(first.tags == ["shell:latest"])
    #expect(first.config.config.cmd == ["/usr/bin/bash"] || first.config.config.cmd == ["/bin/bash"])
    #expect(first.config.diffIDs.count == 1)
    let store = try ImageStore(root: scratch["store"])
    let layer = try #require(try store.resolve("shell").lowerdirs.first)
    #expect(try run(["chroot", layer.string, "/bin/bash", "-c", "echo works"]).output == "works\n")

    // What the name has already is not copied again; what it lacks becomes a layer on top.
    #expect(try Self.stage(["bash"], "shell", in: scratch).0 == nil)
    let (grown, staged) = try Self.stage(["bash", "ls"], "shell", in: scratch)
    #expect(try #require(grown).config.diffIDs.first == first.config.diffIDs.first)
    #expect(try #require(grown).config.diffIDs.count == 2)
    #expect(staged.plan.newFiles.contains { $0.path.name == "ls" })
    #expect(!staged.plan.newFiles.contains { $0.path.name == "bash" || $0.path.name == "libc.so.6" })
    let top = try #require(try store.resolve("shell").lowerdirs.first)
    #expect(exists(top.appending("usr/bin/ls")) || exists(top.appending("bin/ls")))
    #expect(!exists(top.appending("usr/bin/bash"), followLinks: false))
    #expect(try entries(of: scratch["store/staging"]).isEmpty)
  }

  @Test func aFailureLeavesNoImage() throws {
    let scratch = try Scratch()
    #expect(failure { _ = try Self.stage(["no-such-program"], "shell", in: scratch) }?.kind == .notFound)
    #expect(try ImageStore(root: scratch["store"]).images().isEmpty)
  }
}
