import Foundation

/// This distribution's smallest whole system, made by debootstrap once and kept below .build (Scripts/debian-tree).
enum DebianTree {
  private static let top = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
  static let archive = top.path + "/.build/debian/minbase.tar"

  /// Why there is none here; nil when there is. A machine that has none yet asks the mirror, for half a minute.
  static let obstacle: String? = {
    guard let (status, output) = try? Guest.capture("\(Guest.quoted(top.path + "/Scripts/debian-tree")) '\(archive)'")
    else { return "no /bin/sh" }
    return status == .exited(0) ? nil : output.isEmpty ? "Scripts/debian-tree failed" : output
  }()
}
