/// The flock(2) locks that are held on this host (proc_locks(5)), with who holds them. Opening that table waits for a grace
/// period of RCU, 5 to 30 ms: whether a lock is held, a try of it tells at once.
///
/// The kernel leaves out what processes of an outer PID namespace hold. So a lock that is not here may be held all the
/// same; one that is here was held when the table was read.
package struct FileLocks: Sendable {
  private var exclusive: [Key: ProcessIdentifier] = [:]

  /// An inode's number alone means another file on every other file system.
  private struct Key: Hashable {
    var fileSystem: DeviceNumber
    var inode: UInt64
  }

  /// Of the kernel's table: `1: FLOCK  ADVISORY  WRITE 4711 fe:00:393 0 EOF`, the device in hexadecimal. A line with `->`
  /// is of somebody who waits.
  package init(table: [UInt8]) {
    for line in table.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "))
      guard fields.count > 5, fields[1].elementsEqual("FLOCK".utf8), fields[3].elementsEqual("WRITE".utf8) else {
        continue
      }
      let file = fields[5].split(separator: UInt8(ascii: ":"))
      guard file.count == 3, let major = Self.number(file[0], radix: 16), let minor = Self.number(file[1], radix: 16),
        let inode = Self.number(file[2], radix: 10), let holder = Self.number(fields[4], radix: 10)
      else { continue }
      let device = DeviceNumber(major: UInt32(truncatingIfNeeded: major), minor: UInt32(truncatingIfNeeded: minor))
      exclusive[Key(fileSystem: device, inode: inode)] = ProcessIdentifier(truncatingIfNeeded: holder)
    }
  }

  /// As the kernel has them now. None where /proc cannot be read.
  package static func read() -> FileLocks {
    FileLocks(table: (try? readFile("/proc/locks", limit: 16 << 20)) ?? [])
  }

  /// Who holds the file exclusively.
  package func holder(ofInode inode: UInt64, on fileSystem: DeviceNumber) -> ProcessIdentifier? {
    exclusive[Key(fileSystem: fileSystem, inode: inode)]
  }

  private static func number(_ digits: ArraySlice<UInt8>, radix: UInt64) -> UInt64? {
    var value: UInt64 = 0
    for digit in digits {
      let worth: UInt64
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): worth = UInt64(digit - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): worth = UInt64(digit - UInt8(ascii: "a")) + 10
      default: return nil
      }
      guard worth < radix, value <= (UInt64.max - worth) / radix else { return nil }
      value = value * radix + worth
    }
    return digits.isEmpty ? nil : value
  }
}
