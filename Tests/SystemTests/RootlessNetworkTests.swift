import Foundation
import Testing

/// pasta between an ordinary user's containers and a LAN of two network namespaces: 10.9.0.1 is the host that he is on, 10.9.0.2
/// a neighbour and the router.
@Suite(
  .serialized,
  .enabled(
    if: OrdinaryUser.obstacle == nil
      && ["/usr/bin/pasta", "/usr/bin/curl"].allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }
      && FileManager.default.fileExists(atPath: "/dev/net/tun"),
    "\(OrdinaryUser.obstacle ?? "needs pasta, curl and /dev/net/tun")"))
struct RootlessNetworkTests {
  /// Answers each call with the address it came from and the one it came to, as the kernel has them.
  private let server = "while true; do nc -l -p 80 -e sh -c 'cat /proc/net/tcp /proc/net/tcp6'; done"

  @Test func aPortIsPublishedAndTheCallerIsSeen() throws {
    try withUserOnLan { user in
      let run = try user.shell("skiff run -d --name web -p 8080:80 owners sh -c '\(server.shellQuoted)'")
      #expect(run.code == 0, "\(run.errors)")
      #expect(try user.shell("skiff port web 80").output.contains("0.0.0.0:8080\n"))
      // 10.9.0.2, as /proc/net/tcp writes it. pasta takes a call before the server listens, and ends it then.
      let call =
        "for i in $(seq 50); do curl -s --http0.9 -m 2 http://10.9.0.1:8080 | grep 0200090A && break; sleep 0.1; done"
      let seen = try user.host("nsenter --net=\(user.neighbour) bash -c '\(call)'")
      #expect(seen.output.contains("0200090A:"), "\(seen.output) \(seen.errors)")
      let explained = try user.shell("skiff net explain web")
      #expect(explained.output.contains("port 80/tcp, published on 0.0.0.0:8080"), "\(explained.errors)")
      #expect(explained.output.contains("port 80/tcp, published on [::]:8080"), "\(explained.output)")
      #expect(explained.output.contains("pasta, a program of this user"))
      // The same port again has a holder with a name.
      let again = try user.shell("skiff run --rm -p 8080:80 owners true")
      #expect(again.code == 125 && again.errors.contains("port 0.0.0.0:8080/tcp is in use by"), "\(again.errors)")
      let low = try user.shell("skiff run --rm -p 80:80 owners true")
      #expect(low.code == 125 && low.errors.contains("take one from 1024 on, or: sudo sysctl -w "), "\(low.errors)")
      // The line that it names, carried out where the user is.
      let cure = low.errors.split(separator: "sudo ").last.map(String.init) ?? "false"
      let mended = try user.host("nsenter --net=\(user.folder.path)/here \(cure)")
      #expect(mended.output == "net.ipv4.ip_unprivileged_port_start = 80\n", "\(cure) \(mended.errors)")
      #expect(try user.shell("skiff run --rm -p 80:80 owners true").code == 0)
      let lower = try user.shell("skiff run --rm -p 79:80 owners true")
      #expect(lower.errors.contains("take one from 80 on, or: "), "\(lower.errors)")
      let ended = try user.shell("skiff rm -f web; ss -Hltn sport = 8080")
      #expect(ended.output == "web\n", "\(ended.output)")
    }
  }

  @Test func whatGoesOutComesFromTheHost() throws {
    try withUserOnLan { user in
      let run = try user.shell(
        "skiff run --rm owners sh -c 'echo called | nc -w 2 10.9.0.2 9000; cat /etc/hosts; ip -o -4 addr show'",
        besides: "nc -lnv -p 9000 > \(user.folder.path)/heard 2>&1")
      #expect(run.output.contains("127.0.1.1\t") && run.output.contains("10.9.0.1/24"), "\(run.output) \(run.errors)")
      let heard = try user.host("cat \(user.folder.path)/heard")
      #expect(heard.output.contains("called") && heard.output.contains("10.9.0.1"), "\(heard.output)")
    }
  }

  @Test func pastaEndsWithItsSupervisor() throws {
    try withUserOnLan { user in
      // Who keeps its memory to itself is root's in /proc, so that root alone finds it.
      let count = "pgrep -f '^pasta .*--tcp-ports 18080:80' | wc -l"
      #expect(try user.shell("skiff run -d --name web -p 18080:80 owners sleep 100").code == 0)
      #expect(try user.host(count).output == "1\n")
      #expect(try user.shell("kill -9 $(pgrep -u $USER skiff-monitor); sleep 0.5").code == 0)
      #expect(try user.host(count).output == "0\n")
      let next = try user.shell(
        """
        skiff ps -a --format '{{.Status}}'; skiff run -d --name next -p 18080:80 owners sleep 100 >/dev/null && echo again
        skiff rm -f web next
        """)
      #expect(next.output.hasPrefix("Exited (137)"), "\(next.output) \(next.errors)")
      #expect(next.output.hasSuffix("again\nweb\nnext\n"), "\(next.output) \(next.errors)")
      #expect(try user.host(count).output == "0\n")
    }
  }

  /// Rests, and is started twice: the ports come back each time.
  @Test func whatIsStartedAgainHasItsPortsAgain() throws {
    try withUserOnLan { user in
      #expect(try user.shell("skiff create --name web -p 8080:80 owners sleep 100").code == 0)
      for command in ["start", "restart -t 0"] {
        let run = try user.shell("skiff \(command) web && skiff port web && ss -Hltn sport = 8080 | wc -l")
        #expect(run.output.contains("80/tcp -> 0.0.0.0:8080\n"), "\(command): \(run.output) \(run.errors)")
        #expect(!run.output.hasSuffix("\n0\n"), "\(command): \(run.output)")
      }
    }
  }

  // MARK: - Networks of the user's

  private let answering = "while true; do echo here I am | nc -l -p 7000; done"

  @Test func containersOnAUsersNetworkFindEachOther() throws {
    try withUserOnLan { user in
      let made = try user.shell(
        """
        skiff network create back >/dev/null && skiff network create front >/dev/null && skiff network ls -q | wc -l
        skiff run -d --name server --network back owners sh -c '\(answering)' >/dev/null
        skiff network inspect -f '{{.Name}} {{.Driver}}' back
        """)
      #expect(made.output.hasSuffix("back bridge\n"), "\(made.output) \(made.errors)")
      let call = "for i in $(seq 50); do nc -w 2 server 7000 && break; sleep 0.1; done"
      let near = try user.shell("skiff run --rm --network back owners sh -c '\(call)'")
      #expect(near.output == "here I am\n", "\(near.output) \(near.errors)")
      let far = try user.shell("skiff run --rm --network front owners sh -c 'nc -w 1 server 7000 || echo nobody'")
      #expect(far.output == "nobody\n", "\(far.output) \(far.errors)")
      // Outside it is the host who calls, and the host knows none of it.
      let out = try user.shell(
        "skiff run --rm --network back owners sh -c 'echo called | nc -w 2 10.9.0.2 9000'",
        besides: "nc -lnv -p 9000 > \(user.folder.path)/heard 2>&1")
      let heard = try user.host(
        "cat \(user.folder.path)/heard; nsenter --net=\(user.folder.path)/here ls /proc/sys/net/ipv4/conf")
      #expect(heard.output.contains("called") && heard.output.contains("10.9.0.1"), "\(heard.output) \(out.errors)")
      #expect(heard.output.hasSuffix("\nall\ndefault\nlan\nlo\n"), "\(heard.output)")
      let used = try user.shell("skiff network rm back")
      #expect(used.code == 1 && used.errors.contains("network back is in use by server"), "\(used.errors)")
      let gone = try user.shell(
        "skiff rm -f server && skiff network rm back front && skiff network ls --format '{{.Name}}'")
      #expect(gone.output == "server\nback\nfront\n", "\(gone.output) \(gone.errors)")
      #expect(try user.host(Self.count).output == "0\n")
    }
  }

  private static let count = "pgrep -f '^pasta .*--no-netns-quit' | wc -l"

  @Test func firstContainersThatRaceShareTheWayOut() throws {
    try withUserOnLan { user in
      let run = try user.shell(
        """
        skiff network create back >/dev/null
        for i in 1 2 3 4; do skiff run -d --name c$i --network back owners sh -c '\(answering)' >/dev/null & done; wait
        for i in 1 2 3 4; do
          skiff exec c$i sh -c 'for j in 1 2 3 4; do [ c$j = '$(hostname)' ] || for n in $(seq 50); do nc -w 1 c$j 7000 && break; sleep 0.1; done; done'
        done | sort | uniq -c
        """)
      #expect(run.output.contains("16 here I am"), "\(run.output) \(run.errors)")
      #expect(try user.host(Self.count).output == "1\n")
      // One that lives keeps it; the supervisors of the others are killed, and the next command tidies.
      let killed = try user.shell(
        """
        kill -9 $(pgrep -u $USER skiff-monitor); while pgrep -u $USER skiff-monitor >/dev/null; do sleep 0.1; done
        skiff ps -q | wc -l; skiff run --rm --network back owners sh -c 'ip -o -4 addr show eth0'
        """)
      #expect(killed.output.hasPrefix("0\n") && killed.output.contains(" 172."), "\(killed.output) \(killed.errors)")
      #expect(try user.host(Self.count).output == "0\n")
    }
  }

  /// On a network of the user's a relay listens: the container sees the bridge call, and the port is free when it has ended.
  @Test func aPortIsPublishedFromAUsersNetwork() throws {
    try withUserOnLan { user in
      let relays =
        "pgrep -f '^skiff-monitor --relay' | wc -l; nsenter --net=\(user.folder.path)/here ss -Hltun sport = 8080 | wc -l"
      let run = try user.shell(
        """
        skiff network create back >/dev/null; skiff network create front >/dev/null
        skiff run -d --name web --network back -p 8080:7000 -p 8080:7001/udp owners sh -c '\(answering)' >/dev/null
        skiff port web; skiff run --rm -p 8080:80 owners true
        """)
      #expect(run.output == "7000/tcp -> 0.0.0.0:8080\n7001/udp -> 0.0.0.0:8080\n", "\(run.output)")
      #expect(run.errors.contains("port 0.0.0.0:8080/tcp is in use by"), "\(run.errors)")
      #expect(try user.host(relays).output == "1\n2\n")
      let call =
        "for i in $(seq 50); do echo | nc -w 2 10.9.0.1 8080 | grep here && break; sleep 0.1; done"
      func answer() throws -> String { try user.host("nsenter --net=\(user.neighbour) bash -c '\(call)'").output }
      #expect(try answer() == "here I am\n")
      let pid = try user.shell("skiff inspect -f '{{.State.Pid}}' web").output.prefix { $0 != "\n" }
      let echo =
        #"import socket; s = socket.socket(2, 2); s.bind(("", 7001)); d, a = s.recvfrom(99); s.sendto(b"got " + d, a)"#
      let heard = try user.host(
        """
        nsenter -t \(pid) -n timeout 10 python3 -c '\(echo)' & sleep 0.5
        nsenter --net=\(user.neighbour) bash -c 'echo datagram | nc -u -w 1 10.9.0.1 8080'; wait
        """)
      #expect(heard.output == "got datagram\n", "\(heard.output) \(heard.errors)")
      // It follows to another network, and to another life.
      let moved = try user.shell(
        "skiff network connect front web && skiff network disconnect back web && skiff exec web ip route | head -n 1")
      #expect(moved.output.hasPrefix("default via "), "\(moved.output) \(moved.errors)")
      #expect(try answer() == "here I am\n")
      #expect(try user.shell("skiff restart -t 0 web").code == 0)
      #expect(try answer() == "here I am\n")
      #expect(try user.shell("kill -9 $(pgrep -u $USER skiff-monitor); sleep 0.5").code == 0)
      #expect(try user.host(relays).output == "0\n0\n")
      let again = try user.shell("skiff start web && skiff port web 7000 && skiff rm -f web")
      #expect(again.output == "web\n0.0.0.0:8080\nweb\n", "\(again.output) \(again.errors)")
      #expect(try user.host(relays).output == "0\n0\n")
    }
  }

  /// Who killed it, and how often, is of no interest: the supervisor has the sockets.
  @Test func aRelayThatIsKilledIsStartedAgain() throws {
    try withUserOnLan { user in
      let shown = try user.shell(
        """
        skiff network create back >/dev/null
        skiff run --dry-run --explain --network back -p 8080:7000 owners true
        skiff run --dry-run --explain=json --network back -p 8080:7000 owners true | grep -c network.startRelay
        skiff run -d --name web --network back -p 8080:7000 owners sh -c '\(answering)' >/dev/null
        """)
      #expect(
        shown.output.contains("takes what comes to 0.0.0.0:8080/tcp of the host"), "\(shown.output) \(shown.errors)")
      #expect(shown.output.hasSuffix("\n1\n"), "\(shown.output.suffix(300))")
      let relay = "cut -d' ' -f1 $(find $XDG_RUNTIME_DIR/skiff -mindepth 2 -name forwarder)"
      // Before the supervisor executes itself again, and after it.
      for pause in ["0", "4"] {
        let killed = try user.shell(
          """
          sleep \(pause); old=$(\(relay)); kill -9 $old
          for i in $(seq 100); do new=$(\(relay)); [ "$new" != "$old" ] && break; sleep 0.1; done
          echo $old $new; tr '\\0' ' ' </proc/$new/cmdline | cut -d' ' -f1,2
          """)
        let words = killed.output.split(whereSeparator: \.isWhitespace)
        #expect(words.count == 4 && words[0] != words[1] && words[3] == "--relay", "\(killed.output) \(killed.errors)")
        let call = "for i in $(seq 50); do echo | nc -w 2 10.9.0.1 8080 | grep here && break; sleep 0.1; done"
        #expect(try user.host("nsenter --net=\(user.neighbour) bash -c '\(call)'").output == "here I am\n")
        let named = try user.shell("skiff net explain 8080")
        #expect(
          words.count == 4 && named.output.contains("relay (skiff-monitor, process \(words[1]))"), "\(named.output)")
        #expect(named.output.contains("port 7000/tcp, published on 0.0.0.0:8080"), "\(named.output) \(named.errors)")
      }
      let gone = try user.shell("pid=$(\(relay)); skiff rm -f web; kill -0 $pid 2>/dev/null || echo gone")
      #expect(gone.output == "web\ngone\n", "\(gone.output) \(gone.errors)")
    }
  }

  /// A pasta that somebody killed, and nobody left who entered last: the containers are still there, and their networks.
  @Test func networksOutliveTheirPasta() throws {
    try withUserOnLan { user in
      let run = try user.shell(
        """
        skiff network create back >/dev/null
        skiff run -d --name server --network back owners sh -c '\(answering)' >/dev/null
        skiff run -d --name last --network back owners sleep 100 >/dev/null; skiff rm -f last
        """)
      #expect(run.output == "last\n", "\(run.errors)")
      let pasta = "pid=$(cut -d' ' -f1 $XDG_RUNTIME_DIR/skiff/forwarder)"
      // One that nobody has waited for is there, and dead.
      let isDead = "sleep 0.2; { [ ! -e /proc/$pid ] || grep -q ') Z ' /proc/$pid/stat; } && echo dead"
      let killed = try user.shell("\(pasta); kill -9 $pid; \(isDead)")
      #expect(killed.output == "dead\n", "\(killed.output) \(killed.errors)")
      let call = "for i in $(seq 50); do nc -w 2 server 7000 && break; sleep 0.1; done"
      let near = try user.shell("skiff network ls -q | wc -l; skiff run --rm --network back owners sh -c '\(call)'")
      #expect(near.output.hasSuffix("here I am\n"), "\(near.output) \(near.errors)")
      // With a way out again, for those that were there before too.
      let out = try user.shell(
        "skiff exec server sh -c 'echo called | nc -w 2 10.9.0.2 9000'",
        besides: "nc -lnv -p 9000 > \(user.folder.path)/heard 2>&1")
      #expect(try user.host("cat \(user.folder.path)/heard").output.contains("called"), "\(out.errors)")
      let gone = try user.shell("\(pasta); skiff rm -f server; \(isDead)")
      #expect(gone.output == "server\ndead\n", "\(gone.output) \(gone.errors)")
    }
  }

  /// A machine that is plugged in nowhere: containers run, their ports are the loopback's, and so it is on networks of the user's.
  @Test func aHostWithoutANetworkHasContainersAllTheSame() throws {
    try withUserOnLan { user in
      #expect(try user.host("nsenter --net=\(user.folder.path)/here ip link delete lan").code == 0)
      let run = try user.shell(
        """
        skiff run -d --name web -p 8080:7000 owners sh -c '\(answering)' >/dev/null
        for i in $(seq 50); do echo | nc -w 2 127.0.0.1 8080 | grep here && break; sleep 0.1; done
        skiff exec web ip -o -4 addr show eth0; skiff rm -f web
        skiff network create back >/dev/null; skiff run --rm --network back owners echo on a network
        """)
      #expect(
        run.output.hasPrefix("here I am\n") && run.output.contains(" 169.254.2.1/16"), "\(run.output) \(run.errors)")
      #expect(run.output.hasSuffix("web\non a network\n"), "\(run.output) \(run.errors)")
    }
  }

  @Test func aUsersNetworkCanBeJoinedAndLeft() throws {
    try withUserOnLan { user in
      let run = try user.shell(
        """
        skiff network create back >/dev/null; skiff network create front >/dev/null
        skiff run -d --name one --network back owners sh -c '\(answering)' >/dev/null
        skiff run -d --name two --network front owners sleep 100 >/dev/null
        skiff network connect back two && skiff exec two sh -c 'for n in $(seq 50); do nc -w 1 one 7000 && break; sleep 0.1; done'
        skiff network disconnect back two && skiff exec two sh -c 'nc -w 1 one 7000 || echo left'
        skiff restart -t 0 one >/dev/null
        skiff run --rm --network back owners sh -c 'for n in $(seq 50); do nc -w 1 one 7000 && break; sleep 0.1; done'
        """)
      #expect(run.output == "here I am\nleft\nhere I am\n", "\(run.output) \(run.errors)")
    }
  }

  @Test(arguments: [
    ("network create -d macvlan -o parent=lan wide", "a macvlan needs root"),
    ("run --rm --network cni:none owners true", "networks of CNI need root"),
    ("run --rm --network back -p 8080:80/sctp owners true", "an ordinary user publishes tcp and udp alone"),
    ("create --network back -p 80:80 owners true", "port 80 is not an ordinary user's to publish"),
  ])
  func whatOnlyRootHasIsRefusedByName(command: String, reason: String) throws {
    try withUserOnLan { user in
      let refused = try user.shell("skiff network create back >/dev/null; skiff \(command)")
      #expect(refused.code != 0 && refused.errors.contains(reason), "\(refused.errors)")
    }
  }
}

extension String {
  /// Inside single quotes.
  fileprivate var shellQuoted: String { replacing("'", with: "'\\''") }
}
