/// The part of classic BPF that the kernel takes in a seccomp filter (bpf_check_classic and seccomp_check_filter), with
/// the same checks: a program that the kernel would refuse does not run here either.
struct Interpreter {
  struct Call {
    var architecture: UInt32
    var number: UInt32
    var arguments: [UInt64] = [0, 0, 0, 0, 0, 0]

    /// struct seccomp_data, as words of 32 bits on a little-endian machine.
    var words: [UInt32] {
      [number, architecture, 0, 0] + arguments.flatMap { [UInt32(truncatingIfNeeded: $0), UInt32($0 >> 32)] }
    }
  }

  struct Refused: Error { var reason: String }

  let program: [UInt64]

  init(_ program: [UInt64]) throws {
    guard (1...4096).contains(program.count) else { throw Refused(reason: "\(program.count) instructions") }
    for (index, instruction) in program.enumerated() {
      let rest = program.count - index - 1
      let operand = Int(instruction >> 32)
      switch instruction & 0xffff {
      case 0x20: if operand % 4 != 0 || operand >= 64 { throw Refused(reason: "load at \(operand)") }
      case 0x05: if operand >= rest { throw Refused(reason: "jump out of the program at \(index)") }
      case 0x15, 0x25, 0x35, 0x45:
        if max(Int(instruction >> 16 & 0xff), Int(instruction >> 24 & 0xff)) >= rest {
          throw Refused(reason: "branch out of the program at \(index)")
        }
      case 0x54, 0x06: break
      default: throw Refused(reason: "instruction 0x\(String(instruction & 0xffff, radix: 16)) at \(index)")
      }
    }
    guard program.last! & 0xffff == 0x06 else { throw Refused(reason: "no return at the end") }
    self.program = program
  }

  func verdict(_ call: Call) -> UInt32 { verdict(call.words) }

  func verdict(_ words: [UInt32]) -> UInt32 {
    var accumulator: UInt32 = 0
    var position = 0
    while true {
      let instruction = program[position]
      let operand = UInt32(instruction >> 32)
      position += 1
      switch instruction & 0xffff {
      case 0x20: accumulator = words[Int(operand) / 4]
      case 0x54: accumulator &= operand
      case 0x06: return operand
      case 0x05: position += Int(operand)
      default:
        let holds =
          switch instruction & 0xff {
          case 0x15: accumulator == operand
          case 0x25: accumulator > operand
          case 0x35: accumulator >= operand
          default: accumulator & operand != 0
          }
        position += Int(holds ? instruction >> 16 & 0xff : instruction >> 24 & 0xff)
      }
    }
  }
}
