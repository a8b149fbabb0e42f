import Foundation
import Testing

/// A sandbox with the image hand:made, which tar, sha256sum and a shell wrote, so that what the store reads is the format and
/// not what it wrote itself.
func withHandMadeImage(_ body: (Sandbox) throws -> Void) throws {
  let sandbox = try Sandbox()
  defer { sandbox.remove() }
  let script = """
    set -e; mkdir -p "$STATE/images/blobs/sha256" "$STATE/images/ingest"; cd "$STATE/images"; chmod 700 "$STATE"
    put() { d=$(sha256sum "$1" | cut -c1-64); s=$(stat -c %s "$1"); mv "$1" blobs/sha256/$d; }
    mkdir -p "$ROOTFS/data/sub"; echo old > "$ROOTFS/data/file"; echo gone > "$ROOTFS/data/gone"; echo x > "$ROOTFS/data/sub/x"
    tar --format=posix -C "$ROOTFS" -cf layer .; put layer; layer=$d layer_size=$s
    printf '{"architecture":"%s","os":"linux","created":"2020-01-02T03:04:05Z","config":{"Cmd":["/bin/sh","-c","cat /data/file"],"Env":["PATH=/bin","FROM=image"],"WorkingDir":"/data","Labels":{"made":"by hand"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$ARCH" $layer > config
    put config; config=$d config_size=$s
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' $config $config_size $layer $layer_size > manifest
    put manifest
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"hand:made"}}]}' $d $s > index.json
    printf '{"imageLayoutVersion":"1.0.0"}' > oci-layout
    """
  let shell = Process()
  shell.executableURL = URL(filePath: "/bin/sh")
  shell.arguments = ["-c", script]
  #if arch(arm64)
    let architecture = "arm64"
  #else
    let architecture = "amd64"
  #endif
  shell.environment = [
    "PATH": "/usr/bin:/bin", "STATE": sandbox.state, "ROOTFS": sandbox.rootfs, "ARCH": architecture,
  ]
  try shell.run()
  shell.waitUntilExit()
  #expect(shell.terminationStatus == 0)
  try body(sandbox)
  // Whatever a failed test left running goes with its sandbox.
  let left = try sandbox.skiff(["ps", "-aq"]).output.split(separator: "\n").map(String.init)
  if !left.isEmpty { _ = try sandbox.skiff(["rm", "-f"] + left) }
}
