/// A set of capabilities(7): bit n is capability number n.
package struct CapabilitySet: OptionSet, Hashable, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
}
