internal import Steps

/// The device rules as a program of type BPF_PROG_TYPE_CGROUP_DEVICE: it gets `struct bpf_cgroup_dev_ctx` and answers 1
/// to allow.
///
/// It walks the rules backwards and crosses out of the request what a rule allows. The request passes when nothing is
/// left of it, and fails at the first rule that denies a part of what is left, or at the end.
struct DeviceProgram {
  private(set) var instructions: [UInt64] = []

  init(_ rules: [DeviceRule]) {
    // r2: block 1 or character 2; r3: what is asked for: mknod 1, read 2, write 4; r4, r5: the device number.
    emit(.loadWord, to: 2, from: 1, offset: 0)
    emit(.move32, to: 3, from: 2)
    emit(.shiftRight32, to: 3, value: 16)
    emit(.and32, to: 2, value: 0xffff)
    emit(.loadWord, to: 4, from: 1, offset: 4)
    emit(.loadWord, to: 5, from: 1, offset: 8)
    for rule in rules.reversed() {
      append(rule)
      // Code behind a rule for everything would be unreachable, which the verifier refuses.
      if rule.isWhole { return }
    }
    answer(0)
  }

  private mutating func append(_ rule: DeviceRule) {
    if rule.isWhole { return answer(rule.allow ? 1 : 0) }
    let mask = rule.access.reduce(Int32(0)) { $0 | ($1 == "m" ? 1 : $1 == "r" ? 2 : 4) }
    var misses: [Int] = []
    func jumpIfOther(_ register: UInt64, _ value: UInt32) {
      misses.append(instructions.count)
      emit(.jumpIfNotEqual32, to: register, value: Int32(bitPattern: value))
    }
    if rule.kind != .all { jumpIfOther(2, rule.kind == .block ? 1 : 2) }
    if let major = rule.major { jumpIfOther(4, major) }
    if let minor = rule.minor { jumpIfOther(5, minor) }
    if rule.allow {
      emit(.and32, to: 3, value: ~mask)
      misses.append(instructions.count)
      emit(.jumpIfNotEqual32, to: 3, value: 0)
      answer(1)
    } else {
      emit(.jumpIfAnyBit, to: 3, offset: 1, value: mask)
      misses.append(instructions.count)
      emit(.jump)
      answer(0)
    }
    // A jump counts from the instruction behind it.
    for index in misses { instructions[index] |= UInt64(UInt16(instructions.count - index - 1)) << 16 }
  }

  private mutating func answer(_ value: Int32) {
    emit(.move, to: 0, value: value)
    emit(.exit)
  }

  /// The operations that are used, by their code (linux/bpf.h, Documentation/bpf/standardization/instruction-set.rst).
  enum Operation: UInt64 {
    case loadWord = 0x61
    case move = 0xb7
    case move32 = 0xbc
    case and32 = 0x54
    case shiftRight32 = 0x74
    /// On the low 32 bits: the constant of a 64-bit comparison is sign-extended, and a device number may have the top bit.
    case jumpIfNotEqual32 = 0x56
    case jumpIfAnyBit = 0x45
    case jump = 0x05
    case exit = 0x95
  }

  /// `struct bpf_insn`: code 8 bits, destination 4, source 4, offset 16, constant 32.
  private mutating func emit(
    _ operation: Operation, to target: UInt64 = 0, from source: UInt64 = 0, offset: Int16 = 0, value: Int32 = 0
  ) {
    let registers = (target | source << 4) << 8
    let constant = UInt64(UInt32(bitPattern: value)) << 32
    instructions.append(operation.rawValue | registers | UInt64(UInt16(bitPattern: offset)) << 16 | constant)
  }
}
