import JSON
import Kernel
import Launching
import RuntimeSpec
import Testing

@testable import OCIRuntime

@Suite struct ExampleSpecTests {
  @Test func itIsReadAsItWasWritten() throws {
    let spec = exampleSpec(isUnified: true)
    #expect(try Spec(parsing: spec.jsonBytes(.tabs)) == spec)
    #expect(spec.linux?.namespaces.map(\.type) == [.pid, .network, .ipc, .uts, .mount, .cgroup])
    #expect(exampleSpec(isUnified: false).linux?.namespaces.contains { $0.type == .cgroup } == false)
  }

  @Test func itIsLaidOutAsGoDoes() {
    let text = exampleSpec(isUnified: false).jsonString(.tabs)
    #expect(text.hasPrefix("{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n\t\t\"terminal\": true,\n"))
    #expect(text.hasSuffix("\t}\n}"))
  }

  @Test func rootlessLeavesOutWhatNeedsPrivileges() {
    var spec = exampleSpec(isUnified: false)
    spec.makeRootless(user: 1000, group: 100)
    #expect(spec.linux?.namespaces.map(\.type) == [.pid, .ipc, .uts, .mount, .user])
    #expect(spec.linux?.uidMappings == [Spec.IDMapping(containerID: 0, hostID: 1000, size: 1)])
    #expect(spec.linux?.gidMappings == [Spec.IDMapping(containerID: 0, hostID: 100, size: 1)])
    #expect(spec.linux?.resources == nil)
    #expect(spec.mounts.allSatisfy { mount in !mount.options.contains { $0.hasPrefix("gid=") } })
    #expect(spec.mounts.first { $0.destination == "/sys" }?.options.first == "rbind")
  }
}

@Suite struct HostProgramTests {
  @Test func itsOutputAndItsEndAreSeen() throws {
    let shell = try #require(HostProgram(named: "sh"))
    let result = try shell.run(["-c", "echo out; echo err >&2; exit 3"])
    #expect(result.text == "out\nerr\n")
    #expect(result.status == .exited(3))
  }

  @Test func itHasWhatItIsGiven() throws {
    let pipe = try makePipe()
    let shell = try #require(HostProgram(named: "/bin/sh"))
    let words = ["-c", "echo here >&3; readlink /proc/$$/fd/0"]
    let result = try shell.run(words, inheriting: [pipe.writing.borrowed])
    var buffer = [UInt8](repeating: 0, count: 16)
    let count = try pipe.reading.borrowed.read(into: &buffer)
    #expect(String(decoding: buffer[..<count], as: UTF8.self) == "here\n")
    #expect(result.text == "/dev/null\n")
  }

  @Test func itMayBeAScriptAndHasStreamsInTheirOrder() throws {
    let path = "/tmp/skiff-script-\(processIdentifier())"
    try replaceFile(Path(path), with: Array("#!/bin/sh\ncat <&3; cat <&4\n".utf8), mode: 0o755)
    defer { try? removeFile(Path(path)) }
    let first = try makePipe()
    let second = try makePipe()
    try first.writing.borrowed.write("first\n")
    try second.writing.borrowed.write("second\n")
    try first.writing.close()
    try second.writing.close()
    let script = try #require(HostProgram(named: path))
    // The later one has the lower number: it is not covered by the earlier one on the way.
    let result = try script.run([], inheriting: [second.reading.borrowed, first.reading.borrowed])
    #expect(result.text == "second\nfirst\n")
  }

  @Test func longOutputIsCutAndReadToItsEnd() throws {
    let shell = try #require(HostProgram(named: "sh"))
    let result = try shell.run(["-c", "head -c 300000 /dev/zero"], limit: 1000)
    #expect(result.output.count == 1000)
    #expect(result.status == .exited(0))
  }

  @Test(arguments: ["no-such-program-here", "/etc/passwd", "/etc", "/nonexistent/ps"])
  func whatCannotBeCalledIsNotFound(name: String) {
    #expect(HostProgram(named: name) == nil)
  }
}
