/// `user[:group]`, as `-u` and an image's USER have it.
package struct UserReference: Hashable, Sendable {
  /// A user or group: digits mean a number and nothing else, so that a passwd entry with a number for a name cannot
  /// redirect it (CVE-2024-40635 and its kin).
  package enum Principal: Hashable, Sendable {
    case number(UInt32)
    case name(String)
  }

  package var user: Principal
  /// Nil: the user's own group.
  package var group: Principal?

  package init(user: Principal, group: Principal? = nil) {
    self.user = user
    self.group = group
  }

  /// An empty text, or an empty user before the colon, is root.
  package init(_ text: String) throws(UserError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    user = parts[0].isEmpty ? .number(0) : try Principal(parts[0])
    group = parts.count == 2 ? try Principal(parts[1]) : nil
  }
}

extension UserReference.Principal {
  package init(_ text: String) throws(UserError) {
    if text.isEmpty || text.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 < 0x20 || $0 == 0x7f }) {
      throw .malformed(text)
    }
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      self = .name(text)
      return
    }
    guard let number = Int32(text) else { throw .outOfRange(text) }
    self = .number(UInt32(number))
  }
}

/// Why a user or group is refused.
package enum UserError: Error, Hashable, Sendable {
  case malformed(String)
  case outOfRange(String)
  case noSuchUser(String)
  case noSuchGroup(String)
  /// `passwd` or `group`, and the line, from 1.
  case lineTooLong(file: String, line: Int)
  case fileTooLong(file: String)
  case tooManyGroups
}

extension UserError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .malformed(let text): "\"\(text)\" is not a user or group"
    case .outOfRange(let text): "\(text) is not a user or group id: ids are in the range 0-2147483647"
    case .noSuchUser(let name): "unable to find user \(name): no matching entries in passwd file"
    case .noSuchGroup(let name): "unable to find group \(name): no matching entries in group file"
    case .lineTooLong(let file, let line):
      "/etc/\(file) of the container: line \(line) is longer than \(UserDatabase.lineLimit) bytes"
    case .fileTooLong(let file): "/etc/\(file) of the container is longer than \(UserDatabase.fileLimit) bytes"
    case .tooManyGroups: "more than \(UserDatabase.groupLimit) supplementary groups"
    }
  }
}
