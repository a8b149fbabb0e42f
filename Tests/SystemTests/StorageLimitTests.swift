import Foundation
import Kernel
import Testing

/// `--storage-opt size=`: refused where the disk cannot hold anybody to it, and what it holds where it can: on an xfs and an
/// ext4 of the virtual machine, whose kernel counts projects.
@Suite(.enabled(if: Sandbox.obstacle == nil, Comment(rawValue: Sandbox.obstacle ?? "")))
struct StorageLimitTests {
  @Test func aDiskWithoutQuotasIsRefused() throws {
    try withHandMadeImage { sandbox in
      let words = try sandbox.skiff([
        "run", "--storage-opt", "size=10g", "--rootfs", sandbox.rootfs, "true",
      ])
      #expect(words.code == 125 && words.errors.contains("does not go with --rootfs"), "\(words)")
      // A tmpfs knows no projects, whatever this machine's disk knows.
      let script = """
        mount -t tmpfs tmpfs "$SKIFF_STATE" && cp -a "$SKIFF_ROOT" "$SKIFF_STATE/lib" && export SKIFF_ROOT="$SKIFF_STATE/lib"
        export SKIFF_STATE="$SKIFF_STATE/run"
        "$0" run --rm --network none --storage-opt size=5g --storage-opt size=0 hand:made true && echo fine
        "$0" create --name box --storage-opt size=10g hand:made true; echo $?
        "$0" run --name box --storage-opt size=10g hand:made true; echo $?; "$0" ps -aq | wc -l; ls "$SKIFF_ROOT/containers" | wc -l
        "$0" info | grep Quotas; "$0" info -f '{{json .DriverStatus}}'
        """
      _ = try sandbox.skiff(["ps"])
      let refused = try sandbox.start(
        ["-m", "--propagation", "private", "/bin/bash", "-c", script, Sandbox.skiff], program: "/usr/bin/unshare"
      ).finish()
      let told = "off, so --storage-opt size= is refused: it is neither xfs nor ext4"
      #expect(
        refused.output == "fine\n1\n125\n0\n0\n Layer Quotas: \(told)\n[[\"Layer Quotas\",\"\(told)\"]]\n", "\(refused)"
      )
      let reason =
        "skiff: --storage-opt size=10g needs project quotas on the file system of \(sandbox.run)/lib/containers: "
        + "it is neither xfs nor ext4\nhint: keep containers on an xfs that is mounted with -o pquota: "
        + "skiff --root DIRECTORY\n"
      #expect(refused.errors == reason + reason)
    }
  }

  @Test(.enabled(if: machineObstacle == nil, Comment(rawValue: machineObstacle ?? "")))
  func aDiskWithQuotasHoldsWhoWrites() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let folder = sandbox.folder.path
    let chattr = "/usr/bin/chattr"
    let store = try sandbox.shell(
      """
      set -e; for file in \(chattr) $(ldd \(chattr) | grep -o '/[^ )]*'); do
        mkdir -p \(sandbox.rootfs)/$(dirname $file); cp -L $file \(sandbox.rootfs)/$file; done
      ln -s busybox \(sandbox.rootfs)/bin/dd; mkdir \(sandbox.rootfs)/tmp
      tar -C \(sandbox.rootfs) -c . | "$0" import - box; tar -C "$SKIFF_ROOT" -cf \(folder)/store.tar .
      """)
    #expect(store.code == 0, "\(store)")
    try Data(Self.script.utf8).write(to: sandbox.folder.appending(path: "script"))
    // Emulated, the debug build takes a second for each command; it alone can be killed at a step.
    let skiff = environment("SKIFF_RELEASE") ?? Sandbox.skiff
    let (status, output) = try Guest.run(
      "v2",
      files: ["/sbin/mkfs.xfs", "/usr/sbin/xfs_quota", "/sbin/mkfs.ext4", skiff, Sandbox.skiff]
        + ["\(folder)/store.tar", "\(folder)/script"],
      options: ["-k", "xfs", "-k", "quota_v2"], ["/bin/sh", folder + "/script", folder, skiff, Sandbox.skiff])
    #expect(status == .exited(0))
    let expected = """
      xfs
      Layer Quotas: on
      size: 20480
      full: No space left on device, 20480 KiB
      attack: refused refused refused 20480
      exec: refused 20480
      other: 30 MiB
      copied: no space left on device
      full and started again: writes
      inspect: map[size:20m]
      projects: 2
      projects: 0
      killed at preparation:4, 137: 0
      killed at limiting:1, 137: 0
      killed at limiting:2, 137: 0
      killed at preparation:5, 137: 0
      killed at erasing:0, 137: 0
      killed at erasing:1, 137: 0
      at once: 3
      projects: 0
      another's: 1 5000
      unlimited again: its limit of 20m does not hold: its xfs is mounted without them
      ext4
      full: Disk quota exceeded, 20456 KiB or more
      attack: refused refused refused 20480
      full and started again: Disk quota exceeded
      removed: 1

      """
    #expect(output.replacing("\r", with: "") == expected)
  }

  private static let script = #"""
    exec 2>/tmp/errors; trap 'cat /tmp/errors' EXIT
    set -e; cd /tmp; truncate -s 400M disk; mkfs.xfs -q disk; mkdir /one /two; mount -o loop,pquota disk /one
    export SKIFF_STATE=/run/skiff; SKIFF=$2 DEBUG=$3; skiff() { "$SKIFF" "$@"; }; run() { skiff run --network none "$@"; }
    store() { mkdir $1/lib; tar -C $1/lib -xf "$2/store.tar"; export SKIFF_ROOT=$1/lib; }
    projects() { xfs_quota -x -c 'report -p -N' /one | grep '^#' | grep -vc '^#0' || true; }
    left() { skiff ps -aq >/dev/null; echo $(projects)$(ls /one/lib/containers); }
    fill() { echo "dd if=/dev/zero of=/big bs=1M count=$1 2>&1 | grep -o 'No space.*\|Disk quota.*'; echo \$(set -- \$(du -k /big); echo \$1) KiB"; }
    # All that lets the owner of a file take it out of its project: by a file, for what is made from now on, and for good.
    attack='for a in "-p 0 /big" "-P /" "-p 7 /"; do chattr $a 2>&1 | grep -q "not supported" && echo refused; done; set -- $(df -k / | tail -n 1); echo $2'
    echo xfs; store /one "$1"; echo $(skiff info | grep -o 'Layer Quotas: o[a-z]*')
    echo size: $(run --rm --storage-opt size=20m box sh -c 'set -- $(df -k / | tail -n 1); echo $2')
    run -d --name small --storage-opt size=20m box sleep 1000 >/dev/null
    echo full: $(skiff exec small busybox sh -c "$(fill 30)" | tr '\n' ',' | sed 's/,$//; s/,/, /')
    echo attack: $(skiff exec small sh -c "$attack")
    echo exec: $(skiff exec small sh -c 'chattr -p 0 /big 2>&1 | grep -q "not supported" && echo refused; set -- $(df -k / | tail -n 1); echo $2')
    echo other: $(run --name large --storage-opt size=40m box sh -c 'dd if=/dev/zero of=/big bs=1M count=30 2>/dev/null; echo $(($(wc -c </big) >> 20))' || true) MiB
    skiff stop -t 0 small >/dev/null; head -c 1000000 /dev/zero >more
    echo copied: $(skiff cp more small:/ 2>&1 | grep -o -i 'no space left on device')
    echo full and started again: $(skiff start small >/dev/null; skiff exec small sh -c 'rm /big && echo writes >/file && cat /file')
    echo inspect: $(skiff inspect -f '{{.HostConfig.StorageOpt}}' small)
    echo projects: $(projects); skiff rm -f small large >/dev/null; echo projects: $(projects)
    for place in preparation:4 limiting:1 limiting:2 preparation:5; do
      code=0; SKIFF_KILL_AT=$place "$DEBUG" create --name killed --storage-opt size=20m box true >/dev/null 2>&1 || code=$?
      echo killed at $place, $code: $(left)
    done
    for place in erasing:0 erasing:1; do
      skiff create --name killed --storage-opt size=20m box true >/dev/null
      code=0; SKIFF_KILL_AT=$place "$DEBUG" rm killed >/dev/null 2>&1 || code=$?; echo killed at $place, $code: $(left)
    done
    for name in a1 b1 c1; do skiff create --name $name --storage-opt size=20m box true >/dev/null & done; wait
    echo at once: $(projects); skiff rm a1 b1 c1 >/dev/null; echo projects: $(projects)
    # The project of all that is around it is not Skiff's: it stays as it is.
    xfs_quota -x -c 'limit -p bhard=5000k 9' /one; mkdir /one/theirs; xfs_quota -x -c 'project -s -p /one/theirs 9' /one >/dev/null
    (mkdir /one/theirs/containers; SKIFF_ROOT=/one/theirs; export SKIFF_ROOT; skiff create --name x1 --rootfs /one/lib true >/dev/null; skiff rm x1 >/dev/null)
    echo "another's:" $(projects) $(xfs_quota -x -c 'report -p -N' /one | sed -n 's/^#9 *[0-9]* *0 *\([0-9]*\) .*/\1/p')
    skiff create --name kept --storage-opt size=20m box true >/dev/null
    umount /one; mount -o loop disk /one; echo unlimited again: $(skiff start kept 2>&1 | grep -o 'its limit.*')
    echo ext4; truncate -s 100M disk4; mkfs.ext4 -q -O project,quota disk4; mount -o loop,prjquota disk4 /two; store /two "$1"
    echo full: $(run --name small --storage-opt size=20m box busybox sh -c "$(fill 30)" | sed 's/204[5-8]. KiB/20456 KiB or more/' | tr '\n' ',' | sed 's/,$//; s/,/, /')
    echo attack: $(run --rm --storage-opt size=20m box sh -c "touch /big; $attack")
    echo full and started again: $(skiff start -a small | head -n 1)
    # Whom head left alone may have gone before the container.
    skiff wait small >/dev/null; skiff rm small >/dev/null && echo removed: 1
    trap - EXIT
    """#
}

private let machineObstacle: String? = {
  for file in ["/sbin/mkfs.xfs", "/usr/sbin/xfs_quota", "/sbin/mkfs.ext4", "/usr/bin/chattr"]
  where !FileManager.default.fileExists(atPath: file) {
    return "needs \(file)"
  }
  return Guest.obstacle
}()
