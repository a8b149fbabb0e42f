package import Kernel

// What files take of a disk.

/// One name of a file, told from every other file of the machine.
private struct InodeName: Hashable {
  var fileSystem: DeviceNumber
  var number: UInt64
}

/// Adds up the bytes of the blocks that files hold, as du(1) does: a file with several names counts where it is met first. No
/// link is followed; what vanishes meanwhile is left out.
package struct DiskMeter {
  /// Bytes so far.
  package private(set) var total: Int64 = 0
  private var seen: Set<InodeName> = []

  package init() {}

  /// Adds a file, or a directory and all below it.
  ///
  /// - Parameter isLeftOut: by name, what of the directory itself is not looked at.
  /// - Returns: the bytes that came to the total.
  @discardableResult
  package mutating func add(_ path: Path, leavingOut isLeftOut: (Path) -> Bool = { _ in false }) -> Int64 {
    let before = total
    guard let status = try? status(of: path, followLinks: false) else { return 0 }
    count(status)
    guard status.kind == .directory, let directory = try? open(path, [.readOnly, .directory, .noFollow]) else {
      return total - before
    }
    addContents(of: directory.borrowed, depth: 0, leavingOut: isLeftOut)
    return total - before
  }

  /// Adds what was measured elsewhere.
  package mutating func count(_ bytes: Int64) { total += bytes }

  private mutating func count(_ status: FileStatus) {
    let isFirst =
      status.linkCount <= 1 || status.kind == .directory
      || seen.insert(InodeName(fileSystem: status.fileSystem, number: status.inode)).inserted
    // statx(2) counts in blocks of 512 bytes, whatever the file system's own are.
    if isFirst { total += Int64(status.blocks) * 512 }
  }

  /// Each level holds a descriptor open: deeper than the usual limit on those nothing is counted.
  private mutating func addContents(
    of directory: BorrowedDescriptor, depth: Int, leavingOut isLeftOut: (Path) -> Bool
  ) {
    for entry in (try? entries(of: directory)) ?? [] where !isLeftOut(entry.name) {
      guard let status = try? status(of: entry.name, at: directory, followLinks: false) else { continue }
      count(status)
      guard status.kind == .directory, depth < 900,
        let inner = try? open(entry.name, [.readOnly, .directory, .noFollow], at: directory)
      else { continue }
      addContents(of: inner.borrowed, depth: depth + 1, leavingOut: { _ in false })
    }
  }
}

/// Bytes of the blocks that a file, or a directory and all below it, holds.
package func diskUsage(of path: Path) -> Int64 { diskUsage(of: [path]) }

/// The same of several trees together.
package func diskUsage(of paths: [Path]) -> Int64 {
  var meter = DiskMeter()
  for path in paths { meter.add(path) }
  return meter.total
}
