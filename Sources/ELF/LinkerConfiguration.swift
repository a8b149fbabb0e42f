package import Kernel

/// Whose rules a program's libraries are found by.
package enum LinkerFlavor: Hashable, Sendable {
  case glibc
  /// musl: RPATH and RUNPATH are one and go on to what is loaded on its behalf; one path file instead of a cache.
  case musl

  package init(interpreter: Path?) {
    let name = interpreter?.components.last?.string ?? ""
    self = name.hasPrefix("ld-musl-") ? .musl : .glibc
  }
}

/// Where one dynamic linker looks: what ld.so(8) calls the search order, as data.
package struct LinkerConfiguration: Hashable, Sendable {
  package var flavor: LinkerFlavor
  package var architecture: Architecture
  /// LD_LIBRARY_PATH of the program's environment.
  package var libraryPath: [Path] = []
  package var cache: LibraryCache?
  /// Directories of /etc/ld.so.conf: ldconfig would have put them in the cache.
  package var configuredDirectories: [Path] = []
  /// Compiled into the linker: `/lib64`, `/usr/lib64`.
  package var defaultDirectories: [Path]
  /// Subdirectories of glibc-hwcaps, best first.
  package var capabilities: [String] = []
  /// What $LIB stands for.
  package var library: String

  package init(flavor: LinkerFlavor, architecture: Architecture, defaultDirectories: [Path]? = nil) {
    self.flavor = flavor
    self.architecture = architecture
    let defaults = defaultDirectories ?? Self.usualDirectories(flavor, architecture)
    self.defaultDirectories = defaults
    // glibc is built with $LIB as the last part of its first directory.
    let first = defaults.first?.components.map(\.string) ?? []
    library = first.drop { !$0.hasPrefix("lib") }.joined(separator: "/")
    if library.isEmpty { library = architecture.is64Bit ? "lib64" : "lib" }
  }

  /// Where libraries of the machine lie on the distributions of the field, for a linker that does not say.
  package static func usualDirectories(_ flavor: LinkerFlavor, _ architecture: Architecture) -> [Path] {
    if flavor == .musl { return ["/lib", "/usr/local/lib", "/usr/lib"] }
    let multiarch = architecture.triplet.map { [Path("/lib/\($0)"), Path("/usr/lib/\($0)")] } ?? []
    return multiarch + (architecture.is64Bit ? ["/lib64", "/usr/lib64", "/lib", "/usr/lib"] : ["/lib", "/usr/lib"])
  }

  /// The directories that are compiled into a glibc linker: one constant of NUL-terminated names that start and end with
  /// a slash (`system_dirs` of elf/dl-load.c). Nil when the file holds nothing of the kind.
  package static func defaultDirectories(inLinker bytes: [UInt8]) -> [Path]? {
    let slash = UInt8(ascii: "/")
    let needle = Array("/lib".utf8)
    var found: [Path] = []
    var start = bytes.startIndex
    while let zero = bytes[start...].firstIndex(of: 0) {
      defer { start = zero + 1 }
      // Constants follow code and each other, so a name must start right behind a NUL.
      let name = bytes[start..<zero]
      let isDirectory =
        name.first == slash && name.last == slash && (5...256).contains(name.count)
        && name.indices.contains { bytes[$0...].starts(with: needle) && $0 + needle.count <= zero }
      if isDirectory, let path = Path(bytes: name.dropLast()) {
        found.append(path)
      } else if !found.isEmpty {
        break
      }
    }
    return found.isEmpty ? nil : found
  }

  /// The lines of a path file of musl: directories separated by colons or newlines.
  package static func muslDirectories(_ file: [UInt8]) -> [Path] {
    file.split(whereSeparator: { $0 == UInt8(ascii: ":") || $0 == 10 }).compactMap { Path(bytes: $0) }
      .filter(\.isAbsolute)
  }
}

/// One line of /etc/ld.so.conf that means something (ldconfig(8)).
package enum LinkerConfigurationLine: Hashable, Sendable {
  case directory(Path)
  /// A pattern of glob(7), relative to the directory of the file it stands in.
  case include(Path)

  package static func lines(of file: [UInt8]) -> [LinkerConfigurationLine] {
    file.split(separator: 10).compactMap { line in
      let words = line.prefix { $0 != UInt8(ascii: "#") }.split(whereSeparator: { $0 == 32 || $0 == 9 || $0 == 13 })
      guard let first = words.first else { return nil }
      if first.elementsEqual("include".utf8) {
        return words.dropFirst().first.flatMap { Path(bytes: $0) }.map { .include($0) }
      }
      // `hwcap` lines have had no meaning since glibc 2.33; `DIR=TYPE` names a type that is long gone.
      if first.elementsEqual("hwcap".utf8) { return nil }
      return Path(bytes: first.prefix { $0 != UInt8(ascii: "=") }).flatMap { $0.isAbsolute ? .directory($0) : nil }
    }
  }
}

/// Whether `name` matches a pattern of `*`, `?` and `[…]` (glob(7)). A star does not match a dot at the front.
package func matches(_ name: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>) -> Bool {
  if name.first == UInt8(ascii: "."), pattern.first != UInt8(ascii: ".") { return false }
  // Backtracking to the last star only keeps the time at the product of both lengths.
  var (n, p) = (name.startIndex, pattern.startIndex)
  var star: (name: Int, pattern: Int)?
  while n < name.endIndex {
    if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
      star = (n, p + 1)
      p += 1
    } else if let next = matchOne(name[n], pattern, p) {
      n += 1
      p = next
    } else if let last = star {
      star = (last.name + 1, last.pattern)
      n = last.name + 1
      p = last.pattern
    } else {
      return false
    }
  }
  return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
}

/// The index behind the part of the pattern that matches the byte, or nil.
private func matchOne(_ byte: UInt8, _ pattern: ArraySlice<UInt8>, _ at: Int) -> Int? {
  guard at < pattern.endIndex else { return nil }
  switch pattern[at] {
  case UInt8(ascii: "?"): return at + 1
  case UInt8(ascii: "["):
    var index = at + 1
    let isNegated =
      index < pattern.endIndex && (pattern[index] == UInt8(ascii: "!") || pattern[index] == UInt8(ascii: "^"))
    if isNegated { index += 1 }
    let first = index
    var isIn = false
    while index < pattern.endIndex, index == first || pattern[index] != UInt8(ascii: "]") {
      if index + 2 < pattern.endIndex, pattern[index + 1] == UInt8(ascii: "-"), pattern[index + 2] != UInt8(ascii: "]")
      {
        isIn = isIn || (pattern[index] <= byte && byte <= pattern[index + 2])
        index += 3
      } else {
        isIn = isIn || pattern[index] == byte
        index += 1
      }
    }
    guard index < pattern.endIndex else { return byte == UInt8(ascii: "[") ? at + 1 : nil }
    return isIn != isNegated ? index + 1 : nil
  default: return pattern[at] == byte ? at + 1 : nil
  }
}
