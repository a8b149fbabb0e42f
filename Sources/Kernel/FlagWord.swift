/// A word of flags, as the kernel takes them.
///
/// `[.readOnly, .directory]` is put together here, where the compiler knows the type and folds it. SetAlgebra's own way
/// looks types up while the program runs: a tenth of the instructions of `skiff run`.
package protocol FlagWord: OptionSet, Hashable, Sendable where Element == Self, RawValue: FixedWidthInteger {}

extension FlagWord {
  @inlinable @inline(__always)
  package init(arrayLiteral elements: Self...) {
    var word: RawValue = 0
    for element in elements { word |= element.rawValue }
    self.init(rawValue: word)
  }
}
