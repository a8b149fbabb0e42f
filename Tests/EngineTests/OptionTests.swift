import Engine
import Foundation
import Kernel
import Steps
import Testing

private func reason<Value>(_ body: () throws -> Value) -> String? {
  do {
    _ = try body()
    return nil
  } catch let error as OptionError { return error.reason } catch { return "\(error)" }
}

@Suite struct SignalNameTests {
  @Test func asTheKernelHasThem() {
    for (name, number) in [
      ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("9", 9), ("64", 64), ("RTMIN", 34), ("SIGRTMIN+3", 37),
      ("RTMAX", 64), ("RTMAX-1", 63), ("IOT", 6), ("SYS", 31), ("WINCH", 28),
    ] as [(String, Int32)] {
      #expect(SignalName.number(name) == number)
    }
    for name in ["", "0", "65", "-1", "+9", "SIG", "NOPE", "RTMIN+31", "RTMIN-1", "RTMAX+1", "9 "] {
      #expect(SignalName.number(name) == nil, "\(name)")
    }
    #expect(SignalName.name(of: 9) == "SIGKILL" && SignalName.name(of: 34) == "SIGRTMIN")
    #expect(SignalName.name(of: 37) == "SIGRTMIN+3" && SignalName.name(of: 99) == "signal 99")
    for number in Int32(1)...31 { #expect(SignalName.number(SignalName.name(of: number)) == number) }
  }
}

@Suite struct EnvironmentOptionTests {
  private let host: (String) -> String? = { ["HERE": "x=y", "EMPTY": ""][$0] }

  @Test func oneVariable() throws {
    #expect(try parseEnvironment("A=1", host: host) == "A=1")
    #expect(try parseEnvironment("A=", host: host) == "A=")
    #expect(try parseEnvironment("A=b=c\nd", host: host) == "A=b=c\nd")
    #expect(try parseEnvironment("HERE", host: host) == "HERE=x=y")
    #expect(try parseEnvironment("EMPTY", host: host) == "EMPTY=")
    #expect(try parseEnvironment("GONE", host: host) == nil)
    #expect(reason { try parseEnvironment("=1", host: host) } != nil)
    #expect(reason { try parseEnvironment("", host: host) } != nil)
    #expect(reason { try parseEnvironment("A\nB=1", host: host) } != nil)
  }

  @Test func aFile() throws {
    let text = "\u{feff}A=1\r\n# no\n\n  B=two words # not a comment\nHERE\nGONE\nC='q'\nD="
    #expect(
      try parseEnvironmentFile(Array(text.utf8), host: host)
        == ["A=1", "B=two words # not a comment", "HERE=x=y", "C='q'", "D="])
    #expect(reason { try parseEnvironmentFile(Array("A=1\n=2".utf8), host: host) } == "line 2 has no variable name")
    #expect(reason { try parseEnvironmentFile(Array("A B=1".utf8), host: host) }?.contains("white space") == true)
    #expect(reason { try parseEnvironmentFile([65, 61, 0xff], host: host) } == "line 1 is no text")
    #expect(reason { try parseEnvironmentFile([65, 61, 0], host: host) } == "line 1 is no text")
  }

  @Test func filesComeBeforeVariables() throws {
    let path = "/tmp/skiff-env-\(UUID().uuidString)"
    try replaceFile(Path(path), with: Array("A=file\nB=file".utf8))
    defer { try? removeFile(Path(path)) }
    #expect(
      try readEnvironment(files: [path], variables: ["A=flag", "GONE"]) { _ in nil } == [
        "A=file", "B=file", "A=flag",
      ])
    #expect(
      reason { try readEnvironment(files: ["/no/such"], variables: []) { _ in nil } }
        == "cannot read /no/such: no such file or directory")
  }
}

@Suite struct MountOptionTests {
  private func volume(_ text: String) throws -> MountRequest {
    var request = try MountRequest(volume: text, directory: "/here")
    #expect(request.mode == text.split(separator: ":").dropFirst(2).joined())
    request.mode = ""
    return request
  }
  private func mount(_ text: String) throws -> MountRequest { try MountRequest(mount: text, directory: "/here") }

  @Test func volumes() throws {
    #expect(try volume("/a:/b") == MountRequest(.bind("/a"), form: .volume, target: "/b", options: []))
    #expect(
      try volume("/a/../c/:/b/:ro,Z,rslave")
        == MountRequest(.bind("/c"), form: .volume, target: "/b", options: ["ro", "rslave", "rro"]))
    #expect(try volume("./x:/b") == MountRequest(.bind("/here/x"), form: .volume, target: "/b", options: []))
    #expect(try volume("../x:/b") == MountRequest(.bind("/x"), form: .volume, target: "/b", options: []))
    #expect(try volume("data:/b:rw") == MountRequest(.volume("data"), form: .volume, target: "/b", options: ["rw"]))
    #expect(
      try volume("data:/b:nocopy,ro")
        == MountRequest(.volume("data"), form: .volume, target: "/b", options: ["nocopy", "ro", "rro"]))
    #expect(try volume("/b") == MountRequest(.volume(nil), form: .volume, target: "/b", options: []))
  }

  @Test(arguments: [
    "", ":", "/a:", ":/b", "/a:b", "/a:/", "/a:/..", "/a:/b:", "/a:/b:rx", "/a:/b:ro,rw", "/a:/b:ro,ro", "/a:/b:ro:x",
    "x/y:/b", "-v:/b", "/a:/b\n", "/a:/b:nocopy", "a:/b",
  ])
  func badVolumes(text: String) { #expect(reason { try volume(text) } != nil) }

  @Test func mounts() throws {
    #expect(
      try mount("type=bind,source=/a,target=/b,readonly")
        == MountRequest(.bind("/a"), form: .mount, target: "/b", options: ["ro", "rro"]))
    #expect(
      try mount("type=bind,src=./a,dst=/b,bind-propagation=rprivate,readonly,bind-recursive=readonly")
        == MountRequest(.bind("/here/a"), form: .mount, target: "/b", options: ["rprivate", "rro"]))
    #expect(
      try mount("type=bind,src=./a,dst=/b,bind-propagation=rshared,readonly=false,bind-recursive=enabled")
        == MountRequest(.bind("/here/a"), form: .mount, target: "/b", options: ["rshared"]))
    #expect(
      try mount("type=bind,src=/a,dst=/b,ro,bind-recursive=writable")
        == MountRequest(.bind("/a"), form: .mount, target: "/b", options: ["ro"]))
    for word in ["bind-recursive=disabled", "bind-nonrecursive"] {
      #expect(
        try mount("type=bind,src=/a,dst=/b,ro,\(word)")
          == MountRequest(.bind("/a"), form: .mount, target: "/b", options: ["bind", "ro"]))
    }
    #expect(
      try mount("type=volume,src=data,dst=/b,volume-nocopy")
        == MountRequest(.volume("data"), form: .mount, target: "/b", options: ["nocopy"]))
    #expect(try mount("target=/b") == MountRequest(.volume(nil), form: .mount, target: "/b", options: []))
    #expect(
      try mount("source=data,destination=/b,ro")
        == MountRequest(.volume("data"), form: .mount, target: "/b", options: ["ro", "rro"]))
    #expect(
      try mount("type=tmpfs,target=/t,tmpfs-size=64mb,tmpfs-mode=1770")
        == MountRequest(.tmpfs, form: .mount, target: "/t", options: ["size=67108864", "mode=1770"]))
    #expect(
      try mount("type=bind,\"source=/a,b\",target=/b")
        == MountRequest(.bind("/a,b"), form: .mount, target: "/b", options: []))
    #expect(
      try mount("type=bind,\"source=/a\"\"q\",target=/b")
        == MountRequest(.bind("/a\"q"), form: .mount, target: "/b", options: []))
  }

  @Test(arguments: [
    ("type=bind,target=/b", "a bind mount needs a source"), ("type=bind,source=/a", "target is required"),
    ("type=tmpfs,target=/b,source=/a", "a tmpfs has no source"), ("", "expected KEY=VALUE with commas between"),
    ("type=bind,source=a,target=/b", "the source \"a\" is not a path"), ("target=/b,nope=1", "unknown key \"nope\""),
    ("type=tmpfs,target=/b,bind-propagation=slave", "bind-propagation does not go with type=tmpfs"),
    ("type=nfs,target=/b", "unknown type \"nfs\": expected bind, volume, tmpfs or image"),
    ("target=", "target needs a value: target=…"),
    ("type=bind,source=/a,target=/b,bind-recursive=readonly", "bind-recursive=readonly needs readonly beside it"),
    (
      "type=bind,source=/a,target=/b,ro,bind-recursive=readonly",
      "bind-recursive=readonly needs bind-propagation=rprivate beside it"
    ),
    ("type=bind,source=/a,target=/b,volume-nocopy", "volume-nocopy does not go with type=bind"),
    ("target=/b,readonly=perhaps", "readonly is true or false"), ("\"target=/b", "a quote is not closed"),
    ("\"target=/b\"x", "there is text after a closing quote"), ("target=b", "the target \"b\" is not an absolute path"),
    ("type=tmpfs,target=/b,tmpfs-mode=999", "bad value in the tmpfs option \"mode=999\""),
  ])
  func badMounts(text: String, words: String) { #expect(reason { try mount(text) } == words) }

  @Test func tmpfs() throws {
    #expect(try MountRequest(tmpfs: "/t") == MountRequest(.tmpfs, form: .tmpfs, target: "/t", options: []))
    #expect(
      try MountRequest(tmpfs: "/t:size=64m,mode=1777,exec,uid=5")
        == MountRequest(.tmpfs, form: .tmpfs, target: "/t", options: ["size=64m", "mode=1777", "exec", "uid=5"]))
    #expect(
      try MountRequest(tmpfs: "/t:size=50%") == MountRequest(.tmpfs, form: .tmpfs, target: "/t", options: ["size=50%"]))
    for text in [
      "t", "/", "/t:sized=1", "/t:size=", "/t:mode=8", "/t:uid=-1", "/t:size=200%", "/t:upperdir=/x", "/t:,",
    ] {
      #expect(reason { try MountRequest(tmpfs: text) } != nil || text == "/t:,", "\(text)")
    }
  }

  @Test func suggestions() {
    let error = #expect(throws: OptionError.self) { try volume("/a:/b:rslav") }
    #expect(error?.suggestion == "did you mean rslave?")
    let key = #expect(throws: OptionError.self) { try mount("target=/b,sorce=x") }
    #expect(key?.suggestion == "did you mean source?")
  }
}

@Suite struct ResourceOptionTests {
  @Test func cpusets() throws {
    for text in ["0", "0-3", "0,2-3", "8191"] { #expect(try parseCPUSet(text) == text) }
    for text in ["", "a", "3-1", "0-", "-1", "0,,1", "8192", "0-1-2", "+1", "0 ,1"] {
      #expect(reason { try parseCPUSet(text) } != nil, "\(text)")
    }
  }

  @Test func cpusBecomeAQuota() throws {
    var resources = ResourceRequest()
    try resources.setCPUs(nano: 1_500_000_000)
    #expect(resources.cpuPeriod == 100_000 && resources.cpuQuota == 150_000)
    #expect(reason { try resources.setCPUs(nano: 1_000_000_000) } != nil)
    var little = ResourceRequest()
    #expect(reason { try little.setCPUs(nano: 9_999_999) } != nil)
  }

  @Test func limitsTogether() {
    func check(_ change: (inout ResourceRequest) -> Void) -> String? {
      var resources = ResourceRequest()
      change(&resources)
      return reason { try resources.check() }
    }
    #expect(check { $0.memory = 64 << 20 } == nil)
    #expect(check { $0.memory = 1 << 20 } == "the least memory limit is 6m")
    #expect(check { $0.memorySwap = 64 << 20 } != nil)
    #expect(check { $0.memorySwap = -1 } == nil)
    #expect(check { ($0.memory, $0.memorySwap) = (64 << 20, 32 << 20) } != nil)
    #expect(check { ($0.memory, $0.memorySwap) = (64 << 20, 64 << 20) } == nil)
    #expect(check { ($0.memory, $0.memoryReservation) = (64 << 20, 128 << 20) } != nil)
    #expect(check { $0.cpuPeriod = 10 } != nil)
    #expect(check { $0.cpuQuota = 10 } != nil)
  }
}

@Suite struct SecurityOptionTests {
  private func security(_ texts: String...) throws -> SecurityRequest {
    var request = SecurityRequest()
    for text in texts { try request.take(text, directory: "/here") }
    return request
  }

  @Test func options() throws {
    #expect(try security("no-new-privileges").noNewPrivileges)
    #expect(try security("no-new-privileges:true").noNewPrivileges)
    #expect(try !security("no-new-privileges", "no-new-privileges=false").noNewPrivileges)
    #expect(try security("seccomp=unconfined").seccomp == .unconfined)
    #expect(try security("seccomp=p.json").seccomp == .file("/here/p.json"))
    #expect(try security("seccomp=/p.json").seccomp == .file("/p.json"))
    #expect(try security("systempaths=unconfined", "apparmor=unconfined", "label=disable").pathsAreOpen)
    for text in [
      "", "seccomp", "seccomp=", "apparmor=", "no-new-privileges=x", "systempaths=x", "secomp=a",
    ] {
      #expect(reason { try security(text) } != nil, "\(text)")
    }
  }

  @Test func devices() throws {
    #expect(try DeviceRequest("/dev/fuse") == DeviceRequest(source: "/dev/fuse", target: "/dev/fuse", access: "rwm"))
    #expect(try DeviceRequest("/dev/a:/dev/b:r") == DeviceRequest(source: "/dev/a", target: "/dev/b", access: "r"))
    #expect(try DeviceRequest("/dev/a:rm") == DeviceRequest(source: "/dev/a", target: "/dev/a", access: "rm"))
    for text in ["", "dev/a", "/dev/a:", "/dev/a:/dev/b:x", "/dev/a:/dev/b:rr", "/dev/a:/dev/b:r:w", "/dev/a:b"] {
      #expect(reason { try DeviceRequest(text) } != nil, "\(text)")
    }
  }

  @Test func maps() throws {
    #expect(try IdentifierMap(option: "0:100000:65536") == IdentifierMap(container: 0, host: 100_000, count: 65_536))
    for text in [
      "", "0:1", "0:1:0", "a:1:1", "-1:0:1", "+0:0:1", "0:4294967295:1", "4294967295:0:1", "0:0:4294967295:1",
    ] {
      #expect(reason { try IdentifierMap(option: text) } != nil, "\(text)")
    }
    let map = try IdentifierMap(option: "0:5:10")
    #expect(try UserNamespaceRequest(mode: nil, users: [], groups: []) == nil)
    #expect(try UserNamespaceRequest(mode: "host", users: [], groups: []) == nil)
    #expect(try UserNamespaceRequest(mode: "auto", users: [], groups: [])?.users.first?.host == 100_000)
    #expect(try UserNamespaceRequest(mode: nil, users: [map], groups: [])?.groups == [map])
    #expect(reason { try UserNamespaceRequest(mode: "host", users: [map], groups: []) } != nil)
    #expect(reason { try UserNamespaceRequest(mode: "other", users: [], groups: []) } != nil)
    let high = try IdentifierMap(option: "5:5:10")
    #expect(reason { try UserNamespaceRequest(mode: nil, users: [high], groups: []) } != nil)
  }
}

@Suite struct NameOptionTests {
  @Test func names() throws {
    for text in ["web", "a1", "A_b.c-d", "0x"] { #expect(try parseName(text) == text) }
    #expect(try parseName("/web") == "web")
    for text in ["", "a", "-a", ".a", "a/b", "a b", "ü1", "a\n", "..", String(repeating: "a", count: 129)] {
      #expect(reason { try parseName(text) } != nil, "\(text)")
    }
  }

  @Test func hostnamesAndDirectories() throws {
    #expect(try parseHostname("web-1.example") == "web-1.example")
    for text in ["", "a b", "-a", "a/b", "a\nb", String(repeating: "a", count: 65)] {
      #expect(reason { try parseHostname(text) } != nil, "\(text)")
    }
    #expect(try parseWorkingDirectory("/a/b") == "/a/b")
    #expect(reason { try parseWorkingDirectory("a") } == "it needs to be an absolute path")
    #expect(reason { try parseWorkingDirectory("/a\nb") } != nil)
  }

  @Test func networks() throws {
    #expect(try NetworkRequest("bridge") == .bridge && NetworkRequest("default") == .bridge)
    #expect(try NetworkRequest("none") == NetworkRequest.none && NetworkRequest("host") == .host)
    #expect(try NetworkRequest("container:web") == .container("web") && NetworkRequest("back") == .named("back"))
    for text in ["", "container:", "a/b", "container:../x"] { #expect(reason { try NetworkRequest(text) } != nil) }
  }

  @Test func labelsSysctlsAndHosts() throws {
    #expect(try Label(label: "a=b=c") == Label(name: "a", value: "b=c"))
    #expect(try Label(label: "a") == Label(name: "a", value: ""))
    #expect(reason { try Label(label: "=b") } != nil)
    #expect(try Label(sysctl: "net/core/somaxconn=1") == Label(name: "net.core.somaxconn", value: "1"))
    // The plus sign and the newline of CVE-2022-0811.
    for text in ["", "a", "=1", "a+b=1", "kernel.shm_rmid_forced=1\nkernel.core_pattern=|/x", "../x=1", "a=1\u{0}"] {
      #expect(reason { try Label(sysctl: text) } != nil, "\(text)")
    }
    #expect(try Label(host: "db:10.0.0.5") == Label(name: "db", value: "10.0.0.5"))
    for text in ["", "db", "db:x", ":1.2.3.4", "a b:1.2.3.4", "db:1.2.3.4\n5.6.7.8 x"] {
      #expect(reason { try Label(host: text) } != nil, "\(text)")
    }
  }

  @Test func times() throws {
    let now = Timestamp(seconds: 1_000_000, nanoseconds: 5)
    #expect(try parseTime("10m", now: now) == Timestamp(seconds: 999_400, nanoseconds: 5))
    #expect(try parseTime("1700000000", now: now) == Timestamp(seconds: 1_700_000_000, nanoseconds: 0))
    #expect(try parseTime("1700000000.5", now: now) == Timestamp(seconds: 1_700_000_000, nanoseconds: 500_000_000))
    #expect(try parseTime("2026-11-23T00:00:00Z", now: now).seconds == 1_795_392_000)
    #expect(try parseTime("0", now: now) == Timestamp(seconds: 0, nanoseconds: 0))
    for text in ["", "soon", "1.", "1.0000000001", "2026-13-01"] {
      #expect(reason { try parseTime(text, now: now) } != nil)
    }
  }
}

@Suite struct DeviceOptionTests {
  @Test func rates() throws {
    let rate = try DeviceRateRequest(.readBytes, "/dev/disk/by-id/a:b:1mb")
    #expect(rate.device == "/dev/disk/by-id/a:b" && rate.value == 1 << 20)
    #expect(try DeviceRateRequest(.writeOperations, "/dev/sda:100").value == 100)
    #expect(try DeviceRateRequest(.weight, "/dev/sda:200").value == 200)
    for text in ["", "/dev/sda", "sda:1", "/dev/sda:", "/dev/sda:-1", "/dev/sda:1x"] {
      #expect(reason { try DeviceRateRequest(.readBytes, text) } != nil, "\(text)")
    }
    for text in ["/dev/sda:9", "/dev/sda:1001", "/dev/sda:1k"] {
      #expect(reason { try DeviceRateRequest(.weight, text) } != nil, "\(text)")
    }
  }

  @Test func rules() throws {
    let rule = try DeviceRuleRequest("b 8:* r")
    #expect(rule.kind == "b" && rule.major == 8 && rule.minor == nil && rule.access == "r")
    for text in ["", "c 1:3", "x 1:3 r", "c 1 r", "c 1:3:4 r", "c 1:3 rx", "c 1:3 rwmr", "c -1:3 r", "c  1:3 r"] {
      #expect(reason { try DeviceRuleRequest(text) } != nil, "\(text)")
    }
  }
}
