internal import Kernel
internal import Steps

extension Explanation {
  init(of step: NetworkStep) {
    switch step {
    case .makeBridge(let name, let mac):
      let word = ShellWord(name)
      self.init(
        name: "network.makeBridge",
        sentence:
          "Make the bridge \(Trace.clean(name)): a switch in the kernel that the containers of a network are plugged into.",
        calls: [
          Self.netlink(
            "RTM_NEWLINK", "IFLA_IFNAME=\(Trace.string(name)), IFLA_INFO_KIND=\"bridge\", IFLA_ADDRESS=\(mac)")
        ],
        already: "ip link show dev \(word) >/dev/null 2>&1",
        shell: ["ip link add name \(word) address \(mac) type bridge"])
    case .makeVeth(let pair):
      self.init(making: pair)
    case .attach(let link, let bridge):
      self.init(
        name: "network.attach",
        sentence: "Plug the cable \(Trace.clean(link.name)) into the bridge \(Trace.clean(bridge)).",
        calls: [Self.netlink("RTM_NEWLINK", "\(Self.index(link)), IFLA_MASTER=<\(Trace.clean(bridge))>")],
        shell: ["ip link set dev \(ShellWord(link.name)) master \(ShellWord(bridge))"])
    case .reflect(let link):
      self.init(
        name: "network.reflect",
        sentence:
          "Let the bridge send back by \(Trace.clean(link.name)) what came from there: the container reaches itself by a port "
          + "that it has published.",
        calls: [
          Self.netlink(
            "RTM_NEWLINK", "\(Self.index(link)), IFLA_INFO_SLAVE_KIND=\"bridge\", IFLA_BRPORT_MODE=1")
        ],
        shell: ["bridge link set dev \(ShellWord(link.name)) hairpin on"])
    case .setUp(let link):
      self.init(
        name: "network.setUp",
        sentence: link.name == "lo"
          ? "Switch the loopback link on: a new network namespace has nothing else, and even that is down."
          : "Switch the link \(Trace.clean(link.name)) on.",
        calls: [Self.netlink("RTM_NEWLINK", "\(Self.index(link)), ifi_flags=IFF_UP, ifi_change=IFF_UP")],
        shell: ["ip link set dev \(ShellWord(link.name)) up"])
    case .addAddress(let link, let prefix):
      self.init(
        name: "network.addAddress",
        sentence: "Give \(Trace.clean(link.name)) the address \(prefix.address); "
          + "its neighbours are those of \(prefix.network).",
        calls: [
          Self.netlink(
            "RTM_NEWADDR", "\(Self.index(link)), IFA_LOCAL=\(prefix.address), ifa_prefixlen=\(prefix.length)")
        ],
        shell: ["ip address add \(prefix) broadcast + dev \(ShellWord(link.name))"])
    case .addDefaultRoute(let gateway, let link):
      self.init(
        name: "network.addDefaultRoute",
        sentence: "Send everything for elsewhere to \(gateway), through \(Trace.clean(link.name)).",
        calls: [Self.netlink("RTM_NEWROUTE", "rtm_dst_len=0, RTA_GATEWAY=\(gateway), RTA_OIF=\(Self.number(link))")],
        shell: ["ip route add default via \(gateway) dev \(ShellWord(link.name))"])
    case .addAddress6(let link, let prefix):
      self.init(
        name: "network.addAddress6",
        sentence: "Give \(Trace.clean(link.name)) the address \(prefix.address); "
          + "its neighbours are those of \(prefix.network).",
        calls: [
          Self.netlink(
            "RTM_NEWADDR",
            "\(Self.index(link)), IFA_LOCAL=\(prefix.address), ifa_prefixlen=\(prefix.length), ifa_flags=IFA_F_NODAD")
        ],
        shell: ["ip -6 address add \(prefix) dev \(ShellWord(link.name)) nodad"])
    case .addDefaultRoute6(let gateway, let link):
      self.init(
        name: "network.addDefaultRoute6",
        sentence: "Send everything for elsewhere in IPv6 to \(gateway), through \(Trace.clean(link.name)).",
        calls: [Self.netlink("RTM_NEWROUTE", "rtm_dst_len=0, RTA_GATEWAY=\(gateway), RTA_OIF=\(Self.number(link))")],
        shell: ["ip -6 route add default via \(gateway) dev \(ShellWord(link.name))"])
    case .addLoopbackRoute6(let link):
      self.init(
        name: "network.addLoopbackRoute6",
        sentence:
          "Take answers for ::1 by \(Trace.clean(link.name)) too: this host calls a published port by its loopback.",
        calls: [
          Self.netlink(
            "RTM_NEWROUTE", "rtm_table=RT_TABLE_LOCAL, rtm_type=RTN_LOCAL, RTA_DST=::1, RTA_OIF=\(Self.number(link))")
        ],
        shell: ["ip -6 route add local ::1 dev \(ShellWord(link.name)) table local metric 1024"])
    case .replaceDefaultRoute, .setMtu, .isolate, .makeMacvlan, .makeDummy, .makeVlan:
      self.init(ofLink: step)
    case .rename(let link, let name):
      self.init(
        name: "network.rename",
        sentence: "Call the link \(Trace.clean(link.name)) \(Trace.clean(name)), as programs expect it.",
        calls: [Self.netlink("RTM_NEWLINK", "\(Self.index(link)), IFLA_IFNAME=\(Trace.string(name))")],
        shell: ["ip link set dev \(ShellWord(link.name)) name \(ShellWord(name))"])
    case .setMacAddress(let link, let mac):
      self.init(
        name: "network.setMacAddress",
        sentence: "Give \(Trace.clean(link.name)) the hardware address \(mac).",
        calls: [Self.netlink("RTM_NEWLINK", "\(Self.index(link)), IFLA_ADDRESS=\(mac)")],
        shell: ["ip link set dev \(ShellWord(link.name)) address \(mac)"])
    case .deleteLink(let name):
      self.init(
        name: "network.deleteLink", sentence: "Delete the link \(Trace.clean(name)).",
        calls: [Self.netlink("RTM_DELLINK", "IFLA_IFNAME=\(Trace.string(name))")],
        shell: ["ip link delete dev \(ShellWord(name))"])
    case .moveLink(let move): self.init(moving: move)
    case .returnLink(let link): self.init(returning: link)
    case .setSysctl(let key, let value, _):
      self.init(settingNetworkParameter: key, to: value)
    case .openNameSockets(let redirect):
      self.init(openingNameSockets: redirect)
    case .joinPlugins(let network):
      self.init(callingPluginsOf: network)
    case .startForwarder(let forwarder): self.init(starting: forwarder)
    case .startRelay(let relay): self.init(starting: relay)
    case .stopForwarder(let record):
      self.init(
        name: "network.stopForwarder", sentence: "End the program that forwarded for the container.",
        calls: ["pidfd_send_signal(<pidfd>, SIGKILL)", "unlinkat(AT_FDCWD, \(Trace.path(record)), 0)"],
        shell: ["kill -KILL \"$(cut -d' ' -f1 \(ShellWord(record)))\"; rm \(ShellWord(record))"])
    case .applyFirewall(let change, _):
      self.init(applying: change)
    }
  }

  private init(making pair: VethPair) {
    self.init(
      name: "network.makeVeth",
      sentence:
        "Lay a virtual cable: \(Trace.clean(pair.host)) stays here, plugged into the bridge \(Trace.clean(pair.bridge)); "
        + "the other end, \(Trace.clean(pair.peer)), is born inside the container.",
      calls: [
        Self.netlink(
          "RTM_NEWLINK",
          "IFLA_IFNAME=\(Trace.string(pair.host)), "
            + (pair.hostMac.map { "IFLA_ADDRESS=\($0), " } ?? "")
            + "IFLA_MASTER=<\(Trace.clean(pair.bridge))>, ifi_flags=IFF_UP, "
            + "IFLA_INFO_KIND=\"veth\", VETH_INFO_PEER={IFLA_IFNAME=\(Trace.string(pair.peer)), "
            + "IFLA_ADDRESS=\(pair.peerMac), IFLA_NET_NS_FD=</proc/PID/ns/net>}")
      ],
      shell: [
        command(
          "ip link add name", ShellWord(pair.host).description + (pair.hostMac.map { " address \($0)" } ?? ""),
          "type veth peer name",
          ShellWord(pair.peer).description, "address \(pair.peerMac)\(pair.mtu.map { " mtu \($0)" } ?? "")",
          "netns \"$pid\""),
        "ip link set dev \(ShellWord(pair.host)) master \(ShellWord(pair.bridge))"
          + (pair.mtu.map { " mtu \($0)" } ?? "") + " up",
      ])
  }

  private init(openingNameSockets redirect: FirewallChange) {
    self.init(
      name: "network.openNameSockets",
      sentence:
        "Open the sockets where the container asks for names, at 127.0.0.11 in its own network: the supervisor answers "
        + "there. Port 53 is led to another port, so that the container may have a name server of its own.",
      calls: [
        "setns(</proc/PID/ns/net>, CLONE_NEWNET)",
        "sendmsg(<netlink:netfilter>, {\(redirect.operations.count) messages of nf_tables for table "
          + "\(Trace.string(redirect.table))}, 0)",
        "bind(<udp>, {127.0.0.11}), bind(<tcp>, {127.0.0.11}), listen(<tcp>, 64)",
        "setns(</proc/self/ns/net>, CLONE_NEWNET)",
      ],
      shell: [
        "# No command of a shell answers there, and so names are not found: Skiff's supervisor does.",
        "nsenter -t \"$pid\" -n nft \(ShellWord(redirect.script.trimmed))",
      ])
  }

  private init(settingNetworkParameter key: String, to value: String) {
    let meaning =
      switch key {
      case "net.ipv4.ip_forward", "net/ipv4/ip_forward":
        "Let this machine pass packets on from one link to another: without it, a container reaches only its neighbours."
      case let key where key.hasSuffix("accept_ra"):
        "Believe no router advertisement there: any neighbour can send one, and its route would lead to him."
      case let key where key.hasSuffix("disable_ipv6"):
        "Keep IPv6 off where nobody asked for it: the kernel would otherwise make an address by itself."
      default: "Set the kernel parameter \(Trace.clean(key)) to \(Trace.clean(value))."
      }
    let path = Trace.sysctlPath(key)
    self.init(
      name: "network.setSysctl", sentence: meaning, calls: Trace.write(path, value),
      shell: ["sysctl -q -w \(ShellWord(key + "=" + value))"])
  }

  static func netlink(_ type: String, _ attributes: String) -> String {
    "sendto(<netlink:route>, {nlmsg_type=\(type), \(attributes)}, …, 0, NULL, 0)"
  }

  static func number(_ link: LinkName) -> String {
    link.index.map(String.init) ?? "<\(Trace.clean(link.name))>"
  }
  static func index(_ link: LinkName) -> String { "ifi_index=\(number(link))" }
}
