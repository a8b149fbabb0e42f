package import Cgroups

/// Why a configuration has no unit.
package struct UnitError: Error, Hashable, Sendable, CustomStringConvertible {
  package var description: String
  package var hint: String?
  package init(_ description: String, hint: String? = nil) {
    self.description = description
    self.hint = hint
  }
}

/// `slice:prefix:name`, which is how a configuration names a unit in `cgroupsPath` (runc, docs/systemd.md).
package struct UnitName: Hashable, Sendable {
  package var slice: String
  package var unit: String

  /// - Parameters:
  ///   - path: nil or empty puts `runc-ID.scope`, the name that engines look for, into the default slice.
  ///   - isUser: below a user's own manager the default is user.slice, else system.slice.
  package init(cgroupsPath path: String?, identifier: String, isUser: Bool) throws(UnitError) {
    var parts = ["", "runc", identifier]
    if let path, !path.isEmpty {
      parts = path.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3 else {
        throw UnitError(
          "cgroupsPath \"\(path)\": with the systemd driver it has the form slice:prefix:name",
          hint: "system.slice:runc:\(identifier), say; or use the cgroupfs driver")
      }
    }
    slice = parts[0].isEmpty ? (isUser ? "user.slice" : "system.slice") : parts[0]
    unit = parts[2].hasSuffix(".slice") ? parts[2] : "\(parts[1])-\(parts[2]).scope"
    guard !unit.hasSuffix(".slice") else {
      throw UnitError("cgroupsPath \"\(path ?? "")\": a container is a scope, not a slice")
    }
    // systemd's own letters (unit-name.c, VALID_CHARS); the name is a directory and a word of the bus as well.
    let isName = unit.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        || ":-_.\\@".utf8.contains(byte)
    }
    guard isName, !parts[2].isEmpty, unit.utf8.count < 256 else {
      throw UnitError("cgroupsPath \"\(path ?? "")\": \"\(unit)\" is no name of a unit")
    }
    _ = try Self.path(ofSlice: slice)
  }

  /// A slice's name says where it is: `a-b.slice` is in `a.slice` (systemd.slice(5)); `-.slice` is the top.
  package static func path(ofSlice slice: String) throws(UnitError) -> String {
    let name = slice.dropLast(6)
    guard slice.hasSuffix(".slice"), !name.isEmpty,
      !slice.utf8.contains(where: { $0 == 0x2f || $0 <= 0x20 || $0 >= 0x7f })
    else { throw UnitError("\"\(slice)\" is no name of a slice", hint: "such as system.slice or user-1000.slice") }
    if name == "-" { return "" }
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard !parts.contains(""), parts.count < 64 else { throw UnitError("\"\(slice)\" is no name of a slice") }
    return parts.indices.map { parts[...$0].joined(separator: "-") + ".slice" }.joined(separator: "/")
  }

  /// Where systemd makes the group.
  ///
  /// - Parameter manager: the group of a user's own manager, below which its slices are.
  package func place(below manager: String = "") throws(UnitError) -> GroupPlace {
    let parts = [manager, try Self.path(ofSlice: slice), unit].flatMap { $0.split(separator: "/") }
    return GroupPlace(group: parts.joined(separator: "/"))
  }
}
