package import Kernel

/// The passwd(5) and group(5) files of a root, as bytes somebody else read (through `Rooted`, at most `fileLimit` of them).
///
/// Both are hostile input: what is too long is refused, a line that is no entry is passed over, and nothing but these two
/// files is asked (no NSS: SECURITY.md, rule 4).
package struct UserDatabase: Sendable {
  /// Bytes of either file; read no more than this.
  package static let fileLimit = 4 << 20
  /// Bytes of one line.
  package static let lineLimit = 65_536
  /// NGROUPS_MAX of Linux.
  package static let groupLimit = 65_536

  private let passwd: [UInt8]
  private let group: [UInt8]

  /// Empty bytes stand for a file that is not there.
  package init(passwd: [UInt8], group: [UInt8]) throws(UserError) {
    if passwd.count > Self.fileLimit { throw .fileTooLong(file: "passwd") }
    if group.count > Self.fileLimit { throw .fileTooLong(file: "group") }
    self.passwd = passwd
    self.group = group
  }
}

/// A user as the kernel takes it, and what the environment wants to know of it.
package struct ResolvedUser: Hashable, Sendable {
  package var user: UInt32
  package var group: UInt32
  /// For setgroups(2): the primary group first (without it, a file's "group denied" entry is dodged: CVE-2022-36109),
  /// then memberships in the file's order, then what was added; none twice.
  package var supplementary: [UInt32]
  /// Nil when no passwd entry was found.
  package var name: String?
  /// `/` when no passwd entry was found.
  package var home: Path

  package init(user: UInt32, group: UInt32, supplementary: [UInt32], name: String?, home: Path) {
    self.user = user
    self.group = group
    self.supplementary = supplementary
    self.name = name
    self.home = home
  }
}

extension UserDatabase {
  /// Looks the reference up by docker's rules. A number needs no entry; its group is then 0. With an explicit group no
  /// membership counts.
  ///
  /// - Parameter added: the values of `--group-add`.
  package func resolve(_ reference: UserReference, added: [UserReference.Principal] = []) throws(UserError)
    -> ResolvedUser
  {
    let entry = try user(reference.user)
    var resolved = ResolvedUser(user: 0, group: 0, supplementary: [], name: entry?.name, home: entry?.home ?? "/")
    switch reference.user {
    case .number(let number): resolved.user = number
    case .name(let name):
      guard let entry else { throw .noSuchUser(name) }
      resolved.user = entry.user
    }
    var wanted: [UInt32] = []
    if let explicit = reference.group {
      resolved.group = try number(of: explicit)
    } else {
      resolved.group = entry?.group ?? 0
      if let entry { wanted = try groups(ofMember: entry.name) }
    }
    for principal in added { wanted.append(try number(of: principal)) }
    resolved.supplementary = [resolved.group]
    if !wanted.isEmpty {
      var seen: Set<UInt32> = [resolved.group]
      resolved.supplementary += wanted.filter { seen.insert($0).inserted }
    }
    if resolved.supplementary.count > Self.groupLimit { throw .tooManyGroups }
    return resolved
  }

  private struct User {
    var name: String
    var user: UInt32
    var group: UInt32
    var home: Path
  }

  /// The first entry with that name or number: name:password:uid:gid:gecos:home:shell.
  private func user(_ wanted: UserReference.Principal) throws(UserError) -> User? {
    var found: User?
    try forEachLine(of: passwd, file: "passwd") { fields in
      guard fields.count >= 6, !fields[0].isEmpty, let user = identifier(fields[2]), let group = identifier(fields[3])
      else { return true }
      let matches =
        switch wanted {
        case .name(let name): fields[0].elementsEqual(name.utf8)
        case .number(let number): user == number
        }
      guard matches else { return true }
      // It goes into the environment, and from there into whatever prints or parses that (CVE-2022-4318).
      let isPlain = fields[5].first == UInt8(ascii: "/") && fields[5].allSatisfy { $0 >= 0x20 && $0 != 0x7f }
      let home = isPlain ? Path(bytes: fields[5]) : nil
      found = User(name: String(decoding: fields[0], as: UTF8.self), user: user, group: group, home: home ?? "/")
      return false
    }
    return found
  }

  /// name:password:gid:member,member
  private func number(of group: UserReference.Principal) throws(UserError) -> UInt32 {
    guard case .name(let name) = group else {
      guard case .number(let number) = group else { return 0 }
      return number
    }
    var found: UInt32?
    try forEachLine(of: self.group, file: "group") { fields in
      guard fields.count >= 3, fields[0].elementsEqual(name.utf8), let number = identifier(fields[2]) else {
        return true
      }
      found = number
      return false
    }
    guard let found else { throw .noSuchGroup(name) }
    return found
  }

  private func groups(ofMember member: String) throws(UserError) -> [UInt32] {
    var found: [UInt32] = []
    try forEachLine(of: group, file: "group") { fields in
      guard fields.count >= 4, !fields[0].isEmpty, let number = identifier(fields[2]) else { return true }
      if fields[3].split(separator: UInt8(ascii: ",")).contains(where: { $0.elementsEqual(member.utf8) }) {
        found.append(number)
      }
      return true
    }
    return found
  }

  /// Calls `body` with the fields of each line until it answers false.
  private func forEachLine(
    of bytes: [UInt8], file: String, _ body: ([ArraySlice<UInt8>]) -> Bool
  ) throws(UserError) {
    var rest = bytes[...]
    var line = 0
    while !rest.isEmpty {
      line += 1
      let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
      let text = rest[..<end]
      if text.count > Self.lineLimit { throw .lineTooLong(file: file, line: line) }
      let fields = text.split(separator: UInt8(ascii: ":"), maxSplits: 7, omittingEmptySubsequences: false)
      if !body(fields) { return }
      rest = rest[end...].dropFirst()
    }
  }
}

/// A uid or gid field: decimal digits only, at most INT32_MAX; anything else makes the line no entry (where a lax parser
/// reads 0, which is root).
private func identifier(_ field: ArraySlice<UInt8>) -> UInt32? {
  guard !field.isEmpty, field.count <= 10 else { return nil }
  var value: UInt64 = 0
  for byte in field {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
    value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
  }
  return value <= UInt64(Int32.max) ? UInt32(value) : nil
}
