import Foundation
import Kernel
import Steps
import Testing

@testable import Privileges

private let isRoot = effectiveUser() == 0

/// Attributes for real, as the kernel tells them afterwards. Each test is a process of its own: none can be taken back.
@Suite(.enabled(if: isRoot, "a real-time policy needs root"))
struct AttributeTests {
  @Test func schedulers() async {
    await #expect(processExitsWith: .success) {
      try run(.scheduler(SchedulerSettings(policy: .batch, nice: 5)))
      try expect(statistic(41) == "3" && statistic(19) == "5")
      try run(.scheduler(SchedulerSettings(policy: .roundRobin, priority: 9, flags: 1)))
      // Fields 40 and 41 of proc_pid_stat(5): rt_priority, policy.
      try expect(statistic(41) == "2" && statistic(40) == "9")
      try run(.scheduler(SchedulerSettings(policy: .deadline, flags: 1, runtime: 2_000_000, deadline: 50_000_000)))
      try expect(statistic(41) == "6")
      try run(.scheduler(SchedulerSettings(policy: .idle)))
      try expect(statistic(41) == "5")
    }
  }

  @Test func schedulerWithoutTheCapability() async {
    await #expect(processExitsWith: .success) {
      try setProcessCapabilities(ProcessCapabilities(effective: [], permitted: [], inheritable: []))
      try setResourceLimit(14, to: LimitPair(soft: 0, hard: 0))
      let fault = fault { () throws(Fault) in try run(.scheduler(SchedulerSettings(policy: .fifo, priority: 1))) }
      try expect(fault?.errno == .notPermitted && fault?.hint?.contains("CAP_SYS_NICE") == true)
    }
  }

  @Test func ioPriorityPersonalityAndProcessors() async {
    await #expect(processExitsWith: .success) {
      try run(.ioPriority(IOPriority(class: .bestEffort, level: 6)))
      try expect(try answer("ionice", "-p", "\(threadNumber)") == "best-effort: prio 6")
      try run(.personality(.linux32))
      try expect(try readText("/proc/thread-self/personality") == "00000008")
      try run(.processors(try NumberList(parsing: "0")))
      try expect(status("Cpus_allowed_list") == "0")
      try run(.processors(.all))
      try expect(status("Cpus_allowed_list") == (try readText("/sys/devices/system/cpu/online")))
      let fault = fault { () throws(Fault) in try run(.processors(last)) }
      try expect(fault?.errno == .invalid && fault?.arguments == "0, 8191")
    }
  }

  @Test func memoryPolicies() async {
    await #expect(processExitsWith: .success) {
      let node = try NumberList(parsing: "0")
      for (policy, word) in [
        (MemoryPolicy(mode: .bind, nodes: node), "bind:0"),
        (MemoryPolicy(mode: .interleave, nodes: node), "interleave:0"),
        (MemoryPolicy(mode: .preferred, flags: 1 << 15, nodes: node), "prefer=static:0"),
        (MemoryPolicy(mode: .local), "local"), (MemoryPolicy(mode: .default), "default"),
      ] {
        try run(.memoryPolicy(policy))
        let text = try readText("/proc/thread-self/numa_maps", limit: 8 << 20)
        try expect(text.split(separator: "\n").first?.split(separator: " ").dropFirst().first == Substring(word))
      }
      let fault = fault { () throws(Fault) in try run(.memoryPolicy(MemoryPolicy(mode: .bind, nodes: last))) }
      try expect(fault?.errno == .invalid)
    }
  }

  /// The keys of whoever started it are out of reach.
  @Test func keyrings() async {
    await #expect(processExitsWith: .success) {
      let name = "_ses.skiff-test-\(getpid())"
      try run(.keyring(SessionKeyring(name: name, permissions: 0x8_0000)))
      let first = try readText("/proc/keys").split(separator: "\n").filter { $0.contains(name) }
      // The fifth field: searchable by its user, beside what every session keyring allows.
      try expect(first.count == 1 && first[0].split(separator: " ")[4] == "3f1b0000")
      // Once more, as whoever starts it again from within: it is the caller's already.
      try run(.keyring(SessionKeyring(name: name, permissions: 0x8_0000)))
      try expect(try joinSessionKeyring(Path(name)) == 0)
      try run(.keyring(SessionKeyring(name: name + "-other")))
      let other = try readText("/proc/keys").split(separator: "\n").filter { $0.contains(name + "-other") }
      try expect(other.count == 1 && other[0].split(separator: " ")[4] == "3f130000")
    }
  }

  /// Which file, and what is written there, where the kernel has such a module.
  @Test func labels() throws {
    var written: [String] = []
    func write(_ path: Path, _ text: String) throws(Fault) {
      if path == "self/attr/apparmor/exec", written.isEmpty {
        written.append("-")
        throw Fault("openat2", .noSuchFile)
      }
      written.append("\(path) \(text)")
    }
    try perform(.securityLabel(.apparmor(profile: "boat")), writeProc: write)
    try perform(.securityLabel(.apparmor(profile: "boat")), writeProc: write)
    try perform(.securityLabel(.selinux(label: "u:r:t:s0")), writeProc: write)
    #expect(
      written == ["-", "self/attr/exec exec boat", "self/attr/apparmor/exec exec boat", "self/attr/exec u:r:t:s0"])
    // A profile that is not loaded.
    let fault = fault { () throws(Fault) in
      try perform(.securityLabel(.apparmor(profile: "boat"))) { (path, _) throws(Fault) in
        throw Fault("write", .noSuchFile, arguments: path.quoted)
      }
    }
    #expect(fault?.hint?.contains("apparmor failed to apply profile: \"boat\" is not loaded") == true)
  }
}

private var last: NumberList { get throws(Fault) { (try? NumberList(parsing: "8191")) ?? NumberList() } }

private var threadNumber: String {
  (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self"))?.split(separator: "/").last
    .map(String.init) ?? ""
}

private func answer(_ command: String...) throws -> String {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = command
  let pipe = Pipe()
  process.standardOutput = pipe
  try process.run()
  process.waitUntilExit()
  return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    .trimmingCharacters(in: .whitespacesAndNewlines)
}

private struct Unmet: Error { var line: Int }

private func expect(_ condition: Bool, line: Int = #line) throws {
  if !condition {
    FileHandle.standardError.write(Data("AttributeTests.swift:\(line): not so\n".utf8))
    throw Unmet(line: line)
  }
}

private func run(_ attribute: ProcessAttribute) throws(Fault) {
  try perform(attribute) { (path, text) throws(Fault) in try writeControl(Path("/proc").appending(path), text) }
}

private func fault(_ body: () throws(Fault) -> Void) -> Fault? {
  do throws(Fault) { try body() } catch { return error }
  return nil
}

/// One field of proc_pid_stat(5), of this thread.
private func statistic(_ number: Int) -> String {
  let text = (try? readText("/proc/thread-self/stat")) ?? ""
  let rest = text.split(separator: ")").last?.split(separator: " ") ?? []
  return rest.count > number - 3 ? String(rest[number - 3]) : ""
}

private func status(_ field: String) -> String {
  let text = (try? readText("/proc/thread-self/status")) ?? ""
  let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") } ?? ""
  return line.dropFirst(field.count + 1).trimmingCharacters(in: .whitespaces)
}
