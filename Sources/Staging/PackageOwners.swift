internal import Kernel
internal import Launching
internal import SPDX

/// Where a package database is read from: a machine's own tree, or an image's layers.
protocol FileSource: ~Copyable {
  /// Where it lies as one tree; nil where it does not.
  var tree: Path? { get }
  func bytes(of path: Path, limit: Int) -> [UInt8]?
  func names(in directory: Path) -> [Path]
  func readLink(_ path: Path) -> Path?
}

/// Which package of a machine owns which of its files.
///
/// dpkg's database is read as the text files that it is (dpkg(1), "FILES"). rpm's is a database of another program's making, so
/// rpm(8) is asked.
struct PackageOwners {
  typealias Package = BillOfMaterials.Package
  private var owners: [Path: Package] = [:]

  func owner(of path: Path) -> Package? { owners[path] }

  /// Looks these paths up, which are resolved ones of the machine.
  init(of paths: [Path], in host: borrowing some FileSource & ~Copyable) {
    let distribution = Self.distribution(of: host)
    let aliases = DirectoryAliases(of: host)
    var wanted: [ArraySlice<UInt8>: [Path]] = [:]
    for path in paths {
      for name in aliases.names(of: path) { wanted[Array(name.bytes)[...], default: []].append(path) }
    }
    let packages = DpkgPackages(host, distribution)
    for (file, package) in packages.lists {
      guard let text = host.bytes(of: file, limit: 64 << 20) else { continue }
      var lines = ByteFields(text)
      while let line = lines.next("\n") {
        guard let found = wanted[line] else { continue }
        for path in found where packages.ownsAfterDiversion(package, line) { owners[path] = owners[path] ?? package }
      }
    }
    if packages.lists.isEmpty { owners = RpmPackages(host, distribution).owners(of: paths) }
  }

  private static func distribution(of host: borrowing some FileSource & ~Copyable) -> String {
    for file in ["/etc/os-release", "/usr/lib/os-release"] as [Path] {
      guard let text = host.bytes(of: file, limit: 1 << 20) else { continue }
      for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasPrefix("ID=") {
        return String(line.dropFirst(3).filter { $0 != "\"" && $0 != "'" })
      }
    }
    return "linux"
  }
}

/// Directories of the root that are links into /usr: dpkg may know /bin/ls for what is /usr/bin/ls.
private struct DirectoryAliases {
  private var links: [(short: String, long: String)] = []

  init(of host: borrowing some FileSource & ~Copyable) {
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
      guard let target = host.readLink(Path("/" + name)) else { continue }
      let words = target.components.map(\.string)
      if words == ["usr", name] { links.append(("/\(name)/", "/usr/\(name)/")) }
    }
  }

  func names(of path: Path) -> [Path] {
    let text = path.string
    for (short, long) in links {
      if text.hasPrefix(long) { return [path, Path(short + text.dropFirst(long.count))] }
      if text.hasPrefix(short) { return [path, Path(long + text.dropFirst(short.count))] }
    }
    return [path]
  }
}

/// What dpkg has installed.
private struct DpkgPackages {
  typealias Package = BillOfMaterials.Package
  /// The list of each package's files, and the package.
  private(set) var lists: [(Path, Package)] = []
  /// Who diverts what is listed under a name: another package's file of that name lies elsewhere (dpkg-divert(1)).
  private var diversions: [ArraySlice<UInt8>: String] = [:]

  init(_ host: borrowing some FileSource & ~Copyable, _ distribution: String) {
    let directory: Path = "/var/lib/dpkg/info"
    let lists = Set(host.names(in: directory).map(\.string).filter { $0.hasSuffix(".list") })
    guard !lists.isEmpty, let status = host.bytes(of: "/var/lib/dpkg/status", limit: 256 << 20) else { return }
    for stanza in stanzas(status) {
      guard let name = stanza["Package"], let version = stanza["Version"], let architecture = stanza["Architecture"],
        stanza["Status"]?.hasSuffix(" installed") == true
      else { continue }
      // One that several architectures may have at once carries its own in the file's name.
      let file = [name + ".list", "\(name):\(architecture).list"].first { lists.contains($0) }
      guard let file else { continue }
      let source = stanza["Source"].map { String($0.prefix { $0 != " " }) }
      let package = Package(
        .deb, name: name, version: version, architecture: architecture, distribution: distribution,
        supplier: stanza["Maintainer"], source: source == name ? nil : source)
      self.lists.append((directory.appending(file), package))
    }
    readDiversions(host)
  }

  /// Three lines each: the name, where it went, who wanted that.
  private mutating func readDiversions(_ host: borrowing some FileSource & ~Copyable) {
    guard let text = host.bytes(of: "/var/lib/dpkg/diversions", limit: 16 << 20) else { return }
    var lines = ByteFields(text)
    while let name = lines.next("\n"), lines.next("\n") != nil, let owner = lines.next("\n") {
      diversions[name] = String(decoding: owner, as: UTF8.self)
    }
  }

  func ownsAfterDiversion(_ package: Package, _ name: ArraySlice<UInt8>) -> Bool {
    diversions[name].map { $0 == package.name } ?? true
  }

  /// Paragraphs of `Name: value`; the lines that go on with a value are left out, none of ours has any (deb-control(5)).
  private func stanzas(_ text: [UInt8]) -> [[String: String]] {
    var found: [[String: String]] = []
    var stanza: [String: String] = [:]
    var lines = ByteFields(text)
    while let line = lines.next("\n") {
      if line.isEmpty {
        found.append(stanza)
        stanza = [:]
        continue
      }
      guard line.first != UInt8(ascii: " "), let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let name = String(decoding: line[..<colon], as: UTF8.self)
      guard Self.members.contains(name) else { continue }
      stanza[name] = String(decoding: line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
    }
    found.append(stanza)
    return found
  }

  private static let members: Set<String> = ["Package", "Version", "Architecture", "Status", "Source", "Maintainer"]
}

/// What rpm says of its database.
private struct RpmPackages {
  private let program: HostProgram?
  private let root: Path
  private let distribution: String

  init(_ host: borrowing some FileSource & ~Copyable, _ distribution: String) {
    let databases: [Path] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"]
    // A tree that is nowhere as a whole cannot be shown to rpm.
    root = host.tree ?? "/"
    program = host.tree != nil && databases.contains { !host.names(in: $0).isEmpty } ? HostProgram(named: "rpm") : nil
    self.distribution = distribution
  }

  /// Asked for so many at once that no command line becomes too long.
  func owners(of paths: [Path]) -> [Path: BillOfMaterials.Package] {
    guard let program else { return [:] }
    var owners: [Path: BillOfMaterials.Package] = [:]
    for start in stride(from: 0, to: paths.count, by: 500) {
      let part = Array(paths[start..<min(start + 500, paths.count)])
      let lines = ask(program, part)
      // One line a file, but a file that several packages have gets several: then each is asked for by itself.
      let answers = lines.count == part.count ? lines : part.map { ask(program, [$0]).first ?? "" }
      for (path, line) in zip(part, answers) { owners[path] = package(in: line) }
    }
    return owners
  }

  private func ask(_ program: HostProgram, _ paths: [Path]) -> [String] {
    let words = ["--root", root.string, "--query", "--file", "--queryformat", Self.format] + paths.map(\.string)
    let answer = try? program.run(words)
    return (answer?.text ?? "").split(separator: "\n").map(String.init)
  }

  private static let format = "\\t%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{VENDOR}\\t%{SOURCERPM}\\n"

  /// Nil for a line without an owner: `file … is not owned by any package`.
  private func package(in line: String) -> BillOfMaterials.Package? {
    let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 7, fields[0].isEmpty else { return nil }
    return BillOfMaterials.Package(
      .rpm, name: fields[1], version: (fields[2] == "0" ? "" : fields[2] + ":") + fields[3], architecture: fields[4],
      distribution: distribution, supplier: fields[5] == "(none)" ? nil : fields[5],
      source: fields[6] == "(none)" ? nil : fields[6])
  }
}
