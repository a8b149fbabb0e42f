import JSON
import Mounts
import RuntimeSpec
import Seccomp
import Testing

@testable import OCIRuntime

@Suite struct FeaturesTests {
  private let document: JSONValue

  init() throws { document = try JSONValue(parsing: Array(Features().jsonString(.pretty).utf8)) }

  private func words(_ path: String...) throws -> [String] {
    var value = document
    for name in path { value = try #require(value[name]) }
    return try #require(value.array).map { try #require($0.string) }
  }

  /// "All properties […] except ociVersionMin and ociVersionMax MAY […] be absent" (features.md).
  @Test func versions() throws {
    #expect(document["ociVersionMin"]?.string == "1.0.0")
    #expect(document["ociVersionMax"]?.string == Spec().ociVersion)
  }

  /// "The runtime MUST recognize the elements in this array as the options of mounts objects in config.json".
  @Test func mountOptionsAreTaken() throws {
    let options = try words("mountOptions")
    for word in [
      "ro", "rro", "rbind", "rprivate", "nosymfollow", "rnosymfollow", "tmpcopyup", "idmap", "ridmap", "sync",
    ] {
      #expect(options.contains(word), "\(word)")
    }
    #expect(options == options.sorted() && Set(options).count == options.count)
    // What is a file system's own is none of them.
    for word in options where !["sync", "dirsync", "lazytime"].contains(word) {
      #expect(MountOptions([word]).data.isEmpty, "\(word)")
    }
  }

  /// "The runtime MUST support the elements in this array as the hooks property of config.json".
  @Test func hooksAreRead() throws {
    for name in try words("hooks") {
      let spec = try Spec(parsing: Array(#"{"hooks": {"\#(name)": [{"path": "/x"}]}}"#.utf8))
      #expect(spec.hooks != Spec.Hooks(), "\(name)")
    }
    #expect(try words("hooks").count == 6)
  }

  /// "The runtime MUST recognize the elements in this array in the … property of the linux.seccomp object".
  @Test func seccompWordsAreTaken() throws {
    func compiles(_ member: String) throws {
      let text = #"{"defaultAction": "SCMP_ACT_ERRNO", "listenerPath": "/x", \#(member)}"#
      _ = try compile(Spec.Seccomp(parsing: Array(text.utf8)), name: "")
    }
    for name in try words("linux", "seccomp", "archs") { try compiles(#""architectures": ["\#(name)"]"#) }
    for name in try words("linux", "seccomp", "knownFlags") { try compiles(#""flags": ["\#(name)"]"#) }
    let sends = #"{"names": ["sendmsg"], "action": "SCMP_ACT_ALLOW"}"#
    for name in try words("linux", "seccomp", "actions") {
      try compiles(#""syscalls": [\#(sends), {"names": ["mount"], "action": "\#(name)"}]"#)
    }
    for name in try words("linux", "seccomp", "operators") {
      let argument = #"{"index": 1, "value": 3, "op": "\#(name)"}"#
      try compiles(#""syscalls": [{"names": ["mount"], "action": "SCMP_ACT_LOG", "args": [\#(argument)]}]"#)
    }
    #expect(try words("linux", "seccomp", "archs").count == 23)
    #expect(try words("linux", "seccomp", "actions").count == 9)
    #expect(try words("linux", "seccomp", "operators").count == 7)
    #expect(try words("linux", "seccomp", "supportedFlags").count == 4)
  }

  @Test func namespacesAndCapabilities() throws {
    #expect(
      try words("linux", "namespaces") == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"])
    #expect(try words("linux", "capabilities").first == "CAP_CHOWN")
    #expect(try words("linux", "capabilities").count == 41)
  }
}

@Suite struct ListenerTests {
  /// The members that config-linux.md, "The Container Process State", requires, with their types.
  @Test func containerProcessState() throws {
    var profile = Spec.Seccomp(defaultAction: .allow)
    #expect(filterListener(of: profile, Spec.State(id: "c", status: .creating, bundle: "/b")) == nil)
    profile.listenerPath = "/run/agent.sock"
    profile.listenerMetadata = "a \"b\"\n\u{1}"
    let state = Spec.State(id: "web", status: .created, bundle: "/b", annotations: ["k": "v"])
    let first = try #require(filterListener(of: profile, state))
    let document = try JSONValue(parsing: first.message(process: 42))
    #expect(document["ociVersion"]?.string == "1.3.0")
    #expect(document["fds"]?.array?.map(\.string) == ["seccompFd"])
    #expect(document["pid"]?.unsigned == 42)
    #expect(document["metadata"]?.string == profile.listenerMetadata)
    #expect(document["state"]?["id"]?.string == "web" && document["state"]?["status"]?.string == "created")
    #expect(document["state"]?["pid"]?.unsigned == 42 && document["state"]?["bundle"]?.string == "/b")
    #expect(document["state"]?["annotations"]?["k"]?.string == "v")

    // A process that joins has a number of its own.
    profile.listenerMetadata = nil
    let joined = try JSONValue(
      parsing: #require(filterListener(of: profile, state, container: 42)).message(process: 99))
    #expect(joined["pid"]?.unsigned == 99 && joined["state"]?["pid"]?.unsigned == 42 && joined["metadata"] == nil)
  }
}
