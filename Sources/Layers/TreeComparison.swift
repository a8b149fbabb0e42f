internal import Kernel

/// Compares an unpacked layer with the same layer unpacked anew, which nothing has touched since.
struct TreeComparison {
  private let tree: Path
  private let sound: Path
  /// In words, the first few.
  private(set) var differences: [String] = []
  private(set) var count = 0
  private static let maximum = 3

  init(of tree: Path, with sound: Path) throws(Fault) {
    self.tree = tree
    self.sound = sound
    if let difference = Self.difference(try status(of: tree), try status(of: sound)) { record("", difference) }
    var waiting: [Path] = [""]
    while let path = waiting.popLast() { try compare(directory: path, &waiting) }
  }

  /// `/bin/sh is empty and should have 12 bytes, and 5 more differences`
  var text: String? {
    guard count > 0 else { return nil }
    let more = count - differences.count
    return differences.joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
  }

  private mutating func record(_ path: Path, _ what: String) {
    count += 1
    if differences.count < Self.maximum { differences.append("/\(path) \(what)") }
  }

  private mutating func compare(directory path: Path, _ waiting: inout [Path]) throws(Fault) {
    let ours = try open(tree.appending(path), [.readOnly, .directory, .noFollow])
    let theirs = try open(sound.appending(path), [.readOnly, .directory, .noFollow])
    if try OverlayAttributes().isOpaque(ours.borrowed) != OverlayAttributes().isOpaque(theirs.borrowed) {
      record(path, "hides other things of the layers below than it should")
    }
    try compareAttributes(path, ours.borrowed, theirs.borrowed)
    var names = Set(try entries(of: ours.borrowed).map(\.name))
    for name in try entries(of: theirs.borrowed).map(\.name).sorted(by: {
      $0.bytes.lexicographicallyPrecedes($1.bytes)
    }) {
      let child = path.isEmpty ? name : path.appending(name)
      guard names.remove(name) != nil else {
        record(child, "is missing")
        continue
      }
      let (mine, other) = (
        try status(of: name, at: ours.borrowed, followLinks: false),
        try status(of: name, at: theirs.borrowed, followLinks: false)
      )
      if mine.kind == .symbolicLink && other.kind == .symbolicLink {
        let target = try readSymbolicLink(name, at: theirs.borrowed)
        if try readSymbolicLink(name, at: ours.borrowed) != target {
          record(child, "does not lead to \(target)")
          continue
        }
      }
      if let difference = Self.difference(mine, other) {
        record(child, difference)
      } else if mine.kind == .directory {
        waiting.append(child)
      } else if mine.kind == .regular {
        try compare(file: name, child, ours.borrowed, theirs.borrowed)
      }
    }
    for name in names { record(path.isEmpty ? name : path.appending(name), "is no file of the layer") }
  }

  private static func difference(_ mine: FileStatus, _ other: FileStatus) -> String? {
    if mine.kind != other.kind { return "is \(word(for: mine.kind)) and should be \(word(for: other.kind))" }
    if mine.mode != other.mode { return "has mode \(mine.mode.octal) and should have \(other.mode.octal)" }
    if mine.owner != other.owner || mine.group != other.group {
      return "belongs to \(mine.owner):\(mine.group) and should to \(other.owner):\(other.group)"
    }
    if mine.device != other.device { return "is another device" }
    // What a whiteout hides matters, and not since when: overlayfs made one, and unpacking the other.
    if mine.kind == .characterDevice && mine.device == DeviceNumber(major: 0, minor: 0) { return nil }
    // A directory's size is the file system's affair, and its time is now where no entry of the layer told of it.
    if mine.kind == .directory { return nil }
    if mine.kind == .regular && mine.size != other.size {
      return mine.size == 0
        ? "is empty and should have \(other.size) bytes" : "has \(mine.size) bytes and should have \(other.size)"
    }
    if mine.linkCount != other.linkCount { return "has \(mine.linkCount) names and should have \(other.linkCount)" }
    return mine.modified == other.modified ? nil : "has been changed since the layer was made"
  }

  private mutating func compare(
    file name: Path, _ path: Path, _ ours: BorrowedDescriptor, _ theirs: BorrowedDescriptor
  ) throws(Fault) {
    let mine = try open(name, [.readOnly, .noFollow, .nonBlocking], at: ours)
    let other = try open(name, [.readOnly, .noFollow, .nonBlocking], at: theirs)
    try compareAttributes(path, mine.borrowed, other.borrowed)
    var offset = 0
    while true {
      let expected = try other.borrowed.read(Self.blockSize, at: offset)
      // A disk that cannot read it back is the damage that is looked for.
      guard let found = try? mine.borrowed.read(Self.blockSize, at: offset) else {
        return record(path, "cannot be read back")
      }
      if found != expected { return record(path, "has other contents") }
      if expected.isEmpty { return }
      offset += expected.count
    }
  }

  private static let blockSize = 1 << 18

  private static func word(for kind: FileKind) -> String {
    switch kind {
    case .regular: "a file"
    case .directory: "a directory"
    case .symbolicLink: "a link"
    case .characterDevice, .blockDevice: "a device"
    case .fifo: "a FIFO"
    case .socket: "a socket"
    }
  }

  private mutating func compareAttributes(
    _ path: Path, _ ours: BorrowedDescriptor, _ theirs: BorrowedDescriptor
  ) throws(Fault) {
    if try OverlayAttributes.portable(of: ours) != OverlayAttributes.portable(of: theirs) {
      record(path, "has other extended attributes")
    }
  }
}
