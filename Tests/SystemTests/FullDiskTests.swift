import Foundation
import Kernel
import Testing

private let obstacle: String? = {
  if geteuid() != 0 { return "needs root" }
  let missing = ["/sbin/mkfs.ext4", "/sbin/losetup", "/dev/loop-control", "/bin/busybox"].filter { !exists(Path($0)) }
  return missing.isEmpty ? nil : "needs \(missing.joined(separator: ", "))"
}()

/// A disk that is full in the middle of a layer: the store is as it was, to the last block, and the words say why.
@Suite(.enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? "")))
struct FullDiskTests {
  /// A file system of 40 MB with a small image in its store; a layer whose blob and tree are 24 MB each.
  private func fill(_ commands: String, environment: [String: String] = [:]) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let script = """
      set -e; cd "$FOLDER"; truncate -s 40M disk; mkfs.ext4 -q -m 0 disk; mkdir small
      mount -o loop disk small; trap 'umount small' EXIT
      mkdir big; dd if=/dev/urandom of=big/part bs=1M count=12 status=none
      for i in 1 2; do cp big/part big/part$i; done; rm big/part
      tar -C big -cf big.tar .
      export SKIFF_ROOT=$PWD/other; "$SKIFF" import big.tar big >/dev/null; "$SKIFF" save -o archive.tar big
      export SKIFF_ROOT=$PWD/small/lib; "$SKIFF" stage -q -t boat /bin/busybox >/dev/null
      # What a first call makes is there before the count.
      for command in "load -i absent.tar" "pull -q 127.0.0.1:1/absent"; do "$SKIFF" $command 2>/dev/null || :; done
      mkdir -p $SKIFF_ROOT/images/partial
      count() { du -s --block-size=1 $SKIFF_ROOT | cut -f1; (cd $SKIFF_ROOT; find . | LC_ALL=C sort | sha256sum); }
      count >before
      \(commands)
      count >after; cmp before after && echo as it was
      "$SKIFF" image verify; "$SKIFF" images --format '{{.Repository}}'
      "$SKIFF" run --rm --network none boat busybox echo runs
      """
    let result = try sandbox.start(
      ["-m", "--propagation", "private", "/bin/sh", "-c", script],
      environment: ["FOLDER": sandbox.folder.path, "SKIFF": Sandbox.skiff, "HOME": sandbox.folder.path]
        .merging(environment) { $1 }, program: "/usr/bin/unshare"
    ).finish()
    #expect(result.output == "refused\nas it was\nboat:latest: whole\nboat\nruns\n", "\(result)")
    #expect(result.errors.contains("no space left on device"), "\(result.errors)")
    #expect(result.errors.contains("hint: the disk is full: free some space"), "\(result.errors)")
  }

  @Test(arguments: ["-i archive.tar", "<archive.tar"]) func aLoad(words: String) throws {
    try fill("\"$SKIFF\" load \(words) >/dev/null || echo refused")
  }

  @Test(.enabled(if: LoopbackRegistry.isHere, "docker-registry is not installed")) func aPull() throws {
    try withTemporaryDirectory { folder in
      let registry = try LoopbackRegistry(in: URL(filePath: folder.string))
      let name = "\(registry.host)/big"
      try fill(
        "SKIFF_ROOT=$PWD/other \"$SKIFF\" tag big \(name); SKIFF_ROOT=$PWD/other \"$SKIFF\" push -q \(name) >/dev/null\n"
          + "\"$SKIFF\" pull -q \(name) >/dev/null || echo refused")
    }
  }

  @Test func aCommit() throws {
    // The upper directory has room, the layer has none.
    try fill(
      """
      "$SKIFF" run --name work --network none boat busybox dd if=/dev/urandom of=/x bs=1M count=22 2>/dev/null
      count >before; "$SKIFF" commit work kept >/dev/null || echo refused; count >after; cmp before after || echo changed
      "$SKIFF" rm work >/dev/null; count >before
      """)
  }
}
