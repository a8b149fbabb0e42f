internal import Archives
internal import Arguments
internal import Blobs
internal import Engine
internal import Journal
internal import Kernel
internal import Layers

extension SaveCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let store = try engine.images()
    let words = try arguments.choice("format", of: SaveFormat.allCases.map(\.rawValue))
    let format = words.flatMap { SaveFormat(rawValue: $0) } ?? .dockerArchive
    let output = arguments.string("output")
    // docker's own readers would take what is about an image for another image.
    if arguments.flag("referrers"), format == .dockerArchive {
      throw arguments.fail("--referrers needs --format oci-archive or oci-dir")
    }
    let images = try telling { () throws(StoreError) in
      let chosen = try store.imagesToSave(arguments.positionals)
      return arguments.flag("referrers") ? try store.withReferrers(chosen) : chosen
    }
    if format == .ociDirectory {
      guard let output else { throw arguments.fail("--format oci-dir needs a directory: -o DIR") }
      try telling { () throws(StoreError) in try store.save(images, toDirectory: Path(output)) }
    } else {
      try withOutput(output, arguments) { file in
        try telling { () throws(StoreError) in try store.save(images, as: format, to: file) }
      }
    }
    for name in arguments.positionals { engine.note(.image, .save, of: name, ["name": name]) }
    return 0
  }
}

/// Standard output, unless it is a terminal, or a file that gets its name only when all of it is written.
func withOutput(
  _ name: String?, _ arguments: ParsedArguments, _ body: (BorrowedDescriptor) throws -> Void
) throws {
  guard let name, name != "-" else {
    if isTerminal(.standardOutput) {
      throw arguments.fail(
        "cowardly refusing to save to a terminal", suggestion: "use the -o flag or redirect the output")
    }
    return try body(.standardOutput)
  }
  let path = Path(name)
  // A FIFO or a device is written as it is; no file replaces it.
  if let kind = (try? status(of: path))?.kind, kind != .regular {
    guard kind != .directory else { throw arguments.fail("\(name) is a directory") }
    let file = try opened(path, [.writeOnly])
    return try body(file.borrowed)
  }
  let part = Path("\(name).\(processIdentifier()).part")
  let file = try opened(part, [.writeOnly, .create, .exclusive, .noFollow])
  do {
    try body(file.borrowed)
    try rename(part, to: path)
  } catch {
    try? removeFile(part)
    throw error
  }
}

private func opened(_ path: Path, _ flags: OpenFlags) throws(Failure) -> Descriptor {
  do throws(Fault) { return try open(path, flags, mode: 0o600) } catch {
    throw Failure("cannot write \(path)", error)
  }
}
