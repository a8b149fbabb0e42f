import Kernel
import Steps
import Testing

@testable import Cgroups

/// What the program is asked: `struct bpf_cgroup_dev_ctx`.
struct DeviceRequest: Hashable {
  var isBlock: Bool
  var major: UInt32
  var minor: UInt32
  /// A subset of `rwm`.
  var access: String

  var words: [UInt32] {
    let mask = access.reduce(UInt32(0)) { $0 | ($1 == "m" ? 1 : $1 == "r" ? 2 : 4) }
    return [mask << 16 | (isBlock ? 1 : 2), major, minor]
  }
}

/// A little of the kernel's virtual machine: the operations that the program uses, with the checks that the verifier
/// makes along the way.
func run(_ program: [UInt64], _ context: [UInt32]) throws -> UInt64 {
  struct Broken: Error { var reason: String }
  var registers = [UInt64?](repeating: nil, count: 11)
  var index = 0
  for _ in 0...program.count {
    guard program.indices.contains(index) else { throw Broken(reason: "runs off the end") }
    let code = program[index]
    let (operation, target, source) = (code & 0xff, Int(code >> 8 & 0xf), Int(code >> 12 & 0xf))
    let offset = Int(Int16(truncatingIfNeeded: code >> 16))
    let value = UInt32(code >> 32)
    func read(_ register: Int) throws -> UInt64 {
      guard let content = registers[register] else { throw Broken(reason: "r\(register) is read before it is set") }
      return content
    }
    index += 1
    switch operation {
    case 0x61:
      guard source == 1, offset % 4 == 0, context.indices.contains(offset / 4) else { throw Broken(reason: "bad load") }
      registers[target] = UInt64(context[offset / 4])
    case 0xb7: registers[target] = UInt64(value)
    case 0xbc: registers[target] = try read(source) & 0xffff_ffff
    case 0x54: registers[target] = try read(target) & UInt64(value)
    case 0x74: registers[target] = (try read(target) & 0xffff_ffff) >> UInt64(value)
    case 0x56: if UInt32(truncatingIfNeeded: try read(target)) != value { index += offset }
    case 0x45: if try read(target) & UInt64(value) != 0 { index += offset }
    case 0x05: index += offset
    case 0x95: return try read(0)
    default: throw Broken(reason: "unknown operation \(operation)")
    }
  }
  throw Broken(reason: "does not end")
}

/// The meaning of a list, straight from its definition: for each kind of access, the last rule that speaks of it decides.
func isAllowed(_ request: DeviceRequest, by rules: [DeviceRule]) -> Bool {
  request.access.allSatisfy { access in
    rules.last { rule in
      (rule.kind == .all || (rule.kind == .block) == request.isBlock) && (rule.major ?? request.major) == request.major
        && (rule.minor ?? request.minor) == request.minor && rule.access.contains(access)
    }?.allow ?? false
  }
}

@Suite struct DeviceRulesTests {
  static let denyAll = DeviceRule(allow: false, kind: .all, major: nil, minor: nil, access: "rwm")
  static let allowAll = DeviceRule(allow: true, kind: .all, major: nil, minor: nil, access: "rwm")

  static var requests: [DeviceRequest] {
    [true, false].flatMap { isBlock in
      [0, 1, 136, 0x8000_0001].flatMap { major in
        [0, 3, 0xffff_ffff].flatMap { minor in
          ["r", "w", "m", "rw", "rwm"].map { DeviceRequest(isBlock: isBlock, major: major, minor: minor, access: $0) }
        }
      }
    }
  }

  @Test func theProgramMeansWhatTheRulesMean() throws {
    var generator = SplitMix(state: 42)
    var allowed = 0
    for _ in 0..<400 {
      let rules = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
        DeviceRule(
          allow: .random(using: &generator), kind: [.all, .character, .block].randomElement(using: &generator)!,
          major: [nil, 0, 1, 136, 0x8000_0001].randomElement(using: &generator)!,
          minor: [nil, 0, 3, 0xffff_ffff].randomElement(using: &generator)!,
          access: ["r", "w", "m", "rw", "rm", "rwm"].randomElement(using: &generator)!)
      }
      let program = DeviceProgram(DeviceRules(rules).effective).instructions
      for request in Self.requests {
        let expected = isAllowed(request, by: rules)
        allowed += expected ? 1 : 0
        #expect(try run(program, request.words) == (expected ? 1 : 0), "\(rules) \(request)")
      }
    }
    #expect(allowed > 1000)
  }

  /// The exceptions that v1 gets mean the same, wherever v1 can say it.
  @Test func theExceptionsMeanWhatTheRulesMean() throws {
    var generator = SplitMix(state: 7)
    var expressible = 0
    for _ in 0..<2000 {
      let rules = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
        DeviceRule(
          allow: .random(using: &generator), kind: [.all, .character, .block].randomElement(using: &generator)!,
          major: [nil, 1, 136].randomElement(using: &generator)!, minor: [nil, 0, 3].randomElement(using: &generator)!,
          access: ["r", "rw", "rwm"].randomElement(using: &generator)!)
      }
      guard let state = try? DeviceRules(rules).asExceptions() else { continue }
      expressible += 1
      // Single accesses: for several at once the kernel asks that one exception holds them all, which is stricter.
      for request in Self.requests where request.access.count == 1 {
        let isExcepted = state.exceptions.contains { rule in
          (rule.kind == .block) == request.isBlock && (rule.major ?? request.major) == request.major
            && (rule.minor ?? request.minor) == request.minor && rule.access.contains(request.access)
        }
        #expect((isExcepted != state.allowsByDefault) == isAllowed(request, by: rules), "\(rules) \(request)")
      }
    }
    #expect(expressible > 500)
  }

  @Test func whatV1CannotSayIsRefused() {
    let hole = [
      Self.denyAll, DeviceRule(allow: true, kind: .character, major: 1, minor: nil, access: "rwm"),
      DeviceRule(allow: false, kind: .character, major: 1, minor: 3, access: "rwm"),
    ]
    #expect(throws: CgroupError.inexpressibleDevices("deny c 1:3 rwm")) { try DeviceRules(hole).asExceptions() }
  }

  @Test func nothingIsWrittenForAContainerThatMayUseAll() throws {
    var resources = Resources()
    resources.devices = [Self.denyAll, Self.allowAll]
    for fixture in Fixture.all {
      #expect(
        try !fixture.layout.plan(for: resources, group: "x").make.contains { step in
          if case .allowDevices = step { return true }
          if case .write = step { return true }
          return false
        })
    }
  }

  @Test func theStandardDevicesCoverWhatIsInDev() throws {
    let program = DeviceProgram([Self.denyAll] + DeviceRule.standard).instructions
    for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, 77)] as [(UInt32, UInt32)] {
      #expect(try run(program, DeviceRequest(isBlock: false, major: major, minor: minor, access: "rw").words) == 1)
    }
    // A disk and /dev/mem may be made, not opened.
    for request in [
      DeviceRequest(isBlock: true, major: 8, minor: 0, access: "r"),
      DeviceRequest(isBlock: false, major: 1, minor: 1, access: "r"),
    ] {
      #expect(try run(program, request.words) == 0)
      var made = request
      made.access = "m"
      #expect(try run(program, made.words) == 1)
    }
  }

  @Test(arguments: ["", "x", "rwx", "r w"])
  func refusesOtherAccess(_ access: String) {
    var resources = Resources()
    resources.devices = [Self.denyAll, DeviceRule(allow: true, kind: .character, major: 1, minor: 3, access: access)]
    #expect(throws: CgroupError.self) { try Fixture.debian12.layout.plan(for: resources, group: "x") }
  }
}

/// Random numbers that are the same in every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }
}
