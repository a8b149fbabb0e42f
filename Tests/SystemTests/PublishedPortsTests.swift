import Foundation
import Kernel
import Testing

/// Who reaches a published port: this host, a LAN, containers; over a network of namespaces that the test makes.
@Suite(.serialized, .enabled(if: getuid() == 0, "networks need root: their bridges are real"))
struct PublishedPortsTests {
  /// `lan` is another machine on a cable, 192.0.2.2; this host is 192.0.2.1 there. `ask ADDRESS PORT` prints what answers.
  private static let lan = #"""
    ip link set lo up
    lan() { nsenter --net=/proc/$far/ns/net "$@"; }
    unshare -n sleep 1000 & far=$!
    trap 'kill $far; "$skiff" rm -f web other >/dev/null 2>&1; "$skiff" network rm bridge >/dev/null 2>&1' EXIT
    until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
    ip link add lan0 type veth peer name eth0 netns /proc/$far/ns/net
    ip addr add 192.0.2.1/24 dev lan0; ip link set lan0 up
    lan ip addr add 192.0.2.2/24 dev eth0; lan ip link set eth0 up; lan ip route add default via 192.0.2.1
    \#(LanCalls.script)
    from() { until_answered "$skiff" exec "$1" sh -c "echo | nc -w 2 $2 $3" </dev/null; }
    serve() { name=$1; shift; "$skiff" run -d --name "$name" "$@" --rootfs "$rootfs" sh -c \
      "while :; do echo $name | nc -l -p 80 2>/dev/null; done" </dev/null >/dev/null; }
    settle() { sleep 0.5; }
    """#

  private func run(_ script: String) throws -> [String] {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let file = sandbox.folder.path + "/script"
    let text = "skiff=$1 rootfs=\(sandbox.rootfs)\n\(Self.lan)\n\(script)\n"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    // Not by Foundation's Process: what runs on in the background holds what it inherits.
    let environment = "SKIFF_ROOT=\(sandbox.state) SKIFF_STATE=\(sandbox.run)"
    let line =
      "\(environment) timeout 100 unshare -n bash \(file) \(Sandbox.skiff) </dev/null >\(file).out 2>\(file).err"
    let status = try Shell(line).waitForExit()
    let errors = try readText(Path(file + ".err"))
    #expect(status == .exited(0), "\(errors)")
    return try readText(Path(file + ".out"), limit: 1 << 20).split(separator: "\n").map(String.init)
  }

  @Test func whoReachesIt() throws {
    let lines = try run(
      #"""
      serve web -p 8080:80 -p 127.0.0.1:9090:80
      serve other
      settle
      echo "loopback $(ask 127.0.0.1 8080) $(ask 127.0.0.1 9090)"
      echo "own $(ask 192.0.2.1 8080) $(ask 192.0.2.1 9090)"
      echo "lan $(from_lan 192.0.2.1 8080) $(from_lan 192.0.2.1 9090)"
      # Who sends to the loopback from outside has set a route for it; and the container itself, which nobody asked.
      lan ip addr del 127.0.0.1/8 dev lo; lan ip route add 127.0.0.1/32 via 192.0.2.1
      echo "martian $(from_lan 127.0.0.1 9090)"
      echo "other $(from other 192.0.2.1 8080) $(from other 172.17.0.1 8080)"
      echo "itself $(from web 192.0.2.1 8080)"
      "$skiff" ps --format '{{.Names}} {{.Ports}}' | grep web
      "$skiff" port web
      "$skiff" port web 80/tcp | head -n 1
      "$skiff" inspect -f '{{json .NetworkSettings.Ports}}' web
      python3 -c 'import socket
      server = socket.create_server(("127.0.0.1", 7777))
      while True:
        with server.accept()[0] as caller: caller.sendall(b"secret")' & listener=$!
      # A container that may send what it likes asks for what listens on this host's loopback alone (CVE-2020-8558).
      evil() { "$skiff" run --rm --cap-add NET_ADMIN --sysctl net.ipv4.conf.all.route_localnet=1 --rootfs "$rootfs" sh -c "ip addr del 127.0.0.1/8 dev lo
        ip route add 127.0.0.1/32 via 172.17.0.1; echo | nc -w 2 127.0.0.1 7777 || echo closed" </dev/null 2>/dev/null; }
      echo "evil $(evil) $(once 127.0.0.1 7777)"
      "$skiff" rm -f web >/dev/null
      echo "evil $(evil) $(once 127.0.0.1 7777)"
      kill $listener
      echo "gone $(ask 127.0.0.1 8080) $(from_lan 192.0.2.1 8080)"
      echo "claims $(ls "$SKIFF_STATE/networks/.ports" 2>/dev/null | wc -l) led $(nft list ruleset | grep -c ' : 172')"
      """#)
    #expect(
      lines == [
        "loopback web web", "own web closed", "lan web closed", "martian closed", "other web web", "itself web",
        "web 0.0.0.0:8080->80/tcp, 127.0.0.1:9090->80/tcp",
        "80/tcp -> 0.0.0.0:8080", "80/tcp -> 127.0.0.1:9090", "0.0.0.0:8080",
        #"{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"127.0.0.1","HostPort":"9090"}]}"#,
        "evil closed secret", "evil closed secret", "gone closed closed", "claims 0 led 0",
      ])
  }

  /// The address of who asks is what the container sees.
  @Test func theClientsAddressIsKept() throws {
    let lines = try run(
      #"""
      "$skiff" run -d --name web -p 8080:80 --rootfs "$rootfs" nc -l -p 80 -e cat /proc/net/tcp6 </dev/null >/dev/null
      settle
      from_lan 192.0.2.1 8080
      """#)
    // 192.0.2.2, as proc_net_tcp has it on a little-endian machine.
    #expect(lines.contains { $0.contains("020200C0") }, "\(lines)")
  }

  /// The supervisor has the port, and one of them sees to it that rules and bridges that somebody takes away come back.
  @Test func itIsHeldAndHealed() throws {
    let lines = try run(
      #"""
      wait_for() { for attempt in $(seq 600); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; echo "waited in vain for $*"; }
      listens() { python3 -c 'import socket, sys
      kind = socket.SOCK_DGRAM if sys.argv[2] == "udp" else socket.SOCK_STREAM
      taken = socket.socket(socket.AF_INET, kind); taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      taken.bind(("0.0.0.0", int(sys.argv[1])))' "$@" 2>/dev/null && echo free || echo taken; }
      led() { nft list ruleset | grep -q "tcp . 8080 : "; }
      bridge() { ip -o link show type bridge | cut -d ' ' -f 2 | tr -d : | grep .; }
      watched() { grep -l skiff-monitor /proc/[0-9]*/comm 2>/dev/null | while read file; do
        ls -l ${file%/comm}/fd 2>/dev/null | grep -q "l-wx.* $SKIFF_STATE/networks/.watch" && echo ${file//[!0-9]/}; done | grep .; }
      serve web -p 8080:80 -p 5353:53/udp
      serve other
      echo "port $(listens 8080 tcp) $(listens 5353 udp) $(listens 8081 tcp)"
      python3 -c 'import socket
      server = socket.create_server(("127.0.0.1", 7777))
      server.accept()' & holder=$!
      wait_for once 127.0.0.1 7777; wait $holder
      python3 -c 'import socket, time
      server = socket.create_server(("127.0.0.1", 7777))
      time.sleep(1000)' & holder=$!
      wait_for bash -c 'grep -q "0100007F:1E61 .* 0A" /proc/net/tcp'
      "$skiff" run --rm -p 7777:80 --rootfs "$rootfs" true </dev/null 2>&1 | sed "s/$holder/PID/" | head -n 1
      "$skiff" run --rm -p 8080:80 --rootfs "$rootfs" true </dev/null 2>&1 | head -n 1
      kill $holder
      wait_for watched
      echo "watchers $(watched | wc -l)"
      nft flush ruleset; wait_for led
      echo "flushed $(from_lan 192.0.2.1 8080)"
      ip link delete "$(bridge)"; wait_for bridge; wait_for led
      echo "unbridged $(from_lan 192.0.2.1 8080) $(ask 127.0.0.1 8080) $(from web 192.0.2.1 8080)"
      cable() { ip -br link show master "$(bridge)" | sed -n 's/^\(sk[^@ ]*\).*/\1/p' | sort | head -n 1; }
      before=$(cable); ip link set "$before" name stolen0
      wait_for bash -c "ip link show $before"
      echo "renamed $(cable | sed "s/^$before\$/back/") $(ip link show stolen0 2>/dev/null | wc -l)"
      # Who watched is gone: another takes over.
      first=$(watched); kill -9 $first
      wait_for watched
      "$skiff" ps >/dev/null
      nft flush ruleset; wait_for bash -c 'nft list ruleset | grep -q bridges'
      echo "taken over by another: $([ "$(watched)" != "$first" ] && echo yes)"
      "$skiff" rm -f web other >/dev/null
      echo "port $(listens 8080 tcp) $(listens 5353 udp)"
      "$skiff" run -d --name web -p 8080:80 --rootfs "$rootfs" sleep 1000 </dev/null >/dev/null && "$skiff" port web
      """#)
    #expect(
      lines == [
        "port taken taken free",
        "skiff: port 0.0.0.0:7777/tcp is in use by python3 (process PID)",
        "skiff: port 0.0.0.0:8080/tcp is in use by container web",
        "watchers 1", "flushed web", "unbridged web web web", "renamed back 0", "taken over by another: yes",
        "port free free",
        "80/tcp -> 0.0.0.0:8080",
      ])
  }

  @Test("more ports than the supervisor may have files: it holds what it can, and all are published")
  func moreThanFiles() throws {
    let lines = try run(
      #"""
      ulimit -n 400
      "$skiff" run -d --name web -p 20000-20999:1-1000 --rootfs "$rootfs" sh -c \
        'while :; do echo last | nc -l -p 1000 2>/dev/null; done' </dev/null >/dev/null
      settle
      echo "port $("$skiff" port web 1000/tcp | head -n 1)"
      echo "lan $(from_lan 192.0.2.1 20999)"
      echo "exec $("$skiff" exec web echo fine </dev/null)"
      "$skiff" rm -f web >/dev/null
      """#)
    #expect(lines == ["port 0.0.0.0:20999", "lan last", "exec fine"])
  }

  @Test func theSettingMakesItThisMachineAlone() throws {
    let lines = try run(
      #"""
      export SKIFF_PUBLISH_ADDRESS=127.0.0.1
      serve web -p 8080:80 -p 0.0.0.0:8081:80 -P --expose 70
      "$skiff" port web | sed 's/:[3-6][0-9]*$/:ANY/'
      echo "$(ask 127.0.0.1 8080) $(from_lan 192.0.2.1 8080) $(from_lan 192.0.2.1 8081)"
      SKIFF_PUBLISH_ADDRESS=here "$skiff" run --rm -p 80 --rootfs "$rootfs" true </dev/null 2>&1 || :
      """#)
    #expect(
      lines == [
        "80/tcp -> 127.0.0.1:8080", "80/tcp -> 0.0.0.0:8081", "70/tcp -> 127.0.0.1:ANY", "web closed web",
        "skiff: run: SKIFF_PUBLISH_ADDRESS=here is no address",
        "hint: 127.0.0.1 is this host alone; see 'skiff run --help'",
      ])
  }

  @Test func whatCannotBePublishedIsSaid() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    for (words, message) in [
      (["--network", "none"], "with --network none nothing can be published"),
      (["--network", "host"], "every port of the container is the host's already"),
    ] {
      let result = try sandbox.skiff(
        ["run", "--rm"] + words + ["-p", "80", "--rootfs", sandbox.rootfs, "true"])
      #expect(result.code == 125 && result.errors.contains(message), "\(result.errors)")
    }
    let odd = try sandbox.skiff(["run", "--rm", "-p", "80:", "--rootfs", sandbox.rootfs, "true"])
    #expect(odd.code == 125 && odd.errors.contains("is no port of the container"), "\(odd.errors)")
  }
}
