internal import ELF
internal import Inside
internal import Kernel
internal import Rooted

/// The tree that files come from, read once each.
struct Host: ~Copyable {
  let root: Root
  /// Where the tree lies: `/` but for trees of other machines.
  let prefix: Path
  private var reader = ObjectReader()
  private var configurations: [ConfigurationKey: LinkerConfiguration] = [:]

  private struct ConfigurationKey: Hashable {
    var architecture: Architecture
    var interpreter: Path?
  }

  init(at path: Path) throws(StageFailure) {
    prefix = path
    do throws(Fault) { root = try Root(at: path) } catch { throw StageFailure("cannot read \(path)", error) }
  }

  /// Nil when the name is not there.
  func status(_ path: Path, followLinks: Bool = true) -> FileStatus? {
    try? root.status(of: path, followLinks: followLinks)
  }

  func readLink(_ path: Path) -> Path? {
    guard let handle = try? root.open(path, [.path, .noFollow]) else { return nil }
    return try? readSymbolicLink("", at: handle.borrowed)
  }

  /// In order; none when the directory may not be read.
  func names(in directory: Path) -> [Path] { (try? readNames(in: directory)) ?? [] }

  func readNames(in directory: Path) throws(Fault) -> [Path] {
    let opened = try root.open(directory, [.readOnly, .directory])
    return try entries(of: opened.borrowed).map(\.name).sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
  }

  func bytes(of path: Path, limit: Int = 1 << 20) -> [UInt8]? {
    guard let file = try? openRegular(path, in: root) else { return nil }
    return try? file.borrowed.readAll(limit: limit)
  }

  func front(of path: Path) -> [UInt8] {
    guard let file = try? openRegular(path, in: root) else { return [] }
    return (try? file.borrowed.read(Script.longestLine, at: 0)) ?? []
  }

  mutating func object(_ path: Path) -> ObjectFile? { reader.look(path, in: root) }

  /// All that the linker would load for the object.
  mutating func link(
    _ path: Path, file: ObjectFile, object: ELFObject, _ configuration: LinkerConfiguration
  ) -> LinkMap {
    // The reader is taken out for the time of the call: the closure may not hold all of `self`.
    var reader = self.reader
    self.reader = ObjectReader()
    let map = Self.link(path, file: file, object: object, configuration, in: root, &reader)
    self.reader = reader
    return map
  }

  private static func link(
    _ path: Path, file: ObjectFile, object: ELFObject, _ configuration: LinkerConfiguration, in root: borrowing Root,
    _ reader: inout ObjectReader
  ) -> LinkMap {
    let origin = resolvedDirectory(of: path, in: root)
    return LinkMap(program: path, origin: origin, file: file, object: object, configuration) {
      reader.look($0, in: root)
    }
  }

  mutating func configuration(for architecture: Architecture, interpreter: Path?) -> LinkerConfiguration {
    let key = ConfigurationKey(architecture: architecture, interpreter: interpreter)
    if let known = configurations[key] { return known }
    var made = LinkerConfiguration(for: architecture, interpreter: interpreter, in: root)
    if made.flavor == .glibc {
      made.configuredDirectories = configuredDirectories(of: "/etc/ld.so.conf", depth: 0)
    }
    configurations[key] = made
    return made
  }

  /// Directories of ld.so.conf and the files that it includes, which ldconfig(8) puts in the cache.
  private func configuredDirectories(of path: Path, depth: Int) -> [Path] {
    guard depth < 8, let file = bytes(of: path) else { return [] }
    var found: [Path] = []
    for line in LinkerConfigurationLine.lines(of: file) {
      switch line {
      case .directory(let directory): found.append(directory)
      case .include(let pattern):
        let absolute = pattern.isAbsolute ? pattern : path.parent.appending(pattern)
        // Patterns are only usual in the last component.
        let last = absolute.lastComponent
        for name in names(in: absolute.parent) where matches(name.bytes, pattern: last.bytes) {
          found += configuredDirectories(of: absolute.parent.appending(name), depth: depth + 1)
        }
      }
    }
    return found
  }
}
