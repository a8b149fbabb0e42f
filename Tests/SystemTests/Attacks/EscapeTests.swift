import Foundation
import Kernel
import Testing

/// Ways out of a container that other runtimes left open (SECURITY.md), against the whole program.
@Suite(.serialized, .enabled(if: Attacker.obstacle == nil, "\(Attacker.obstacle ?? "")"))
struct EscapeTests {
  /// Only the release is static, and so can be executed in any root.
  private static let isStatic = ConditionTrait.enabled(
    if: environment("SKIFF_RELEASE") != nil, "needs the release: SKIFF_RELEASE says where")

  /// CVE-2019-5736: a program whose interpreter is /proc/self/exe is the runtime itself, executed where somebody waits for it.
  @Test(isStatic, arguments: [false, true])
  func theProgramIsNeverWrittenTo(hasInit: Bool) throws {
    try Sandbox.underAttack { place in
      // A copy that may lie anywhere but on a file system that could be read-only by itself.
      let program = place.folder.appending(path: "skiff").path
      // By another process: what this one has open for writing, a child of another test may hold, and then nobody can
      // execute it (ETXTBSY).
      _ = try place.onHost("cp $starter $program", environment: ["starter": attackedProgram, "program": program])
      let before = try Data(contentsOf: URL(filePath: program))
      for name in ["evil", "bin/evil"] {
        try replaceFile(
          Path("\(place.rootfs)/\(name)"), with: Array("#!/proc/self/exe\n".utf8), mode: 0o755, durable: false)
      }
      let answer = try place.onHost(
        """
        set -e
        # Started by another copy: the supervisor runs as long as the writer does, and what runs cannot be opened anyway.
        $starter run --network none $flags -d --name writer --rootfs $rootfs attack overwrite 1000 >/dev/null
        for round in $(seq $rounds); do
          # Its supervisor starts a program in a container of its own, and exec one where the writer is.
          $program exec writer /evil >/dev/null 2>&1 || :
          $program exec -d writer evil >/dev/null 2>&1 || :
          [ $((round % 10)) = 1 ] || continue
          $program run --rm --network none $flags --rootfs $rootfs /evil >/dev/null 2>&1 || :
          [ "$($program ps -q)" ] || break
        done
        $program logs writer
        $program rm -f writer >/dev/null
        """,
        environment: [
          "starter": attackedProgram, "program": program, "rounds": "\(max(20, attackCount / 10))",
          "flags": hasInit ? "--init" : "",
        ])
      #expect(answer.output == "ready\ntried 1000\n", "\(answer)")
      #expect(try Data(contentsOf: URL(filePath: program)) == before)
    }
  }

  /// The same for a program that lies in memory, which only a seal protects.
  @Test(isStatic) func aProgramOnTmpfsIsNoSealedOne() throws {
    try Sandbox.underAttack { place in
      let program = "/dev/shm/skiff-attack-\(processIdentifier())"
      defer { try? removeFile(Path(program)) }
      _ = try place.onHost("cp $starter $program", environment: ["starter": attackedProgram, "program": program])
      try replaceFile(Path("\(place.rootfs)/evil"), with: Array("#!/proc/self/exe\n".utf8), mode: 0o755, durable: false)
      let answer = try place.onHost(
        """
        $starter run -d --network none --name writer --rootfs $rootfs attack overwrite 1000 >/dev/null
        for round in $(seq $rounds); do
          $program exec writer /evil >/dev/null 2>&1
          [ "$($program ps -q)" ] || break
        done
        $program logs writer
        $program rm -f writer >/dev/null
        """, environment: ["starter": attackedProgram, "program": program, "rounds": "\(max(20, attackCount / 10))"])
      #expect(answer.output == "ready\ntried 1000\n", "\(answer)")
    }
  }

  @Test("only the three standard streams are open", arguments: [[], ["-t"], ["-i"], ["--init"]])
  func descriptors(flags: [String]) throws {
    try Sandbox.underAttack { place in
      // What the caller has open by accident is nobody else's.
      let answer = try place.onHost(
        """
        exec 7</etc 9</
        $skiff run -d --name one --network none \(flags.joined(separator: " ")) --rootfs $rootfs attack descriptors >/dev/null
        $skiff wait one >/dev/null; $skiff logs one
        $skiff run -d --name two --network none --rootfs $rootfs sleep 1000 >/dev/null
        $skiff exec \(flags.filter { $0 == "-i" }.joined()) two attack descriptors
        """)
      let lists = answer.output.split { $0.isNewline }.map { $0.trimmingCharacters(in: .whitespaces) }
      #expect(lists == ["0 1 2", "0 1 2"], "\(answer.output)")
    }
  }

  /// CVE-2024-21626: a working directory behind a descriptor that leads out.
  @Test func workingDirectoryBehindADescriptor() throws {
    try Sandbox.underAttack { place in
      let answer = try place.onHost(
        """
        exec 5</ 8</etc
        $skiff run -d --name box --network none --rootfs $rootfs sleep 1000 >/dev/null
        try() {
          $skiff run --rm --network none -w $1 --rootfs $rootfs /bin/busybox pwd && echo in by run $1
          $skiff exec -w $1 box /bin/busybox pwd && echo in by exec $1
        }
        for number in $(seq 3 64); do
          try /proc/self/fd/$number
          [ $number -gt 9 ] || try /proc/thread-self/fd/$number/..
        done 2>&1 | grep -v -e ^hint: -e "^skiff: cannot"
        $skiff exec -w /proc/self/root box /bin/busybox pwd
        """)
      #expect(answer.output == "/\n", "\(answer.output)")
    }
  }

  @Test("the image's own working directory is one as well")
  func workingDirectoryOfTheImage() throws {
    try Sandbox.underAttack { place in
      let answer = try place.onHost(
        """
        $skiff stage -t base /bin/busybox >/dev/null
        $skiff run --name made --network none base /bin/busybox true
        for number in 3 4 5 6 7 8 9 10; do
          $skiff commit --change "WORKDIR /proc/self/fd/$number" made evil >/dev/null
          $skiff run --rm --network none evil /bin/busybox pwd && echo in by $number
        done 2>&1 | grep -v -e ^hint: -e "^skiff: cannot"
        """)
      #expect(answer.output.isEmpty, "\(answer.output)")
    }
  }

  @Test func kernelInterfacesAreHiddenOrReadOnly() throws {
    try Sandbox.underAttack { place in
      // Devices of the image in the place of those that the mask is made from (CVE-2025-31133, CVE-2025-52565).
      try makeDirectory(Path("\(place.rootfs)/dev"), mode: 0o755)
      for (name, target) in [
        ("null", "/proc/sysrq-trigger"), ("console", "/proc/sys/kernel/core_pattern"), ("pts", "/proc"),
      ] {
        try makeSymbolicLink(Path("\(place.rootfs)/dev/\(name)"), to: Path(target))
      }
      let before = try readText("/proc/sys/kernel/core_pattern")
      let script = """
        for file in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do
          [ ! -e $file ] || /bin/busybox stat -c '%F %t,%T' $file
        done | /bin/busybox sort -u
        /bin/busybox stat -c '%F %t,%T' /dev/null /dev/console
        for file in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /sys/power/state; do
          (echo h > $file) 2>/dev/null && echo wrote $file
        done
        [ -z "$(ls /sys/firmware)" ] && echo empty
        """
      let answer = try place.skiff(
        ["run", "-d", "-t", "--name", "box", "--network", "none", "--rootfs", place.rootfs, "sh", "-c", script])
      #expect(answer.code == 0, "\(answer)")
      _ = try place.skiff(["wait", "box"])
      let lines = try place.skiff(["logs", "box"]).output.split { $0.isNewline }
      #expect(lines.first == "character special file 1,3" && lines.dropFirst().first == lines.first, "\(lines)")
      #expect(lines.dropFirst(2).first?.hasPrefix("character special file 88,") == true, "\(lines)")
      #expect(lines.dropFirst(3) == ["empty"], "\(lines)")
      #expect(try readText("/proc/sys/kernel/core_pattern") == before)
    }
  }

  @Test func noCapabilityIsInheritable() throws {
    try Sandbox.underAttack { place in
      try place.startSleeper("box")
      let question = ["/bin/busybox", "grep", "-h", "-E", "Cap(Inh|Amb)", "/proc/self/status"]
      for flags in [[], ["-u", "1000"], ["--cap-add", "all"], ["--privileged"]] {
        let ran = try place.skiff(
          ["run", "--rm", "--network", "none"] + flags + ["--rootfs", place.rootfs] + question)
        #expect(ran.output == "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n", "\(flags): \(ran)")
      }
      for flags in [[], ["-u", "1000"], ["--privileged"]] {
        let executed = try place.skiff(["exec"] + flags + ["box"] + question)
        #expect(executed.output == "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n", "\(flags): \(executed)")
      }
    }
  }

  @Test func kernelSurface() throws {
    try Sandbox.underAttack { place in
      try place.startSleeper("box")
      // AF_ALG, AF_VSOCK; keyctl; what no kernel has yet.
      let questions: [([String], Errno)] = [
        (["socket", "38"], .notPermitted), (["socket", "40"], .notPermitted), (["call", "600"], .noSystemCall),
        (["call", "100000"], .noSystemCall),
      ]
      for (words, expected) in questions {
        let ran = try place.skiff(["run", "--rm", "--network", "none", "--rootfs", place.rootfs, "attack"] + words)
        let executed = try place.skiff(["exec", "box", "attack"] + words)
        #expect(ran.output == "\(expected.rawValue)\n", "\(words): \(ran)")
        #expect(executed.output == "\(expected.rawValue)\n", "\(words): \(executed)")
      }
      let open = try place.skiff(
        ["run", "--rm", "--network", "none", "--security-opt", "seccomp=unconfined", "--rootfs", place.rootfs]
          + ["/bin/busybox", "grep", "Seccomp:", "/proc/self/status"])
      #expect(open.output == "Seccomp:\t0\n", "\(open)")
    }
  }
}
