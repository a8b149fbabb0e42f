import Foundation
import Kernel
import RuntimeSpec
import Testing

@testable import Seccomp

/// The same profile through libseccomp, as runc drives it, and through the compiler here; the interpreter asks both
/// programs about every call.
@Suite(.enabled(if: CProgram.hasLibseccomp, "no C compiler with libseccomp's headers here"))
struct LibseccompTests {
  @Test(arguments: Machine.allCases)
  func dockersProfile(machine: Machine) throws {
    let exporter = try Exporter()
    let machineHasI386 = machine == .x86
    for granted: CapabilitySet in [[], CapabilitySet(rawValue: 0xa804_25fb), .all] {
      var profile = DefaultProfile.resolve(granted: granted, machine: machine)
      try exporter.keepKnown(&profile)
      try expectSame(profile, machine, exporter, skips: machineHasI386 ? ["ipc", "socketcall"] : [])
    }
  }

  @Test(arguments: Machine.allCases)
  func whatEnginesAskFor(machine: Machine) throws {
    let exporter = try Exporter()
    for (name, profile) in try engineFilters() {
      // On arm with the architectures that the engine would have listed there.
      for architectures in [profile.architectures, machine.interfaces.map(\.name), []] {
        var profile = profile
        profile.architectures = architectures
        try exporter.keepKnown(&profile)
        try expectSame(profile, machine, exporter, skips: ["ipc", "socketcall"], name)
      }
    }
  }

  @Test func rulesThatAsk() throws {
    let exporter = try Exporter()
    for var (name, profile) in try engineFilters() {
      profile.listenerPath = "/run/agent.sock"
      profile.syscalls += [
        Spec.SeccompRule(names: ["mount", "bpf", "no_such_call"], action: .notify),
        Spec.SeccompRule(names: ["mknodat"], action: .notify, args: [.init(index: 2, value: 0x2000, op: .equal)]),
        Spec.SeccompRule(
          names: ["unshare"], action: .notify, args: [.init(index: 0, value: 0x7e02_0000, op: .maskedEqual)]),
      ]
      for index in profile.syscalls.indices where profile.syscalls[index].action != .notify {
        profile.syscalls[index].names.removeAll { ["mount", "bpf", "mknodat", "unshare"].contains($0) }
      }
      profile.syscalls.removeAll { $0.names.isEmpty }
      try exporter.keepKnown(&profile)
      try expectSame(profile, .x86, exporter, skips: ["ipc", "socketcall"], name)
    }
  }

  @Test func randomProfiles() throws {
    let exporter = try Exporter()
    let table = SystemCallTable.shared
    let through = MultiplexedCalls(table)
    let names = (0..<table.count).filter { through[$0] == nil }.map { table.name(ofRow: $0) }
    for seed in 1000..<1024 {
      for machine in Machine.allCases {
        var profile = randomProfile(seed: UInt64(seed), names: names, isOrderly: true)
        try exporter.keepKnown(&profile)
        try expectSame(profile, machine, exporter, skips: [], "seed \(seed)")
      }
    }
  }

  @Test func sameNumbers() throws {
    // Every name alone, allowed on all interfaces of both machines.
    let exporter = try Exporter()
    let table = SystemCallTable.shared
    let names = try exporter.known((0..<table.count).map { table.name(ofRow: $0) })
    #expect(names.count > 400)
    for machine in Machine.allCases {
      for (index, chunk) in stride(from: 0, to: names.count, by: 97).map({ names[$0..<min($0 + 97, names.count)] })
        .enumerated()
      {
        var profile = Spec.Seccomp(defaultAction: .killProcess)
        profile.architectures = machine.interfaces.map(\.name)
        profile.syscalls = chunk.enumerated().map {
          Spec.SeccompRule(names: [$0.element], action: .errno, errnoRet: UInt32(100 + $0.offset + index))
        }
        try expectSame(profile, machine, exporter, skips: ["ipc", "socketcall"])
      }
    }
  }

  private func expectSame(
    _ profile: Spec.Seccomp, _ machine: Machine, _ exporter: Exporter, skips: Set<String>, _ what: String = ""
  ) throws {
    let ours = try Interpreter(compile(profile, name: "", for: machine).instructions)
    let theirs = try Interpreter(exporter.program(of: profile, machine))
    // libseccomp 2.5 forgets to load the call's number in some programs whose first rule names a call that the native
    // interface does not have. Such a program says nothing.
    if theirs.program.count > 4 && !theirs.program.contains(0x20) { return }
    let meaning = Meaning(profile, machine: machine)
    let table = SystemCallTable.shared
    let skipped = Set(skips.compactMap { table.row(of: $0).flatMap { table.number(row: $0, column: 1) } })
    for call in interestingCalls(of: profile) {
      // Unknown calls answer ENOSYS here, which runc prepends to libseccomp's program.
      if meaning.verdict(call) == nil { continue }
      if call.architecture == BinaryInterface.i386.audit && skipped.contains(call.number) { continue }
      let (mine, other) = (ours.verdict(call), theirs.verdict(call))
      if mine != other {
        Issue.record("\(what) \(call): \(String(mine, radix: 16)), libseccomp \(String(other, radix: 16))")
        return
      }
    }
  }
}

/// libseccomp, driven as runc drives it.
private final class Exporter {
  private let program: URL

  init() throws { program = try CProgram.compiled(CProgram.exporter, ["-lseccomp"]) }
  deinit { try? FileManager.default.removeItem(at: program.deletingLastPathComponent()) }

  func known(_ names: [String]) throws -> [String] {
    let input = names.map { "known \($0)\n" }.joined()
    let output = try CProgram.run(program.path, [], input: Data(input.utf8))
    return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Leaves out what this libseccomp is too old for.
  func keepKnown(_ profile: inout Spec.Seccomp) throws {
    let known = Set(try known(profile.syscalls.flatMap(\.names)))
    for index in profile.syscalls.indices { profile.syscalls[index].names.removeAll { !known.contains($0) } }
    profile.syscalls.removeAll { $0.names.isEmpty }
  }

  func program(of profile: Spec.Seccomp, _ machine: Machine) throws -> [UInt64] {
    let fallback = returnValue(profile.defaultAction, profile.defaultErrnoRet)
    var lines = ["default \(fallback)"]
    let interfaces = machine.interfaces
    for (index, interface) in interfaces.enumerated() where index == 0 || profile.architectures.contains(interface.name)
    {
      // libseccomp's token of x32 is its own.
      lines.append("arch \(interface == .x32 ? 0x4000_003e : interface.audit)")
    }
    lines.append("ready")
    for rule in profile.syscalls {
      let action = returnValue(rule.action, rule.errnoRet)
      if action == fallback { continue }
      for name in rule.names {
        let arguments = rule.args.map { "\($0.index) \($0.op.libseccomp) \($0.value) \($0.valueTwo)" }
        let repeats = Set(rule.args.map(\.index)).count < rule.args.count
        for conditions in repeats ? arguments.map({ [$0] }) : [arguments] {
          lines.append((["rule \(action) \(name)"] + conditions).joined(separator: " "))
        }
      }
    }
    let output = try CProgram.run(program.path, [], input: Data((lines.joined(separator: "\n") + "\n").utf8))
    return stride(from: 0, to: output.count, by: 8).map { start in
      (0..<8).reduce(0) { $0 | UInt64(output[output.startIndex + start + $1]) << (8 * UInt64($1)) }
    }
  }
}

extension Spec.SeccompOperator {
  /// enum scmp_compare
  fileprivate var libseccomp: Int {
    switch self {
    case .notEqual: 1
    case .less: 2
    case .lessOrEqual: 3
    case .equal: 4
    case .greaterOrEqual: 5
    case .greater: 6
    case .maskedEqual: 7
    }
  }
}
