import Foundation
import Testing

/// Every image goes round through the other programs: what they write is read, what is written here they read, the same
/// image in every digest that is not theirs to choose, and the same files.
@Suite(
  .serialized,
  .enabled(
    if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox")
      && ["skopeo", "umoci", "podman"].allSatisfy { FileManager.default.fileExists(atPath: "/usr/bin/\($0)") },
    "needs root, busybox, skopeo, umoci and podman (Scripts/setup test)"))
struct ImagePeersTests {
  /// hand:made, a folder for the peers' files, and podman with a store of its own there.
  private func withPeers(_ body: (Sandbox) throws -> Void) throws {
    try withHandMadeImage { sandbox in
      let folder = sandbox.folder.path
      let podman = """
        #!/bin/sh
        exec podman --root \(folder)/podman --runroot \(folder)/podman-run --storage-driver vfs "$@"
        """
      try Data(podman.utf8).write(to: URL(filePath: "\(folder)/pod"))
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/pod")
      defer { _ = try? sandbox.shell("\(folder)/pod rmi -af > /dev/null 2>&1") }
      try body(sandbox)
    }
  }

  private func there(_ sandbox: Sandbox, _ line: String) throws -> Sandbox.Result {
    try sandbox.shell("set -e; cd \(sandbox.folder.path); export SKIFF_ROOT=$PWD/other; \(line)")
  }

  private func facts(_ sandbox: Sandbox, root: String? = nil, _ name: String = "hand:made") throws -> [String] {
    try sandbox.skiff(
      ["images", "--no-trunc", "--format", "{{.Digest}} {{.ID}}", name],
      environment: root.map { ["SKIFF_ROOT": $0] } ?? [:]
    ).output.split(separator: "\n").map(String.init)
  }

  /// skopeo takes the store for what it is: a layout.
  @Test func skopeoReadsTheStore() throws {
    try withPeers { sandbox in
      let digest = try #require(facts(sandbox).first?.split(separator: " ").first)
      let seen = try sandbox.shell(
        "skopeo inspect --raw oci:\(sandbox.state)/images:hand:made | sha256sum | cut -c1-64")
      #expect("sha256:\(seen.output)" == "\(digest)\n", "\(seen.errors)")
      // And so do the programs that read a layout's image by its name.
      let copy = try there(sandbox, "skopeo copy -q oci:\(sandbox.state)/images:hand:made dir:copied && ls copied")
      #expect(copy.code == 0 && copy.output.contains("manifest.json"), "\(copy.errors)")
    }
  }

  /// skopeo compresses nothing that it copies as it is: from a layout to an archive of docker's, and between layouts.
  @Test func skopeoWritesWhatIsLoaded() throws {
    try withPeers { sandbox in
      let identifier = try #require(facts(sandbox).first?.split(separator: " ").last)
      let copy = try there(
        sandbox,
        """
        "$0" --root \(sandbox.state) save -o saved.tar hand:made
        skopeo copy -q docker-archive:saved.tar:docker.io/library/hand:made docker-archive:again.tar:docker.io/library/hand:again
        "$0" load -i again.tar
        """)
      #expect(copy.code == 0 && copy.output == "Loaded image: hand:again\n", "\(copy.errors)")
      let other = try facts(sandbox, root: "\(sandbox.folder.path)/other", "hand:again")
      #expect(other.first?.hasSuffix(" \(identifier)") == true, "\(other)")
      let run = try there(sandbox, "\"$0\" run --rm --network none hand:again")
      #expect(run.output == "old\n", "\(run.errors)")
    }
  }

  @Test(arguments: ["docker-archive", "oci-archive"])
  func podmanLoadsWhatIsSaved(format: String) throws {
    try withPeers { sandbox in
      let identifier = try #require(facts(sandbox).first?.split(separator: " ").last)
      let load = try there(
        sandbox,
        """
        "$0" --root \(sandbox.state) save --format \(format) -o saved.tar hand:made; ./pod load -q -i saved.tar
        ./pod images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.Id}}'
        """)
      #expect(load.code == 0, "\(load.errors)")
      #expect(load.output.contains("docker.io/library/hand:made \(identifier.dropFirst(7))\n"), "\(load.output)")
    }
  }

  /// docker's archive holds layers as they are; the OCI forms of this podman are the peer's own compression.
  @Test func whatPodmanSavesIsLoaded() throws {
    try withPeers { sandbox in
      let identifier = try #require(facts(sandbox).first?.split(separator: " ").last)
      let load = try there(
        sandbox,
        """
        "$0" --root \(sandbox.state) save hand:made | ./pod load -q > /dev/null
        ./pod save -q -m --format docker-archive -o podman.tar docker.io/library/hand:made; "$0" load -i podman.tar
        gzip -k podman.tar; "$0" load -q < podman.tar.gz
        """)
      #expect(load.code == 0, "\(load.errors)")
      #expect(load.output == "Loaded image: hand:made\nLoaded image: hand:made\n")
      let other = try facts(sandbox, root: "\(sandbox.folder.path)/other")
      #expect(other.first?.hasSuffix(" \(identifier)") == true, "\(other)")
    }
  }

  /// skopeo compresses what it puts into a layout: those blobs keep their digests here, and go back as they came.
  @Test(arguments: ["gzip", "zstd"])
  func compressedLayersKeepTheirDigests(compression: String) throws {
    try withPeers { sandbox in
      let round = try there(
        sandbox,
        """
        "$0" --root \(sandbox.state) save -o saved.tar hand:made
        skopeo copy -q --dest-compress-format \(compression) docker-archive:saved.tar oci:theirs:hand:made
        "$0" load -q -i theirs; "$0" run --rm --network none hand:made; "$0" run --rm --network none ./theirs
        "$0" image verify
        "$0" save --format oci-archive hand:made | "$0" --root $PWD/third load -q
        (cd theirs/blobs/sha256; ls) > a; (cd other/images/blobs/sha256; ls) > b; (cd third/images/blobs/sha256; ls) > c
        cmp a b; cmp b c; wc -l < c
        """)
      #expect(round.code == 0, "\(round.errors)")
      #expect(
        round.output
          == "Loaded image: hand:made\nold\nold\nhand:made: whole\nLoaded image: hand:made\n3\n", "\(round.errors)")
    }
  }

  /// umoci unpacks what is saved, and every file is as Skiff unpacks it: kind, mode, owner, link, size, time and contents.
  @Test func umociUnpacksTheSameTree() throws {
    try withPeers { sandbox in
      let list = """
        find . -mindepth 1 -printf '%p %y %#m %U:%G %l %T@ %s\\n' | awk '{ if ($2 == "d") $NF = ""; print }' | LC_ALL=C sort
        find . -type f -exec sha256sum {} + | LC_ALL=C sort -k2
        """
      let compare = try there(
        sandbox,
        """
        "$0" --root \(sandbox.state) save --format oci-dir -o layout hand:made
        umoci unpack --image layout:docker.io/library/hand:made bundle > umoci.log 2>&1
        "$0" load -i layout > /dev/null
        (cd bundle/rootfs; \(list)) > theirs; (cd other/layers/????????????????????????????????????????????????????????????????; \(list)) > ours
        wc -l < ours; diff ours theirs
        """)
      #expect(compare.code == 0, "\(compare.output)\(compare.errors)")
      #expect(Int(compare.output.dropLast()).map { $0 > 20 } == true, "\(compare.output)")
    }
  }
}
