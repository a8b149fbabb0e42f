import Foundation
import Kernel
import Testing

/// What the host's own firewall closes stays closed for published ports, containers get out, and the one line that Skiff
/// says opens the port there. Each firewall runs for real, in a network namespace of the test.
@Suite(.serialized, .enabled(if: getuid() == 0, "networks need root: their bridges are real"))
struct HostFirewallTests {
  /// `lan`, 192.0.2.2, is another machine on a cable to this host, 192.0.2.1; port 98 there says `outside`.
  private static let scene = #"""
    ip link set lo up
    lan() { nsenter --net=/proc/$far/ns/net "$@"; }
    unshare -n sleep 1000 & far=$!
    started=$far
    trap 'kill $started; "$skiff" rm -f web >/dev/null 2>&1; "$skiff" network rm bridge >/dev/null 2>&1' EXIT
    until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
    ip link add lan0 type veth peer name eth0 netns /proc/$far/ns/net
    ip addr add 192.0.2.1/24 dev lan0; ip link set lan0 up
    lan ip link set lo up; lan ip addr add 192.0.2.2/24 dev eth0; lan ip link set eth0 up
    lan ip route add default via 192.0.2.1
    # Without a shell between, which would be killed in its place.
    nsenter --net=/proc/$far/ns/net python3 -c 'import socket
    server = socket.create_server(("0.0.0.0", 98))
    while True:
      with server.accept()[0] as caller: caller.sendall(b"outside")' & started="$started $!"
    from_lan() { lan timeout 5 busybox nc -w 2 192.0.2.1 "${1:-8080}" </dev/null 2>/dev/null; }
    local_call() { echo | timeout 5 busybox nc -w 2 127.0.0.1 8080 2>/dev/null; }
    out() { "$skiff" exec web sh -c 'nc -w 2 192.0.2.2 98 </dev/null' </dev/null 2>/dev/null; }
    # What changed is heard of and answered within a moment, on a slow machine within a longer one.
    becomes() { wanted=$1; shift; for attempt in $(seq 60); do
      answer=$("$@"); answer=${answer:-closed}; [ "$answer" = "$wanted" ] && break; sleep 0.3; done; echo "$answer"; }
    hint() { "$skiff" run --rm -p 8081:80 --rootfs "$rootfs" true </dev/null 2>&1 | sed -n 's/.*; to open it: //p' | sed 's/8081/8080/; s/, and once more.*//'; }
    serve() { "$skiff" run -d --name web -p 8080:80 --rootfs "$rootfs" sh -c \
      "while :; do echo web | nc -l -p 80 2>/dev/null; done" </dev/null >/dev/null 2>"$TMPDIR/said"; }
    """#

  private func run(_ script: String) throws -> [String] {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let file = sandbox.folder.path + "/script"
    let text =
      "skiff=$1 rootfs=\(sandbox.rootfs)\nexport TMPDIR=\(sandbox.folder.path)\n\(Self.scene)\n\(script)\n"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let environment = "SKIFF_ROOT=\(sandbox.state) SKIFF_STATE=\(sandbox.run)"
    let line =
      "\(environment) timeout 300 unshare -nm bash \(file) \(Sandbox.skiff) </dev/null >\(file).out 2>\(file).err"
    let status = try Shell(line).waitForExit()
    let errors = try readText(Path(file + ".err"), limit: 1 << 20)
    #expect(status == .exited(0), "\(errors)")
    return try readText(Path(file + ".out"), limit: 1 << 20).split(separator: "\n").map(String.init)
  }

  private static func missing(_ program: String) -> Bool {
    !["/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"].contains { exists(Path($0 + program)) }
  }

  @Test func chainsOfNftablesThatDrop() throws {
    let lines = try run(
      #"""
      serve
      printf '%s\n' 'table inet filter {' 'chain input {' 'type filter hook input priority 0; policy drop;' \
        'ct state vmap { established : accept, related : accept, invalid : drop }' 'iifname lo accept' \
        'tcp dport { 22, 443 } accept' '}' '}' | nft -f -
      echo "input $(becomes closed from_lan) $(becomes web local_call) $(becomes outside out)"
      # Who may call there may call the container, and nobody else.
      nft add rule inet filter input ip saddr 192.0.2.3 tcp dport 8080 accept
      sleep 1; echo "another's $(becomes closed from_lan)"
      eval "$(hint)"; echo "opened $(becomes web from_lan)"
      nft delete table inet filter; echo "gone $(becomes web from_lan)"
      printf '%s\n' 'table inet filter {' 'chain forward {' 'type filter hook forward priority 0; policy drop;' \
        '}' '}' | nft -f -
      echo "forward $(becomes closed from_lan) $(becomes web local_call) $(becomes outside out)"
      eval "$(hint)"; echo "opened $(becomes web from_lan)"
      "$skiff" rm -f web >/dev/null; "$skiff" network rm bridge >/dev/null
      nft list table inet filter | grep -c 'skiff_'
      exit 0
      """#)
    #expect(
      lines == [
        "input closed web outside", "another's closed", "opened web", "gone web", "forward closed web outside",
        "opened web", "0",
      ])
  }

  /// iptables by nf_tables and legacy iptables, whose rules nf_tables does not see. Into those Skiff writes nothing: it says how
  /// containers get out.
  @Test(arguments: ["iptables", "iptables-legacy"]) func iptables(program: String) throws {
    try #require(!Self.missing(program), "\(program) is not installed (Debian package iptables)")
    let lines = try run(
      #"""
      fw=\#(program)
      $fw -P FORWARD DROP || exit 0
      serve
      echo "forward $(becomes closed from_lan) $(becomes web local_call)"
      [ $fw = iptables ] || eval "$(sed -n 's/.*to let them: //p' "$TMPDIR/said")"
      echo "out $(becomes outside out)"
      eval "$(hint)"; echo "opened $(becomes web from_lan)"
      # iptables still reads its own table.
      $fw -S FORWARD | grep -c '^-P FORWARD DROP'
      $fw -P FORWARD ACCEPT; $fw -F; $fw -A INPUT -i lo -j ACCEPT
      $fw -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; $fw -A INPUT -p tcp -m multiport --dports 22,443 -j ACCEPT
      $fw -P INPUT DROP
      nft add table ip heard # Legacy rules tell nobody that they have changed.
      echo "input $(becomes closed from_lan) $(becomes web local_call)"
      eval "$(hint)"; nft delete table ip heard; echo "opened $(becomes web from_lan)"
      """#)
    #expect(
      lines == ["forward closed web", "out outside", "opened web", "1", "input closed web", "opened web"], "\(lines)")
  }

  /// By nf_tables' own and by both iptables of IPv6; what explain says, and what verify tries.
  @Test(arguments: ["nft", "ip6tables", "ip6tables-legacy"]) func portsOfIPv6(program: String) throws {
    try #require(!Self.missing(program), "\(program) is not installed (Debian packages nftables, iptables)")
    let lines = try run(
      #"""
      ip -6 addr add 2001:db8::1/64 dev lan0 nodad; lan ip -6 addr add 2001:db8::2/64 dev eth0 nodad
      lan ip -6 route add default via 2001:db8::1
      from_lan6() { lan timeout 5 busybox nc -w 2 2001:db8::1 8080 </dev/null 2>/dev/null; }
      "$skiff" network create --ipv6 six >/dev/null
      "$skiff" run -d --name web --network six -p 8080:80 --rootfs "$rootfs" sh -c \
        "while :; do echo web | nc -l -p 80 2>/dev/null; done" </dev/null >/dev/null
      echo "open $(becomes web from_lan6)"
      case \#(program) in
        nft) printf '%s\n' 'table inet filter {' 'chain input {' 'type filter hook input priority 0; policy drop;' \
          'meta nfproto ipv4 accept' 'ct state established accept' 'iifname lo accept' 'icmpv6 type { 133, 134, 135, 136 } accept' '}' '}' | nft -f - ;;
        *) fw=\#(program); $fw -A INPUT -i lo -j ACCEPT; $fw -A INPUT -p icmpv6 -j ACCEPT
          $fw -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; $fw -P INPUT DROP
          nft add table ip heard ;; # Legacy rules tell nobody that they have changed.
      esac
      echo "input $(becomes closed from_lan6) $(becomes web from_lan)"
      "$skiff" net explain web | grep -A 6 'published on \[::\]' | grep -o 'other machines *no' | tr -s ' '
      "$skiff" run -d --name quiet --network six -p 8082:80 --rootfs "$rootfs" sleep 1000 </dev/null >/dev/null 2>&1
      "$skiff" net verify quiet | tail -n 1 | sed 's/^[0-9]* //'; "$skiff" rm -f quiet >/dev/null
      hint() { "$skiff" run --rm --network six -p 8081:80 --rootfs "$rootfs" true </dev/null 2>&1 | sed -n 's/.*; to open it: //p' | sed 's/8081/8080/'; }
      eval "$(hint)"; nft delete table ip heard 2>/dev/null
      echo "opened $(becomes web from_lan6)"
      "$skiff" rm -f web >/dev/null; "$skiff" network rm six >/dev/null
      """#)
    #expect(
      lines == [
        "open web", "input closed web", "other machines no", "calls, each as explained", "opened web",
      ], "\(lines)")
  }

  /// Words, what really is, and the picture of it; and nothing is left of the trial.
  @Test func explainVerifyAndMap() throws {
    let lines = try run(
      #"""
      listing() { ip -o link | sed 's/^[0-9]*: //' | cut -d ' ' -f 1 | sort; nft list ruleset; }
      "$skiff" run -d --name web -p 8080:80 -p 127.0.0.1:9090:80 -p 5353:53/udp --rootfs "$rootfs" sleep 1000 </dev/null >/dev/null
      "$skiff" net explain web | grep -E '^(web|  port|  every|    [a-z])' | cut -c 1-26 | tr -s ' ' | sed 's/ *$//'
      listing >"$TMPDIR/before"
      "$skiff" net verify | tail -n 1
      listing >"$TMPDIR/after"; cmp "$TMPDIR/before" "$TMPDIR/after" && echo "nothing left"
      "$skiff" net explain 9090 | grep -o 'other machines  *no  *the loopback' | tr -s ' '
      "$skiff" net explain 4444
      printf '%s\n' 'table inet filter {' 'chain input {' 'type filter hook input priority 0; policy drop;'         'ct state established accept' 'iifname lo accept' '}' '}' | nft -f -
      becomes closed from_lan >/dev/null
      "$skiff" net verify 8080 | grep 'other machine.*8080' | head -n 1 | tr -s ' ' | sed 's/198[^ ]*/HERE/'
      # Somebody's rule that Skiff does not look at: reality differs, and it says so.
      nft add table inet odd; nft add chain inet odd early '{ type filter hook prerouting priority -310; }'
      nft add rule inet odd early iifname 'sk*' drop
      "$skiff" net verify 9090 >"$TMPDIR/odd"; echo "code $?"; grep -c 'differs from explain' "$TMPDIR/odd" | sed 's/[1-9][0-9]*/some/'
      nft delete table inet odd
      [ "$("$skiff" inspect -f '{{.State.Status}}' web)" = running ] || { "$skiff" ps -a; "$skiff" logs web; }
      "$skiff" network map | grep -A 2 -- '-- bridge' | sed 's/  *sk[^ ]*//' | tr -s ' '
      "$skiff" network map --svg - | python3 -c 'import sys, xml.dom.minidom
      words = [node.firstChild.data for node in xml.dom.minidom.parse(sys.stdin).getElementsByTagName("text")]
      print("web" in words, "8080 -> 80/tcp" in words, any("192.0.2.1/24" in word for word in words))'
      """#)
    #expect(
      lines == [
        "web, 172.17.0.2 on network", " port 80/tcp, published o", " this host yes", " other machines yes",
        " its network yes", " other networks yes", " port 80/tcp, published o", " this host yes", " other machines no",
        " its network yes", " other networks no", " port 53/udp, published o", " this host yes", " other machines yes",
        " its network yes", " other networks yes", " every other port: not pu", " this host yes", " its network yes",
        " other networks no", " other machines no", " its own calls yes",
        "22 calls, each as explained", "nothing left",
        "other machines no the loopback",
        "port 4444 of this host is nobody's: no container publishes it and no program listens there",
        " other machine HERE does not get in", "code 1", "some",
        "`-- bridge 172.17.0.1/24",
        " `-- web 172.17.0.2 8080 -> 80/tcp, 127.0.0.1:9090 -> 80/tcp", " 5353 -> 53/udp", "True True True",
      ])
  }

  /// What a capture on this host's cable sees of an internal network: nothing. An attacker on the LAN who routes 127.0.0.0/8 and
  /// the containers' subnet to this host gets nothing either.
  @Test func whatACaptureSees() throws {
    try #require(!Self.missing("tcpdump"), "tcpdump is not installed (Debian package tcpdump)")
    let lines = try run(
      #"""
      "$skiff" network create --internal hidden >/dev/null
      nsenter --net=/proc/$far/ns/net tcpdump -n -i eth0 -w "$TMPDIR/capture" 2>"$TMPDIR/heard" & started="$started $!"; watcher=$!
      for attempt in $(seq 300); do grep -q listening "$TMPDIR/heard" && break; sleep 0.1; done
      # What a container of an internal network tries: names, addresses, a route that it makes itself, and IPv6.
      "$skiff" run --rm --network hidden --cap-add NET_ADMIN --rootfs "$rootfs" sh -c 'gate=$(ip route | cut -d . -f 1-3).1
        ip route add default via $gate 2>/dev/null; ip route add 192.0.2.0/24 via $gate 2>/dev/null
        nc -w 2 192.0.2.2 98 </dev/null; ping -c 2 -W 1 192.0.2.2 >/dev/null; nslookup example.com >/dev/null 2>&1
        ping -6 -c 1 -W 1 ff02::1%eth0 >/dev/null 2>&1; echo tried' </dev/null 2>/dev/null
      serve; "$skiff" run -d --name local -p 127.0.0.1:9090:80 --rootfs "$rootfs" sh -c         'while :; do echo secret | nc -l -p 80; done' </dev/null >/dev/null
      lan ip addr del 127.0.0.1/8 dev lo; lan ip route add 127.0.0.0/8 via 192.0.2.1
      echo "seen $(becomes web from_lan)"
      attack() { lan busybox nc -w 2 "$1" "$2" </dev/null 2>/dev/null || echo closed; }
      echo "attacks $(attack 127.0.0.1 9090) $(attack 172.17.0.2 80) $(attack 172.17.0.3 80)"
      # What a script starts in the background ignores SIGINT.
      kill $watcher; wait $watcher
      tcpdump -n -r "$TMPDIR/capture" 2>/dev/null >"$TMPDIR/packets"
      # The call that was answered is there, so the capture works; and no packet has a container's address as its source.
      echo "capture $(grep -c '192.0.2.1.8080 > 192.0.2.2' "$TMPDIR/packets" | sed 's/[1-9][0-9]*/some/') $(grep -c '172\.17\.[0-9.]* >' "$TMPDIR/packets")"
      grep -c 'ICMP echo request' "$TMPDIR/packets"
      "$skiff" rm -f local >/dev/null; "$skiff" network rm hidden >/dev/null
      """#)
    #expect(
      lines == ["tried", "seen web", "attacks closed closed closed", "capture some 0", "0"], "\(lines)")
  }

  @Test func ufw() throws {
    try #require(!Self.missing("ufw"), "ufw is not installed (Debian package ufw)")
    let lines = try run(
      #"""
      # Its configuration is changed by what it is told: a copy of it, in this mount namespace.
      cp -a /etc/ufw "$TMPDIR/ufw"; mount --bind "$TMPDIR/ufw" /etc/ufw
      serve
      ufw --force enable >/dev/null 2>&1
      echo "enabled $(becomes closed from_lan) $(becomes web local_call) $(becomes outside out)"
      "$skiff" net explain web | grep -c 'ufw stops it'
      hint | cut -d ' ' -f 1-3
      eval "$(hint)" >/dev/null; echo "opened $(becomes web from_lan)"
      ufw reload >/dev/null; echo "reloaded $(becomes web from_lan) $(becomes outside out)"
      ufw --force disable >/dev/null; echo "disabled $(becomes web from_lan)"
      """#)
    #expect(
      lines == [
        "enabled closed web outside", "1", "ufw route allow", "opened web", "reloaded web outside", "disabled web",
      ])
  }

  /// firewalld wants a bus of its own; all of it lies in this mount namespace.
  @Test(
    .enabled(
      if: !missing("firewalld") || !exists("/run/systemd/system"),
      "where systemd would start it at once, Scripts/setup does not install firewalld"))
  func firewalld() throws {
    try #require(
      !Self.missing("firewalld") && !Self.missing("dbus-daemon"),
      "firewalld or dbus-daemon is not installed (Debian packages firewalld, dbus-daemon)")
    let lines = try run(
      #"""
      serve
      # Not over /run: Skiff's own state may lie there.
      mkdir -p "$TMPDIR/etc" "$TMPDIR/dbus" /run/dbus
      cp -a /etc/firewalld/. "$TMPDIR/etc"; mount --bind "$TMPDIR/etc" /etc/firewalld; mount --bind "$TMPDIR/dbus" /run/dbus
      echo '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
        "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
        <busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
        <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
        <allow send_type="method_call"/><allow send_type="signal"/><allow receive_type="signal"/><allow receive_type="error"/>
        <allow receive_type="method_call"/><allow receive_type="method_return"/></policy></busconfig>' >"$TMPDIR/bus.conf"
      dbus-daemon --config-file="$TMPDIR/bus.conf" --nofork >/dev/null 2>&1 & started="$started $!"
      for attempt in $(seq 300); do [ -S /run/dbus/system_bus_socket ] && break; sleep 0.1; done
      firewalld --nofork --nopid >/dev/null 2>&1 & started="$started $!"
      for attempt in $(seq 300); do firewall-cmd --state >/dev/null 2>&1 && break; sleep 0.3; done
      echo "running $(becomes closed from_lan) $(becomes web local_call) $(becomes outside out)"
      hint
      eval "$(hint)" >/dev/null; echo "opened $(becomes web from_lan)"
      firewall-cmd --reload >/dev/null; echo "reloaded $(becomes closed from_lan) $(becomes outside out)"
      """#)
    #expect(
      lines == [
        "running closed web outside", "firewall-cmd --add-port=8080/tcp", "opened web", "reloaded closed outside",
      ])
  }
}
