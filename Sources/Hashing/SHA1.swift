/// SHA-1 (FIPS 180-4). SPDX 2.3 demands it of every file (8.4); nothing here relies on it, for it can be forged since 2017.
package struct SHA1: BlockHash, Sendable {
  private var state: [5 of UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
  package var pending = PendingBlock()

  package init() {}

  /// 40 hexadecimal digits.
  package static func digest(of bytes: [UInt8]) -> String {
    var hash = SHA1()
    hash.update(bytes[...])
    return hash.finish()
  }

  /// 40 hexadecimal digits.
  package consuming func finish() -> String {
    end()
    var text = ""
    for index in 0..<5 {
      let word = String(state[index], radix: 16)
      text += String(repeating: "0", count: 8 - word.utf8.count) + word
    }
    return text
  }

  /// - Parameter bytes: a multiple of 64.
  package mutating func compress(_ bytes: RawSpan) {
    precondition(bytes.byteCount % 64 == 0, "SHA-1 takes whole blocks")
    var words = [80 of UInt32](repeating: 0)
    var offset = 0
    while offset < bytes.byteCount {
      // Every index below is a number from 0 to 79 by its loop's bounds.
      for index in 0..<16 {
        let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset &+ index &* 4, as: UInt32.self)
        unsafe words[unchecked: index] = word.bigEndian
      }
      for index in 16..<80 {
        let mixed = unsafe words[unchecked: index &- 3] ^ words[unchecked: index &- 8] ^ words[unchecked: index &- 14]
        unsafe words[unchecked: index] = rotate(mixed ^ words[unchecked: index &- 16], 1)
      }
      var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
      for index in 0..<80 {
        let (choice, constant): (UInt32, UInt32) =
          switch index {
          case ..<20: ((b & c) | (~b & d), 0x5a82_7999)
          case ..<40: (b ^ c ^ d, 0x6ed9_eba1)
          case ..<60: ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc)
          default: (b ^ c ^ d, 0xca62_c1d6)
          }
        let next = unsafe rotate(a, 5) &+ choice &+ e &+ constant &+ words[unchecked: index]
        (a, b, c, d, e) = (next, a, rotate(b, 30), c, d)
      }
      state = [state[0] &+ a, state[1] &+ b, state[2] &+ c, state[3] &+ d, state[4] &+ e]
      offset &+= 64
    }
  }
}

@inline(__always)
private func rotate(_ word: UInt32, _ bits: UInt32) -> UInt32 { (word &<< bits) | (word &>> (32 &- bits)) }
