import Testing

@testable import Engine

@Suite struct NamedDeviceOptionTests {
  @Test func names() {
    #expect(NamedDevice("vendor.com/net=eth0") == NamedDevice(kind: "vendor.com/net", name: "eth0"))
    for text in ["/dev/fuse", "/dev/a=b", "vendor.com=x", "a/b/c=d", "vendor.com/class=", "=x"] {
      #expect(NamedDevice(text) == nil, "\(text)")
    }
  }

  @Test(arguments: [
    ("all", ["nvidia.com/gpu=all"]),
    ("2", ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]),
    ("device=GPU-12", ["nvidia.com/gpu=GPU-12"]),
    (#""device=0,2",capabilities=utility"#, ["nvidia.com/gpu=0", "nvidia.com/gpu=2"]),
    ("count=1,driver=amd", ["amd.com/gpu=0"]),
    ("driver=cdi,device=a.b/c=d", ["a.b/c=d"]),
  ])
  func requests(text: String, names: [String]) throws {
    #expect(try NamedDevice.gpus(text).map(\.description) == names)
  }

  @Test(arguments: ["", "some", "0", "count=x", "options=a", "driver=nvidia", "driver=cdi,device=0"])
  func badRequests(text: String) { #expect(throws: OptionError.self) { try NamedDevice.gpus(text) } }

  @Test func storage() throws {
    #expect(try StorageRequest("size=10g").bytes == 10 << 30)
    #expect(try StorageRequest("Size=1.5GiB").word == "1.5GiB")
    #expect(try StorageRequest("size=0").bytes == 0)
    for text in [
      "", "size", "size=", "size=x", "size=1000k", "size=-1g", "size=99999999999g", "inodes=5", "overlay2.size=1g",
    ] {
      #expect(throws: OptionError.self, "\(text)") { try StorageRequest(text) }
    }
  }

  @Test func secrets() throws {
    let secret = try SecretRequest("src=key,id=name,mode=440,uid=5", directory: "/here")
    #expect(secret.source == "/here/key" && secret.name == "name")
    #expect(secret.place == .file("/run/secrets/name", mode: 0o440, user: 5, group: 0))
    #expect(try SecretRequest("type=env,src=/a/B", directory: "/").place == .variable("B"))
    for text in [
      "", "key", "src=", "src=a,mode=9", "src=a,id=x/y", "src=a,type=x", "src=a,src=b", "src=a,type=env,uid=1",
    ] {
      #expect(throws: OptionError.self, "\(text)") { try SecretRequest(text, directory: "/") }
    }
  }
}
