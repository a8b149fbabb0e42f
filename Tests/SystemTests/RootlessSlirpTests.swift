import Foundation
import Testing

/// slirp4netns where pasta is not installed, or where it is asked for.
@Suite(
  .serialized,
  .enabled(
    if: OrdinaryUser.obstacle == nil
      && ["/usr/bin/slirp4netns", "/usr/bin/curl"].allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }
      && FileManager.default.fileExists(atPath: "/dev/net/tun"),
    "\(OrdinaryUser.obstacle ?? "needs slirp4netns, curl and /dev/net/tun")"))
struct RootlessSlirpTests {
  /// Of root, who sees them all; a dead one that nobody has waited for has no command line.
  private static func left(_ user: OrdinaryUser) throws -> String {
    try user.host("pgrep -f '^slirp4netns .*--ready-fd' | wc -l; ls \(user.home)/run/skiff | grep -c slirp").output
  }

  @Test func portsArePublishedAndEndWithTheSupervisor() throws {
    try withUserOnLan { user in
      // The request is read to its end: a socket that is closed with something in it is reset, and what it sent is lost.
      let answer = "while read line && [ ${#line} -gt 1 ]; do :; done; cat /proc/net/tcp6"
      let server = "while true; do nc -l -p 80 -e sh -c '\(answer)'; done".replacing("'", with: "'\\''")
      let run = try user.shell(
        "skiff run -d --name web --network slirp4netns:mtu=9000 -p 8080:80 -p 8081:80/udp owners sh -c '\(server)'")
      #expect(run.code == 0, "\(run.errors)")
      // 10.9.0.2, as /proc/net/tcp6 writes it: who called is to be seen.
      let call =
        "for i in $(seq 50); do curl -s --http0.9 -m 2 http://10.9.0.1:8080 | grep 0200090A && break; sleep 0.1; done"
      let seen = try user.host("nsenter --net=\(user.neighbour) bash -c '\(call)'")
      #expect(seen.output.contains("0200090A:"), "\(seen.output) \(seen.errors)")
      let inside = try user.shell("skiff exec web ip -o addr show tap0; skiff net explain web; ss -Hlun sport = 8081")
      #expect(
        inside.output.contains("10.0.2.100/24") && inside.output.contains("slirp4netns listens there"), "\(inside)")
      #expect(inside.output.contains("0.0.0.0:8081"), "\(inside.output)")
      let again = try user.shell("skiff run --rm --network slirp4netns -p 8080:80 owners true")
      #expect(again.code == 125 && again.errors.contains("port 0.0.0.0:8080/tcp is in use by"), "\(again.errors)")
      #expect(try Self.left(user) == "1\n0\n")
      #expect(try user.shell("kill -9 $(pgrep -u $USER skiff-monitor); sleep 0.5").code == 0)
      #expect(try Self.left(user) == "0\n0\n")
      let next = try user.shell("skiff start web && skiff port web && skiff rm -f web")
      #expect(
        next.output == "web\n80/tcp -> 0.0.0.0:8080\n80/udp -> 0.0.0.0:8081\nweb\n", "\(next.output) \(next.errors)")
      #expect(try Self.left(user) == "0\n0\n")
    }
  }

  @Test func itIsTakenWherePastaIsMissing() throws {
    try withUserOnLan { user in
      user.hidden = ["/usr/bin/pasta"]
      // Alone, and as the way out of the user's own networks. The host's loopback is not the container's.
      for network in ["", "--network back"] {
        let out = try user.shell(
          """
          skiff network inspect back >/dev/null 2>&1 || skiff network create back >/dev/null
          skiff run --rm \(network) owners sh -c 'echo called | nc -w 2 10.9.0.2 9000; nc -w 1 10.0.2.2 9000 || echo closed'
          """, besides: "nc -lnv -p 9000 > \(user.folder.path)/heard 2>&1")
        let heard = try user.host("cat \(user.folder.path)/heard")
        #expect(heard.output.contains("called") && heard.output.contains("10.9.0.1"), "\(heard.output) \(out.errors)")
        #expect(out.output == "closed\n", "\(out.output)")
      }
      let own = try user.shell("skiff run --rm --network slirp4netns:enable_ipv6=true owners ip -o -6 addr show tap0")
      #expect(own.output.contains("inet6 f"), "\(own.output) \(own.errors)")
      #expect(try Self.left(user) == "0\n0\n")
      let asked = try user.shell("skiff run --rm --network pasta owners true")
      #expect(asked.errors.contains("needs the program pasta, which is not installed"), "\(asked.errors)")
      user.hidden.append("/usr/bin/slirp4netns")
      let neither = try user.shell("skiff run --rm owners true")
      #expect(neither.errors.contains("pasta or slirp4netns, which is not installed"), "\(neither.errors)")
    }
  }

  @Test func whatItCannotIsSaid() throws {
    try withUserOnLan { user in
      for (options, reason) in [
        ("--network slirp4netns:port_handler=rootlesskit", "is no option of slirp4netns here"),
        ("--network slirp4netns:mtu=1", "takes an mtu from 576 to 65521"),
        ("--network slirp4netns:enable_ipv6=yes", "is neither true nor false"),
        ("--network slirp4netns -p '[::1]:8080:80'", "port 80 on [::1]: slirp4netns listens on IPv4 alone"),
        ("--network slirp4netns -p 8080:80/sctp", "publishes tcp and udp alone"),
      ] {
        let refused = try user.shell("skiff run --rm \(options) owners true")
        #expect(refused.code == 125 && refused.errors.contains(reason), "\(refused.code) \(refused.errors)")
      }
      // The cure is what is true here.
      func hint() throws -> String {
        try user.shell("skiff run --rm --network slirp4netns -p '[::1]:8080:80' owners true").errors
      }
      user.hidden = ["/usr/bin/pasta"]
      #expect(try hint().contains("install pasta, which listens on IPv6 too: sudo apt-get install passt"))
      user.hidden = []
      guard FileManager.default.isExecutableFile(atPath: "/usr/bin/pasta") else { return }
      #expect(try hint().contains("--network pasta listens on IPv6 too"))
    }
  }
}
