import CNI
import Foundation
import JSON
import Kernel
import Steps
import Testing

/// Plugins of the tests' own, scripts that write down how they were called.
@Suite(.serialized, .enabled(if: getuid() == 0, "a namespace is kept by a mount, which needs root"))
struct PluginCallTests {
  private func withPlugins(
    _ scripts: [(String, String)], _ body: (PluginNetwork, Path) throws -> Void
  ) throws {
    try withDirectory { directory in
      for (name, script) in scripts {
        let path = directory.appending("bin/\(name)")
        try makeDirectories(path.parent, mode: 0o755)
        let text =
          "#!/bin/sh\nin=$(cat)\necho \"$CNI_COMMAND \(name) $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS $in\" >> \(directory)/calls\n"
        try replaceFile(path, with: Array((text + script + "\n").utf8), mode: 0o755)
      }
      var network = PluginNetwork(
        name: "net", container: "c1",
        plugins: scripts.map { .init(type: $0.0, configuration: Array(#"{"type":"\#($0.0)"}"#.utf8)) },
        directories: [directory.appending("nowhere"), directory.appending("bin")],
        record: directory.appending("kept/c1"),
        namespace: directory.appending("run/c1"))
      network.hosts = directory.appending("hosts")
      network.resolvConf = directory.appending("resolv.conf")
      network.names = ["host", "name"]
      try replaceFile(directory.appending("hosts"), with: Array("127.0.0.1\tlocalhost\n".utf8))
      try replaceFile(directory.appending("resolv.conf"), with: Array("nameserver 1.1.1.1\n".utf8))
      try body(network, directory)
    }
  }

  private func calls(_ directory: Path) throws -> [String] {
    guard exists(directory.appending("calls")) else { return [] }
    return try readText(directory.appending("calls")).replacingOccurrences(of: directory.string, with: "D")
      .split(separator: "\n").map(String.init)
  }

  private static let first = #"echo '{"ips":[{"address":"10.9.8.7/24"}],"n":1}'"#
  private static let second = #"echo '{"ips":[{"address":"10.9.8.7/24"}],"dns":{"nameservers":["9.9.9.9"]},"n":2}'"#

  @Test func eachHasTheAnswerOfTheOneBefore() throws {
    try withPlugins([("one", Self.first), ("two", Self.second)]) { network, directory in
      try join(network, namespace: "/proc/self/ns/net")
      let answer = #"{"ips":[{"address":"10.9.8.7/24"}],"n":1}"#
      #expect(
        try calls(directory) == [
          #"ADD one c1 eth0 D/run/c1 {"type":"one"}"#,
          #"ADD two c1 eth0 D/run/c1 {"type":"two","prevResult":\#(answer)}"#,
        ])
      #expect(try readText(directory.appending("hosts")) == "127.0.0.1\tlocalhost\n10.9.8.7\thost name")
      #expect(try readText(directory.appending("resolv.conf")) == "nameserver 9.9.9.9")
      #expect(result(of: network.record)?.result.addresses == ["10.9.8.7/24"])
      let kept = try openNamespace(network.namespace)
      let type = try namespaceType(of: kept.borrowed)
      #expect(type == .network)
      try leave(network.record, namespace: network.namespace)
      let last = #"{"ips":[{"address":"10.9.8.7/24"}],"dns":{"nameservers":["9.9.9.9"]},"n":2}"#
      #expect(
        try calls(directory).suffix(2) == [
          #"DEL two c1 eth0 D/run/c1 {"type":"two","prevResult":\#(last)}"#,
          #"DEL one c1 eth0 D/run/c1 {"type":"one","prevResult":\#(last)}"#,
        ])
      #expect(!exists(network.record) && !exists(network.namespace))
      // Nothing to take back is no failure.
      try leave(network.record, namespace: network.namespace)
    }
  }

  @Test func aRefusalIsToldAndTakenBack() throws {
    let refusal = #"[ "$CNI_COMMAND" = DEL ] && exit 0; echo '{"code":7,"msg":"no subnet","details":"ipam"}'; exit 1"#
    try withPlugins([("one", Self.first), ("two", refusal)]) { network, directory in
      do throws(Fault) {
        try join(network, namespace: "/proc/self/ns/net")
        Issue.record("it joined")
      } catch {
        #expect(error.arguments == "plugin two refused ADD: no subnet: ipam (code 7)")
        #expect(error.hint == "the plugin finds its configuration invalid")
      }
      let all = try calls(directory).map { String($0.prefix(7)) }
      #expect(all == ["ADD one", "ADD two", "DEL two", "DEL one"])
      #expect(!exists(network.record) && !exists(network.namespace))
    }
  }

  @Test(
    arguments: [
      ("exit 3", "ended with 3 without a result", nil),
      ("echo words >&2; exit 3", "ended with 3 without a result", "it printed: words"),
      ("kill -9 $$", "was killed by signal 9 without a result", nil), ("echo no json", "gave no result", nil),
      (":", "gave no result", nil),
      // More than a result is: what is cut is none.
      ("head -c 3000000 /dev/zero | tr '\\0' x", "gave no result", nil),
    ] as [(String, String, String?)])
  func whatIsNoAnswerIsSaid(_ script: String, _ words: String, _ hint: String?) throws {
    try withPlugins([("one", script)]) { network, _ in
      do throws(Fault) {
        try join(network, namespace: "/proc/self/ns/net")
        Issue.record("it joined")
      } catch {
        #expect(error.arguments.contains(words), "\(error)")
        if let hint { #expect(error.hint == hint) }
      }
    }
  }

  @Test func aPluginThatIsGoneDoesNotKeepTheOthers() throws {
    try withPlugins([("one", Self.first), ("two", Self.second)]) { network, directory in
      try join(network, namespace: "/proc/self/ns/net")
      try removeFile(directory.appending("bin/two"))
      #expect(throws: Fault.self) { try leave(network.record, namespace: network.namespace) }
      #expect(try calls(directory).last?.hasPrefix("DEL one") == true)
      #expect(!exists(network.record) && !exists(network.namespace))
      // And where one is missing from the beginning, the message says so.
      do throws(Fault) {
        try join(network, namespace: "/proc/self/ns/net")
        Issue.record("it joined")
      } catch { #expect(error.hint?.contains("containernetworking-plugins") == true) }
    }
  }

  /// A boot has taken the mount: the plugins hear that there is no namespace.
  @Test func afterABootThereIsNoNamespace() throws {
    try withPlugins([("one", Self.first)]) { network, directory in
      try join(network, namespace: "/proc/self/ns/net")
      try unmount(network.namespace)
      try leave(network.record, namespace: network.namespace)
      #expect(
        try calls(directory).last
          == #"DEL one c1 eth0  {"type":"one","prevResult":{"ips":[{"address":"10.9.8.7/24"}],"n":1}}"#)
    }
  }

  /// Cut, emptied, or somebody else's words: the namespace is held by nobody afterwards, and who can tell what was called calls it.
  @Test(arguments: ["", "{", #"{"name":"net","plugins":[{}]}"#, "\0\0\0"])
  func aDamagedRecordLeavesNothingBehind(text: String) throws {
    try withPlugins([("one", Self.first)]) { network, directory in
      for isConfigured in [true, false] {
        try join(network, namespace: "/proc/self/ns/net")
        try replaceFile(network.record, with: Array(text.utf8))
        let fault = #expect(throws: Fault.self) {
          try leave(network.record, namespace: network.namespace) { isConfigured ? network : nil }
        }
        #expect(fault?.errno == .badMessage)
        #expect(!exists(network.record) && !exists(network.namespace))
        let mounts = try readText("/proc/self/mountinfo", limit: 1 << 22)
        #expect(!mounts.contains(network.namespace.string))
        let last = try calls(directory).last
        if isConfigured { #expect(last == #"DEL one c1 eth0 D/run/c1 {"type":"one"}"#) }
        #expect(last?.hasPrefix(isConfigured ? "DEL" : "ADD") == true)
      }
    }
  }

  /// Killed between the record's end and the mount's.
  @Test func aMountWithoutARecordGoesToo() throws {
    try withPlugins([("one", Self.first)]) { network, directory in
      try join(network, namespace: "/proc/self/ns/net")
      try removeFile(network.record)
      try leave(network.record, namespace: network.namespace)
      #expect(!exists(network.namespace))
      #expect(try !readText("/proc/self/mountinfo", limit: 1 << 22).contains(network.namespace.string))
    }
  }
}
