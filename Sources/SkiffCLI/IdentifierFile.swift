internal import Arguments
internal import Engine
internal import Kernel

/// The file of `--cidfile`. It is made before the container, so that a file which cannot be written costs no container, and
/// taken away again when there was none to write down.
struct IdentifierFile: ~Copyable {
  private let file: Descriptor
  private let path: Path
  private var isWritten = false

  /// Nil where none was asked for.
  static func make(_ arguments: ParsedArguments) throws -> IdentifierFile? {
    try arguments.string("cidfile").map { try IdentifierFile(Path($0)) }
  }

  private init(_ path: Path) throws(Failure) {
    self.path = path
    do throws(Fault) { file = try open(path, [.writeOnly, .create, .exclusive], mode: 0o644) } catch {
      guard error.errno == .exists else { throw Failure("cannot make the file of --cidfile", error) }
      throw Failure(
        .conflict, "the file of --cidfile is there already: \(path)",
        hint: "another container's id may be in it; remove it (rm \(path)), or name another one")
    }
  }

  mutating func write(_ identifier: String) throws(Failure) {
    do throws(Fault) { try file.borrowed.write(identifier) } catch {
      throw Failure("cannot write the file of --cidfile", error)
    }
    isWritten = true
  }

  deinit { if !isWritten { try? removeFile(path) } }
}
