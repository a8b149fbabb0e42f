import Kernel
import RuntimeSpec
import Steps
import Testing

@testable import Seccomp

private let enosys: UInt32 = 0x0005_0026
private let eperm: UInt32 = 0x0005_0001
private let allow: UInt32 = 0x7fff_0000
private let wide: UInt32 = 0xc000_003e
private let i386: UInt32 = 0x4000_0003

/// The profile of a docker container that asks for nothing, as run by the interpreter.
private func dockers(_ granted: CapabilitySet = CapabilitySet(rawValue: 0xa804_25fb)) throws -> Interpreter {
  try Interpreter(
    compile(DefaultProfile.resolve(granted: granted, machine: .x86), name: "default", for: .x86).instructions)
}

private func number(_ name: String, _ interface: BinaryInterface = .x86Wide) throws -> UInt32 {
  let table = SystemCallTable.shared
  let row = try #require(table.row(of: name))
  return try #require(table.number(row: row, column: interface.column)) + interface.base
}

extension Interpreter {
  fileprivate func answer(
    _ name: String, _ arguments: UInt64..., on interface: BinaryInterface = .x86Wide
  ) throws -> UInt32 {
    verdict(
      Call(
        architecture: interface.audit, number: try number(name, interface),
        arguments: arguments + Array(repeating: 0, count: 6 - arguments.count)))
  }
}

@Suite struct CompilerTests {
  @Test func smallAndTheSameEveryTime() throws {
    let profile = DefaultProfile.resolve(granted: CapabilitySet(rawValue: 0xa804_25fb), machine: .x86)
    let filter = try compile(profile, name: "default", for: .x86)
    // libseccomp makes some 960 of an older profile of docker's.
    #expect(filter.instructions.count < 640)
    #expect(try compile(profile, name: "default", for: .x86) == filter)
    #expect(filter.flags == 4)
  }

  @Test(arguments: Machine.allCases)
  func theDefaultMeansWhatItSays(machine: Machine) throws {
    for granted: CapabilitySet in [[], CapabilitySet(rawValue: 0xa804_25fb), .all] {
      try expectMeaning(of: DefaultProfile.resolve(granted: granted, machine: machine), machine)
    }
  }

  @Test(arguments: 0..<30)
  func randomProfilesMeanWhatTheySay(seed: Int) throws {
    let table = SystemCallTable.shared
    // Without the calls that i386 also reaches through another one: those have a test of their own.
    let through = MultiplexedCalls(table)
    let names = (0..<table.count).filter { through[$0] == nil }.map { table.name(ofRow: $0) }
    let profile = randomProfile(seed: UInt64(seed), names: names + ["no_such_call"], isOrderly: false)
    for machine in Machine.allCases { try expectMeaning(of: profile, machine) }
  }

  private func expectMeaning(of profile: Spec.Seccomp, _ machine: Machine) throws {
    let program = try Interpreter(compile(profile, name: "", for: machine).instructions)
    let meaning = Meaning(profile, machine: machine)
    let hides = ![.allow, .log, .trace].contains(profile.defaultAction)
    for call in interestingCalls(of: profile) {
      let found = program.verdict(call)
      if let expected = meaning.verdict(call) {
        if found == expected { continue }
        Issue.record("\(call): \(String(found, radix: 16)), not \(String(expected, radix: 16))")
        return
      }
      if hides && found != enosys {
        Issue.record("\(call): \(String(found, radix: 16)), not ENOSYS")
        return
      }
    }
  }

  @Test func refusedSocketFamilies() throws {
    let program = try dockers()
    // linux/socket.h: 24 is PPPOX, which is allowed; 25 is WANPIPE, which no kernel has.
    let allowed = Set<UInt64>(0...11).union(13...18).union([21, 22, 24]).union(26...33).union([35, 36, 39]).union(
      41...45)
    for family: UInt64 in Array(0...50) + [100, 0xffff_ffff] {
      let expected = allowed.contains(family) ? allow : eperm
      #expect(try program.answer("socket", family) == expected, "family \(family)")
      #expect(try program.answer("socket", family, on: .x32) == expected, "family \(family) on x32")
      #expect(try program.answer("socket", family, on: .i386) == expected, "family \(family) on i386")
    }
    // What the kernel cuts to AF_ALG is AF_ALG: only an exact family passes.
    #expect(try program.answer("socket", 0x1_0000_0026) == eperm)
    #expect(try program.answer("socket", 0x1_0000_0001) == eperm)
  }

  /// FS_IOC_FSSETXATTR, FS_IOC_SETFLAGS and its narrow form, whatever stands in the half of the argument that is not read.
  @Test(arguments: ["docker's", "one that allows", "one that answers the same", "one with conditions"])
  func nobodyLeavesTheProjectOfAFile(kind: String) throws {
    var profile = DefaultProfile.resolve(granted: .all, machine: .x86)
    var refused: UInt32 = 0x0005_005f
    switch kind {
    case "one that allows":
      profile = Spec.Seccomp(defaultAction: .allow)
      profile.architectures = Machine.x86.interfaces.map(\.name)
    case "one that answers the same":
      profile.defaultErrnoRet = 95
      refused = eperm
    case "one with conditions":
      profile.syscalls[0].names.removeAll { $0 == "ioctl" }
      let argument = Spec.SeccompArgument(index: 1, value: 0x5000, op: .greater)
      profile.syscalls.append(Spec.SeccompRule(names: ["ioctl", "file_setattr"], action: .allow, args: [argument]))
    default: break
    }
    profile.keepProjects()
    let program = try Interpreter(compile(profile, name: "", for: .x86).instructions)
    for interface: BinaryInterface in [.x86Wide, .x32, .i386] {
      for call: UInt64 in [0x401c_5820, 0x4008_6602, 0x4004_6602] {
        #expect(try program.answer("ioctl", 3, call, on: interface) == refused)
        #expect(try program.answer("ioctl", 3, 0xdead_beef_0000_0000 | call, on: interface) == refused)
        #expect(try program.answer("ioctl", 3, call + 1, on: interface) == allow)
      }
      #expect(try program.answer("ioctl", 3, 0x5401, on: interface) == allow)
      #expect(try program.answer("close", 3, on: interface) == allow)
      if interface != .x32 { #expect(try program.answer("file_setattr", on: interface) != allow) }
    }
    try expectMeaning(of: profile, .x86)
  }

  @Test func namespacesNeedTheCapability() throws {
    let program = try dockers()
    #expect(try program.answer("clone", 0x11) == allow)
    for flag: UInt64 in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
      #expect(try program.answer("clone", flag | 0x11) == eperm)
      #expect(try program.answer("clone", flag | 0x11, on: .i386) == eperm)
    }
    #expect(try program.answer("clone3") == enosys)
    #expect(try program.answer("unshare", 0x1000_0000) == eperm)
    let administrator = try dockers(.all)
    for name in ["clone", "clone3", "unshare", "mount", "setns"] {
      #expect(try administrator.answer(name, 0x7e02_0000) == allow, "\(name)")
    }
  }

  @Test(arguments: [
    ("CAP_SYS_ADMIN", "mount"), ("CAP_SYS_BOOT", "reboot"), ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "init_module"),
    ("CAP_SYS_PACCT", "acct"), ("CAP_SYS_PTRACE", "kcmp"), ("CAP_SYS_RAWIO", "iopl"), ("CAP_SYS_TIME", "settimeofday"),
    ("CAP_SYS_TTY_CONFIG", "vhangup"), ("CAP_SYS_NICE", "mbind"), ("CAP_SYSLOG", "syslog"), ("CAP_BPF", "bpf"),
    ("CAP_PERFMON", "perf_event_open"), ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
  ])
  func callsThatACapabilityBrings(capability: String, call: String) throws {
    let granted = try #require(CapabilitySet(name: capability))
    #expect(try dockers([]).answer(call) == eperm)
    #expect(try dockers(granted).answer(call) == allow)
  }

  @Test(arguments: [
    "keyctl", "add_key", "request_key", "kexec_load", "swapon", "io_uring_setup", "userfaultfd", "nfsservctl",
  ])
  func listedButDeniedIsEPERM(call: String) throws {
    #expect(try dockers().answer(call) == eperm)
  }

  @Test func unknownIsENOSYS() throws {
    let program = try dockers()
    #expect(try program.answer("removexattrat") == allow)
    for number: UInt32 in [467, 470, 471, 500, 999, 0x3fff_ffff] {
      #expect(program.verdict(.init(architecture: wide, number: number)) == enosys, "\(number)")
      #expect(program.verdict(.init(architecture: i386, number: number)) == enosys, "\(number) on i386")
    }
    for number: UInt32 in [548, 999] {
      #expect(program.verdict(.init(architecture: wide, number: 0x4000_0000 + number)) == enosys)
    }
  }

  @Test func personalities() throws {
    let program = try dockers()
    for value: UInt64 in [0, 8, 0x20000, 0x20008, 0xffff_ffff] {
      #expect(try program.answer("personality", value) == allow)
    }
    // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, and a value whose low half alone is allowed.
    for value: UInt64 in [0x40000, 0x0040_0000, 1, 0x1_0000_0000] {
      #expect(try program.answer("personality", value) == eperm)
    }
  }

  @Test func otherArchitecturesEndTheThread() throws {
    let program = try dockers()
    for architecture: UInt32 in [0, 0xc000_00b7, 0x4000_0028, 0x8000_0016] {
      #expect(program.verdict(.init(architecture: architecture, number: 1)) == 0)
    }
    var profile = Spec.Seccomp(defaultAction: .errno)
    profile.syscalls = [Spec.SeccompRule(names: ["read"], action: .allow)]
    let native = try Interpreter(compile(profile, name: "", for: .x86).instructions)
    #expect(native.verdict(.init(architecture: wide, number: 0)) == allow)
    #expect(native.verdict(.init(architecture: wide, number: 0x4000_0000)) == 0)
    #expect(native.verdict(.init(architecture: wide, number: .max)) == eperm)
    #expect(native.verdict(.init(architecture: i386, number: 3)) == 0)
  }

  @Test func multiplexedCalls() throws {
    var profile = Spec.Seccomp(defaultAction: .allow)
    profile.architectures = ["SCMP_ARCH_X86"]
    profile.syscalls = [
      Spec.SeccompRule(names: ["socket"], action: .errno, args: [.init(index: 0, value: 38, op: .equal)]),
      Spec.SeccompRule(names: ["shmget"], action: .errno),
    ]
    let denying = try Interpreter(compile(profile, name: "", for: .x86).instructions)
    #expect(try denying.answer("socket", 38, on: .i386) == eperm)
    #expect(try denying.answer("socket", 1, on: .i386) == allow)
    // The family is behind a pointer here, so none may pass.
    #expect(try denying.answer("socketcall", 1, on: .i386) == eperm)
    #expect(try denying.answer("socketcall", 2, on: .i386) == allow)
    #expect(try denying.answer("ipc", 23, on: .i386) == eperm)
    #expect(try denying.answer("ipc", 0x1_0017, on: .i386) == eperm)
    #expect(try denying.answer("ipc", 21, on: .i386) == allow)

    profile.defaultAction = .errno
    profile.syscalls = [
      Spec.SeccompRule(names: ["socket"], action: .allow, args: [.init(index: 0, value: 1, op: .equal)]),
      Spec.SeccompRule(names: ["connect", "semop"], action: .allow),
    ]
    let allowing = try Interpreter(compile(profile, name: "", for: .x86).instructions)
    #expect(try allowing.answer("socketcall", 1, on: .i386) == eperm)
    #expect(try allowing.answer("socketcall", 3, on: .i386) == allow)
    #expect(try allowing.answer("connect", on: .i386) == allow)
    #expect(try allowing.answer("ipc", 1, on: .i386) == allow)
  }

  @Test func programsBeyondTheKernelsLimit() throws {
    var profile = Spec.Seccomp(defaultAction: .allow)
    profile.syscalls = (0..<2000).map {
      Spec.SeccompRule(
        names: ["ioctl"], action: .errno,
        args: [.init(index: 1, value: UInt64($0), op: .equal), .init(index: 2, value: UInt64($0), op: .equal)])
    }
    #expect(throws: SeccompError("syscalls", .tooLarge)) { try compile(profile, name: "", for: .x86) }
    // Long, but within the limit: jumps beyond 255 instructions.
    profile.syscalls = Array(profile.syscalls.prefix(480))
    let program = try Interpreter(compile(profile, name: "", for: .x86).instructions)
    #expect(program.program.count > 1500)
    #expect(try program.answer("ioctl", 0, 479, 479) == eperm)
    #expect(try program.answer("ioctl", 0, 0, 0) == eperm)
    #expect(try program.answer("ioctl", 0, 1, 0) == allow)
  }

  @Test func refused() {
    func error(_ path: String, _ reason: SeccompError.Reason, _ change: (inout Spec.Seccomp) -> Void) {
      var profile = Spec.Seccomp(defaultAction: .allow)
      profile.syscalls = [Spec.SeccompRule(names: ["read"], action: .trap)]
      change(&profile)
      #expect(throws: SeccompError(path, reason)) { try compile(profile, name: "") }
    }
    error("syscalls[0].args[1].index", .noSuchArgument(6)) {
      $0.syscalls[0].args = [.init(index: 5, value: 0, op: .equal), .init(index: 6, value: 0, op: .equal)]
    }
    error("syscalls[0].names", .noNames) { $0.syscalls[0].names = [] }
    error("syscalls[0].errnoRet", .noErrno(of: "SCMP_ACT_TRAP")) { $0.syscalls[0].errnoRet = 1 }
    error("defaultErrnoRet", .noErrno(of: "SCMP_ACT_ALLOW")) { $0.defaultErrnoRet = 1 }
    error("flags[1]", .unknownFlag("SECCOMP_FILTER_FLAG_X")) {
      $0.flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_X"]
    }
    error("architectures[0]", .unknownArchitecture("SCMP_ARCH_VAX")) { $0.architectures = ["SCMP_ARCH_VAX"] }
    error("defaultAction", .notifyByDefault) { $0.defaultAction = .notify }
    error("listenerPath", .noListener) { $0.syscalls[0].action = .notify }
    error("listenerMetadata", .metadataWithoutListener) { $0.listenerMetadata = "x" }
  }

  @Test func flags() throws {
    func flags(_ names: [String]?, notify: Bool = false) throws -> UInt32 {
      var profile = Spec.Seccomp(defaultAction: .allow)
      profile.flags = names
      profile.listenerPath = "/run/agent.sock"
      profile.syscalls = [Spec.SeccompRule(names: ["mount"], action: notify ? .notify : .errno)]
      return try compile(profile, name: "").flags
    }
    // Nothing said is SPEC_ALLOW, said nothing is nothing: as from runc.
    #expect(try flags(nil) == 4)
    #expect(try flags([]) == 0)
    #expect(try flags(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"]) == 2)
    #expect(try flags(["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]) == 4)
    // The kernel takes it only with a listener.
    #expect(try flags(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]) == 0)
    #expect(try flags(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"], notify: true) == 40)
    #expect(try flags(nil, notify: true) == 12)
  }

  @Test func everyArchitectureIsKnown() throws {
    var profile = Spec.Seccomp(defaultAction: .errno)
    profile.syscalls = [Spec.SeccompRule(names: ["read", "write"], action: .allow)]
    let native = try compile(profile, name: "", for: .x86)
    profile.architectures = BinaryInterface.knownNames.filter { !["SCMP_ARCH_X86", "SCMP_ARCH_X32"].contains($0) }
    #expect(profile.architectures.count == 21)
    // A kernel runs no programs of foreign architectures: they need no code.
    #expect(try compile(profile, name: "", for: .x86) == native)
  }

  @Test func theWayOutForAListener() throws {
    func call(_ defaultAction: Spec.SeccompAction, _ rules: Spec.SeccompRule...) throws
      -> SystemCallFilter.ListenerCall?
    {
      var profile = Spec.Seccomp(defaultAction: defaultAction)
      profile.listenerPath = "/run/agent.sock"
      profile.syscalls = rules
      return try compile(profile, name: "").listenerCall
    }
    let asking = Spec.SeccompRule(names: ["mount"], action: .notify)
    #expect(try call(.allow, asking) == .sendmsg)
    #expect(try call(.allow, Spec.SeccompRule(names: ["sendmsg"], action: .notify)) == .sendmmsg)
    let sometimes = Spec.SeccompRule(
      names: ["sendmsg"], action: .errno, args: [.init(index: 0, value: 3, op: .equal)])
    #expect(try call(.allow, asking, sometimes) == .sendmmsg)
    #expect(try call(.errno, asking, Spec.SeccompRule(names: ["sendmmsg"], action: .log)) == .sendmmsg)
    #expect(try call(.errno, asking, Spec.SeccompRule(names: ["sendmsg"], action: .allow)) == .sendmsg)
    let cannot = SeccompError("syscalls", .listenerCannotLeave)
    #expect(throws: cannot) { try call(.errno, asking) }
    #expect(throws: cannot) { try call(.killProcess, asking) }
    #expect(throws: cannot) {
      try call(.allow, Spec.SeccompRule(names: ["sendmsg", "sendmmsg"], action: .notify))
    }
    #expect(try call(.allow, Spec.SeccompRule(names: ["mount"], action: .errno)) == nil)
  }

  /// Profiles that nobody would write: what the reader takes, the compiler takes or refuses, and what it makes the kernel's
  /// checker passes.
  @Test(arguments: 0..<4)
  func mutatedProfiles(seed: Int) throws {
    var random = Seeded(state: UInt64(seed))
    let words = (Spec.SeccompOperator.allCases.map(\.rawValue) + Spec.SeccompAction.allCases.map(\.rawValue))
      .map { Array($0.utf8) }
    let original = Array(podmansFilter.utf8)
    let places = original.indices.filter { original[$0] == UInt8(ascii: "S") && original[$0 + 1] == UInt8(ascii: "C") }
    let digits = original.indices.filter { (0x30...0x39).contains(original[$0]) }
    var compiled = 0
    for _ in 0..<60 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        bytes[digits.randomElement(using: &random)!] = UInt8.random(in: 0x30...0x39, using: &random)
      }
      if Bool.random(using: &random) {
        let place = places.randomElement(using: &random)!
        let end = bytes[place...].firstIndex(of: UInt8(ascii: "\""))!
        bytes.replaceSubrange(place..<end, with: words.randomElement(using: &random)!)
      }
      if Int.random(in: 0..<4, using: &random) == 0 {
        bytes[bytes.indices.randomElement(using: &random)!] = UInt8.random(in: 0...255, using: &random)
      }
      guard let profile = try? Spec.Seccomp(parsing: bytes) else { continue }
      for machine in Machine.allCases {
        guard let filter = try? compile(profile, name: "", for: machine) else { continue }
        _ = try Interpreter(filter.instructions)
        compiled += 1
      }
    }
    #expect(compiled > 20)
  }

  @Test func numberZeroAloneIsNotTheHighest() throws {
    // runc's stub takes a highest number of 0 for none. x32 has its bit in every number.
    var profile = Spec.Seccomp(defaultAction: .errno)
    profile.architectures = ["SCMP_ARCH_X32"]
    profile.syscalls = [Spec.SeccompRule(names: ["read"], action: .allow)]
    let program = try Interpreter(compile(profile, name: "", for: .x86).instructions)
    #expect(program.verdict(.init(architecture: wide, number: 0)) == allow)
    #expect(program.verdict(.init(architecture: wide, number: 900)) == eperm)
    #expect(program.verdict(.init(architecture: wide, number: 0x4000_0000 + 900)) == enosys)
  }
}
