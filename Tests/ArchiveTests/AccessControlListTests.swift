import Archive
import Kernel
import Testing

/// `SCHILY.acl.*`: lists in words.
@Suite struct AccessControlListTests {
  private func record(_ key: String, _ value: String) -> [UInt8] {
    let rest = key.utf8.count + value.utf8.count + 3
    var length = rest + String(rest).utf8.count
    if String(length).utf8.count + rest != length { length = rest + String(length).utf8.count }
    return Array("\(length) \(key)=\(value)\n".utf8)
  }

  /// What a reader makes of an entry behind these records.
  private func attributes(
    _ records: [(String, String)], of kind: TarEntry.Kind = .regular
  ) throws -> [String: [UInt8]] {
    let body = records.flatMap { record($0.0, $0.1) }
    var header = TarEntry(path: "x", kind: .regular, mode: 0o644, size: body.count).headerBlocks()
    header[156] = UInt8(ascii: "x")
    for index in 148..<156 { header[index] = 32 }
    let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
    header.replaceSubrange(148..<155, with: (String(repeating: "0", count: 6 - sum.count) + sum + "\0").utf8)
    var reader = TarReader()
    guard case .metadata = try reader.read(header: header[...]) else { return [:] }
    try reader.read(metadata: body[...])
    let next = TarEntry(path: "f", kind: kind, mode: 0o640).headerBlocks()
    guard case .entry(let entry) = try reader.read(header: next[...]) else { return [:] }
    return Dictionary(uniqueKeysWithValues: entry.attributes.map { ($0.name.string, $0.value) })
  }

  private func list(_ entries: (tag: UInt16, bits: UInt16, id: UInt32)...) -> [UInt8] {
    var bytes: [UInt8] = [2, 0, 0, 0]
    for entry in entries {
      for part in [entry.tag, entry.bits] { bytes += [UInt8(part & 255), UInt8(part >> 8)] }
      for shift in [UInt32(0), 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: entry.id >> shift)) }
    }
    return bytes
  }

  @Test(arguments: [
    // GNU tar, in lines; star and libarchive, by commas and with numbers behind; in short, with remarks, out of order.
    "user::rw-\nuser:0:rwx\nuser:1000:rw-\ngroup::r--\ngroup:2001:r-x\nmask::rwx\nother::---\n",
    "user::rw-,user:root:rwx,user:lisa:rw-:1000,group::r--,group:tools:r-x:2001,mask::rwx,other::---",
    "u::rw,o:-,g::r,m:rwx,u:1000:rw,u:0:rwx,g:2001:rx",
    "other::---,mask::rwx, group:2001:r-x #effective:r-x,group::r--,user:1000:rw-,user:root:rwx,user::rw-",
  ])
  func isWhatTheKernelKeeps(text: String) throws {
    let expected = list(
      (1, 6, .max), (2, 7, 0), (2, 6, 1000), (4, 4, .max), (8, 5, 2001), (0x10, 7, .max), (0x20, 0, .max))
    #expect(try attributes([("SCHILY.acl.access", text)]) == ["system.posix_acl_access": expected])
    let both = [("SCHILY.acl.access", text), ("SCHILY.acl.default", text)]
    #expect(
      try attributes(both, of: .directory) == [
        "system.posix_acl_access": expected, "system.posix_acl_default": expected,
      ])
    // Only a directory has a list for what is made in it.
    #expect(try attributes(both) == ["system.posix_acl_access": expected])
  }

  @Test(arguments: [
    "", "garbage", "user::rw-", "user::rw-,group::r--", "user::rw-,user:lisa:rw-,group::r--,mask::rw-,other::---",
    "user::rw-,user:5:rw-,group::r--,other::---", "user::rw-,user::r--,group::r--,other::---",
    "user::rw-,user:5:r--,user:5:rw-,group::r--,mask::rwx,other::---", "user::rwz,group::r--,other::---",
    "user::rw-,user:4294967295:r--,group::r--,mask::rwx,other::---", "user::rw-,group::r--,other::---,x::r--",
    "user::rw-,user:-1:r--,group::r--,mask::rwx,other::---", "user::rw-,user:5:r--:6:7,group::r--,mask::r--,other::-",
  ])
  func whatCannotBeKeptIsLeftOut(text: String) throws {
    #expect(try attributes([("SCHILY.acl.access", text)]) == [:])
  }

  @Test func theKernelsOwnBytesCountMore() throws {
    let text = ("SCHILY.acl.access", "user::rwx,group::rwx,other::rwx")
    let own = ("SCHILY.xattr.system.posix_acl_access", "bytes")
    for records in [[text, own], [own, text]] {
      #expect(try attributes(records) == ["system.posix_acl_access": Array("bytes".utf8)])
    }
    #expect(
      try attributes([text]) == ["system.posix_acl_access": list((1, 7, .max), (4, 7, .max), (0x20, 7, .max))])
  }

  @Test func aLongListIsLeftOut() throws {
    let users = (0..<5000).map { "user:\($0):r--" }.joined(separator: ",")
    #expect(try attributes([("SCHILY.acl.access", "user::rwx,\(users),group::r--,mask::r--,other::---")]) == [:])
  }
}
