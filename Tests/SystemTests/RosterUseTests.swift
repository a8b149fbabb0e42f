import Foundation
import Testing

/// Who lives is read from one file (Sources/Containers/Roster.swift).
@Suite(.serialized, .enabled(if: getuid() == 0, "a crowd of containers needs root"))
struct RosterUseTests {
  @Test("beside many containers a command reads who lives from one file, and a killed supervisor is found all the same")
  func aCommandReadsTheRoster() throws {
    try Sandbox.with { sandbox in
      let said = try sandbox.shell(
        #"""
        # Who is killed lets go of its lock a moment later.
        slay() {
          victim=$(pgrep -f "^skiff-monitor $("$0" inspect -f '{{.Id}}' $1) $SKIFF_ROOT"); kill -9 $victim
          while grep -q 'State:.[^Z]' /proc/$victim/status 2>/dev/null; do sleep 0.01; done
        }
        for index in $(seq 10 39); do "$0" run -d --name box$index --network none --rootfs "\#(sandbox.rootfs)" sleep 1000 >/dev/null; done
        # Each enters once it has nothing to do.
        for attempt in $(seq 300); do [ $(stat -c %s "$SKIFF_STATE/roster" 2>/dev/null || echo 0) -ge $((31 * 64)) ] && break; sleep 0.1; done
        sleep 0.5
        "$0" ps -q >/dev/null
        strace -f -qq -o "$SKIFF_STATE/trace" -e trace=flock "$0" ps -q | wc -l
        [ $(grep -c flock "$SKIFF_STATE/trace") -lt 10 ] && echo read || grep -c flock "$SKIFF_STATE/trace"
        slay box20
        "$0" ps -a --filter status=exited --format '{{.Names}} {{.Status}}' | cut -d ' ' -f 1-3
        "$0" start box20
        "$0" ps -q | wc -l
        # Without it, or with rubbish in its place, the locks say the same.
        rm "$SKIFF_STATE/roster"; "$0" ps -q | wc -l
        head -c 5000 /dev/urandom >"$SKIFF_STATE/roster"; "$0" ps -q | wc -l
        slay box30
        "$0" ps -a --filter status=exited --format '{{.Names}}'
        "$0" ps -aq | xargs "$0" rm -f | wc -l
        ls "$SKIFF_STATE/locks" | wc -l
        """#)
      #expect(said.code == 0, "\(said)")
      #expect(
        said.output == """
          30
          read
          box20 Exited (137)
          box20
          30
          30
          30
          box30
          30
          0

          """, "\(said)")
    }
  }
}
