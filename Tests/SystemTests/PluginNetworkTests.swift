import Foundation
import Kernel
import Testing

/// `--network cni:NAME` with the plugins of Debian's containernetworking-plugins, in namespaces of the test's own.
@Suite(
  .serialized, .enabled(if: getuid() == 0, "networks need root: their bridges are real"),
  .enabled(
    if: FileManager.default.isExecutableFile(atPath: "/usr/lib/cni/bridge"), "containernetworking-plugins are not here")
)
struct PluginNetworkTests {
  private static let host = #"""
    mkdir -p /etc/cni/net.d /var/lib/cni
    mount -t tmpfs none /etc/cni/net.d; mount -t tmpfs none /var/lib/cni
    ip link set lo up; sysctl -qw net.ipv4.conf.all.route_localnet=1
    trap '"$skiff" rm -f web >/dev/null 2>&1' EXIT
    cat >/etc/cni/net.d/10-test.conflist <<'END'
    {"cniVersion":"0.4.0","name":"plugnet","plugins":[
     {"type":"bridge","bridge":"cnitest0","isGateway":true,"ipMasq":true,"ipam":{"type":"host-local",
      "ranges":[[{"subnet":"10.123.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]},
      "dns":{"nameservers":["10.123.0.53"],"search":["example.test"]}},
     {"type":"portmap","capabilities":{"portMappings":true}},{"type":"tuning","mtu":1400}]}
    END
    leases() { (cd /var/lib/cni/networks/plugnet && ls -d 10.* 2>/dev/null | tr '\n' ' '); }
    left() { ls -A "$SKIFF_ROOT/networks/.cni" "$SKIFF_STATE/networks/.cni" | grep -v : | grep . ; ip -br link | grep -c veth; leases
      iptables -t nat -S | grep -c plugnet; grep -c "$SKIFF_STATE/networks/.cni" /proc/self/mounts; }
    ask() { for attempt in 1 2 3 4 5 6 7 8 9 10; do
      answer=$(echo | busybox nc -w 2 "$1" "$2" 2>/dev/null) && [ -n "$answer" ] && break; answer=closed; sleep 0.3; done; echo "$answer"; }
    """#

  private func run(_ script: String) throws -> [String] {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let file = sandbox.folder.path + "/script"
    try "skiff=$1 rootfs=\(sandbox.rootfs)\n\(Self.host)\n\(script)\nexit 0\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    let line =
      "SKIFF_ROOT=\(sandbox.state) SKIFF_STATE=\(sandbox.run) timeout 120 unshare -nm bash \(file) \(Sandbox.skiff) "
      + "</dev/null >\(file).out 2>\(file).err"
    let status = try Shell(line).waitForExit()
    let errors = try readText(Path(file + ".err"))
    #expect(status == .exited(0), "\(errors)")
    return try readText(Path(file + ".out"), limit: 1 << 20).split(separator: "\n").map(String.init)
  }

  @Test func pluginsPutAContainerOnTheirNetwork() throws {
    let lines = try run(
      #"""
      "$skiff" run --rm --network cni:plugnet --name first --hostname one --rootfs "$rootfs" sh -c \
        'ip -4 -o addr show eth0 | grep -o "inet [^ ]*"; ip route | grep default; grep -o "mtu [0-9]*" <<END
      $(ip link show eth0)
      END
      tail -n 1 /etc/hosts; cat /etc/resolv.conf'
      "$skiff" run --rm --network cni:plugnet --dns 1.2.3.4 --rootfs "$rootfs" cat /etc/resolv.conf
      echo left; left
      """#)
    #expect(
      lines == [
        "inet 10.123.0.2/24", "default via 10.123.0.1 dev eth0 ", "mtu 1400", "10.123.0.2\tone first",
        "nameserver 10.123.0.53", "search example.test", "nameserver 1.2.3.4", "left", "0", "0", "0",
      ])
  }

  @Test func aPortIsPublishedAndAllIsTakenBack() throws {
    let lines = try run(
      #"""
      "$skiff" run -d --name web --network cni:plugnet -p 8081:80 --rootfs "$rootfs" sh -c \
        'while :; do echo hello | nc -l -p 80; done' >/dev/null
      ask 10.123.0.2 80; ask 10.123.0.1 8081; "$skiff" port web; "$skiff" inspect web | grep -c '"IPAddress": "10.123.0.2"'
      leases; echo; "$skiff" rm -f web; left
      echo killed
      "$skiff" run -d --name web --network cni:plugnet -p 8081:80 --rootfs "$rootfs" sleep 1000 >/dev/null
      leases; echo
      kill -9 $(pgrep -f "skiff-monitor $("$skiff" inspect web | grep -o '"Id": "[0-9a-f]*"' | head -n 1 | cut -d '"' -f 4)")
      for attempt in $(seq 100); do "$skiff" ps -a >/dev/null; [ -z "$(leases)" ] && break; sleep 0.1; done
      left
      """#)
    #expect(
      lines == [
        "hello", "hello", "80/tcp -> 0.0.0.0:8081", "2", "10.123.0.2 ", "web", "0", "0", "0", "killed", "10.123.0.3 ",
        "0", "0", "0",
      ])
  }

  @Test func whatCannotBeIsSaidFirst() throws {
    let lines = try run(
      #"""
      try() { "$skiff" run --rm "$@" --rootfs "$rootfs" true 2>&1; }
      try --network cni:nope; try --network cni:; try --network cni:plugnet -p 80
      try --network cni:plugnet --network-alias x
      sed -i 's/,{"type":"tuning","mtu":1400}/,{"type":"tuning","mtu":"x"}/' /etc/cni/net.d/10-test.conflist
      try --network cni:plugnet
      sed -i 's/"portmap"/"gone"/' /etc/cni/net.d/10-test.conflist
      try --network cni:plugnet
      left
      """#)
    let text = lines.joined(separator: "\n")
    for words in [
      "there is no network nope of plugins in /etc/cni/net.d", "known there: plugnet", "cni: needs the name",
      "port 80 needs one port of the host", "plugin tuning refused ADD", "plugin gone", "containernetworking-plugins",
    ] { #expect(text.contains(words), "\(words): \(text)") }
    #expect(lines.suffix(3) == ["0", "0", "0"])
  }
}
