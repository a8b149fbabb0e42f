import Foundation
import Testing

/// All of it as an ordinary user of the host, who is made for each test.
@Suite(.serialized, .enabled(if: OrdinaryUser.obstacle == nil, "\(OrdinaryUser.obstacle ?? "")"))
struct RootlessTests {
  @Test func aContainerLivesAndIsTheUsersOwn() throws {
    try withOrdinaryUser { user in
      try user.makeImage()
      let run = try user.shell(
        "skiff run -d --name one --network none owners sh -c 'echo said; exec sleep 100'")
      #expect(run.code == 0, "\(run.errors)")
      #expect(try user.shell("skiff ps --format '{{.Names}} {{.State}}'").output == "one running\n")
      let exec = try user.shell("skiff exec one sh -c 'id -u; set -- $(cat /proc/self/uid_map); echo $1 $2 $3'")
      #expect(exec.output == "0\n0 \(user.identifier) 1\n", "\(exec.errors)")
      #expect(try user.shell("skiff exec -u web one id -u").output == "33\n")
      // All of them, with a control group of its own or without.
      _ = try user.shell("skiff exec -d one sh -c 'sleep 101 & exec sleep 102'; sleep 0.3")
      let top = try user.shell("skiff top one -o args").output.split(separator: "\n").dropFirst()
      #expect(
        Set(top) == ["skiff-init -- sh -c echo said; exec sleep 100", "sleep 100", "sleep 101", "sleep 102"], "\(top)")
      #expect(try user.shell("skiff logs one").output == "said\n")
      // Seen from the host its root is the user, and another one an id out of his ranges.
      let seen = try user.host(
        """
        p=$(setpriv --reuid \(user.name) --regid \(user.name) --init-groups env HOME=\(user.home) \
          XDG_RUNTIME_DIR=\(user.home)/run \(user.folder.path)/skiff inspect -f '{{.State.Pid}}' one)
        stat -c %u /proc/$p; first=$(grep ^\(user.name): /etc/subuid | cut -d: -f2)
        test $(stat -c %u \(user.home)/.local/share/skiff/layers/*/*/data/file 2>/dev/null || echo $((first + 32))) = $((first + 32)) && echo mapped
        """)
      #expect(seen.output == "\(user.identifier)\nmapped\n", "\(seen.errors)")
      let stop = try user.shell("skiff stop -t 0 one && skiff ps -a --format '{{.Status}}' && skiff rm one")
      #expect(stop.output.hasPrefix("one\nExited (1"), "\(stop.output) \(stop.errors)")
      #expect(try user.shell("skiff ps -aq").output.isEmpty)
      // What is his nobody else reads, and root has none of it.
      #expect(try user.host("stat -c %a \(user.home)/run/skiff \(user.home)/.local/share/skiff").output == "700\n700\n")
    }
  }

  @Test func layersKeepTheirOwnersAndWhatTheyHide() throws {
    try withOrdinaryUser { user in
      try user.makeImage()
      let script = """
        cd /data; stat -c %u:%g file sub sub/new; ls sub; ls -d gone 2>/dev/null; ls /dev/sda 2>/dev/null
        rm -r sub; mkdir sub; echo k > sub/kept; rm file
        """
      let run = try user.shell("skiff run --name one --network none owners sh -c '\(script)'")
      #expect(run.output == "33:34\n0:0\n0:0\nnew\n", "\(run.errors)")
      let diff = try user.shell("skiff diff one; skiff commit one mine >/dev/null; skiff rm one")
      #expect(
        diff.output == "C /data\nD /data/file\nC /data/sub\nA /data/sub/kept\nD /data/sub/new\none\n", "\(diff.errors)")
      let again = try user.shell(
        "skiff run --rm --network none -v kept:/data mine sh -c 'ls /data /data/sub; echo v > /data/v'"
          + " && skiff run --rm --network none -v kept:/data -v $HOME:/home mine sh -c 'cat /data/v; echo h > /home/h'"
          + " && stat -c %U h")
      #expect(again.output == "/data:\nsub\n\n/data/sub:\nkept\nv\n\(user.name)\n", "\(again.errors)")
    }
  }

  @Test func withoutRangesThereIsOneId() throws {
    try withOrdinaryUser(hasRanges: false) { user in
      try user.makeImage()
      let run = try user.shell(
        "skiff run --rm --network none owners sh -c 'stat -c %u:%g /data/file; set -- $(cat /proc/self/uid_map); echo $*'"
      )
      #expect(run.output == "0:0\n0 \(user.identifier) 1\n", "\(run.errors)")
      let other = try user.shell("skiff run --rm --network none -u web owners id -u")
      #expect(
        other.code == 125 && other.errors.contains("user 33:34 is nobody")
          && other.errors.contains("sudo usermod --add-subuids ") && other.errors.contains(" \(user.name), and"),
        "\(other.output) \(other.errors)")
    }
  }

  @Test func firstCommandsThatRaceShareOneNamespace() throws {
    try withOrdinaryUser { user in
      try user.makeImage()
      let run = try user.shell(
        """
        for i in 1 2 3 4 5 6; do skiff run -d --name c$i --network none owners sleep 100 >/dev/null & done; wait
        for i in 1 2 3 4 5 6; do readlink /proc/$(skiff inspect -f '{{.State.Pid}}' c$i)/ns/user; done | sort -u | wc -l
        for i in 1 2 3 4 5 6; do skiff exec c$i echo in; done | sort | uniq -c
        """)
      #expect(run.output.split(separator: "\n").map { $0.drop { $0 == " " } } == ["1", "6 in"], "\(run.errors)")
    }
  }

  /// Whatever was killed, the next command finds the namespace that its containers are in, and takes away what is left.
  @Test func aKilledSupervisorIsHealed() throws {
    try withOrdinaryUser { user in
      try user.makeImage()
      let run = try user.shell(
        """
        skiff run -d --name one --network none -u web owners sleep 100 >/dev/null
        p=$(skiff inspect -f '{{.State.Pid}}' one); kill -9 $(pgrep -u $USER skiff-monitor)
        while pgrep -u $USER skiff-monitor >/dev/null; do sleep 0.1; done
        skiff ps -a --format '{{.Status}}'; 
        case $(cut -d' ' -f3 /proc/$p/stat 2>/dev/null) in ""|Z) echo gone;; esac; skiff rm one
        """)
      #expect(run.output.hasPrefix("Exited (137)"), "\(run.output) \(run.errors)")
      #expect(run.output.hasSuffix("\ngone\none\n"))
    }
  }

  @Test(arguments: [
    ("-m 64m", "a limit takes a control group of the container's own: "),
    ("--userns auto", "--userns does not go with an ordinary user"),
  ])
  func whatOnlyRootHasIsRefusedByName(options: String, reason: String) throws {
    try withOrdinaryUser { user in
      let run = try user.shell("mkdir -p r; skiff run --rm --network none \(options) --rootfs r true")
      #expect(run.code == 125 && run.errors.contains(reason), "\(run.errors)")
    }
  }
}
