import Foundation
import Kernel
import Testing

/// Images on Linux 6.1 with pure cgroup v2: overlay takes its layers by mount(2) there, and none that is mounted nowhere, so
/// that the layers of a container with a user namespace are attached in a namespace of their own first.
@Suite(.enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? ""))) struct GuestImagesTests {
  @Test func imagesOfManyLayersRunAndCommit() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let folder = sandbox.folder.path
    let store = try Shell("FOLDER='\(folder)' ROOTFS='\(sandbox.rootfs)' sh -e <<'EOF'\n\(Self.store)\nEOF")
    #expect(store.waitForExit() == .exited(0))
    try Data(Self.script.utf8).write(to: sandbox.folder.appending(path: "script"))
    // Emulated, the debug build takes a minute to hash and unpack.
    let skiff = environment("SKIFF_RELEASE") ?? Sandbox.skiff
    let (status, output) = try Guest.run(
      "v2", files: [skiff, "/sbin/mkfs.ext4", folder + "/store.tar", folder + "/script"],
      ["/bin/sh", folder + "/script", folder, skiff])
    #expect(status == .exited(0))
    let expected = """
      three: 2 new gone 1
      diff: C /d;D /d/new;A /d/x;A /hard;D /n1;A /p;
      committed: x hard n2 p
      hundred: 99 gone 99
      hundred diff: C /f;D /n50;
      one hundred and one: 100 98
      unwritten: yes
      mapped: 0 100000 5:6 0:0
      mapped diff: C /d;D /d/new;A /d/x;A /new;
      mapped disk: 5:6
      mapped committed: 5:6 x
      mapped hundred: 99 gone
      mapped exec: 0 0:0 100000
      mapped bind: 65534:65534 0:0
      left: 0

      """
    #expect(output.replacing("\r", with: "") == expected)
  }

  /// A store as another tool might have written it: deep:3 and deep:100, whose second layer removes and replaces.
  private static let store = #"""
    mkdir -p "$FOLDER/new/images/blobs/sha256" "$FOLDER/layer"; cd "$FOLDER/new/images"
    put() { digest=$(sha256sum "$1" | cut -c1-64); size=$(stat -c %s "$1"); mv "$1" blobs/sha256/$digest; }
    media=application/vnd.oci.image; layers= identifiers= manifests= count=0
    layer() {
      tar -C "$1" -cf layer.tar .; put layer.tar; comma=${layers:+,}
      layers="$layers$comma{\"mediaType\":\"$media.layer.v1.tar\",\"digest\":\"sha256:$digest\",\"size\":$size}"
      identifiers="$identifiers$comma\"sha256:$digest\""
    }
    name() {
      printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
        "$identifiers" > config; put config
      printf '{"schemaVersion":2,"config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
        $media $digest $size "$layers" > manifest; put manifest; comma=${manifests:+,}
      manifests="$manifests$comma{\"mediaType\":\"$media.manifest.v1+json\",\"digest\":\"sha256:$digest\",\"size\":$size,\"annotations\":{\"org.opencontainers.image.ref.name\":\"$1\"}}"
    }
    mkdir "$ROOTFS/d"; echo low > "$ROOTFS/d/low"; echo x > "$ROOTFS/gone"; layer "$ROOTFS"
    while [ $count -lt 99 ]; do
      count=$((count+1)); rm -rf "$FOLDER/layer"; mkdir "$FOLDER/layer"; echo $count > "$FOLDER/layer/f"; echo $count > "$FOLDER/layer/n$count"
      if [ $count = 1 ]; then mkdir "$FOLDER/layer/d"; touch "$FOLDER/layer/d/.wh..wh..opq" "$FOLDER/layer/.wh.gone"; echo > "$FOLDER/layer/d/new"; fi
      layer "$FOLDER/layer"; if [ $count = 2 ]; then name deep:3; fi
    done
    name deep:100; printf '{"schemaVersion":2,"manifests":[%s]}' "$manifests" > index.json
    printf '{"imageLayoutVersion":"1.0.0"}' > oci-layout; tar -C "$FOLDER/new" -cf "$FOLDER/store.tar" images
    """#

  /// Inside: on an ext4 of its own, for no tmpfs of Linux 6.1 shows its files with other owners.
  private static let script = #"""
    exec 2>/tmp/errors; trap 'cat /tmp/errors' EXIT
    set -e; cd /tmp; truncate -s 256M disk; mkfs.ext4 -q disk; mkdir -p /mnt; mount -o loop disk /mnt
    mkdir /mnt/lib; tar -C /mnt/lib -xf "$1/store.tar"; export SKIFF_ROOT=/mnt/lib SKIFF_STATE=/run/skiff
    skiff() { "$SKIFF" "$@"; }; SKIFF=$2; run() { "$SKIFF" run --network none "$@"; }
    lines() { tr '\n' ';'; echo; }
    sums() { (cd /mnt/lib; cat $1 | while read -r file; do sha256sum "$file"; done | sha256sum); }
    (cd /mnt/lib; find images/blobs -type f | sort > /tmp/files); before=$(sums /tmp/files)
    change='rm -r /d; mkdir /d; echo x > /d/x'
    echo three: $(run --name three deep:3 sh -c "cat /f; ls /d; ls /gone 2>/dev/null || echo gone; cat /n1; $change; rm /n1; ln /f /hard; busybox mkfifo /p")
    echo diff: "$(skiff diff three | lines)"; skiff commit three new:1 > /dev/null
    echo committed: $(run --rm new:1 sh -c 'ls /d; cd /; ls -d gone n1 n2 p hard 2>/dev/null')
    echo hundred: $(run --name hundred deep:100 sh -c 'cat /f; ls /gone 2>/dev/null || echo gone; ls -d /n* | busybox wc -l; rm /n50; echo 100 > /f')
    echo hundred diff: "$(skiff diff hundred | lines)"; skiff commit hundred new:2 > /dev/null
    echo one hundred and one: $(run --rm new:2 sh -c 'cat /f; ls -d /n* | busybox wc -l')
    [ "$before" = "$(sums /tmp/files)" ] && echo unwritten: yes
    owner='busybox stat -c %u:%g'
    echo mapped: $(run --userns auto --name mapped deep:3 sh -c "id -u; set -- \$(cat /proc/self/uid_map); echo \$2; $change; echo > /new; busybox chown 5:6 /new; $owner /new /d")
    echo mapped diff: "$(skiff diff mapped | lines)"
    echo mapped disk: $($owner /mnt/lib/containers/*/upper/new); skiff commit mapped new:3 > /dev/null
    echo mapped committed: $(run --rm new:3 sh -c "$owner /new; ls /d")
    echo mapped hundred: $(run --rm --userns auto deep:100 sh -c 'cat /f; ls /gone 2>/dev/null || echo gone')
    run -d --userns auto --name sleeper deep:3 sleep 100 > /dev/null
    echo mapped exec: $(skiff exec sleeper sh -c "id -u; echo > /t; $owner /t; set -- \$(cat /proc/self/uid_map); echo \$2")
    mkdir /mnt/shared; echo mapped bind: $(run --rm --userns auto -v /mnt/shared:/one -v /mnt/shared:/two:idmap deep:3 $owner /one /two)
    skiff rm -f sleeper three hundred mapped > /dev/null; skiff rmi -f new:1 new:2 new:3 deep:3 deep:100 > /dev/null
    echo left: $(ls /mnt/lib/images/blobs/sha256 /mnt/lib/l /mnt/lib/containers | grep -c '^[0-9a-f]' || true)
    trap - EXIT
    """#
}

private let obstacle: String? = {
  if geteuid() != 0 { return "needs root" }
  for file in ["/sbin/mkfs.ext4", "/bin/busybox"] where !FileManager.default.fileExists(atPath: file) {
    return "needs \(file)"
  }
  return Guest.obstacle
}()
