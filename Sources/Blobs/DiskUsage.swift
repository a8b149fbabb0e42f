package import Kernel

// What files take of a disk.

/// One name of a file, told from every other file of the machine.
private struct InodeName: Hashable {
  var fileSystem: DeviceNumber
  var number: UInt64
}

/// Bytes of the blocks that a file, or a directory and all below it, holds: what du(1) counts, a file with several names
/// once. No link is followed; what vanishes meanwhile is left out.
package func diskUsage(of path: Path) -> Int64 { diskUsage(of: [path]) }

/// The same of several trees together.
package func diskUsage(of paths: [Path]) -> Int64 {
  var total: Int64 = 0
  var seen: Set<InodeName> = []
  for path in paths {
    guard let status = try? status(of: path, followLinks: false) else { continue }
    count(status, &total, &seen)
    guard status.kind == .directory, let directory = try? open(path, [.readOnly, .directory, .noFollow]) else {
      continue
    }
    addContents(of: directory.borrowed, depth: 0, &total, &seen)
  }
  return total
}

private func count(_ status: FileStatus, _ total: inout Int64, _ seen: inout Set<InodeName>) {
  let isFirst =
    status.linkCount <= 1 || status.kind == .directory
    || seen.insert(InodeName(fileSystem: status.fileSystem, number: status.inode)).inserted
  // statx(2) counts in blocks of 512 bytes, whatever the file system's own are.
  if isFirst { total += Int64(status.blocks) * 512 }
}

/// Each level holds a descriptor open: deeper than the usual limit on those nothing is counted.
private func addContents(
  of directory: BorrowedDescriptor, depth: Int, _ total: inout Int64, _ seen: inout Set<InodeName>
) {
  for entry in (try? entries(of: directory)) ?? [] {
    guard let status = try? status(of: entry.name, at: directory, followLinks: false) else { continue }
    count(status, &total, &seen)
    guard status.kind == .directory, depth < 900,
      let inner = try? open(entry.name, [.readOnly, .directory, .noFollow], at: directory)
    else { continue }
    addContents(of: inner.borrowed, depth: depth + 1, &total, &seen)
  }
}
