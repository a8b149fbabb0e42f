import Foundation
import Testing

/// What other users of the host can do to an ordinary user's containers, and what those can do to the host.
@Suite(.serialized, .enabled(if: OrdinaryUser.obstacle == nil, "\(OrdinaryUser.obstacle ?? "")"))
struct RootlessReachTests {
  /// Where there is no runtime directory of the user's own, all that stands between him and others in /tmp is the mode of one
  /// directory, and who made it.
  @Test func anotherUserReachesNothing() throws {
    try withOrdinaryUser { user in
      try withOrdinaryUser { other in
        try user.makeImage()
        let place = "/tmp/skiff-\(user.identifier)"
        defer { _ = try? user.host("rm -rf \(place) /tmp/skiff-\(other.identifier)") }
        // Not his own, open to others, a link, not there: none of these is taken.
        let wrong = [
          "XDG_RUNTIME_DIR=\(other.home)/run", "XDG_RUNTIME_DIR=/tmp", "XDG_RUNTIME_DIR=$HOME/link",
          "XDG_RUNTIME_DIR=run", "-u XDG_RUNTIME_DIR",
        ]
        _ = try user.shell("ln -s \(other.home)/run link")
        for (index, words) in wrong.enumerated() {
          let run = try user.shell("env \(words) skiff run -d --name c\(index) --network none owners sleep 1000")
          #expect(run.code == 0, "\(words): \(run.errors)")
        }
        #expect(try user.host("ls \(place)/containers | wc -l; ls -A \(other.home)/run").output == "\(wrong.count)\n")
        #expect(try user.host("stat -c '%a %U' \(place)").output == "700 \(user.name)\n")
        let open = try user.host("find \(place) ! -type l -perm /077 | head -1")
        #expect(open.output.isEmpty, "\(open.output)")
        let reached = try other.shell(
          """
          ls \(place); cat \(place)/namespace; cat \(place)/containers/*/attach; mv \(place) \(place)-gone; rm -rf \(place)
          skiff --state \(place) ps; skiff --root \(user.home)/.local/share/skiff ps; ss -xl | grep @skiff
          """)
        #expect(reached.output.isEmpty, "\(reached.output)")
        #expect(
          reached.errors.contains("belongs to somebody else") && reached.errors.contains("in a directory of yours"))
        let still = try user.shell("unset XDG_RUNTIME_DIR; skiff ps -q | wc -l; skiff rm -f $(skiff ps -q) >/dev/null")
        #expect(still.output == "\(wrong.count)\n", "\(still.errors)")
      }
    }
  }

  /// Whoever comes first in /tmp has the name; he gets no more of it than that.
  @Test func aNameThatAnotherTookIsNotUsed() throws {
    try withOrdinaryUser { user in
      try withOrdinaryUser { other in
        let place = "/tmp/skiff-\(user.identifier)"
        defer { _ = try? user.host("rm -rf \(place)") }
        _ = try user.shell("mkdir -m 700 mine")
        for taken in ["mkdir -m 700", "ln -s \(user.home)/mine", "mkfifo", "ln -s /etc/passwd"] {
          #expect(try other.shell("\(taken) \(place)").code == 0)
          let refused = try user.shell("unset XDG_RUNTIME_DIR; timeout 20 skiff ps")
          #expect(refused.code == 125 || refused.code == 1, "\(taken): \(refused)")
          #expect(refused.errors.contains("it belongs to somebody else"), "\(taken): \(refused)")
          #expect(try user.host("ls -A \(user.home)/mine; rm -rf \(place)").output.isEmpty)
        }
      }
    }
  }

  /// CVE-2022-0492 where nobody is root: neither a release agent nor a cgroup of the host's is written, mounted or made.
  @Test func controlGroupsAreNoWayOut() throws {
    try withOrdinaryUser { user in
      try user.makeImage()
      let run = try user.shell(
        #"""
        skiff run --rm --network none --cap-add all --security-opt seccomp=unconfined owners sh -c '
          cd /sys/fs/cgroup 2>/dev/null
          for file in release_agent */release_agent cgroup.procs */cgroup.procs notify_on_release */notify_on_release; do
            [ ! -e $file ] || { (echo /evil >$file) 2>/dev/null && echo wrote $file; }
          done
          mkdir /tmp/g; for options in memory rdma "none,name=x"; do
            busybox mount -t cgroup -o $options none /tmp/g 2>/dev/null && (echo /evil >/tmp/g/release_agent) 2>/dev/null && echo mounted $options
          done
          echo tried; echo x >/proc/sys/kernel/core_pattern; echo h >/proc/sysrq-trigger' 2>/dev/null
        """#)
      #expect(run.output == "tried\n", "\(run.output) \(run.errors)")
    }
  }
}
