package import Steps

// The compiled filter of a container as its directory keeps it: with docker's profile `exec` spends a third of its time on
// reading the profile and compiling it again.

extension SystemCallFilter {
  /// The first bytes: another version of the compiler has another number, and compiles anew.
  private static let mark: UInt64 = 0x31_5245_544c_4946  // "FILTER1", little-endian
  private static let headWords = 4

  /// Words of 64 bits in the machine's order: the mark, the flags, how the listener leaves, whether it is mute, then the program.
  package var savedBytes: [UInt8] {
    let call: UInt64 =
      switch listenerCall {
      case nil: 0
      case .sendmsg: 1
      case .sendmmsg: 2
      }
    let words = [Self.mark, UInt64(flags), call, isMute ? 1 : 0] + instructions
    return unsafe words.withUnsafeBytes { unsafe Array($0) }
  }

  /// What `savedBytes` gave; nil for anything else. Who gets the listener is not part of it.
  package init?(saved bytes: [UInt8]) {
    let count = bytes.count / 8
    guard bytes.count % 8 == 0, count > Self.headWords else { return nil }
    let words = unsafe [UInt64](unsafeUninitializedCapacity: count) { buffer, initialized in
      unsafe UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes)
      initialized = count
    }
    guard words[0] == Self.mark, let flags = UInt32(exactly: words[1]), words[3] <= 1 else { return nil }
    self.init(
      name: "the configuration's profile", instructions: Array(words[Self.headWords...]), flags: flags)
    switch words[2] {
    case 0: listenerCall = nil
    case 1: listenerCall = .sendmsg
    case 2: listenerCall = .sendmmsg
    default: return nil
    }
    isMute = words[3] == 1
  }
}
