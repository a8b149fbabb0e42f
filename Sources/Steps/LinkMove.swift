/// Where a link of the host goes, and what it is called there.
package struct LinkMove: Hashable, Sendable {
  /// In the namespace that it is taken from.
  package var name: String
  /// In the container's: a name, or a template with one `%d`, which the kernel replaces by the first number that is free.
  package var newName: String

  package init(_ name: String, to newName: String) {
    self.name = name
    self.newName = newName
  }

  package var isTemplate: Bool { newName.utf8.contains(UInt8(ascii: "%")) }
}

/// How to take back a link that was moved.
package struct LinkReturn: Hashable, Sendable {
  /// In the container's namespace. Its name there may have been changed by now.
  package var index: Int32
  /// Where it came from.
  package var name: String
  package var wasUp: Bool

  package init(index: Int32, name: String, wasUp: Bool) {
    self.index = index
    self.name = name
    self.wasUp = wasUp
  }
}
