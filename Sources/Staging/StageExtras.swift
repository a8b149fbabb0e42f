internal import ELF
internal import Inside
internal import Kernel

/// What no ELF file names, but the C library and others look for when a program runs. All of it is optional: what the host
/// has not, the root has not either.
extension StageBuilder {
  mutating func addDirectories() throws(StageFailure) {
    // Those that the host keeps as links into /usr come first, so that all else finds its way.
    for path in ["/bin", "/sbin", "/lib", "/lib64"] as [Path]
    where host.status(path, followLinks: false)?.kind == .symbolicLink && host.status(path) != nil {
      if !target.has(path) { try target.place(path, from: host, why: StageReason(.layout, by: path)) }
    }
    let directories: [(Path, FileMode)] = [
      ("/dev", 0o755), ("/etc", 0o755), ("/home", 0o755), ("/proc", 0o555), ("/root", 0o700), ("/run", 0o755),
      ("/sys", 0o555), ("/tmp", 0o1777), ("/usr", 0o755), ("/var", 0o755), ("/var/lib", 0o755), ("/var/log", 0o755),
      ("/var/tmp", 0o1777),
    ]
    for (path, mode) in directories where !target.has(path) {
      // In a root that was there, /var may be a link; what it holds is its own affair.
      if path.parent == "/" || target.hasDirectory(path.parent) { try target.makeDirectory(path, mode: mode) }
    }
  }

  mutating func addExtras() throws(StageFailure) {
    let extras = request.extras
    if extras.contains(.accounts) {
      for name in ["passwd", "group", "hosts", "resolv.conf", "nsswitch.conf"] {
        try addFile("/etc/\(name)", for: "accounts and names")
      }
    }
    if !linkers.isEmpty {
      if extras.contains(.nameServices) { try addNameServices() }
      if extras.contains(.converters) { try addConverters() }
      if extras.contains(.locale) { try addLocales() }
    }
    if extras.contains(.certificates) {
      for path in Self.certificates { try addFile(path, for: "CA certificates") }
    }
    if extras.contains(.timeZone) { try addTimeZone() }
    if extras.contains(.terminal) { try addTerminals() }
  }

  /// Where Debian, Fedora, SUSE and OpenSSL itself look.
  private static let certificates: [Path] = [
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/cert.pem",
    "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem", "/usr/lib/ssl/cert.pem",
  ]

  private mutating func addFile(_ path: Path, for purpose: Path, name: Path? = nil) throws(StageFailure) {
    guard let facts = host.status(path), facts.kind == .regular else { return }
    try target.place(path, from: host, why: StageReason(.extra, by: purpose, name: name))
  }

  /// A directory and all below it; ELF files in it bring their libraries. What cannot come along is told where the tree
  /// was asked for.
  mutating func addTree(_ path: Path, why: StageReason, depth: Int = 0) throws(StageFailure) {
    guard let facts = host.status(path, followLinks: false) else { return }
    if depth > Self.deepest {
      throw StageFailure(.unusable, "\(path) lies deeper than \(Self.deepest) directories")
    }
    func leaveOut(_ reason: String) {
      if why.kind == .asked { notes.append("\(path) was left out: it is \(reason)") }
    }
    switch facts.kind {
    case .directory:
      if target.isRoot(facts.identity) { return leaveOut("the new root itself") }
      try target.place(path, from: host, why: why)
      let names: [Path]
      do throws(Fault) { names = try host.readNames(in: path) } catch {
        if why.kind != .asked { return }
        throw StageFailure("cannot read \(path)", error)
      }
      for name in names { try addTree(path.appending(name), why: why, depth: depth + 1) }
    case .regular, .symbolicLink:
      guard let behind = host.status(path) else { return leaveOut("a link that leads nowhere") }
      guard behind.kind == .regular || behind.kind == .directory else {
        return leaveOut("a link to \(behind.kind.words)")
      }
      try target.place(path, from: host, why: why)
      guard behind.kind == .regular, behind.size >= 52, host.front(of: path).starts(with: [0x7f, 0x45, 0x4c, 0x46]),
        let file = host.object(path), case .success(let object) = file.contents, object.architecture.runsHere,
        object.kind != .other
      else { return }
      try addClosure(of: path, file, object)
    default: leaveOut(facts.kind.words)
    }
  }

  /// A walk goes down by recursion, and a path has 4096 bytes.
  private static let deepest = 1024

  mutating func addPath(_ word: Path) throws(StageFailure) {
    var path = word
    if !path.isAbsolute, let here = try? workingDirectory() { path = here.appending(word) }
    path = path.lexicallyNormal
    guard host.status(path) != nil else { throw StageFailure(.notFound, "no such file or directory: \(word)") }
    try addTree(path, why: StageReason(.asked, by: word))
  }

  // MARK: - Modules of the C library

  /// A module that dlopen would load by its name; silently nothing where the host has none, as the C library takes it too.
  private mutating func addModule(_ name: Path, _ linker: LinkerUse, why: StageReason) throws(StageFailure) {
    guard let file = host.object(linker.library), case .success(var object) = file.contents else { return }
    object.needed = [name]
    object.interpreter = linker.interpreter
    let map = host.link(linker.library, file: file, object: object, linker.configuration)
    guard let edge = map.edges.first(where: { $0.name == name }) else { return }
    if let failure = failure(of: map) { return notes.append("\(name) was left out: \(failure)") }
    let module = map.objects[edge.to].path
    try target.place(module, from: host, why: why)
    guard let found = host.object(module), case .success(let object) = found.contents else { return }
    try addClosure(of: module, found, object)
  }

  /// nsswitch.conf(5): each service of each database is libnss_SERVICE.so.2.
  private mutating func addNameServices() throws(StageFailure) {
    let file = host.bytes(of: "/etc/nsswitch.conf").map { String(decoding: $0, as: UTF8.self) } ?? ""
    var services: [(service: String, database: String)] = []
    for line in file.split(separator: "\n") {
      let parts = line.prefix { $0 != "#" }.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      for word in parts[1].split(whereSeparator: { $0 == " " || $0 == "\t" }) where !word.hasPrefix("[") {
        let isName = word.utf8.allSatisfy {
          ($0 | 0x20 >= 97 && $0 | 0x20 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95
        }
        guard isName, !services.contains(where: { $0.service == word }) else { continue }
        services.append((String(word), String(parts[0]).trimmed))
      }
    }
    // Without the file the C library goes by these.
    if services.isEmpty { services = [("files", "all"), ("dns", "hosts")] }
    for linker in linkers {
      for (service, database) in services.prefix(64) {
        let why = StageReason(.extra, by: "nsswitch.conf", name: Path("\(database): \(service)"))
        try addModule(Path("libnss_\(service).so.2"), linker, why: why)
      }
    }
    // What the files service reads beside passwd and its like.
    for name in ["protocols", "services"] { try addFile("/etc/\(name)", for: "nsswitch.conf", name: Path(name)) }
  }

  /// gconv: a character set that the C library does not know by itself. UTF-8 and ASCII are built in.
  private mutating func addConverters() throws(StageFailure) {
    guard let set = characterSet else { return }
    for linker in linkers {
      guard
        let directory = linker.configuration.defaultDirectories.map({ $0.appending("gconv") })
          .first(where: { host.status($0)?.kind == .directory })
      else { continue }
      let lists =
        [directory.appending("gconv-modules")]
        + host.names(in: directory.appending("gconv-modules.d")).map {
          directory.appending("gconv-modules.d").appending($0)
        }
      var modules = GconvModules()
      for list in lists { modules.read(host.bytes(of: list, limit: 4 << 20) ?? []) }
      let files = modules.files(for: set)
      guard !files.isEmpty else {
        notes.append("no converter for the character set \(set) of the locale")
        continue
      }
      for list in lists { try addFile(list, for: "gconv", name: Path(set)) }
      try addFile(directory.appending("gconv-modules.cache"), for: "gconv", name: Path(set))
      for file in files {
        let path = directory.appending("\(file).so")
        if host.status(path)?.kind == .regular {
          try addTree(path, why: StageReason(.extra, by: "gconv", name: Path(set)))
        }
      }
    }
  }

  /// `ISO-8859-15` of `de_DE.ISO-8859-15@euro`; nil for what is built in.
  private var characterSet: String? {
    guard let locale = request.locale, let dot = locale.firstIndex(of: ".") else { return nil }
    let set = locale[locale.index(after: dot)...].prefix { $0 != "@" }
    let plain = set.uppercased().filter { $0 != "-" && $0 != "_" }
    return plain.isEmpty || plain == "UTF8" || plain == "ASCII" || plain == "USASCII" ? nil : String(set)
  }

  /// C.UTF-8, and the caller's own locale where it is a directory of its own rather than a part of locale-archive.
  private mutating func addLocales() throws(StageFailure) {
    var names = ["C.utf8", "C.UTF-8"]
    if let locale = request.locale, !locale.contains("/"), !locale.hasPrefix(".") {
      names.append(locale)
      if let dot = locale.firstIndex(of: ".") {
        let set = locale[dot...].prefix { $0 != "@" }.lowercased().filter { $0 != "-" }
        names.append(locale[..<dot] + set + locale[dot...].drop { $0 != "@" })
      }
    }
    for name in names {
      let path = Path("/usr/lib/locale").appending(name)
      if host.status(path)?.kind == .directory {
        try addTree(path, why: StageReason(.extra, by: "locale", name: Path(name)))
      }
    }
  }

  private mutating func addTimeZone() throws(StageFailure) {
    try addFile("/etc/localtime", for: "time zone")
    try addFile("/etc/timezone", for: "time zone")
    if let name = request.timeZone?.drop(while: { $0 == ":" }), !name.isEmpty {
      let path = Path(String(name))
      guard !path.components.contains("..") else { return }
      let place = path.isAbsolute ? path : Path("/usr/share/zoneinfo").appending(path)
      // TZ may name any file, and is whoever's environment this is: only what tzfile(5) describes goes into a root.
      guard host.front(of: place).starts(with: Array("TZif".utf8)) else { return }
      try addFile(place, for: "time zone", name: path)
    }
  }

  /// terminfo(5): compiled descriptions lie below their first letter, or its number in hexadecimal.
  private mutating func addTerminals() throws(StageFailure) {
    let own = request.terminal.flatMap { $0.isEmpty || $0.contains("/") || $0.hasPrefix(".") ? nil : $0 }
    for name in Set([own ?? "xterm", "xterm", "linux"]).sorted() {
      guard let first = name.utf8.first else { continue }
      let letters = [String(name.prefix(1)), String(first, radix: 16)]
      let places = ["/etc/terminfo", "/lib/terminfo", "/usr/lib/terminfo", "/usr/share/terminfo"]
      let paths = places.flatMap { place in letters.map { Path("\(place)/\($0)").appending(name) } }
      if let path = paths.first(where: { host.status($0)?.kind == .regular }) {
        try addFile(path, for: "terminal", name: Path(name))
      }
    }
  }
}

extension FileKind {
  /// `a character device`
  var words: String {
    switch self {
    case .fifo: "a FIFO"
    case .characterDevice: "a character device"
    case .directory: "a directory"
    case .blockDevice: "a block device"
    case .regular: "a file"
    case .symbolicLink: "a symbolic link"
    case .socket: "a socket"
    }
  }
}

/// gconv-modules: `module FROM// TO// FILE COST` and `alias NAME// OTHER//`.
struct GconvModules {
  private var modules: [(from: String, to: String, file: String)] = []
  private var aliases: [String: String] = [:]

  mutating func read(_ file: [UInt8]) {
    for line in String(decoding: file, as: UTF8.self).split(separator: "\n") {
      let words = line.prefix { $0 != "#" }.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(Self.name)
      if words.first == "alias", words.count >= 3 { aliases[words[1].uppercased()] = words[2] }
      if words.first == "module", words.count >= 4, !words[3].contains("/") {
        modules.append((words[1].uppercased(), words[2].uppercased(), words[3]))
      }
    }
  }

  private static func name(_ word: Substring) -> String {
    word.hasSuffix("//") ? String(word.dropLast(2)) : String(word)
  }

  /// Modules from and to a character set, which may be written in any of its names.
  func files(for set: String) -> [String] {
    var names = [set.uppercased()]
    for _ in 0..<8 {
      guard let next = aliases[names[names.count - 1]]?.uppercased(), !names.contains(next) else { break }
      names.append(next)
    }
    var found: [String] = []
    for module in modules where names.contains(module.from) || names.contains(module.to) {
      if !found.contains(module.file) { found.append(module.file) }
    }
    return found
  }
}
