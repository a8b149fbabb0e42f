internal import Kernel

/// The lower directories of an overlay that show at one path, topmost first. Layers are ours and do not change, so a path
/// into one may be looked at by name; no component of it is a link, for each was seen to be a directory.
struct LowerView {
  var directories: [Path]

  init(_ directories: [Path]) { self.directories = directories }

  /// What a name in these directories shows: the topmost that has it, and where they are directories all that merge.
  struct Found {
    var status: FileStatus
    var path: Path
    var below = LowerView([])
  }

  func look(up name: Path) throws(Fault) -> Found? {
    var found: Found?
    for lower in directories {
      let path = lower.appending(name)
      let status: FileStatus
      do throws(Fault) { status = try Kernel.status(of: path, followLinks: false) } catch {
        if error.errno == .noSuchFile { continue }
        throw error
      }
      if OverlayAttributes.isWhiteout(status) { return found }
      if found == nil { found = Found(status: status, path: path) }
      guard status.kind == .directory else { return found }
      found?.below.directories.append(path)
      let directory = try open(path, [.readOnly, .directory, .noFollow])
      if try OverlayAttributes().isOpaque(directory.borrowed) { return found }
    }
    return found
  }
}
