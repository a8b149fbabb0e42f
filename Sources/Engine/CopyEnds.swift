internal import Archives
internal import Blobs
internal import Kernel
internal import Rooted

// Where a copy begins and where it ends: docker's rules of trailing slashes and `/.` (docker container cp, "Description").

/// What is to be copied.
struct CopyBeginning: ~Copyable {
  /// The directory itself, or the one that the file is in.
  var directory: Descriptor
  /// Nil for the directory itself.
  var file: Path?
  /// What it is called.
  var name: Path
  /// `DIR/.`: what is in it, without itself.
  var isContentsOnly: Bool

  /// - Parameters:
  ///   - text: as it was given, absolute.
  ///   - shown: for errors.
  init(_ text: String, in root: borrowing Root, followsLinks: Bool, shown: String) throws(Failure) {
    let path = Path(text).lexicallyNormal
    isContentsOnly = text.hasSuffix("/.") || path.components.isEmpty
    name = path.lastComponent
    let assertsDirectory = text.hasSuffix("/") || isContentsOnly
    do throws(Fault) {
      let isLink = try root.status(of: path, followLinks: false).kind == .symbolicLink
      let status = try root.status(of: path, followLinks: followsLinks || assertsDirectory)
      if status.kind == .directory {
        let follows = followsLinks || assertsDirectory
        directory = try root.open(path, follows ? [.path, .directory] : [.path, .directory, .noFollow])
        file = nil
        return
      }
      if assertsDirectory { throw Fault("open", .notDirectory) }
      let place = isLink && followsLinks ? try root.target(of: path) : path
      let parent = try root.openParent(of: place)
      file = parent.name
      directory = try parent.directory.borrowed.duplicate()
    } catch { throw missing(shown, error) }
  }
}

/// Where it goes.
struct CopyEnd: ~Copyable {
  var directory: Descriptor
  /// What it is called there; `.` for the directory itself.
  var name: Path

  init(
    _ text: String, in root: borrowing Root, for source: borrowing CopyBeginning, shown: String
  ) throws(Failure) {
    let path = Path(text).lexicallyNormal
    let assertsDirectory = text.hasSuffix("/") || text.hasSuffix("/.") || path.components.isEmpty
    let isDirectory = source.file == nil
    do throws(Fault) {
      let kind: FileKind?
      do throws(Fault) { kind = try root.status(of: path).kind } catch {
        if error.errno != .noSuchFile { throw error }
        kind = nil
      }
      if kind == .directory {
        directory = try root.open(path, [.path, .directory])
        name = source.isContentsOnly ? "." : source.name
        return
      }
      if kind != nil && assertsDirectory { throw Fault("open", .notDirectory) }
      if kind != nil && isDirectory {
        throw Fault("open", .notDirectory, hint: "a directory cannot be copied onto a file")
      }
      // `new/` may be made of a directory; `new/.` is in one that is there.
      if kind == nil && assertsDirectory && (!isDirectory || text.hasSuffix("/.")) { throw Fault("open", .noSuchFile) }
      // What a link names is written, or made; the link stays.
      let parent = try root.openParent(of: try root.target(of: path))
      directory = try parent.directory.borrowed.duplicate()
      name = parent.name
    } catch { throw missing(shown, error) }
  }

  /// For a tar: it goes into a directory that is there.
  init(directory text: String, in root: borrowing Root, shown: String) throws(Failure) {
    do throws(Fault) {
      directory = try root.open(Path(text).lexicallyNormal, [.path, .directory])
      name = "."
    } catch {
      if error.errno == .notDirectory { throw Failure(.usage, "destination \"\(shown)\" must be a directory") }
      throw missing(shown, error)
    }
  }
}

private func missing(_ shown: String, _ fault: Fault) -> Failure {
  switch fault.errno {
  case .noSuchFile: Failure(.notFound, "no such file or directory: \(shown)", hint: fault.hint)
  case .notDirectory: Failure(.conflict, "not a directory: \(shown)", hint: fault.hint)
  default: Failure("cannot open \(shown)", fault)
  }
}

extension Root {
  /// The path without a link as its last component; it may name nothing.
  fileprivate func target(of path: Path) throws(Fault) -> Path {
    var path = path
    for _ in 0..<40 {
      let parent = try openParent(of: path)
      guard let status = try? Kernel.status(of: parent.name, at: parent.directory.borrowed, followLinks: false),
        status.kind == .symbolicLink
      else { return path }
      let target = try readSymbolicLink(parent.name, at: parent.directory.borrowed)
      path = target.isAbsolute ? target : path.parent.appending(target)
    }
    throw Fault("open", .tooManyLinks, arguments: path.quoted)
  }
}
