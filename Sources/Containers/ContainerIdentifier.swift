package import Kernel

/// 64 hexadecimal digits, as docker has them; people use the first twelve, or any prefix that is unique.
package struct ContainerIdentifier: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  /// Refuses anything else, so that an identifier is safe in a path.
  package init?(_ text: String) {
    let digits = text.utf8
    guard digits.count == 64, digits.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
      return nil
    }
    description = text
  }

  /// A new one from the kernel's random generator.
  package static func random() throws(Fault) -> ContainerIdentifier {
    let bytes = try randomBytes(32)
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    guard let identifier = ContainerIdentifier(String(decoding: text, as: UTF8.self)) else {
      throw Fault("getrandom", .invalid)
    }
    return identifier
  }

  /// The twelve digits that tables show.
  package var short: String { String(description.prefix(12)) }
}
