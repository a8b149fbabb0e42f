import Kernel
import Testing

/// The program as an OCI runtime inside of the virtual machine: a script that prints `word: answer` lines.
struct GuestRuntime {
  private let answers: [Substring: Substring]
  let output: String

  static var obstacle: String? { LimitsTests.obstacle ?? Guest.obstacle }

  init(_ script: String, options: [String] = []) throws {
    let file = Path("/tmp/skiff-guest-runtime-\(processIdentifier())-\(UInt32.random(in: 0 ... .max)).sh")
    try replaceFile(file, with: Array((Self.preamble + "\n" + script).utf8), durable: false)
    defer { try? removeFile(file) }
    output = try Guest.run(
      "v2", files: [LimitsTests.skiff, file.string], options: options,
      ["env", "skiff=\(LimitsTests.skiff)", "sh", file.string]
    ).output.replacing("\r", with: "")
    var answers: [Substring: Substring] = [:]
    for line in output.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      answers[line[..<colon]] = line[line.index(after: colon)...].drop { $0 == " " }
    }
    self.answers = answers
  }

  func expect(_ word: Substring, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation) {
    let answer = answers[word] ?? "(missing) \(output.suffix(500))"
    for part in parts { #expect(answer.contains(part), "\(word): \(answer)", sourceLocation: sourceLocation) }
  }

  private static let preamble = #"""
    umask 022
    place=/tmp/place
    mkdir -p $place/root/bin $place/bundle
    cp /bin/busybox $place/root/bin/
    for name in sh sleep cat mkdir mknod tail grep head ls; do ln -s busybox $place/root/bin/$name; done
    ln -s "$skiff" $place/skiff-runtime
    runtime() { $place/skiff-runtime --root $place/oci "$@" </dev/null; }
    # word, then a command: all that it prints, and its code in parentheses.
    ask() { word=$1; shift; answer=$("$@" 2>&1; echo "($?)"); echo "$word: $(echo "$answer" | tr '\n' ' ')"; }
    # A configuration whose program is the shell's line, as the variables have it.
    bundle() {
      cat >$place/bundle/config.json <<JSON
    {"ociVersion": "1.2.0", "root": {"path": "$place/root"}, "annotations": {$annotations},
     "process": {"args": ["sh", "-c", "$1"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0},
      "capabilities": {"bounding": ["CAP_MKNOD"], "permitted": ["CAP_MKNOD"], "effective": ["CAP_MKNOD"]}},
     "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
      {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
      {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "$access"]}],
     "linux": {"cgroupsPath": "$group", "resources": {$resources},
      "namespaces": [{"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}$namespaces]}}
    JSON
    }
    files() { (cd "$1" && shift && cat "$@"); }
    all=', {"type": "pid"}, {"type": "cgroup"}'
    deny='{"allow": false, "access": "rwm"}'
    reset() { annotations= resources= group= namespaces=$all access=ro; }
    reset
    # The container has the streams of whoever makes it: a pipe would not end before it does.
    make() { bundle "$1" && { runtime create -b $place/bundle box >$place/out 2>&1; code=$?; cat $place/out; return $code; }; }
    # Nothing is left of a container: no record, no group.
    left() { echo "$(ls $place/oci | wc -l) $(find /sys/fs/cgroup -type d -name box -o -type d -name '*-box.scope' | wc -l)"; }
    status() { runtime state box | grep -o '"status": *"[a-z]*"'; }
    """#
}
