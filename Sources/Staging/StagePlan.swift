package import Kernel
package import Steps

/// One file of the new root, where it comes from, and who wanted it.
package struct StagedFile: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case file
    case link(Path)
    /// Made here, not copied: ld.so.cache.
    case generated
  }
  /// Inside the root.
  package var path: Path
  package var kind: Kind
  /// On the host.
  package var source: Path
  package var size: Int
  /// False when the root had it already.
  package var isNew: Bool
  package var why: [StageReason]
}

/// Who wanted a file.
package struct StageReason: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable {
    /// On the command line.
    case asked
    /// DT_NEEDED.
    case library
    /// PT_INTERP.
    case linker
    /// The `#!` line of a script, or what env(1) looks up for it.
    case interpreter
    /// The plain variant of a library for a better processor.
    case baseline
    /// How the host's directories are linked to each other.
    case layout
    /// What dlopen or the C library would look for.
    case extra
  }
  package var kind: Kind
  /// The file that wants it; for `asked` the word, for `extra` what it is for.
  package var by: Path
  /// The name that it is wanted under.
  package var name: Path?

  package init(_ kind: Kind, by: Path, name: Path? = nil) {
    self.kind = kind
    self.by = by
    self.name = name
  }
}

/// What `stage` would do: steps in order, and the files that the root has then.
package struct StagePlan: Sendable {
  /// As it was asked for.
  package var directory: Path
  /// A root that is new is built here and renamed at the end, so that it is there whole or not at all.
  package var building: Path?
  package var steps: [Step]
  package var files: [StagedFile]
  /// What could not come along, and why that is no failure.
  package var notes: [String]

  /// New files, links not counted.
  package var newFiles: [StagedFile] { files.filter { $0.isNew } }
  package var newBytes: Int { newFiles.reduce(0) { $0 + $1.size } }
  package var allBytes: Int { files.reduce(0) { $0 + $1.size } }
}
