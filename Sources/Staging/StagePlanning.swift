internal import ELF
internal import Inside
internal import Kernel
internal import Mounts
internal import Rooted
internal import Steps

extension StagePlan {
  /// Reads the host and the directory, and decides. Nothing is changed.
  package init(_ request: StageRequest) throws(StageFailure) {
    let host = try Host(at: request.host)
    let directory = request.directory
    var existing: Root?
    if request.lower.isEmpty {
      switch try Self.look(at: directory, host) {
      case .none:
        building = Self.temporaryName(for: directory)
      case .some(let root):
        existing = consume root
        building = nil
      }
    } else {
      do throws(Fault) { existing = try openLayers(request.lower) } catch {
        throw StageFailure("cannot look into the image", error)
      }
      building = Self.temporaryName(for: directory)
    }
    self.directory = directory
    let target = TargetTree(
      directory: building ?? directory, existing: existing, isLayer: !request.lower.isEmpty, copying: request.copying)
    var builder = StageBuilder(host: host, target: target, request: request)
    if request.extras.contains(.directories) { try builder.addDirectories() }
    for program in request.programs { try builder.addProgram(program) }
    for path in request.paths { try builder.addPath(path) }
    try builder.addExtras()
    try builder.addLibraryCache()
    notes = builder.notes
    files = builder.target.files
    if let building {
      let above = try Self.missingParents(of: directory)
      steps =
        above.map { .file(.makeDirectory($0, mode: 0o755)) } + [.file(.makeDirectory(building, mode: 0o755))]
        + builder.target.steps + [.file(.rename(from: building, to: directory))]
    } else {
      steps = builder.target.steps
    }
  }

  /// The directory that is there; nil where it is to be made.
  private static func look(at directory: Path, _ host: borrowing Host) throws(StageFailure) -> Root? {
    do throws(Fault) {
      let root = try Root(at: directory)
      let facts = try status(of: root.descriptor)
      let (system, source) = (try status(of: "/"), try status(of: host.root.descriptor))
      if facts.identity == system.identity || facts.identity == source.identity {
        throw Fault(
          "stage", .invalid, arguments: directory.quoted,
          hint: "the root of this machine is where binaries come from; choose another directory")
      }
      return root
    } catch {
      switch error.errno {
      case .noSuchFile:
        guard let target = try? readSymbolicLink(directory) else { return nil }
        throw StageFailure(
          .unusable, "\(directory) is a symbolic link to \(target), which is not there",
          hint: "make that directory first, or remove the link")
      case .notDirectory: throw StageFailure(.unusable, "\(directory) is there and is no directory")
      case .invalid where error.operation == "stage":
        throw StageFailure(.unusable, "\(directory) is the root of this machine itself", hint: error.hint)
      default: throw StageFailure("cannot open \(directory)", error)
      }
    }
  }

  /// `.NAME.stage-PID` beside the directory: on its file system, so that it can be renamed.
  static func temporaryName(for directory: Path) -> Path {
    let parent = directory.lexicallyNormal.parent
    let name = temporaryPrefix(for: directory) + "\(processIdentifier())".utf8
    let path = Path(bytes: name) ?? ""
    return parent.isEmpty ? path : parent.appending(path)
  }

  /// A name has 255 bytes at most.
  static func temporaryPrefix(for directory: Path) -> [UInt8] {
    [UInt8(ascii: ".")] + directory.lexicallyNormal.lastComponent.bytes.prefix(200) + ".stage-".utf8
  }

  private static func missingParents(of directory: Path) throws(StageFailure) -> [Path] {
    var missing: [Path] = []
    var path = directory.lexicallyNormal.parent
    while !path.isEmpty, path != "/" {
      do throws(Fault) {
        guard try status(of: path).kind == .directory else {
          throw Fault("open", .notDirectory, arguments: path.quoted)
        }
        break
      } catch {
        guard error.errno == .noSuchFile else { throw StageFailure("cannot make \(directory)", error) }
        missing.append(path)
        path = path.parent
      }
    }
    return missing.reversed()
  }
}

extension StageBuilder {
  /// The entries that the linker needs, with those that the root has already. The last step of a plan, for it is the only
  /// one that may replace a file.
  mutating func addLibraryCache() throws(StageFailure) {
    guard !cacheEntries.isEmpty else { return }
    let old = target.bytes(of: "/etc/ld.so.cache", limit: 16 << 20)
    let known = old.flatMap { try? LibraryCache(parsing: $0) }?.entries ?? []
    let file = LibraryCache(entries: known + cacheEntries.filter { !known.contains($0) }).encoded()
    guard file != old, Set(cacheEntries).subtracting(known).isEmpty == false else { return }
    if (try? target.makeDirectory("/etc", mode: 0o755)) == nil || !target.hasDirectory("/etc") {
      return notes.append("no ld.so.cache was written: /etc of the new root is not a plain directory")
    }
    try target.write(
      "/etc/ld.so.cache", file, mode: 0o644,
      why: StageReason(.extra, by: "libraries outside of the linker's own directories"))
  }
}
