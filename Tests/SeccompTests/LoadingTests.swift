import Foundation
import Kernel
import RuntimeSpec
import Steps
import Testing

@testable import Seccomp

/// The kernel takes the program and answers by it: in a process of its own, for it stays for ever.
@Suite(.enabled(if: CProgram.hasCompiler, "no C compiler here"))
struct LoadingTests {
  @Test func dockersDefaultInTheKernel() throws {
    let prober = try CProgram.compiled(CProgram.prober, [])
    defer { try? FileManager.default.removeItem(at: prober.deletingLastPathComponent()) }
    let profile = DefaultProfile.resolve(granted: CapabilitySet(rawValue: 0xa804_25fb))
    let answers = try probe(compile(profile, name: "default"), prober)
    let (eperm, enosys) = (1, 38)
    #expect(answers["alg"] == eperm && answers["vsock"] == eperm)
    #expect(answers["unix"] == 0 && answers["netlink"] == 0 && answers["getpid"] == 0 && answers["personality"] == 0)
    for name in ["unshare", "newuser", "clone", "mount", "keyctl", "bpf", "io_uring", "aslr"] {
      #expect(answers[name] == eperm, "\(name)")
    }
    #expect(answers["clone3"] == enosys && answers["future"] == enosys)
    #if arch(x86_64)
      // A kernel without CONFIG_IA32_EMULATION would have ended the process at `int 0x80`.
      #expect(answers["i386 alg"] == eperm && answers["i386 unshare"] == eperm && answers["i386 future"] == enosys)
    #endif
  }

  @Test func randomProgramsPassTheKernelsChecker() throws {
    let prober = try CProgram.compiled(CProgram.prober, [])
    defer { try? FileManager.default.removeItem(at: prober.deletingLastPathComponent()) }
    let table = SystemCallTable.shared
    let names = (0..<table.count).map { table.name(ofRow: $0) }
    // The prober must live: what it needs is left alone, and every rule answers by errno.
    let needed: Set = [
      "write", "exit_group", "getpid", "clone", "close", "fstat", "newfstatat", "brk", "mmap", "munmap",
    ]
    for seed in 0..<12 {
      var profile = randomProfile(seed: UInt64(seed), names: names, isOrderly: false)
      profile.defaultAction = .allow
      profile.defaultErrnoRet = nil
      profile.architectures = Machine.current.interfaces.map(\.name)
      for index in profile.syscalls.indices {
        profile.syscalls[index].action = .errno
        profile.syscalls[index].names.removeAll { needed.contains($0) }
      }
      profile.syscalls.removeAll { $0.names.isEmpty }
      let answers = try probe(compile(profile, name: "random"), prober)
      #expect(answers["getpid"] == 0, "seed \(seed)")
    }
  }

  private func probe(_ filter: SystemCallFilter, _ prober: URL) throws -> [String: Int] {
    let file = prober.deletingLastPathComponent().appendingPathComponent("filter")
    try filter.instructions.withUnsafeBytes { try Data($0).write(to: file) }
    let output = try CProgram.run(prober.path, [file.path, "\(filter.flags)"])
    var answers: [String: Int] = [:]
    for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      answers[words.dropLast().joined(separator: " ")] = Int(words.last!)
    }
    return answers
  }
}
