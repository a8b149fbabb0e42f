internal import Kernel

/// A list of acl(5) as archives write it (star's and GNU tar's `SCHILY.acl.access` and `SCHILY.acl.default`, libarchive's too),
/// as the kernel keeps it: `user::rw-,user:1000:rw-,group::r--,mask::rw-,other::---`, entries apart by commas or new lines.
///
/// Users and groups count by their numbers: as the name, or behind the permissions as star has it (`user:lisa:rw-:502`). A name
/// alone means nothing to a layer, but for `root`; a list with one is left out as a whole, for part of a list may allow more than
/// all of it.
struct AccessControlList {
  private struct Entry {
    var tag: UInt16
    var permissions: UInt16
    var identifier: UInt32
  }

  /// ACL_USER_OBJ, …: linux/posix_acl.h.
  private enum Tag {
    static let owner: UInt16 = 0x01
    static let user: UInt16 = 0x02
    static let owningGroup: UInt16 = 0x04
    static let group: UInt16 = 0x08
    static let mask: UInt16 = 0x10
    static let other: UInt16 = 0x20
  }

  /// What the kernel would refuse, or nobody sane has.
  private static let maximumCount = 1024
  private var entries: [Entry] = []

  /// Nil for what is no list, or cannot be kept.
  init?(text: ArraySlice<UInt8>) {
    for part in text.split(whereSeparator: { $0 == UInt8(ascii: ",") || $0 == 0x0a }) {
      // getfacl's remarks: `#effective:r--`.
      let words = part.prefix { $0 != UInt8(ascii: "#") }.filter { $0 != 0x20 && $0 != 0x09 }
      if words.isEmpty { continue }
      guard entries.count < Self.maximumCount, let entry = Self.entry(words) else { return nil }
      entries.append(entry)
    }
    entries.sort { ($0.tag, $0.identifier) < ($1.tag, $1.identifier) }
    guard isValid else { return nil }
  }

  private static func entry(_ words: [UInt8]) -> Entry? {
    var fields = words.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
    if fields.first == "default" || fields.first == "d" { fields.removeFirst() }
    // `mask:rwx` and `other:r--` need no empty name.
    if fields.count == 2, ["m", "o"].contains(fields[0].prefix(1)) { fields.insert("", at: 1) }
    guard fields.count == 3 || fields.count == 4, let permissions = permissions(fields[2]) else { return nil }
    let isNamed = !fields[1].isEmpty
    let tag: UInt16
    switch fields[0] {
    case "user", "u": tag = isNamed ? Tag.user : Tag.owner
    case "group", "g": tag = isNamed ? Tag.group : Tag.owningGroup
    case "mask", "m": tag = Tag.mask
    case "other", "o": tag = Tag.other
    default: return nil
    }
    guard isNamed else { return Entry(tag: tag, permissions: permissions, identifier: .max) }
    guard tag == Tag.user || tag == Tag.group,
      let identifier = UInt32(fields.count == 4 ? fields[3] : fields[1]) ?? (fields[1] == "root" ? 0 : nil),
      identifier != .max
    else { return nil }
    return Entry(tag: tag, permissions: permissions, identifier: identifier)
  }

  private static func permissions(_ text: String) -> UInt16? {
    guard text.utf8.count <= 3 else { return nil }
    var bits: UInt16 = 0
    for letter in text.utf8 {
      switch letter {
      case UInt8(ascii: "r"): bits |= 4
      case UInt8(ascii: "w"): bits |= 2
      case UInt8(ascii: "x"): bits |= 1
      case UInt8(ascii: "-"): break
      default: return nil
      }
    }
    return bits
  }

  /// As posix_acl_valid() of the kernel has it: nobody twice, the three that every file has, and a mask where there are more.
  private var isValid: Bool {
    func count(_ tag: UInt16) -> Int { entries.count { $0.tag == tag } }
    let isTwice = zip(entries, entries.dropFirst()).contains { $0.tag == $1.tag && $0.identifier == $1.identifier }
    let named = count(Tag.user) + count(Tag.group)
    return !isTwice && count(Tag.owner) == 1 && count(Tag.owningGroup) == 1 && count(Tag.other) == 1
      && (named == 0 || count(Tag.mask) == 1)
  }

  /// The value of `system.posix_acl_access` or `system.posix_acl_default` (linux/posix_acl_xattr.h, version 2).
  var attributeValue: [UInt8] {
    var bytes: [UInt8] = [2, 0, 0, 0]
    for entry in entries {
      for part in [entry.tag, entry.permissions] { bytes += [UInt8(part & 255), UInt8(part >> 8)] }
      for shift in [UInt32(0), 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: entry.identifier >> shift)) }
    }
    return bytes
  }
}
