internal import JSON
package import Kernel
internal import RuntimeSpec
internal import Steps

/// The directory of all containers: one directory each, made first and removed last.
///
///     ROOT/ID/state.json    what is known of it
///     ROOT/ID/config.json   the configuration that it was created from
///     ROOT/ID/filter        its filter of system calls, compiled
///     ROOT/ID/start         the socket at which its first process waits; gone once it was started
///
/// What stands there is carried out with the rights of who calls, so nobody else may have written it (`checkTrust`).
package struct StateStore: Hashable, Sendable {
  package let root: Path

  package func directory(of id: String) -> Path { root.appending(Path(id)) }

  /// All that have a directory, in no order.
  package func identifiers() throws(RuntimeFailure) -> [String] {
    guard let top = try openRoot() else { return [] }
    return try told("cannot read the state directory") { () throws(Fault) in
      try entries(of: top.borrowed).filter { $0.kind == .directory }.map(\.name.string).filter(isIdentifier)
    }
  }

  /// Makes the container's directory: from here on the name is taken.
  func claim(_ id: String) throws(RuntimeFailure) -> ContainerDirectory {
    let top = try makeRoot()
    do throws(Fault) {
      try makeDirectory(Path(id), mode: 0o700, at: top.borrowed)
      let directory = try open(Path(id), [.readOnly, .directory, .noFollow], at: top.borrowed)
      try directory.borrowed.lock(.exclusive)
      return ContainerDirectory(id: id, path: self.directory(of: id), descriptor: directory)
    } catch {
      if error.errno == .exists {
        throw RuntimeFailure("container with given ID already exists: \(id)", hint: "delete it first: delete \(id)")
      }
      throw failure("cannot make the state of \(id)", error)
    }
  }

  /// The directory of a container that is there.
  func find(_ id: String) throws(RuntimeFailure) -> ContainerDirectory {
    guard isIdentifier(id) else { throw RuntimeFailure("invalid container ID format: \"\(id)\"") }
    guard let top = try openRoot() else { throw RuntimeFailure.missing(id) }
    let descriptor: Descriptor
    do throws(Fault) {
      descriptor = try open(Path(id), [.readOnly, .directory, .noFollow], at: top.borrowed)
    } catch {
      if error.errno == .noSuchFile { throw RuntimeFailure.missing(id) }
      throw failure("cannot open the state of \(id)", error)
    }
    try checkTrust(descriptor.borrowed, directory(of: id))
    return ContainerDirectory(id: id, path: directory(of: id), descriptor: descriptor)
  }
}

/// Letters, digits, `_`, `+`, `-` and `.`, as runc has them; never a way out of the directory.
package func isIdentifier(_ text: String) -> Bool {
  let isWord = text.utf8.allSatisfy {
    switch $0 {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }
  return isWord && !text.isEmpty && text.utf8.count <= 255 && text != "." && text != ".."
}

/// The directory of one container, open.
struct ContainerDirectory: ~Copyable {
  let id: String
  let path: Path
  let descriptor: Descriptor

  /// Below this path the socket is found even when the path is longer than an address of a socket can be.
  var startSocket: Path { path.appending(Self.start) }
  static let start: Path = "start"
  private static let state: Path = "state.json"
  private static let configuration: Path = "config.json"
  private static let filter: Path = "filter"

  borrowing func state() throws(RuntimeFailure) -> RuntimeState {
    do {
      return try RuntimeState(parsing: try readRegularFile(Self.state, at: descriptor.borrowed, limit: 4 << 20))
    } catch let fault as Fault {
      if fault.errno == .noSuchFile { throw RuntimeFailure("container \(id) was never finished: it has no state") }
      throw RuntimeFailure("cannot read the state of \(id)", fault)
    } catch {
      throw RuntimeFailure("cannot read the state of \(id): \(error)")
    }
  }

  /// The bundle's configuration as it was when the container was created.
  ///
  /// - Parameter isBrief: the filter's rules may be left out.
  borrowing func spec(isBrief: Bool = false) throws(RuntimeFailure) -> Spec { try configuration(isBrief: isBrief) }

  /// What that configuration wants to be told.
  borrowing func callbacks() throws(RuntimeFailure) -> Spec.Callbacks { try configuration(isBrief: true) }

  private borrowing func configuration<Value: JSONReadable>(isBrief: Bool) throws(RuntimeFailure) -> Value {
    do {
      let bytes = try readRegularFile(Self.configuration, at: descriptor.borrowed, limit: 8 << 20)
      return try Value(parsing: bytes, isBrief: isBrief)
    } catch let fault as Fault {
      throw RuntimeFailure("cannot read the configuration of \(id)", fault)
    } catch {
      throw RuntimeFailure("cannot read the configuration of \(id): \(error)")
    }
  }

  /// Not synced: nothing that runs survives the loss of power.
  borrowing func write(_ state: RuntimeState) throws(Fault) {
    try replaceFile(Self.state, with: state.jsonBytes(), durable: false, at: descriptor.borrowed)
  }

  borrowing func write(configuration bytes: [UInt8]) throws(Fault) {
    let file = try open(
      Self.configuration, [.writeOnly, .create, .noFollow], mode: 0o600, at: descriptor.borrowed)
    try file.borrowed.write(bytes)
  }

  /// The compiled filter, for `exec`. Nil where an older version made the container, or this file is not what it wrote.
  borrowing func filter() -> SystemCallFilter? {
    let bytes = try? readRegularFile(Self.filter, at: descriptor.borrowed, limit: 1 << 20)
    return bytes.flatMap { SystemCallFilter(saved: $0) }
  }

  borrowing func write(filter: SystemCallFilter) throws(Fault) {
    let file = try open(Self.filter, [.writeOnly, .create, .noFollow], mode: 0o600, at: descriptor.borrowed)
    try file.borrowed.write(filter.savedBytes)
  }

  /// Whole, or as it was: `start` and hooks read it.
  borrowing func replace(configuration bytes: [UInt8]) throws(Fault) {
    try replaceFile(Self.configuration, with: bytes, durable: false, at: descriptor.borrowed)
  }

  /// Whether a process waits to be started.
  var waitsForStart: Bool { exists(Self.start, at: descriptor.borrowed, followLinks: false) }

  borrowing func removeStartSocket() { try? removeFile(Self.start, at: descriptor.borrowed) }

  /// Somebody who creates, starts or deletes it holds this lock; given back at the end of the process at the latest.
  borrowing func tryLock() throws(Fault) -> Bool { try descriptor.borrowed.tryLock(.exclusive) }

  borrowing func unlock() { try? descriptor.borrowed.unlock() }

  /// The name still leads to this directory: nobody has deleted the container, or made another one of that name since.
  var isCurrent: Bool {
    guard let named = try? status(of: path, followLinks: false), let own = try? status(of: descriptor.borrowed) else {
      return false
    }
    return named.inode == own.inode && named.fileSystem == own.fileSystem
  }

  func lockHolder() -> ProcessIdentifier? {
    guard let own = try? status(of: descriptor.borrowed) else { return nil }
    return FileLocks.read().holder(ofInode: own.inode, on: own.fileSystem)
  }

  /// Whether somebody is at it right now.
  var isBusy: Bool {
    guard let view = try? open(path, [.readOnly, .directory, .noFollow]) else { return false }
    return (try? view.borrowed.tryLock(.shared)) == false
  }

  /// Whether all that is in it is what the runtime puts there: another directory below the root is none of its business.
  borrowing func isOurs() throws(Fault) -> Bool {
    let known: Set<String> = ["state.json", "config.json", "filter", "start", "notify", "criu.pid"]
    return try entries(of: descriptor.borrowed).allSatisfy {
      known.contains($0.name.string) || $0.name.string.hasSuffix(".new")
    }
  }

  /// Files, then the directory. What is gone already is no fault.
  borrowing func remove() throws(Fault) {
    for entry in try entries(of: descriptor.borrowed) {
      do throws(Fault) { try removeTree(entry.name, at: descriptor.borrowed) } catch {
        if error.errno != .noSuchFile { throw error }
      }
    }
    do throws(Fault) { try removeDirectory(path) } catch {
      if error.errno != .noSuchFile { throw error }
    }
  }
}
