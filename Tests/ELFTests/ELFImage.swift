@testable import ELF
import Kernel

/// A small ELF file, put together by hand: a header, three program headers, an interpreter, a dynamic section and its strings.
struct ELFImage {
  var is64Bit = true
  var isBigEndian = false
  var machine: UInt16 = 62
  var type: UInt16 = 3
  var interpreter: String?
  var needed: [String] = []
  var soname: String?
  var rpath: String?
  var runpath: String?
  var flags1: UInt64 = 0
  /// Where the first segment is loaded: addresses differ from offsets.
  var base: UInt64 = 0x40_0000

  private func number(_ value: UInt64, _ width: Int) -> [UInt8] {
    let little = (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    return isBigEndian ? little.reversed() : little
  }

  var bytes: [UInt8] {
    let word = is64Bit ? 8 : 4
    let headerSize = is64Bit ? 64 : 52
    let segmentSize = is64Bit ? 56 : 32
    var strings: [UInt8] = [0]
    func string(_ text: String) -> UInt64 {
      defer { strings += Array(text.utf8) + [0] }
      return UInt64(strings.count)
    }
    var entries: [(UInt64, UInt64)] = needed.map { (1, string($0)) }
    if let soname { entries.append((14, string(soname))) }
    if let rpath { entries.append((15, string(rpath))) }
    if let runpath { entries.append((29, string(runpath))) }
    if flags1 != 0 { entries.append((0x6fff_fffb, flags1)) }
    let path: [UInt8] = interpreter.map { Array($0.utf8) + [0] } ?? []
    let isDynamic = !entries.isEmpty
    let count = 1 + (interpreter == nil ? 0 : 1) + (isDynamic ? 1 : 0)
    let interpreterOffset = headerSize + count * segmentSize
    let dynamicOffset = interpreterOffset + path.count
    let dynamicSize = (entries.count + 3) * 2 * word
    let stringsOffset = dynamicOffset + (isDynamic ? dynamicSize : 0)
    let size = stringsOffset + strings.count
    entries += [(5, base + UInt64(stringsOffset)), (10, UInt64(strings.count)), (0, 0)]

    var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, is64Bit ? 2 : 1, isBigEndian ? 2 : 1, 1]
    file += [UInt8](repeating: 0, count: 9)
    file += number(UInt64(type), 2) + number(UInt64(machine), 2) + number(1, 4)
    file += number(0, word) + number(UInt64(headerSize), word) + number(0, word) + number(0, 4)
    for value in [headerSize, segmentSize, count, 0, 0, 0] { file += number(UInt64(value), 2) }
    func segment(_ type: UInt64, _ offset: Int, _ length: Int) {
      let (offset, length) = (UInt64(offset), UInt64(length))
      if is64Bit {
        file += number(type, 4) + number(4, 4) + number(offset, 8) + number(base + offset, 8) + number(0, 8)
        file += number(length, 8) + number(length, 8) + number(8, 8)
      } else {
        file += number(type, 4) + number(offset, 4) + number(base + offset, 4) + number(0, 4)
        file += number(length, 4) + number(length, 4) + number(4, 4) + number(4, 4)
      }
    }
    segment(1, 0, size)
    if interpreter != nil { segment(3, interpreterOffset, path.count) }
    if isDynamic { segment(2, dynamicOffset, dynamicSize) }
    file += path
    if isDynamic { for (tag, value) in entries { file += number(tag, word) + number(value, word) } }
    return file + strings
  }

  func parsed() throws -> ELFObject { try ELFObject(reading: ByteSource(bytes)) }
}

/// Deterministic noise (SplitMix64): a failure names its seed and happens again.
struct Noise: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
