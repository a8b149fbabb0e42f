package import Kernel

/// tar, in and out: ustar, PAX and GNU headers, extended attributes, whiteouts.
///
/// Pure: it turns entries into bytes and bytes into entries, with caps on everything that an archive declares. Who writes files
/// from it is Layers.

/// Why an archive was refused.
package struct ArchiveError: Error, Hashable, Sendable {
  package var reason: String
  /// The entry, where its name is known.
  package var entry: Path?
  package init(_ reason: String, entry: Path? = nil) {
    self.reason = reason
    self.entry = entry
  }
}

extension ArchiveError: CustomStringConvertible {
  /// `"etc/passwd": a path longer than 4096 bytes`
  package var description: String { entry.map { "\($0.quoted): \(reason)" } ?? reason }
}
