import Foundation
import Testing

private let obstacle: String? = {
  if geteuid() != 0 { return "needs root" }
  let missing = ["/sbin/mkfs.ext4", "/sbin/losetup", "/dev/loop-control", "/bin/busybox"].filter { path in
    !FileManager.default.fileExists(atPath: path)
  }
  return missing.isEmpty ? nil : "needs \(missing.joined(separator: ", "))"
}()

/// What the disk has after a power failure is what was written to it by then: a copy of the device, taken while the file
/// system is mounted, is exactly that.
@Suite(.enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? "")))
struct PowerLossTests {
  /// ext4 gives a file its blocks half a minute after it was written unless somebody syncs; its name is there within five
  /// seconds, and an fsync of anything else brings the name at once.
  @Test func aLayerThatHasItsNameHasItsContents() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let script = """
      set -e; cd "$FOLDER"; truncate -s 64M disk; mkfs.ext4 -q disk; mkdir one two; mount -o loop disk one; trap 'umount one' EXIT
      export SKIFF_ROOT=$PWD/one/lib
      "$SKIFF" stage -q -t boat /bin/busybox; "$SKIFF" run --network none --name changer boat busybox sh -c \
        'i=0; while [ $i -lt 50 ]; do echo $i > /file$i; i=$((i+1)); done' >/dev/null; "$SKIFF" commit changer kept >/dev/null
      cp --sparse=always disk copy
      mount -o loop copy two; trap 'umount one two' EXIT
      ls two/lib/layers | grep -c '^[0-9a-f]*$'
      for layer in $(ls two/lib/layers); do diff -r --no-dereference one/lib/layers/$layer two/lib/layers/$layer; done
      cmp one/lib/images/index.json two/lib/images/index.json; diff -r one/lib/images/blobs two/lib/images/blobs
      "$SKIFF" rm changer >/dev/null; echo same
      """
    let shell = Process()
    shell.executableURL = URL(filePath: "/usr/bin/unshare")
    shell.arguments = ["-m", "sh", "-c", script]
    shell.environment = [
      "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "FOLDER": sandbox.folder.path, "SKIFF_STATE": sandbox.run,
      "SKIFF": Sandbox.skiff,
    ]
    let pipe = Pipe()
    shell.standardOutput = pipe
    shell.standardError = pipe
    try shell.run()
    let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    shell.waitUntilExit()
    #expect(output == "2\nsame\n")
  }
}
