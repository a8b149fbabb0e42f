import CNI
import JSON
import Kernel
import Steps
import Testing

@Suite struct PluginListTests {
  private func list(_ text: String) throws -> PluginList { try PluginList(Array(text.utf8)) }

  @Test func aListHasItsPluginsInOrder() throws {
    let made = try list(
      #"{"cniVersion":"1.0.0","name":"a.b-c","plugins":[{"type":"bridge","x":1},{"type":"portmap","capabilities":{"portMappings":true}}]}"#
    )
    #expect(made.name == "a.b-c")
    #expect(made.types == ["bridge", "portmap"])
    #expect(made.publishesPorts)
    let port = PluginPort(hostAddress: "127.0.0.1", hostPort: 8080, containerPort: 80, transport: "tcp")
    let plugins = made.plugins(publishing: [port])
    let first = try JSONValue(parsing: plugins[0].configuration)
    // Those that cannot publish are not told.
    #expect(first == ["type": "bridge", "x": 1, "name": "a.b-c", "cniVersion": "1.0.0"])
    let second = try JSONValue(parsing: plugins[1].configuration)
    #expect(second["capabilities"] == nil)
    #expect(
      second["runtimeConfig"]?["portMappings"] == [
        ["hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1"]
      ])
    #expect(try JSONValue(parsing: made.plugins(publishing: [])[1].configuration)["runtimeConfig"] == nil)
  }

  @Test func aSinglePluginIsAList() throws {
    let made = try list(#"{"name":"x","type":"ptp","prevResult":{}}"#)
    #expect(made.version == "0.2.0")
    #expect(try JSONValue(parsing: made.plugins(publishing: [])[0].configuration)["prevResult"] == nil)
  }

  @Test(arguments: [
    ("", "value"), ("[]", "no JSON object"), (#"{"plugins":[]}"#, "\"name\" is missing"),
    (#"{"name":"-x","type":"a"}"#, "\"name\" is missing"), (#"{"name":"x/y","type":"a"}"#, "\"name\" is missing"),
    (#"{"name":"x","plugins":[]}"#, "not a list"), (#"{"name":"x","plugins":[1]}"#, "not a list"),
    (#"{"name":"x","cniVersion":"9.0.0","type":"a"}"#, "9.0.0"), (#"{"name":"x"}"#, "no \"type\""),
    (#"{"name":"x","type":"../../bin/sh"}"#, "no \"type\""), (#"{"name":"x","type":".."}"#, "no \"type\""),
    (#"{"name":"x","type":"a b"}"#, "no \"type\""),
  ])
  func whatIsNoListIsRefused(_ text: String, _ words: String) {
    do throws(PluginError) {
      _ = try PluginList(Array(text.utf8))
      Issue.record("it was taken: \(text)")
    } catch { #expect(error.message.contains(words), "\(error)") }
  }

  @Test func theFirstFileOfAllCounts() throws {
    try withDirectory { directory in
      func write(_ name: String, _ text: String) throws {
        try replaceFile(directory.appending(name), with: Array(text.utf8))
      }
      #expect(throws: PluginError.self) { try PluginList.find("x", in: directory.appending("none")) }
      try write("20-late.conf", #"{"name":"x","type":"late"}"#)
      try write("10-early.conflist", #"{"name":"x","plugins":[{"type":"early"}]}"#)
      try write("00-damaged.conf", "{")
      try write(".hidden.conf", #"{"name":"hidden","type":"a"}"#)
      try write("readme.txt", #"{"name":"readme","type":"a"}"#)
      try makeNode(directory.appending("pipe.conf"), kind: .fifo, mode: 0o600)
      #expect(try PluginList.find("x", in: directory).types == ["early"])
      for name in ["hidden", "readme"] {
        do throws(PluginError) {
          _ = try PluginList.find(name, in: directory)
          Issue.record("\(name) was found")
        } catch {
          #expect(error.message.contains("there is no network \(name)"))
          #expect(error.hint?.contains("00-damaged.conf") == true)
        }
      }
    }
  }

  @Test func whatAPluginAnswersIsRead() throws {
    let text = #"""
      {"cniVersion":"1.0.0","interfaces":[{"name":"br0","mac":"aa"},{"name":"eth0","mac":"0a:00:00:00:00:01","sandbox":"/n"}],
       "ips":[{"address":"10.1.2.3/24","gateway":"10.1.2.1","interface":1},{"address":"9.9.9.9/8","interface":0},
       {"address":"fd00::2/64","gateway":"fd00::1","interface":1},{"address":"1.1.1.1\n2.2.2.2 evil/8","interface":1}],
       "dns":{"nameservers":["10.1.2.53","x y"],"domain":"d.test","options":["ndots:1"]}}
      """#
    let result = try PluginResult(Array(text.utf8), interface: "eth0")
    #expect(result.addresses == ["10.1.2.3/24", "fd00::2/64"])
    #expect(result.gateways == ["10.1.2.1", "fd00::1"])
    #expect(result.hardwareAddress == "0a:00:00:00:00:01")
    #expect(result.resolvers == ["10.1.2.53"])
    #expect(result.searchDomains == ["d.test"])
    #expect(result.resolverOptions == ["ndots:1"])
    let old = try PluginResult(Array(#"{"ip4":{"ip":"10.0.0.9/8","gateway":"10.0.0.1"}}"#.utf8), interface: "eth0")
    #expect(old.addresses == ["10.0.0.9/8"])
    for text in ["", "3", "{"] {
      #expect(throws: PluginError.self) { try PluginResult(Array(text.utf8), interface: "eth0") }
    }
  }
}

func withDirectory(_ body: (Path) throws -> Void) throws {
  let directory = Path("/tmp/skiff-cni-\(processIdentifier())-\(monotonicNanoseconds())")
  try makeDirectories(directory, mode: 0o700)
  defer { try? removeTree(directory) }
  try body(directory)
}
