import Foundation
import Kernel
import Testing

/// IPv6 of containers as a LAN, this host, other containers and an attacker see it; over namespaces that the test makes.
@Suite(.serialized, .enabled(if: getuid() == 0, "networks need root: their bridges are real"))
struct IPv6Tests {
  /// `lan` is another machine on a cable, 2001:db8::2; this host is 2001:db8::1 there.
  private static let lan = #"""
    ip link set lo up
    lan() { nsenter --net=/proc/$far/ns/net "$@"; }
    skiff() { "$program" "$@" </dev/null; }
    unshare -n sleep 1000 </dev/null >/dev/null 2>&1 & far=$!
    trap 'kill $far; skiff rm -f web other apart >/dev/null 2>&1' EXIT
    until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
    ip link add lan0 type veth peer name eth0 netns /proc/$far/ns/net
    ip addr add 2001:db8::1/64 dev lan0 nodad; ip addr add 192.0.2.1/24 dev lan0; ip link set lan0 up
    lan ip link set lo up
    lan ip addr add 2001:db8::2/64 dev eth0 nodad; lan ip addr add 192.0.2.2/24 dev eth0; lan ip link set eth0 up
    lan ip route add default via 192.0.2.1; lan ip -6 route add default via 2001:db8::1
    \#(LanCalls.script)
    from() { until_answered "$program" exec "$1" sh -c "echo | nc -w 2 $2 $3" </dev/null; }
    serve() { name=$1; shift; skiff run -d --name "$name" "$@" --rootfs "$rootfs" sh -c \
      "while :; do echo $name | nc -l -p 80 2>/dev/null; done" >/dev/null; }
    address() { skiff inspect -f "{{.NetworkSettings.Networks.$2.GlobalIPv6Address}}" "$1"; }
    """#

  private func run(_ script: String) throws -> [String] {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let file = sandbox.folder.path + "/script"
    let text = "program=\(Sandbox.skiff) rootfs=\(sandbox.rootfs)\n\(Self.lan)\n\(script)\n"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let environment = "SKIFF_ROOT=\(sandbox.state) SKIFF_STATE=\(sandbox.run)"
    let status = try Shell(
      "\(environment) timeout 300 unshare -n bash \(file) </dev/null >\(file).out 2>\(file).err"
    ).waitForExit()
    let errors = try readText(Path(file + ".err"))
    #expect(status == .exited(0), "\(errors)")
    return try readText(Path(file + ".out"), limit: 1 << 20).split(separator: "\n").map(String.init)
  }

  @Test func publishedPortsAndTheWayOut() throws {
    let lines = try run(
      #"""
      skiff network create --ipv6 back >/dev/null
      skiff network create --ipv6 front >/dev/null
      serve web --network back -p 8080:80 -p '[2001:db8::1]:9090:80'
      serve other --network back
      serve apart --network front
      echo "lan $(from_lan 2001:db8::1 8080) $(from_lan 2001:db8::1 9090) $(from_lan 192.0.2.1 8080) $(from_lan 192.0.2.1 9090)"
      echo "own $(ask 2001:db8::1 8080) $(ask 2001:db8::1 9090)"
      echo "other $(from other 2001:db8::1 8080) $(from other "$(address web back)" 80)"
      echo "itself $(from web 2001:db8::1 8080)"
      echo "apart $(from apart 2001:db8::1 8080) $(from apart "$(address web back)" 80)"
      echo "unasked $(from_lan "$(address web back)" 80)"
      # Nobody waits long for what ::1 does not lead to.
      start=$(date +%s); echo | timeout 20 busybox nc -w 15 ::1 8080 >/dev/null 2>&1; [ $(($(date +%s) - start)) -lt 10 ] && echo "refused at once"
      skiff port web | sort
      skiff ps --filter name=web --format '{{.Ports}}'
      nsenter --net=/proc/$far/ns/net python3 -c '
      import socket
      server = socket.create_server(("::", 7), family=socket.AF_INET6)
      while True:
        connection, caller = server.accept()
        connection.sendall(caller[0].encode()); connection.close()' </dev/null >/dev/null 2>&1 & echoing=$!
      echo "out by $(from web 2001:db8::2 7)"
      kill $echoing
      skiff rm -f web >/dev/null
      echo "gone $(from_lan 2001:db8::1 8080) $(ls "$SKIFF_STATE/networks/.ports" | wc -l)"
      """#)
    #expect(
      lines == [
        "lan web web web closed", "own web web", "other web web", "itself web", "apart web closed", "unasked closed",
        "refused at once", "80/tcp -> 0.0.0.0:8080", "80/tcp -> [2001:db8::1]:9090", "80/tcp -> [::]:8080",
        "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, [2001:db8::1]:9090->80/tcp", "out by 2001:db8::1", "gone closed 0",
      ])
  }

  /// Published on the loopback of IPv6 alone: for this host, and for nobody who sends to ::1 from elsewhere.
  @Test func publishedOnTheLoopback() throws {
    let lines = try run(
      #"""
      bridged() { [ ! -e /proc/sys/net/bridge ] || sysctl -qw net.bridge.bridge-nf-call-ip6tables=$1; }
      skiff network create --ipv6 back >/dev/null
      skiff network create --ipv6 front >/dev/null
      bridged 0
      serve web --network back -p '[::1]:8080:80'
      serve other --network back
      echo "own $(ask ::1 8080) $(ask 127.0.0.1 8080) $(ask 2001:db8::1 8080)"
      echo "lan $(from_lan 2001:db8::1 8080) $(from_lan ::1 8080)"
      # As somebody sends who means harm: a frame to the bridge, for ::1.
      skiff run --rm --network back --cap-add NET_ADMIN --rootfs "$rootfs" sh -c true
      for container in web other; do
        nsenter --net=/proc/$(skiff inspect -f '{{.State.Pid}}' $container)/ns/net sh -c '
          ip -6 route del local ::1 dev lo table local; ip -6 route add ::1 via $(ip -6 route show default | cut -d" " -f3)'
        echo "evil $(from $container ::1 8080)"
      done
      skiff port web
      skiff net explain web | grep -c 'published on \[::1\]:8080'
      skiff net verify web >/dev/null && echo "as explained"
      skiff network connect front web; skiff network disconnect back web
      echo "moved $(ask ::1 8080)"
      skiff run --rm -p '[::1]:9090:80' --rootfs "$rootfs" true 2>&1 | grep -o 'no IPv6.*'
      if [ -e /proc/sys/net/bridge ]; then
        bridged 1
        skiff run --rm --network back -p '[::1]:9090:80' --rootfs "$rootfs" true 2>&1 | grep -o 'bridge-nf-call-ip6tables=0'
      else
        echo bridge-nf-call-ip6tables=0
      fi
      """#)
    #expect(
      lines == [
        "own web closed closed", "lan closed closed", "evil closed", "evil closed", "80/tcp -> [::1]:8080", "1",
        "as explained", "moved web", "no IPv6, so nothing is published on [::1]", "bridge-nf-call-ip6tables=0",
      ])
  }

  /// A container that may send what it likes calls itself a router (CVE-2020-13401), and one on an internal network tries to
  /// get out.
  @Test(.enabled(if: exists("/usr/bin/tcpdump") || exists("/usr/sbin/tcpdump"), "needs tcpdump: Scripts/setup test"))
  func forgedAdvertisementsAndInternalNetworks() throws {
    let lines = try run(
      #"""
      skiff network create --ipv6 back >/dev/null
      skiff network create --ipv6 --internal inner >/dev/null
      serve web --network back
      serve other --network back
      serve apart --network inner
      forge() { nsenter --net=/proc/$(skiff inspect -f '{{.State.Pid}}' "$1")/ns/net python3 -c '
      import socket, struct
      link = socket.if_nametoindex("eth0")
      sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
      sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
      sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, link)
      # A router for half an hour, and a prefix to make addresses of (RFC 4861 4.2, 4.6.2).
      router = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
      prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 86400, 86400, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
      for attempt in range(20):
        try:
          sender.sendto(router + prefix, ("ff02::1", 0, 0, link)); break
        except OSError:
          import time; time.sleep(0.3)' </dev/null; }
      forge web; forge apart; sleep 1
      bad() { grep -c 2001:db8:bad; }
      echo "host $( { ip -6 address; ip -6 route; } | grep -v lan0 | bad) other $(skiff exec other ip -6 address | bad)"
      echo "routes $(skiff exec other ip -6 route | grep -c default)"
      skiff exec apart ip -6 route | grep -c default
      lan tcpdump -p -n -i eth0 -w "$SKIFF_STATE/seen" -Z root ip6 host 2001:db8::2 </dev/null >/dev/null 2>"$SKIFF_STATE/tap" & tap=$!
      until grep -q listening "$SKIFF_STATE/tap"; do sleep 0.05; done
      # Even with a route of its own making.
      nsenter --net=/proc/$(skiff inspect -f '{{.State.Pid}}' apart)/ns/net \
        ip -6 route add default via "$(skiff network inspect -f '{{json .IPAM.Config}}' inner | grep -o '[0-9a-f:]*::1')"
      echo "out $(from apart 2001:db8::2 7)"
      kill $tap; wait $tap 2>/dev/null
      echo "seen $(tcpdump -n -r "$SKIFF_STATE/seen" 2>/dev/null | grep -v 'ICMP6, neighbor' | wc -l)"
      """#)
    #expect(lines == ["host 0 other 0", "routes 1", "0", "out closed", "seen 0"])
  }
}
