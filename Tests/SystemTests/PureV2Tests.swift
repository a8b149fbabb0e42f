import Kernel
import Testing

private let programs = [
  "/bin/bash", "/bin/ls", "/bin/ps", "/bin/nc", "/sbin/ip", "/usr/sbin/nft", "/bin/busybox",
]
private let missing = programs.filter { !exists(Path($0)) }

/// The whole program where control groups are v2 alone and the kernel is a distribution's: the tour as a person sees it, and
/// what lies beyond its chapters: names on a bridge and the rules of its firewall, both ways into a container, a device
/// that the group's program refuses, limits that change, and what a killed supervisor leaves.
@Suite(
  .enabled(if: LimitsTests.obstacle == nil, Comment(rawValue: LimitsTests.obstacle ?? "")),
  .enabled(if: Guest.obstacle == nil, Comment(rawValue: Guest.obstacle ?? "")),
  .enabled(if: missing.isEmpty, "no \(missing) (Scripts/setup tour test)"))
struct PureV2Tests {
  @Test func theTourAndWhatLiesBeyondIt() throws {
    let script = Path("/tmp/skiff-pure-\(processIdentifier()).sh")
    try replaceFile(script, with: Array(Self.script.utf8), durable: false)
    defer { try? removeFile(script) }
    let (_, output) = try Guest.run(
      "v2", files: programs + [LimitsTests.skiff, script.string],
      ["env", "skiff=\(LimitsTests.skiff)", "bash", script.string])
    var answers: [Substring: Substring] = [:]
    for line in output.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      answers[line[..<colon]] = line[line.index(after: colon)...].drop { $0 == " " }
    }
    func expect(_ word: Substring, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation) {
      let answer = answers[word] ?? "(missing)"
      for part in parts { #expect(answer.contains(part), "\(word): \(answer)", sourceLocation: sourceLocation) }
    }
    expect("layout", "cgroup2 /sys/fs/cgroup (0)")
    expect("tour", "and all of it is gone again", "(0)")
    expect("killed", "because the container reached its memory limit of 32 MiB")
    expect("kept", "the note says: kept")
    expect("bytes", "hello from")

    expect("listed", "shore", "harbour")
    expect("masquerade", "masquerade")
    expect("named", "(0)")
    expect("logged", "ahoy (0)")
    expect("joined", "1 skiff-init", "2 bash", "(0)")
    // The group's quota, as a process inside reads it through its own view, which shows no way up.
    expect("quota", "50000 100000 0::/ (0)")
    // CAP_MKNOD is among the defaults, so that the node is made; only the program on the group refuses to open it.
    expect("device", "Operation not permitted", "(1)")
    expect("devices", "character devices", "(0)")
    expect("requota", "10000 100000 (0)")
    expect("healed", "137 (0)")
    expect("leftover", "groups 0, links 0, rules 0 (0)")
    #expect(output.split(separator: "\n").last == "end", "\(output.suffix(2000))")
  }

  /// Prints `word: answer` lines.
  private static let script = #"""
    place=$(mktemp -d)
    export SKIFF_ROOT=$place/lib SKIFF_STATE=$place/run
    # word, then a command: all that it prints, and its code in parentheses.
    ask() { local word=$1 answer; shift; answer=$("$@" 2>&1; echo "($?)"); echo "$word: $(tr '\n' ' ' <<<"$answer")"; }

    ask layout grep -o 'cgroup.* /sys/fs/cgroup' /proc/mounts
    tour() { "$skiff" tour >$place/tour 2>&1; local code=$?; tail -n 1 $place/tour; return $code; }
    ask tour tour
    ask killed grep 'killed bash' $place/tour
    ask kept grep '^the note says' $place/tour
    ask bytes grep '^hello from' $place/tour

    "$skiff" stage $place/root bash ls nc busybox >/dev/null
    for name in cat sleep mknod grep head; do ln -s busybox $place/root/bin/$name 2>/dev/null; done
    "$skiff" network create shore >/dev/null
    id=$("$skiff" run -d --name harbour --network shore --cpus 0.5 -m 64m --rootfs $place/root \
      bash -c 'while :; do nc -l -p 7000; done')
    ask listed "$skiff" ps --format '{{.Names}} {{.Networks}}'
    ask masquerade nft list ruleset
    ask named "$skiff" run --rm --network shore --rootfs $place/root \
      bash -c 'for i in 1 2 3 4 5; do echo ahoy | nc -w 1 harbour 7000 && break; done; exit $?'
    ask logged "$skiff" logs harbour
    ask joined "$skiff" exec harbour busybox ps -o pid,comm
    ask quota "$skiff" exec harbour bash -c 'echo $(</sys/fs/cgroup/cpu.max) $(</proc/self/cgroup)'
    ask device "$skiff" exec harbour bash -c 'mknod /tun c 10 200; : </tun'
    ask devices "$skiff" exec harbour bash -c '[ -c /dev/null ] && head -c 1 /dev/zero | grep -c . && echo character devices'
    "$skiff" update --cpus 0.1 harbour >/dev/null
    ask requota "$skiff" exec harbour cat /sys/fs/cgroup/cpu.max

    # The supervisor is killed: the next command finds the container ended and takes everything back.
    for process in /proc/[0-9]*; do
      case $(tr '\0' ' ' <$process/cmdline 2>/dev/null) in skiff-monitor*) kill -9 ${process#/proc/} ;; esac
    done
    ask healed eval '"$skiff" ps -a >/dev/null; "$skiff" inspect --format "{{.State.ExitCode}}" harbour'
    "$skiff" rm -f harbour >/dev/null
    "$skiff" network rm shore >/dev/null
    leftover() {
      echo "groups $(find /sys/fs/cgroup -name $id | wc -l), links $(ls /sys/class/net | grep -vc '^lo$')," \
        "rules $(nft list ruleset | grep -c masquerade)"
    }
    ask leftover leftover
    rm -rf $place
    echo end
    """#
}
