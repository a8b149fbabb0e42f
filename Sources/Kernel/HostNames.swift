internal import CKernel

/// sethostname(2) for the UTS namespace of the caller. At most 64 bytes.
package func setHostname(_ name: String) throws(Fault) {
  let bytes = Array(name.utf8)
  let count = bytes.count
  _ = try bytes.withAddress { (base) throws(Fault) in
    try systemCall("sethostname", Int(SYS_sethostname), base, count, arguments: "\"\(name)\"")
  }
}

/// setdomainname(2): the NIS domain, which uname(2) shows.
package func setDomainName(_ name: String) throws(Fault) {
  let bytes = Array(name.utf8)
  let count = bytes.count
  _ = try bytes.withAddress { (base) throws(Fault) in
    try systemCall("setdomainname", Int(SYS_setdomainname), base, count, arguments: "\"\(name)\"")
  }
}

/// `count` bytes of the kernel's random generator.
package func randomBytes(_ count: Int) throws(Fault) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  _ = try bytes.withMutableAddress { (base) throws(Fault) in
    try systemCall("getrandom", Int(SYS_getrandom), base, count, 0, arguments: "\(count)")
  }
  return bytes
}
