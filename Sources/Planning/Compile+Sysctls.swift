internal import Kernel
internal import RuntimeSpec
internal import Steps

// Kernel parameters. /proc/sys has those of the namespaces that whoever writes is in, and beside them those of the whole
// host: core_pattern alone runs a program of the writer's choice as the host's root (CVE-2022-0811). So only those that are
// known to belong to a namespace are taken, and only where the container has one.

extension PlanCompiler {
  func sysctls() throws(PlanningError) -> [Step] {
    var steps: [Step] = []
    let own = joined.reduce(created) { $0.union($1.namespace) }
    for (key, value) in linux.sysctl.sorted(by: { $0.key < $1.key }) {
      try Self.check(sysctl: key, value, has: own)
      steps.append(.process(.setSysctl(key: key, value: value)))
    }
    return steps
  }

  /// - Parameter own: the namespaces that the container does not share with the host.
  static func check(sysctl key: String, _ value: String, has own: Namespaces) throws(PlanningError) {
    let path = "linux.sysctl.\(key)"
    let name = Self.dotted(key)
    guard Self.isName(name), key.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
      throw PlanningError(path, "is no name of a kernel parameter", hint: "such as net.ipv4.ip_forward")
    }
    guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\t") }) else {
      throw PlanningError(path, "its value holds a control character")
    }
    if name == "kernel.hostname" {
      throw PlanningError(path, "is the host name, which has a place of its own", hint: "use --hostname")
    }
    guard let (namespace, word) = namespaceAndWord(of: name) else {
      throw PlanningError(
        path, "belongs to the whole host, not to a container",
        hint:
          "net.*, fs.mqueue.*, kernel.domainname and the kernel.msg*, kernel.sem and kernel.shm* are a container's own")
    }
    guard own.contains(namespace) else {
      throw PlanningError(
        path, "is the host's, for the container shares its \(word) namespace", hint: "set it on the host: sysctl -w")
    }
  }

  /// The namespace that a parameter belongs to.
  static func namespace(ofSysctl key: String) -> Namespaces? {
    let name = dotted(key)
    return isName(name) ? namespaceAndWord(of: name)?.0 : nil
  }

  /// However it is spelled: `net.core.somaxconn` and `net/core/somaxconn` are the same file.
  private static func dotted(_ key: String) -> String {
    String(decoding: key.utf8.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: ".") : $0 }, as: UTF8.self)
  }

  /// At least two components, none of them empty.
  private static func isName(_ name: String) -> Bool {
    var (previous, dots) = (UInt8(ascii: "."), 0)
    for byte in name.utf8 {
      if byte == UInt8(ascii: ".") {
        if previous == byte { return false }
        dots += 1
      }
      previous = byte
    }
    return dots > 0 && previous != UInt8(ascii: ".")
  }

  private static func namespaceAndWord(of name: String) -> (Namespaces, String)? {
    if name.hasPrefix("net.") { return (.network, "network") }
    if name == "fs.mqueue" || name.hasPrefix("fs.mqueue.") || ipc.contains(name) { return (.ipc, "IPC") }
    return name == "kernel.domainname" ? (.uts, "UTS") : nil
  }

  /// System V IPC, ipc/ipc_sysctl.c of the kernel.
  private static let ipc: Set<String> = [
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
    "kernel.shm_rmid_forced",
  ]
}
