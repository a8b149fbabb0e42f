package import ELF
package import Kernel
package import Rooted

/// Reads ELF objects below a root that may be hostile, each name once.
package struct ObjectReader {
  private var known: [Path: ObjectFile?] = [:]

  package init() {}

  /// Links are followed inside the root. Nil when nothing is there that could be opened, or it is no regular file.
  package mutating func look(_ path: Path, in root: borrowing Root) -> ObjectFile? {
    if let answer = known[path] { return answer }
    let answer = try? Self.read(path, in: root)
    known[path] = .some(answer)
    return answer
  }

  private static func read(_ path: Path, in root: borrowing Root) throws(Fault) -> ObjectFile? {
    guard let file = try openRegular(path, in: root) else { return nil }
    let facts = try status(of: file.borrowed)
    let contents: Result<ELFObject, ELFError>
    do throws(ELFError) {
      contents = .success(try ELFObject(reading: ByteSource(file.borrowed, size: facts.size)))
    } catch {
      contents = .failure(error)
    }
    return ObjectFile(identity: facts.identity, contents: contents)
  }
}

/// A regular file for reading; nil when the name is of something else. A device or a FIFO in its place is never opened
/// but by who swaps it in between two calls, and then without waiting and without being read.
package func openRegular(_ path: Path, in root: borrowing Root) throws(Fault) -> Descriptor? {
  let handle = try root.open(path, .path)
  let seen = try status(of: handle.borrowed)
  guard seen.kind == .regular else { return nil }
  let file = try root.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
  guard try status(of: file.borrowed).identity == seen.identity else { return nil }
  return file
}

extension FileStatus {
  package var identity: FileIdentity {
    FileIdentity(device: UInt64(fileSystem.major) << 32 | UInt64(fileSystem.minor), inode: inode)
  }
}
