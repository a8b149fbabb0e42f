internal import Kernel

/// Resolves a path by hand, as the kernel would below a chroot: each component is opened with O_PATH|O_NOFOLLOW from the
/// descriptor of the one before, and links are read and resolved here.
///
/// `..` takes the descriptor that we came through, never the kernel's idea of the parent: a directory that is moved out
/// of the root while we stand in it leads back inside all the same.
struct Walk: ~Copyable {
  /// What to do about a component that does not exist.
  enum Missing {
    case fail
    case makeDirectories(FileMode)
    /// An empty file for the last component, directories before it.
    case makeFile(FileMode)
  }

  /// As the kernel's MAXSYMLINKS.
  static let linkLimit = 40

  private let root: BorrowedDescriptor
  private let missing: Missing
  private let refusesLinks: Bool
  /// The directories between the root and where we are.
  private var passed = DescriptorStack()
  /// What is left of the path, its next component last.
  private var rest: [Path]
  private var linksFollowed = 0

  static func run(
    from root: BorrowedDescriptor, _ path: Path, _ flags: OpenFlags, mode: FileMode = 0, missing: Missing,
    refusesLinks: Bool
  ) throws(Fault) -> Descriptor {
    do throws(Fault) {
      if path.isEmpty { throw Fault("open", .noSuchFile) }
      if path.bytes.count >= 4096 { throw Fault("open", .nameTooLong) }
      var walk = Walk(root: root, missing: missing, refusesLinks: refusesLinks, rest: parts(of: path))
      return try walk.finish(flags, mode: mode)
    } catch {
      // The numbers of descriptors on the way say nothing to a person; the path does.
      let arguments = "\(path.quoted) inside the root"
      throw Fault(operation: error.operation, error.errno, arguments: arguments, hint: error.hint)
    }
  }

  /// Components in reverse. A `.` at the end stands for the slash there, or the dot, that asks for a directory.
  private static func parts(of path: Path) -> [Path] {
    var parts = path.components
    let last = path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last
    if parts.isEmpty || last?.isEmpty == true || last?.elementsEqual([UInt8(ascii: ".")]) == true { parts.append(".") }
    parts.reverse()
    return parts
  }

  private init(root: BorrowedDescriptor, missing: Missing, refusesLinks: Bool, rest: [Path]) {
    self.root = root
    self.missing = missing
    self.refusesLinks = refusesLinks
    self.rest = rest
  }

  private var here: BorrowedDescriptor { passed.last ?? root }

  private mutating func finish(_ flags: OpenFlags, mode: FileMode) throws(Fault) -> Descriptor {
    var races = 0
    while let name = rest.popLast() {
      let isLast = rest.isEmpty
      if name == ".." || name == "." {
        if name == ".." { passed.removeLast() }
        if isLast { return try open(".", flags.subtracting(.noFollow), mode: mode, at: here) }
        continue
      }
      guard let handle = try component(name, isLast: isLast) else {
        // Missing, and the caller's own O_CREAT makes it. A link swapped in meanwhile is not followed: look again.
        do throws(Fault) { return try open(name, flags.union(.noFollow), mode: mode, at: here) } catch {
          races += 1
          guard flags.contains(.create), error.errno == .tooManyLinks, races < 64 else { throw error }
          rest.append(name)
          continue
        }
      }
      let kind = try status(of: handle.borrowed).kind
      if kind == .symbolicLink, !isLast || follows(flags) {
        try follow(handle.borrowed)
      } else if !isLast {
        guard kind == .directory else { throw Fault("open", .notDirectory) }
        passed.append(handle)
      } else if flags.contains(.path) {
        if flags.contains(.directory), kind != .directory { throw Fault("open", .notDirectory) }
        return handle
      } else {
        do throws(Fault) { return try open(name, flags.union(.noFollow), mode: mode, at: here) } catch {
          races += 1
          guard follows(flags), error.errno == .tooManyLinks, races < 64 else { throw error }
          rest.append(name)
        }
      }
    }
    throw Fault("open", .noSuchFile)
  }

  /// Whether a link as the last component is to be resolved. O_CREAT|O_EXCL never does.
  private func follows(_ flags: OpenFlags) -> Bool {
    !flags.contains(.noFollow) && !flags.contains([.create, .exclusive])
  }

  /// A handle on one component, made first where that was asked; nil when it is missing and nobody asked.
  private func component(_ name: Path, isLast: Bool) throws(Fault) -> Descriptor? {
    do throws(Fault) { return try open(name, [.path, .noFollow], at: here) } catch {
      if error.errno != .noSuchFile { throw error }
      do throws(Fault) {
        switch missing {
        case .fail:
          if isLast { return nil }
          throw error
        case .makeFile(let mode) where isLast: try makeNode(name, kind: .regular, mode: mode, at: here)
        case .makeFile: try makeDirectory(name, mode: 0o755, at: here)
        case .makeDirectories(let mode): try makeDirectory(name, mode: mode, at: here)
        }
      } catch { if error.errno != .exists { throw error } }
      // If somebody was faster with a link, it comes back as one and is resolved inside the root like any other.
      return try open(name, [.path, .noFollow], at: here)
    }
  }

  private mutating func follow(_ link: BorrowedDescriptor) throws(Fault) {
    linksFollowed += 1
    if refusesLinks || linksFollowed > Walk.linkLimit { throw Fault("open", .tooManyLinks) }
    try refuseMagicLink(link)
    let target = try readSymbolicLink("", at: link)
    if target.isEmpty { throw Fault("open", .noSuchFile) }
    if target.isAbsolute { passed.removeAll() }
    rest.append(contentsOf: Walk.parts(of: target))
    if rest.count > 4096 { throw Fault("open", .nameTooLong) }
  }

  /// Links of procfs that jump to an open file whatever their text says. Only those of its top directory (inode 1: self,
  /// mounts, net, thread-self) are plain links.
  private func refuseMagicLink(_ link: BorrowedDescriptor) throws(Fault) {
    guard try fileSystemStatus(of: link).type == .proc else { return }
    if try status(of: here).inode != 1 { throw Fault("open", .tooManyLinks) }
  }
}

/// Descriptors in the order they were opened; an Array cannot own them.
struct DescriptorStack: ~Copyable {
  private var numbers: [Int32] = []

  var last: BorrowedDescriptor? { numbers.last.map(BorrowedDescriptor.init(rawValue:)) }

  mutating func append(_ descriptor: consuming Descriptor) { numbers.append(descriptor.release()) }

  /// Nothing happens when it is empty: `..` of the root is the root.
  mutating func removeLast() { if let number = numbers.popLast() { _ = Descriptor(owning: number) } }

  mutating func removeAll() { while !numbers.isEmpty { removeLast() } }

  deinit { for number in numbers { _ = Descriptor(owning: number) } }
}
