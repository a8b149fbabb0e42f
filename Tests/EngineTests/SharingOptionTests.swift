import Kernel
import Testing

@testable import Engine

@Suite struct SharingOptionTests {
  @Test func processes() throws {
    #expect(try SharingRequest.Processes("") == .own)
    #expect(try SharingRequest.Processes("host") == .host)
    #expect(try SharingRequest.Processes("container:web").word == "container:web")
    #expect(throws: OptionError.self) { try SharingRequest.Processes("hots") }
    #expect(throws: OptionError.self) { try SharingRequest.Processes("container:") }
  }

  @Test(arguments: ["shareable", "none", "host", "container:web"])
  func memory(word: String) throws { #expect(try SharingRequest.IPC(word).word == word) }

  @Test func cgroupParents() throws {
    #expect(try parseCgroupParent("/a//b/") == "a/b")
    #expect(try parseCgroupParent("machine.slice") == "machine.slice")
    #expect(try parseCgroupParent("/") == nil)
    #expect(throws: OptionError.self) { try parseCgroupParent("a/../../b") }
    #expect(throws: OptionError.self) { try parseCgroupParent("a\nb") }
  }

  @Test func labelsOfSELinux() throws {
    var security = SecurityRequest()
    for part in ["type:web_t", "level:s0:c1,c2"] { try security.take("label=" + part, directory: "/") }
    #expect(security.label?.process == "system_u:system_r:web_t:s0:c1,c2")
    #expect(security.label?.file == "system_u:object_r:container_file_t:s0:c1,c2")
    #expect(security.words == ["label=type:web_t", "label=level:s0:c1,c2"])
    try security.take("label=disable", directory: "/")
    #expect(security.label == nil)
    #expect(throws: OptionError.self) { try security.take("label=type:", directory: "/") }
  }

  @Test func profilesOfAppArmor() throws {
    var security = SecurityRequest()
    try security.take("apparmor=docker-default", directory: "/")
    #expect(security.apparmor == "docker-default")
    try security.take("apparmor:unconfined", directory: "/")
    #expect(security.apparmor == nil)
    #expect(throws: OptionError.self) { try security.take("apparmor=", directory: "/") }
  }

  @Test func labelFiles() throws {
    let labels = try parseLabelFile(Array("# no\n\na=1\nb\nc=x=y\n".utf8))
    #expect(labels == [.init(name: "a", value: "1"), .init(name: "b", value: ""), .init(name: "c", value: "x=y")])
    #expect(throws: OptionError.self) { try parseLabelFile(Array("a b=1\n".utf8)) }
  }

  @Test func rulesAreShownAsTheyWereGiven() throws {
    for text in ["c 1:3 rwm", "b 8:* r", "a *:* rw"] { #expect(try DeviceRuleRequest(text).text == text) }
  }
}
