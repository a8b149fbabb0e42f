internal import Kernel
internal import Launching

// subuid(5) and subgid(5): `NAME:FIRST:COUNT` or `UID:FIRST:COUNT`, a line a range.

/// A range of ids that was handed to a user.
struct SubordinateRange: Hashable, Sendable {
  var first: UInt32
  var count: UInt32
}

/// The ranges of one user, in the file's order. A line that makes no sense is passed over, as newuidmap(1) does.
func subordinateRanges(in text: String, of user: UInt32, named name: String?) -> [SubordinateRange] {
  text.split(separator: "\n").compactMap { line in
    let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 3, fields[0] == "\(user)" || fields[0] == name, let first = UInt32(fields[1]),
      let count = UInt32(fields[2]), count > 0, !first.addingReportingOverflow(count - 1).overflow
    else { return nil }
    return SubordinateRange(first: first, count: count)
  }
}

/// The user's name in passwd(5), or what the environment says where a directory service knows it and the file does not:
/// newuidmap(1) asks again itself.
package func userName(of user: UInt32) -> String? {
  let text = (try? readText("/etc/passwd", limit: 4 << 20)) ?? ""
  for line in text.split(separator: "\n") {
    let fields = line.split(separator: ":", omittingEmptySubsequences: false)
    if fields.count > 2, fields[2] == "\(user)" { return String(fields[0]) }
  }
  return environment("USER").flatMap { $0.isEmpty ? nil : $0 }
}

/// The line that gives a user ranges of ids, behind all that are given already.
package func lineForMoreIdentifiers(of caller: Caller) -> String {
  var end: UInt32 = 100_000
  for file: Path in ["/etc/subuid", "/etc/subgid"] {
    for line in ((try? readText(file, limit: 4 << 20)) ?? "").split(separator: "\n") {
      let numbers = line.split(separator: ":").dropFirst().compactMap { UInt32($0) }
      guard numbers.count == 2 else { continue }
      let (next, overflows) = numbers[0].addingReportingOverflow(numbers[1])
      if !overflows { end = max(end, next) }
    }
  }
  let range = "\(end)-\(end.addingReportingOverflow(65_535).partialValue)"
  let programs = MapHelpers.areThere ? "" : "install newuidmap and newgidmap (Debian package uidmap), and then "
  return programs + "sudo usermod --add-subuids \(range) --add-subgids \(range) \(userName(of: caller.user) ?? "NAME")"
}
