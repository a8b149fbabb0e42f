package import ELF
package import Kernel
package import Rooted

extension LinkerConfiguration {
  /// How the linker named by `interpreter` would search in this root: its own default directories, the root's
  /// ld.so.cache, and what this processor is capable of.
  package init(
    for architecture: Architecture, interpreter: Path?, in root: borrowing Root, libraryPath: [Path] = []
  ) {
    let flavor = LinkerFlavor(interpreter: interpreter)
    var directories: [Path]?
    switch flavor {
    case .glibc:
      let linker = interpreter.flatMap { Self.bytes(of: $0, in: root, limit: 4 << 20) }
      directories = linker.flatMap { Self.defaultDirectories(inLinker: $0) }
    case .musl:
      let name = interpreter?.lastComponent.string.dropFirst("ld-musl-".count).prefix { $0 != "." } ?? ""
      let file = Self.bytes(of: "/etc/ld-musl-\(name).path", in: root, limit: 1 << 20)
      directories = file.map { Self.muslDirectories($0) }
    }
    self.init(flavor: flavor, architecture: architecture, defaultDirectories: directories)
    self.libraryPath = libraryPath
    guard flavor == .glibc else { return }
    capabilities = HardwareCapabilities.names(level: processorLevel(), for: architecture)
    if let file = Self.bytes(of: "/etc/ld.so.cache", in: root, limit: 16 << 20) {
      cache = try? LibraryCache(parsing: file)
    }
  }

  private static func bytes(of path: Path, in root: borrowing Root, limit: Int) -> [UInt8]? {
    guard let file = try? openRegular(path, in: root) else { return nil }
    return try? file.borrowed.readAll(limit: limit)
  }
}
