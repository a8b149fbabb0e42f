internal import Kernel
internal import Steps

// Programs that make a container's network: an ordinary user's forwarder, plugins of CNI.

extension Explanation {
  init(starting forwarder: UserForwarder) {
    let words = forwarder.arguments + forwarder.ends
    let name = forwarder.program.name
    self.init(
      name: "network.startForwarder",
      sentence:
        "Start \(Trace.clean(name)), an ordinary user's program, which carries what the container sends to sockets of "
        + "the host, and what comes to the published ports to the container.",
      calls: [
        "clone(SIGCHLD), prctl(PR_SET_PDEATHSIG, SIGKILL)",
        "execve(\(Trace.path(forwarder.program)), [\(Trace.string(name)), "
          + words.map { Trace.string($0) }.joined(separator: ", ") + "])",
      ]
        + (forwarder.socket.map { socket in
          forwarder.requests.map {
            "connect(<unix>, {\(Trace.path(socket))}), sendmsg(<unix>, {\(Trace.string($0))}, 0)"
          }
        } ?? []),
      shell: Self.shell(starting: forwarder, name, words))
  }

  private static func shell(starting forwarder: UserForwarder, _ name: String, _ words: [String]) -> [String] {
    let program = ([name] + words).map { ShellWord($0).description }.joined(separator: " ")
    switch forwarder.kind {
    case .pasta: return [command(program, "< /proc/$pid/ns/net | head -n 1 > \(ShellWord(forwarder.record))")]
    case .slirp4netns:
      let asked = forwarder.socket.map { socket in
        forwarder.requests.map {
          command("printf %s", ShellWord($0).description, "| nc -NU", ShellWord(socket).description)
        }
      }
      return [
        command(program, "< /proc/$pid/ns/net 3>/dev/null & echo $! > \(ShellWord(forwarder.record)); sleep 1")
      ] + (asked ?? [])
    }
  }

  init(callingPluginsOf network: PluginNetwork) {
    let types = network.plugins.map { Trace.clean($0.type) }.joined(separator: ", then ")
    let directories = network.directories.map(\.string).joined(separator: ":")
    self.init(
      name: "network.joinPlugins",
      sentence: "Have \(types) put the container on \(Trace.clean(network.name)), a network of CNI plugins, as "
        + "\(Trace.clean(network.interface)).",
      calls: network.plugins.map {
        "execve(\(Trace.string($0.type)), CNI_COMMAND=ADD, CNI_NETNS=/proc/PID/ns/net, "
          + "CNI_IFNAME=\(Trace.clean(network.interface)))"
      },
      // Each has the answer of the one before it as one member more.
      shell: network.plugins.enumerated().map { (index, plugin) in
        let whole = String(decoding: plugin.configuration, as: UTF8.self)
        let input =
          index == 0
          ? ShellWord(whole).description
          : ShellWord(whole.dropLast() + ",\"prevResult\":").description + "\"$answer\"'}'"
        return command(
          "answer=$(printf %s", input, "| env CNI_COMMAND=ADD", "CNI_CONTAINERID=\(ShellWord(network.container))",
          "CNI_NETNS=\"/proc/$pid/ns/net\"", "CNI_IFNAME=\(ShellWord(network.interface))",
          "CNI_PATH=\(ShellWord(directories))", "PATH=\(ShellWord(directories)):\"$PATH\"",
          "\(ShellWord(plugin.type)))")
      })
  }
}
