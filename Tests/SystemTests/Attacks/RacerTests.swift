import Foundation
import Kernel
import Testing

/// Roots that change while a container is started on them (CVE-2021-30465, CVE-2019-19921, CVE-2024-45310): whatever is a
/// directory at one moment is a link to the host at the next.
///
/// SKIFF_ATTACKS says how many starts; `make attack` asks for 10,000.
@Suite(.serialized, .enabled(if: Attacker.obstacle == nil, "\(Attacker.obstacle ?? "")"))
struct RacerTests {
  /// A directory of the host with something in it, and what it had.
  struct Victim {
    let path: Path
    init(in place: Sandbox) throws {
      path = Path(place.folder.path).appending("victim")
      try makeDirectories(path.appending("deep"), mode: 0o755)
      try replaceFile(path.appending("secret"), with: Array("outside".utf8), mode: 0o644, durable: false)
      try replaceFile(path.appending("deep/file"), with: Array("outside".utf8), mode: 0o644, durable: false)
    }

    func expectUntouched() throws {
      #expect(try entries(of: path).map(\.name.string).sorted() == ["deep", "secret"])
      #expect(try entries(of: path.appending("deep")).map(\.name) == ["file"])
      #expect(try readText(path.appending("secret")) == "outside")
      #expect(try readText(path.appending("deep/file")) == "outside")
      #expect(try !readText("/proc/self/mountinfo").contains(path.string))
    }
  }

  /// Starts containers while `swaps` (a directory, and the link that takes its place) change places all the time.
  ///
  /// - Returns: how many starts there were by exit code.
  private func race(
    _ place: Sandbox, _ swaps: [(Path, Path)], _ words: String
  ) throws -> [Int32: Int] {
    let answer = try whileRepeating {
      for (directory, link) in swaps { try? rename(directory, to: link, .exchange) }
    } _: {
      try place.onHost(
        """
        for round in $(seq \(attackCount)); do
          $program run --rm --network none \(words) >>$out 2>>$err
          echo $?
        done
        """,
        environment: [
          "program": attackedProgram, "out": place.folder.path + "/out", "err": place.folder.path + "/err",
        ])
    }
    let codes = answer.output.split(separator: "\n").compactMap { Int32($0) }
    #expect(codes.count == attackCount, "\(answer.output.suffix(500))")
    return Dictionary(codes.map { ($0, 1) }, uniquingKeysWith: +)
  }

  @Test("targets of mounts, the working directory and the files of /etc")
  func targets() throws {
    try Sandbox.underAttack { place in
      let victim = try Victim(in: place)
      let root = Path(place.rootfs)
      try makeDirectories(root.appending("data/target/lib"), mode: 0o755)
      try makeSymbolicLink(root.appending("data/absolute"), to: victim.path)
      try replaceFile(root.appending("etc/hosts"), with: [], mode: 0o644, durable: false)
      try makeSymbolicLink(root.appending("etc/elsewhere"), to: Path("../../../../../../../..\(victim.path)/secret"))
      let codes = try race(
        place,
        [
          (root.appending("data/target"), root.appending("data/absolute")),
          (root.appending("etc/hosts"), root.appending("etc/elsewhere")),
        ],
        "--tmpfs /data/target/lib -v $rootfs/bin:/data/target/bin -w /data/target/made/deep --rootfs $rootfs "
          + "sh -c 'pwd; cat /data/target/secret /etc/hosts | grep outside'")
      try victim.expectUntouched()
      // The last word is grep's: nothing of the host was seen inside. No start fails but by a fault with a name.
      #expect(Set(codes.keys).isSubset(of: [1, 125, 127]), "\(codes)")
      #expect(codes[1, default: 0] + codes[127, default: 0] > attackCount / 10, "\(codes)")
      #expect(try !readText(Path(place.folder.path + "/out"), limit: 64 << 20).contains("outside"))
    }
  }

  @Test("/proc, /sys and /dev themselves", arguments: ["proc", "sys", "dev"])
  func kernelDirectories(name: String) throws {
    try Sandbox.underAttack { place in
      let victim = try Victim(in: place)
      let root = Path(place.rootfs)
      try makeDirectory(root.appending(name), mode: 0o755)
      try makeSymbolicLink(root.appending("link"), to: victim.path)
      // Where /proc is to be seen its parts are protected, however it came and went meanwhile.
      let check = """
        mounts=$(cat /proc/self/mountinfo 2>/dev/null) || exit 1
        case $mounts in *" /sys /"*"/sys ro,"*) ;; *) echo "no read-only /proc/sys: $mounts" ;; esac
        [ ! -s /proc/keys ] || echo /proc/keys is not masked
        [ ! -w /proc/sysrq-trigger ] || echo /proc/sysrq-trigger is writable
        exit 0
        """
      try replaceFile(root.appending("check.sh"), with: Array(check.utf8), mode: 0o644, durable: false)
      let codes = try race(
        place, [(root.appending(name), root.appending("link"))], "--rootfs $rootfs sh /check.sh")
      try victim.expectUntouched()
      // It finds the link and refuses it, or it runs; 1 is a root that changed once more when it ran already.
      #expect(Set(codes.keys).isSubset(of: [0, 1, 125]), "\(codes)")
      #expect(codes[0, default: 0] > 0 && codes[125, default: 0] > 0, "\(codes)")
      #expect(try readText(Path(place.folder.path + "/out"), limit: 64 << 20) == "")
    }
  }

  @Test("a volume that two containers share, the one racing where the other is to work")
  func sharedVolume() throws {
    try Sandbox.underAttack { place in
      let victim = try Victim(in: place)
      try place.startSleeper(
        "racer", flags: ["-v", "shared:/shared"], "sh", "-c",
        "mkdir -p /shared/dir && /bin/busybox ln -s ../../../../../../../..\(victim.path)/deep /shared/link && "
          + "exec attack swap /shared/dir /shared/link")
      try place.awaitLine("ready", of: "racer")
      let codes = try race(
        place, [],
        "-v shared:/shared -w /shared/dir/made/below --tmpfs /shared/dir/tmp --rootfs $rootfs /bin/busybox pwd")
      try victim.expectUntouched()
      #expect(Set(codes.keys).isSubset(of: [0, 125]), "\(codes)")
      #expect(codes[0, default: 0] > attackCount / 10, "\(codes)")
      let lines = Set(try readText(Path(place.folder.path + "/out"), limit: 64 << 20).split(separator: "\n"))
      // Where the link led is a directory of the container, made by the one that starts.
      #expect(lines.allSatisfy { $0.hasPrefix("/") && $0.hasSuffix("/made/below") }, "\(lines)")
    }
  }
}
