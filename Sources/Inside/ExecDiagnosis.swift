package import ELF
package import Kernel
package import Rooted

/// Why a program does not start inside a root, found by reading what the kernel and the dynamic linker would read.
package struct Diagnosis: Hashable, Sendable {
  package enum Reason: Hashable, Sendable {
    /// No such file, by its path or anywhere along PATH.
    case programMissing
    case isDirectory
    case notRegular
    /// No x bit is set.
    case notExecutable(FileMode)
    /// The file system is mounted noexec.
    case mountForbids
    case empty
    /// Neither an ELF file nor a script with a `#!` line.
    case unknownFormat
    case malformed(ELFError)
    /// An object file or a core dump.
    case noProgram
    case otherArchitecture(Architecture)
    /// PT_INTERP names a file that is not there.
    case interpreterMissing(Path)
    case interpreterUnusable(Path, String)
    /// The `#!` line names a file that is not there.
    case scriptInterpreterMissing(Path)
    /// `#!/bin/sh` or `#!/usr/bin/env NAME` with a carriage return behind it.
    case carriageReturn(Path)
    /// Scripts that start scripts, further than the kernel goes along.
    case tooManyScripts
    case librariesMissing([LinkMap.Missing])
    /// They are there, but only $ORIGIN leads to them, which the linker learns from /proc/self/exe: without procfs it drops
    /// such directories (`_dl_get_origin` of glibc's elf/dl-origin.c).
    case originUnknown([LinkMap.Missing])
  }

  /// What was to be started, as it was asked for.
  package var program: Path
  /// The file that the trouble is with: the program, or the interpreter of a script.
  package var path: Path
  package var reason: Reason
  /// What else a staging would have to bring: the names of libraries that are missing too, or of what env(1) looks up.
  package var others: [Path] = []
}

extension Diagnosis {
  /// There is no such program.
  package init(missing program: Path) {
    self.init(program: program, path: program, reason: .programMissing)
  }
}

/// Why `program` would not start in this root, or nil when nothing speaks against it.
///
/// - Parameters:
///   - program: a path, or a name that is looked up along `searchPath`.
///   - searchPath: the directories of the program's own PATH.
///   - libraryPath: the directories of its LD_LIBRARY_PATH.
///   - workingDirectory: where a relative path starts.
package func diagnose(
  program: Path, searchPath: [Path], libraryPath: [Path] = [], workingDirectory: Path = "/", in root: borrowing Root
) -> Diagnosis? {
  var found = program
  if !program.bytes.contains(UInt8(ascii: "/")) {
    guard let path = find(program, along: searchPath, in: root) else {
      return Diagnosis(missing: program)
    }
    found = path
  } else if !program.isAbsolute {
    found = workingDirectory.appending(program).lexicallyNormal
  }
  let examination = Examination(program: program, searchPath: searchPath, libraryPath: libraryPath)
  return examination.examine(found, depth: 0, in: root)
}

/// As execvp(3) does it: the first that can be executed, else the first that is there.
private func find(_ name: Path, along searchPath: [Path], in root: borrowing Root) -> Path? {
  guard !name.isEmpty else { return nil }
  var other: Path?
  for directory in searchPath {
    let path = directory.appending(name)
    guard let facts = try? root.status(of: path) else { continue }
    if facts.kind == .regular, facts.mode.rawValue & 0o111 != 0 { return path }
    other = other ?? path
  }
  return other
}

private struct Examination {
  let program: Path
  let searchPath: [Path]
  let libraryPath: [Path]

  func fail(_ path: Path, _ reason: Diagnosis.Reason) -> Diagnosis {
    Diagnosis(program: program, path: path, reason: reason)
  }

  func examine(_ path: Path, depth: Int, in root: borrowing Root) -> Diagnosis? {
    // BINPRM_MAX_RECURSION of the kernel is four interpreters deep.
    if depth > 4 { return fail(path, .tooManyScripts) }
    guard let facts = try? root.status(of: path) else {
      return depth == 0 ? fail(path, .programMissing) : fail(path, .scriptInterpreterMissing(path))
    }
    if facts.kind == .directory { return fail(path, .isDirectory) }
    guard facts.kind == .regular, let opened = try? openRegular(path, in: root) else { return fail(path, .notRegular) }
    if facts.mode.rawValue & 0o111 == 0 { return fail(path, .notExecutable(facts.mode)) }
    if (try? refusesExecution(opened.borrowed)) == true { return fail(path, .mountForbids) }
    guard let front = try? opened.borrowed.read(Script.longestLine, at: 0) else { return nil }
    if front.isEmpty { return fail(path, .empty) }
    if front.starts(with: "#!".utf8) {
      return examine(Script(front: front[...]), at: path, depth: depth, in: root)
    }
    do throws(ELFError) {
      let object = try ELFObject(reading: ByteSource(opened.borrowed, size: facts.size))
      return examine(object, at: path, in: root)
    } catch {
      return fail(path, error == .notELF ? .unknownFormat : .malformed(error))
    }
  }

  private func examine(_ script: Script?, at path: Path, depth: Int, in root: borrowing Root) -> Diagnosis? {
    guard let script else { return fail(path, .unknownFormat) }
    let isThere = (try? root.status(of: script.interpreter)) != nil
    // A file may really be called so; nobody does it.
    if script.hasCarriageReturn, !isThere || script.argument != nil {
      let name = isThere ? script.lookedUp ?? "" : script.interpreter
      return fail(path, .carriageReturn(Path(bytes: name.bytes.filter { $0 != 13 }) ?? ""))
    }
    let name = script.lookedUp.flatMap { $0.bytes.contains(UInt8(ascii: "/")) ? nil : $0 }
    let found = name.flatMap { find($0, along: searchPath, in: root) }
    guard isThere else {
      var trouble = fail(path, .scriptInterpreterMissing(script.interpreter))
      if let name, found == nil { trouble.others = [name] }
      return trouble
    }
    if let trouble = examine(script.interpreter, depth: depth + 1, in: root) { return trouble }
    guard let name else { return nil }
    guard let found else { return fail(path, .scriptInterpreterMissing(name)) }
    return examine(found, depth: depth + 1, in: root)
  }

  private func examine(_ object: ELFObject, at path: Path, in root: borrowing Root) -> Diagnosis? {
    if object.kind == .other { return fail(path, .noProgram) }
    if !object.architecture.runsHere { return fail(path, .otherArchitecture(object.architecture)) }
    guard let interpreter = object.interpreter else { return nil }
    let configuration = LinkerConfiguration(
      for: object.architecture, interpreter: interpreter, in: root, libraryPath: libraryPath)
    var reader = ObjectReader()
    guard let file = reader.look(path, in: root) else { return nil }
    let origin = resolvedDirectory(of: path, in: root)
    func link(_ object: ELFObject) -> LinkMap {
      LinkMap(program: path, origin: origin, file: file, object: object, configuration) { reader.look($0, in: root) }
    }
    let map = link(object)
    var trouble: Diagnosis?
    switch map.missingInterpreter?.reason {
    case .notFound: trouble = fail(path, .interpreterMissing(interpreter))
    case .otherArchitecture(_, let other):
      trouble = fail(path, .interpreterUnusable(interpreter, "a \(other.name) file"))
    case .unreadable(_, let error): trouble = fail(path, .interpreterUnusable(interpreter, "\(error)"))
    case .tooMany, nil:
      if !map.missing.isEmpty {
        trouble = fail(path, .librariesMissing(map.missing))
      } else if let plain = object.withoutOrigin, (try? root.status(of: "/proc/self/stat")) == nil {
        let missing = link(plain).missing
        return missing.isEmpty ? nil : fail(path, .originUnknown(missing))
      }
    }
    for entry in map.missing where trouble?.others.contains(entry.name) == false {
      trouble?.others.append(entry.name)
    }
    return trouble
  }
}

extension ELFObject {
  /// Without the search directories that begin with $ORIGIN; nil when there are none.
  fileprivate var withoutOrigin: ELFObject? {
    func plain(_ path: Path?) -> Path? {
      path.flatMap { Path(bytes: Array($0.bytes.split(separator: 58).filter(Self.isPlain).joined(separator: [58]))) }
    }
    var object = self
    object.rpath = plain(rpath)
    object.runpath = plain(runpath)
    return object == self ? nil : object
  }

  private static func isPlain(_ directory: ArraySlice<UInt8>) -> Bool {
    !["$ORIGIN", "${ORIGIN}"].contains { directory.starts(with: $0.utf8) }
  }
}

/// The directory of a program with all links resolved, as the kernel tells it to the program ($ORIGIN). Links of the last
/// component are followed, at most as many as the kernel would.
package func resolvedDirectory(of path: Path, in root: borrowing Root) -> Path {
  var current = path
  for _ in 0..<40 {
    guard let link = try? root.open(current, [.path, .noFollow]),
      (try? status(of: link.borrowed).kind) == .symbolicLink,
      let target = try? readSymbolicLink("", at: link.borrowed)
    else { break }
    current = target.isAbsolute ? target : current.parent.appending(target)
  }
  return current.parent
}
