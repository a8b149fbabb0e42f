import Foundation
import Kernel
import Testing

/// `logs` of containers whose lines are in the system's journal, with a journald of the test's own.
@Suite(
  .serialized, .enabled(if: Sandbox.obstacle == nil, "\(Sandbox.obstacle ?? "")"),
  .enabled(if: getuid() == 0 && exists("/lib/systemd/systemd-journald") && exists("/usr/bin/journalctl"), "no journald")
)
struct JournaldLogTests {
  private func run(_ script: String) throws -> [String] {
    var lines: [String] = []
    try Sandbox.with { sandbox in
      let file = sandbox.folder.path + "/script"
      let text = #"""
        mount -t tmpfs none /run; mkdir -p /run/systemd /run/log/journal /run/empty; mount --bind /run/empty /var/log
        /lib/systemd/systemd-journald >/dev/null 2>&1 </dev/null & journald=$!
        trap 'kill $journald' EXIT
        for try in $(seq 100); do [ ! -S /run/systemd/journal/socket ] || break; sleep 0.1; done
        start() { name=$1; shift; "$skiff" run --name $name --network none --log-driver journald --rootfs "$rootfs" "$@"; }
        # Until the journal has written down what it was sent.
        settled() { for try in $(seq 100); do ! "$skiff" logs $1 2>&1 | grep -q "$2" || return 0; sleep 0.1; done; echo "never: $2"; }

        """#
      try (text + script).write(toFile: file, atomically: true, encoding: .utf8)
      let said = try sandbox.shell(
        "skiff=$0 rootfs=\(sandbox.rootfs) unshare -m --propagation private sh \(file) </dev/null")
      #expect(said.code == 0 && said.errors.isEmpty, "\(said)")
      lines = said.output.split(separator: "\n").map(String.init)
    }
    return lines
  }

  @Test func linesComeBack() throws {
    let lines = try run(
      #"""
      start told -e MODE=test --log-opt env=MODE sh -c 'echo one; echo two >&2; printf "b\377y\n"; printf "%020000d\n" 7; printf end' >/dev/null 2>&1
      start other sh -c 'echo another' >/dev/null
      settled told end
      "$skiff" logs told 2>/dev/null | od -An -c | head -1
      "$skiff" logs told 2>/dev/null | wc -c
      "$skiff" logs told 2>&1 >/dev/null
      "$skiff" logs -n 1 told; echo
      "$skiff" logs --details told 2>/dev/null | head -n 1
      "$skiff" logs -t told 2>/dev/null | head -n 1 | grep -cE '^[0-9]{4}-[0-9-]+T[0-9:]+\.[0-9]{9}Z one$'
      "$skiff" logs --until 2020-01-01 told 2>&1 | wc -l
      "$skiff" logs --since 2120-01-01 told 2>&1 | wc -l
      """#)
    #expect(
      lines == [
        "   o   n   e  \\n   b 377   y  \\n   0   0   0   0   0   0   0   0", "20012", "two", "end", "MODE=test one",
        "1",
        "0", "0",
      ])
  }

  /// Anybody may write to the journal, under any name.
  @Test func whatAnotherUserSentIsNoLineOfIt() throws {
    let lines = try run(
      #"""
      start told sh -c 'echo true' >/dev/null
      settled told true
      id=$("$skiff" inspect -f '{{.Id}}' told)
      printf 'MESSAGE=%s\nPRIORITY=6\nCONTAINER_ID_FULL=%s\n' forged $id |
        setpriv --reuid 4711 --regid 4711 --clear-groups logger --journald
      for try in $(seq 100); do
        [ "$(journalctl -q -o cat CONTAINER_ID_FULL=$id | wc -l)" != 2 ] || break; sleep 0.1
      done
      journalctl -q -o cat CONTAINER_ID_FULL=$id
      echo --
      "$skiff" logs told
      """#)
    #expect(lines == ["true", "forged", "--", "true"])
  }

  @Test func theyAreFollowedToTheEnd() throws {
    let lines = try run(
      #"""
      start followed -d sh -c 'echo begun; while [ ! -e /go ]; do sleep 0.05; done; echo gone on; echo last' >/dev/null
      "$skiff" logs -f followed >/run/followed 2>&1 & follower=$!
      for try in $(seq 100); do ! grep -q begun /run/followed || break; sleep 0.1; done
      touch "$rootfs/go"
      wait $follower; echo "ended $?"
      cat /run/followed
      """#)
    #expect(lines == ["ended 0", "begun", "gone on", "last"])
  }
}
