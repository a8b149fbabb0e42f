internal import Kernel

/// Asks before something that cannot be taken back, as docker does; anything but `y` or `yes` is no, and so is an input
/// that ends.
func confirm(_ warning: String) throws -> Bool {
  _ = try printing { $0.print("WARNING! \(warning)\nAre you sure you want to continue? [y/N] ") }
  var answer: [UInt8] = []
  var byte: [UInt8] = [0]
  // One byte at a time: what follows the line is not ours.
  while answer.count < 64, try BorrowedDescriptor.standardInput.read(into: &byte) == 1, byte[0] != 0x0a {
    answer.append(byte[0])
  }
  let word = String(decoding: answer.filter { $0 > 0x20 }, as: UTF8.self).lowercased()
  return word == "y" || word == "yes"
}
