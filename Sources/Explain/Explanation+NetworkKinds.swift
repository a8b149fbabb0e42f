internal import Kernel
internal import Steps

// Steps of networks with options, and of those that are no bridge.

extension Explanation {
  init(ofLink step: NetworkStep) {
    switch step {
    case .replaceDefaultRoute(let gateway, let link):
      self.init(
        name: "network.replaceDefaultRoute",
        sentence: "From now on send everything for elsewhere to \(gateway), through \(Trace.clean(link.name)).",
        calls: [
          Self.netlink(
            "RTM_NEWROUTE", "NLM_F_REPLACE, rtm_dst_len=0, RTA_GATEWAY=\(gateway), RTA_OIF=\(Self.number(link))")
        ],
        shell: [
          "ip \(gateway.v6 == nil ? "" : "-6 ")route replace default via \(gateway) dev \(ShellWord(link.name))"
        ])
    case .setMtu(let link, let mtu):
      self.init(
        name: "network.setMtu", sentence: "Let \(Trace.clean(link.name)) carry packets of up to \(mtu) bytes.",
        calls: [Self.netlink("RTM_NEWLINK", "\(Self.index(link)), IFLA_MTU=\(mtu)")],
        shell: ["ip link set dev \(ShellWord(link.name)) mtu \(mtu)"])
    case .isolate(let link):
      self.init(
        name: "network.isolate",
        sentence:
          "Keep \(Trace.clean(link.name)) apart from the bridge's other isolated ports: containers of this network "
          + "reach the way out, and not each other.",
        calls: [
          Self.netlink("RTM_NEWLINK", "\(Self.index(link)), IFLA_INFO_SLAVE_KIND=\"bridge\", IFLA_BRPORT_ISOLATED=1")
        ],
        shell: ["bridge link set dev \(ShellWord(link.name)) isolated on"])
    case .makeMacvlan(let link):
      let mode = link.mode.rawValue
      let address = link.mode == .passthru ? "" : " address \(link.mac)"
      self.init(
        name: "network.makeMacvlan",
        sentence:
          "Make \(Trace.clean(link.name)) in the container, a link of its own on the host's \(Trace.clean(link.parent)): "
          + "to the network there it is one more machine.",
        calls: [
          Self.netlink(
            "RTM_NEWLINK",
            "IFLA_IFNAME=\(Trace.string(link.name)), IFLA_LINK=<\(Trace.clean(link.parent))>, IFLA_INFO_KIND=\"macvlan\", "
              + "IFLA_MACVLAN_MODE=\(link.mode.number), IFLA_NET_NS_FD=</proc/PID/ns/net>")
        ],
        shell: [
          command(
            "ip link add link", ShellWord(link.parent).description, "name", ShellWord(link.name).description,
            "netns \"$pid\"\(address)\(link.mtu.map { " mtu \($0)" } ?? "")", "type macvlan mode \(mode)")
        ])
    case .makeDummy(let name):
      self.init(
        name: "network.makeDummy",
        sentence:
          "Make the link \(Trace.clean(name)), which leads nowhere: the containers on it reach each other alone.",
        calls: [Self.netlink("RTM_NEWLINK", "IFLA_IFNAME=\(Trace.string(name)), IFLA_INFO_KIND=\"dummy\"")],
        already: "ip link show dev \(ShellWord(name)) >/dev/null 2>&1",
        shell: ["ip link add name \(ShellWord(name)) type dummy"])
    case .makeVlan(let name, let parent, let identifier):
      self.init(
        name: "network.makeVlan",
        sentence: "Make \(Trace.clean(name)) of what is tagged \(identifier) on \(Trace.clean(parent.name)).",
        calls: [
          Self.netlink(
            "RTM_NEWLINK",
            "IFLA_IFNAME=\(Trace.string(name)), IFLA_LINK=\(Self.number(parent)), IFLA_INFO_KIND=\"vlan\", "
              + "IFLA_VLAN_ID=\(identifier)")
        ],
        already: "ip link show dev \(ShellWord(name)) >/dev/null 2>&1",
        shell: [
          "ip link add link \(ShellWord(parent.name)) name \(ShellWord(name)) type vlan id \(identifier)"
        ])
    default: preconditionFailure("a step with an explanation of its own: \(step)")
    }
  }
}
