package import Containers
package import Kernel

/// One of `-v`, `--mount`, `--tmpfs`, as it was asked for.
package struct MountRequest: Hashable, Sendable {
  package enum What: Hashable, Sendable {
    /// A path of the host.
    case bind(Path)
    /// A named volume; nil makes an anonymous one.
    case volume(String?)
    case tmpfs
    /// An image's root, read-only.
    case image(String)
  }

  package var what: What
  package var form: MountRecord.Form
  package var target: Path
  /// Of the mount; `nocopy` and `U` among them are the engine's.
  package var options: [String]
  /// As it stood behind the second colon of `-v`.
  package var mode = ""
  /// `bind-create-src`: a missing source is made, a directory.
  package var createsSource = false
  /// `volume-subpath`, `image-subpath`
  package var subpath = ""
  /// `volume-opt` and `volume-label`: for a volume that is made.
  package var driverOptions: [String: String] = [:]
  package var labels: [String: String] = [:]

  package init(_ what: What, form: MountRecord.Form, target: Path, options: [String] = []) {
    self.what = what
    self.form = form
    self.target = target
    self.options = options
  }
}

/// `--volumes-from CONTAINER[:ro]`
package struct InheritedMountsRequest: Hashable, Sendable {
  package var container: String
  package var isReadOnly: Bool

  /// `NAME`, `NAME:ro`, `NAME:rw`; labels of SELinux (`z`, `Z`) say nothing here.
  package init(option text: String) throws(OptionError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let name = parts.first, !name.isEmpty else { throw OptionError("expected CONTAINER[:ro|rw]") }
    container = name
    let words = parts.count > 1 ? parts[1].split(separator: ",", omittingEmptySubsequences: false) : []
    guard words.allSatisfy({ ["ro", "rw", "z", "Z"].contains($0) }) else {
      throw OptionError("\"\(parts[1])\" is no mode: expected ro or rw")
    }
    if words.contains("ro") && words.contains("rw") { throw OptionError("ro contradicts rw") }
    isReadOnly = words.contains("ro")
  }
}
