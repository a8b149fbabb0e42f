internal import ELF
internal import Explain
package import Kernel
package import Planning

extension Diagnosis: CustomStringConvertible {
  /// One line: the thing and the reason.
  package var description: String {
    switch reason {
    case .programMissing:
      program.bytes.contains(UInt8(ascii: "/"))
        ? "\(program): no such file in the container" : "\(program): no such program in the container's PATH"
    case .isDirectory: "\(path) is a directory"
    case .notRegular: "\(path) is not a regular file"
    case .notExecutable(let mode): "\(path) may not be executed: its mode is \(mode.octal), without any x"
    case .mountForbids: "\(path) lies on a file system that is mounted noexec"
    case .empty: "\(path) is an empty file"
    case .unknownFormat: "\(path) is neither an ELF file nor a script with a #! line"
    case .malformed(let error): "\(path): \(error)"
    case .noProgram: "\(path) is an object file or a core dump, not a program"
    case .otherArchitecture(let other):
      "\(path) is a program for \(other.name), and this machine is \(Architecture.host.name)"
    case .interpreterMissing(let name): "\(path) needs \(name), its dynamic linker, which is missing"
    case .interpreterUnusable(let name, let why): "\(path) needs \(name), its dynamic linker, which is unusable: \(why)"
    case .scriptInterpreterMissing(let name):
      path == name
        ? "\(name), an interpreter of \(program), is missing" : "\(path) is a script for \(name), which is missing"
    case .carriageReturn(let name):
      "\(path) has a carriage return at the end of its #! line, so \"\(name)\\r\" is looked for"
    case .tooManyScripts: "\(program) is a script for a script for a script: more than the kernel follows"
    case .librariesMissing(let missing): "shared library " + Self.words(missing)
    case .originUnknown(let missing):
      "shared library \(missing[0].name), needed by \(missing[0].neededBy), is found through $ORIGIN alone, and the linker"
        + " learns that from /proc, which is not mounted in there"
    }
  }

  private static func words(_ missing: [LinkMap.Missing]) -> String {
    let told = missing.prefix(4).map { entry in
      let who = "\(entry.name), needed by \(entry.neededBy)"
      return switch entry.reason {
      case .notFound: "\(who), is missing"
      case .otherArchitecture(let path, let other): "\(who), is there for \(other.name) only (\(path))"
      case .unreadable(let path, let error): "\(who), is unusable: \(path): \(error)"
      case .tooMany: "\(who), comes after thousands of others"
      }
    }
    let more = missing.count > 4 ? "; and \(missing.count - 4) more" : ""
    return told.joined(separator: "; ") + more
  }

  /// As a shell and docker have it: 127 for what is not found, 126 for what is there but does not start.
  package var exitCode: Int32 {
    switch reason {
    case .programMissing, .interpreterMissing, .scriptInterpreterMissing, .carriageReturn, .librariesMissing,
      .originUnknown:
      127
    default: 126
    }
  }

  /// Whether execve(2) itself goes well, so that only the dynamic linker or env(1) complains.
  package var isUnseenByTheKernel: Bool {
    switch reason {
    case .librariesMissing, .originUnknown: true
    case .scriptInterpreterMissing(let name), .carriageReturn(let name): !name.bytes.contains(UInt8(ascii: "/"))
    default: false
    }
  }

  /// What to do about it, as a command where there is one.
  ///
  /// - Parameters:
  ///   - target: where a staging would go; nil when nothing can be staged there.
  ///   - host: asked from the host: what is missing may be missing there too.
  ///   - file: the path that the host knows the troublesome file by.
  package func hint(stagingInto target: StagingTarget?, from host: HostView = .none, file: Path? = nil) -> String? {
    switch reason {
    case .carriageReturn: "turn its lines into Unix ones: sed -i 's/\\r$//' \(ShellWord(file ?? path))"
    case .notExecutable:
      file.map { "chmod +x \(ShellWord($0))" } ?? "chmod +x \(ShellWord(path)) in the root file system"
    case .mountForbids: "mount it without noexec"
    case .unknownFormat: "give it a first line such as #!/bin/sh, or start it with its interpreter"
    case .empty: "put the program in its place"
    case .otherArchitecture(let other):
      "use a root for \(Architecture.host.name), or register an emulator for \(other.name) (qemu-user-static)"
    case .originUnknown:
      target.map {
        "skiff run has a /proc of its own: skiff run --rm \($0.runWords) \(ShellWord(program)); or mount one there"
      }
    case .programMissing where program.bytes.first == UInt8(ascii: "-"):
      "options stand before the image or the container, the first word behind it is the program: \(ShellWord(program)) "
        + "belongs before, or a program before it"
    case .programMissing, .interpreterMissing, .scriptInterpreterMissing, .librariesMissing, .interpreterUnusable:
      target.flatMap { staging(into: $0, from: host) }
    default: nil
    }
  }

  private func staging(into target: StagingTarget, from host: HostView) -> String? {
    let wanted = wanted
    guard !wanted.isEmpty else { return nil }
    let command = "skiff stage \(target.stageWords) \(wanted.map { ShellWord($0).description }.joined(separator: " "))"
    let lacking = wanted.filter { !host.has($0) }
    guard let first = lacking.first else { return command }
    let names = lacking.count == 1 ? "\(first)" : "\(first) and \(lacking.count - 1) more"
    return "this machine has no \(names) either: install what has it, then \(command)"
  }

  /// What a staging has to be asked for: the program itself where the host has it, for then all of it fits together; else
  /// the parts that are missing.
  private var wanted: [Path] {
    switch reason {
    case .programMissing: return [program.bytes.contains(UInt8(ascii: "/")) ? path : program]
    case .scriptInterpreterMissing(let name): return [name] + others
    case .interpreterMissing(let name), .interpreterUnusable(let name, _):
      return exists(path) ? [path.parent.isUsual ? path.lastComponent : path] : [name] + others
    case .librariesMissing:
      return exists(path) ? [path.parent.isUsual ? path.lastComponent : path] : others
    default: return []
    }
  }
}

/// What a diagnosis knows about the machine that a staging would take files from.
package enum HostView: Sendable {
  /// Nothing: it is made inside of the container.
  case none
  /// All: its caller is on the host, and has this PATH.
  case here(searchPath: [Path])

  fileprivate func has(_ name: Path) -> Bool {
    guard case .here(let searchPath) = self else { return true }
    if name.bytes.contains(UInt8(ascii: "/")) { return exists(name) }
    let libraries = LinkerConfiguration.usualDirectories(.glibc, .host)
    return (searchPath + Path.usualDirectories + libraries).contains { exists($0.appending(name)) }
  }
}

extension StagingTarget {
  fileprivate var stageWords: String {
    switch self {
    case .directory(let path): word(path)
    case .image(let name): "-t \(ShellWord(name))"
    }
  }

  fileprivate var runWords: String {
    switch self {
    case .directory(let path): "--rootfs \(word(path))"
    case .image(let name): "\(ShellWord(name))"
    }
  }

  /// A name that looks like an option is none behind `./`.
  private func word(_ path: Path) -> String {
    ShellWord(path.bytes.first == UInt8(ascii: "-") ? Path("./").appending(path) : path).description
  }
}

extension Path {
  fileprivate static let usualDirectories: [Path] = [
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
  ]

  /// A directory that every PATH has.
  fileprivate var isUsual: Bool { Self.usualDirectories.contains(lexicallyNormal) }
}
