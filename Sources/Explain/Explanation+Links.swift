internal import Kernel
internal import Steps

// Links that are given to a container.

extension Explanation {
  init(moving move: LinkMove) {
    let (name, newName) = (ShellWord(move.name), ShellWord(move.newName))
    // What a template comes to is known to the kernel alone: until its last command the script keeps the old name.
    let there = move.isTemplate ? name : newName
    let inside = "nsenter --net=/proc/\"$pid\"/ns/net"
    self.init(
      name: "network.moveLink",
      sentence: "Give the container the network device \(Trace.clean(move.name))"
        + (move.newName == move.name ? "" : ", called \(Trace.clean(move.newName)) there")
        + ": it disappears here, and what addresses it has for good it gets there once more.",
      calls: [
        "setns(</proc/PID/ns/net>, CLONE_NEWNET)", "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE)",
        "setns(</proc/thread-self/ns/net>, CLONE_NEWNET)",
        Self.netlink("RTM_GETADDR", "ifa_index=<\(Trace.clean(move.name))>"),
        Self.netlink(
          "RTM_NEWLINK",
          "ifi_index=<\(Trace.clean(move.name))>, IFLA_IFNAME=\(Trace.string(move.newName)), "
            + "IFLA_NET_NS_FD=</proc/PID/ns/net>"),
        "sendto(<netlink:route of the container>, {nlmsg_type=RTM_NEWADDR, IFA_LOCAL=…}, …, 0, NULL, 0)",
        "sendto(<netlink:route of the container>, {nlmsg_type=RTM_NEWLINK, ifi_flags=IFF_UP, ifi_change=IFF_UP}, …, 0, NULL, 0)",
      ],
      shell: [
        "addresses=$(ip -o address show dev \(name) permanent scope global | awk '{ print $4 }')",
        "ip link set dev \(name) netns \"$pid\"" + (move.isTemplate ? "" : " name \(newName)"),
        "for address in $addresses; do \(inside) ip address add \"$address\" dev \(there); done",
        "\(inside) ip link set dev \(there)" + (move.isTemplate ? " name \(newName)" : "") + " up",
      ])
  }

  init(returning link: LinkReturn) {
    let name = ShellWord(link.name)
    self.init(
      name: "network.returnLink",
      sentence: "Take the network device \(Trace.clean(link.name)) back from the container, with its addresses.",
      calls: [
        Self.netlink(
          "RTM_NEWLINK",
          "ifi_index=\(link.index), IFLA_IFNAME=\(Trace.string(link.name)), IFLA_NET_NS_FD=</proc/thread-self/ns/net>")
      ],
      shell: [
        "link=$(nsenter --net=/proc/\"$pid\"/ns/net ip -o link | awk -F '[:@] *' '$1 == \(link.index) { print $2 }')",
        "nsenter --net=/proc/\"$pid\"/ns/net ip link set dev \"$link\" netns $$ name \(name)",
      ] + (link.wasUp ? ["ip link set dev \(name) up"] : []))
  }
}
