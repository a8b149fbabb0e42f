/// A rootfs from the host's own binaries: the ELF closure and what dlopen would want, and why each file is there.
///
/// It reads the host and decides (StagePlan), then performs the steps it decided on (StageExecution); nothing of the host is
/// ever executed, unlike ldd.

package import Kernel

/// What a person asked for.
package struct StageRequest: Sendable {
  /// Names that are looked up, or paths.
  package var programs: [Path]
  /// Files and directories that come along as they lie.
  package var paths: [Path] = []
  /// The new root.
  package var directory: Path
  package var extras: StageExtras = .all
  /// PATH of the caller.
  package var searchPath: [Path] = []
  /// LC_ALL, LC_CTYPE or LANG.
  package var locale: String?
  package var terminal: String?
  package var timeZone: String?
  package var copying: Copying = .automatic
  /// Layers of an image, topmost first: the directory gets only what they lack.
  package var lower: [Path] = []
  /// Where binaries come from; anything but `/` is for trees of another machine, and for tests.
  package var host: Path = "/"

  package init(programs: [Path], directory: Path) {
    self.programs = programs
    self.directory = directory
  }

  /// How the contents of files get into the new root.
  package enum Copying: Hashable, Sendable {
    /// By reflink where the file system can, else by copy. Never by hard link: the two names would be one file, and a
    /// container that writes to its /usr/bin/bash would write to the host's.
    case automatic
    /// By hard link where the file system can. Only for a root that nobody ever writes to.
    case hardLinks
  }
}

/// What comes along beside the programs and their libraries.
package struct StageExtras: FlagWord {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }
  /// /proc, /sys, /dev, /tmp and what else a root has.
  package static let directories = StageExtras(rawValue: 1)
  /// The NSS modules that nsswitch.conf names.
  package static let nameServices = StageExtras(rawValue: 2)
  package static let converters = StageExtras(rawValue: 4)
  package static let locale = StageExtras(rawValue: 8)
  package static let certificates = StageExtras(rawValue: 16)
  package static let timeZone = StageExtras(rawValue: 32)
  package static let terminal = StageExtras(rawValue: 64)
  /// passwd, group, hosts, resolv.conf, nsswitch.conf.
  package static let accounts = StageExtras(rawValue: 128)
  package static let all = StageExtras(rawValue: 255)
}

/// Why nothing was staged, for a person.
package struct StageFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable { case notFound, unusable, host }
  package var kind: Kind
  package var description: String
  package var hint: String?
  package init(_ kind: Kind, _ description: String, hint: String? = nil) {
    self.kind = kind
    self.description = description
    self.hint = hint
  }

  init(_ what: String, _ fault: Fault) {
    let hint: String? =
      switch fault.errno {
      case .noSpace: "the disk is full: nothing was kept; free some space, or leave extras out (--no-extras)"
      case .overQuota: "the disk quota is used up: nothing was kept"
      case .readOnlyFileSystem: "the file system is mounted read-only: choose a directory elsewhere"
      case .notPermitted, .accessDenied: effectiveUser() == 0 ? nil : "this needs root: run it with sudo"
      default: nil
      }
    self.init(.host, "\(what): \(fault)", hint: fault.hint ?? hint)
  }
}
