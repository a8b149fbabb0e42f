import Foundation
import Kernel
import Testing

/// What others on the host can reach of Skiff's: its state, its sockets (CVE-2021-41091, CVE-2020-15257).
@Suite(.serialized, .enabled(if: Attacker.obstacle == nil, "\(Attacker.obstacle ?? "")"))
struct ReachTests {
  /// As the host's uid that a container's root has in a user namespace.
  private func asMappedRoot(_ place: Sandbox, _ script: String) throws -> Sandbox.Result {
    try place.onHost(
      "exec setpriv --reuid 100000 --regid 100000 --clear-groups --bounding-set=-all --inh-caps=-all /bin/sh -c '\(script)'"
    )
  }

  @Test func stateIsRootsAlone() throws {
    try Sandbox.underAttack { place in
      // With the loosest mask a caller can have, and the directory of the state reachable by all.
      let made = try place.onHost(
        """
        umask 0; chmod 755 \(place.folder.path)
        $skiff stage -t base /bin/busybox >/dev/null
        $skiff network create sea >/dev/null
        $skiff run -d --name box --network sea -v store:/data base /bin/busybox sleep 1000 >/dev/null
        """)
      #expect(made.code == 0, "\(made)")
      for top in [place.state, place.run] {
        for path in [top] + (try entries(of: Path(top)).map { "\(top)/\($0.name)" }) {
          let status = try status(of: Path(path), followLinks: false)
          #expect(status.owner == 0 && status.mode.rawValue & 0o077 == 0, "\(path) is \(status.mode)")
        }
      }
      let outside = try asMappedRoot(
        place,
        """
        cd / && for path in $(cat); do
          ls $path; echo x >$path/x; cat $path/*; ln -s / $path/y
        done; find \(place.state) \(place.run); cat $(find \(place.state) -type f); echo done
        """.replacing(
          "$(cat)",
          with:
            "\(place.state) \(place.run) \(place.state)/containers \(place.state)/layers \(place.state)/volumes/store/_data"
        ))
      // Not one line but what says no.
      let lines = outside.output.split(separator: "\n")
      #expect(lines.last == "done")
      #expect(
        lines.dropLast().allSatisfy {
          $0.contains("ermission denied") || $0.hasSuffix(place.state) || $0.hasSuffix(place.run)
        }, "\(outside.output)")
      // Nor by the container itself: nothing of the host's is mounted but what it was given.
      _ = try place.skiff(["rm", "-f", "box"])
      _ = try place.skiff(["volume", "rm", "store"])
      _ = try place.skiff(["network", "rm", "sea"])
    }
  }

  @Test func socketsArePathsThatOnlyRootConnectsTo() throws {
    try Sandbox.underAttack { place in
      try place.startSleeper("box")
      let supervisor = try #require(place.supervisors().first)
      let socket = try #require(
        try FileManager.default.subpathsOfDirectory(atPath: place.run).first { $0.hasSuffix("/attach") })
      let path = place.run + "/" + socket
      // Each socket that the supervisor listens on has a path: none is in the abstract name space, which file modes and
      // mount namespaces do not guard.
      let numbers = try entries(of: Path("/proc/\(supervisor)/fd")).compactMap {
        try? readSymbolicLink(Path("/proc/\(supervisor)/fd/\($0.name)")).string
      }.filter { $0.hasPrefix("socket:[") }.map { $0.dropFirst(8).dropLast() }
      #expect(!numbers.isEmpty)
      var listening: [Substring] = []
      for line in try readText("/proc/net/unix").split(separator: "\n").dropFirst() {
        let words = line.split(separator: " ")
        guard numbers.contains(words[6]) else { continue }
        if words.count > 7 { listening.append(words[7]) }
      }
      #expect(
        !listening.isEmpty && listening.allSatisfy { $0.hasPrefix("/") && $0.hasSuffix("/attach") }, "\(listening)")
      #expect(try asMappedRoot(place, "\(place.rootfs)/bin/attack connect \(path)").output == "errno 13\n")
      // The second lock on the same door: with all modes open the kernel still says who is there.
      let opened = try place.onHost(
        """
        chmod 755 \(place.folder.path); directory=\(path); chmod 777 $directory
        while [ $directory != \(place.folder.path) ]; do directory=${directory%/*}; chmod 755 $directory; done
        """)
      #expect(opened.code == 0, "\(opened)")
      #expect(try asMappedRoot(place, "\(place.rootfs)/bin/attack connect \(path)").output == "hung up\n")
    }
  }

  /// CVE-2025-64329: who attaches and goes leaves nothing; nor does who says what no client says.
  @Test func attachLeaksNothing() throws {
    try Sandbox.underAttack { place in
      try place.startSleeper("box", "sh", "-c", "while :; do echo tick; sleep 0.05; done")
      let supervisor = try #require(place.supervisors().first)
      let name = try #require(
        try FileManager.default.subpathsOfDirectory(atPath: place.run).first { $0.hasSuffix("/attach") })
      let path = Path(place.run + "/" + name)
      func descriptors() throws -> Int { try entries(of: Path("/proc/\(supervisor)/fd")).count }
      func memory() throws -> Int {
        let line = try readText("/proc/\(supervisor)/status").split(separator: "\n").first { $0.hasPrefix("RssAnon") }
        return line.flatMap { Int($0.split { !$0.isNumber }.first ?? "") } ?? 0
      }
      let subscribe: [UInt8] = [15, 0, 0, 0, 0, 0, 0, 0]
      let hostile: [[UInt8]] = [
        subscribe, [], Array(subscribe.prefix(5)), [255, 0, 0, 0, 0, 0, 0, 0], [3, 0, 0, 0, 1, 0, 0, 0, 65],
        [16, 0, 0, 0, 255, 255, 255, 255], [16, 0, 0, 0, 0, 0, 0, 127], [1, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0],
        [18, 0, 0, 0, 1, 0, 0, 0, 0], subscribe + [16, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3, 4, 5],
      ]
      func attach(_ bytes: [UInt8]) throws {
        let socket = try connectUnix(path)
        if !bytes.isEmpty { _ = try? socket.borrowed.send(bytes) }
      }
      for bytes in hostile { try attach(bytes) }
      usleep(200_000)
      let (before, size) = (try descriptors(), try memory())
      for round in 0..<max(1000, attackCount) { try attach(hostile[round % hostile.count]) }
      for _ in 0..<200 where try descriptors() > before { usleep(20_000) }
      #expect(try descriptors() == before)
      let after = try memory()
      #expect(after < size + 512, "from \(size) to \(after) KiB")
      // More at once than it takes: those beyond are hung up on, and the one that comes when they have gone is served.
      var crowd: [Int32] = []
      for _ in 0..<200 { crowd.append(try connectUnix(path).release()) }
      usleep(100_000)
      #expect(try descriptors() <= before + 64)
      for number in crowd { _ = Descriptor(owning: number) }
      for _ in 0..<200 where try descriptors() > before { usleep(20_000) }
      let served = try place.onHost("$rootfs/bin/attack connect \(path)")
      #expect(served.output == "served\n", "\(served)")
      #expect(try place.skiff(["inspect", "-f", "{{.State.Status}}", "box"]).output == "running\n")
    }
  }

  /// A terminal that a program inside were given itself could be read, and typed into, long after the command is over.
  @Test func theCallersTerminalStaysOutside() throws {
    try Sandbox.underAttack { place in
      try place.startSleeper("box")
      // script(1) gives the command a terminal for all three of its streams.
      let answer = try place.onHost(
        """
        script -qefc "$skiff exec -i box sh -c 'ls -l /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2; attack type'" /dev/null
        """)
      #expect(answer.code == 0, "\(answer)")
      #expect(!answer.output.contains("/dev/pts") && !answer.output.contains("typed"), "\(answer.output)")
    }
  }
}
