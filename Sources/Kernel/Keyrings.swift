internal import CKernel

// keyrings(7). Keys are found by whoever has a keyring, so a container's processes must not have the caller's.

/// The number of a key or keyring.
package typealias KeySerial = Int32

/// KEYCTL_JOIN_SESSION_KEYRING: the keyring of that name that this user namespace has and the caller may search, else a
/// new one; 0 where it is the caller's already.
package func joinSessionKeyring(_ name: Path) throws(Fault) -> KeySerial {
  KeySerial(
    truncatingIfNeeded: try name.withAddress { (name_) throws(Fault) in
      try systemCall(
        "keyctl", Int(SYS_keyctl), 1, name_, arguments: "KEYCTL_JOIN_SESSION_KEYRING, \(name.quoted)")
    })
}

/// KEYCTL_DESCRIBE: the permission bits, the fourth field of `type;uid;gid;perm;description`.
package func keyPermissions(_ key: KeySerial) throws(Fault) -> UInt32 {
  var text = [UInt8](repeating: 0, count: 512)
  let count = try text.withMutableAddress { (base) throws(Fault) in
    try systemCall("keyctl", Int(SYS_keyctl), 6, Int(key), base, 512, arguments: "KEYCTL_DESCRIBE, \(key)")
  }
  let fields = text[..<min(count, text.count)].split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
  guard fields.count > 3, let bits = UInt32(String(decoding: fields[3], as: UTF8.self), radix: 16) else {
    throw Fault("keyctl", .badMessage, arguments: "KEYCTL_DESCRIBE, \(key)")
  }
  return bits
}

/// KEYCTL_SETPERM.
package func setKeyPermissions(_ key: KeySerial, _ bits: UInt32) throws(Fault) {
  _ = try systemCall(
    "keyctl", Int(SYS_keyctl), 5, Int(key), Int(bits), arguments: "KEYCTL_SETPERM, \(key), 0x\(String(bits, radix: 16))"
  )
}
