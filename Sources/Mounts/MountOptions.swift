package import Kernel

/// Mount options as docker, the OCI runtime spec (config.md, "Mounts", Linux mount options) and mount(8) write them, sorted
/// by who takes them. What is not known here is an option of the file system.
package struct MountOptions: Hashable, Sendable {
  package var isBind = false
  /// `rbind`: the mounts below the source come along.
  package var isRecursive = false
  package var isRemount = false
  package var set: MountAttributes = []
  package var clear: MountAttributes = []
  /// `rro`, `rnosuid`, …: for every mount below too (mount_setattr(2), AT_RECURSIVE).
  package var setRecursively: MountAttributes = []
  package var clearRecursively: MountAttributes = []
  package var propagation: Propagation?
  package var propagatesRecursively = false
  /// `X-mount.subdir=PATH` of mount(8): what of the source is mounted.
  package var subpath: Path?
  /// `tmpcopyup`
  package var copiesUp = false
  /// For the file system itself: `size=64m`, `mode=1777`, `sync`.
  package var data: [Path] = []

  package init(_ options: [String]) {
    for option in options where !option.isEmpty { take(option) }
  }

  /// `ro,nosuid,size=64m`
  package init(_ text: String) {
    self.init(text.split(separator: ",").map(String.init))
  }

  private mutating func take(_ option: String) {
    // The most frequent first: a switch over texts compares one after the other, some sixty options a start. Those of the
    // mount itself are not the file system's: `ro` on a bind mount must not reach the file system below.
    if option.utf8.contains(UInt8(ascii: "=")) {
      if option.hasPrefix("X-mount.subdir=") { return subpath = Path(String(option.dropFirst(15))) }
      return data.append(Path(option))
    }
    if let (attribute, on) = Self.attribute(option) { return apply(attribute, on, recursively: false) }
    switch option {
    case "bind": isBind = true
    case "rbind": (isBind, isRecursive) = (true, true)
    case "remount": isRemount = true
    case "tmpcopyup": copiesUp = true
    // What is the default anyway, and what today's kernels have no switch for.
    case "defaults", "nolazytime", "async", "loud", "silent", "nomand", "norelatime", "nostrictatime", "rnorelatime",
      "rnostrictatime", "iversion", "noiversion", "acl", "noacl":
      break
    default:
      if let found = Self.propagation(option) {
        (propagation, propagatesRecursively) = found
      } else if option.first == "r", let (attribute, on) = Self.attribute(String(option.dropFirst())) {
        apply(attribute, on, recursively: true)
      } else {
        data.append(Path(option))
      }
    }
  }

  package var isMapped: Bool { return set.union(setRecursively).contains(.identityMapped) }

  /// The options that only the file system takes: those of every file system, which mount(2) has as flags, left out.
  package var ownData: [Path] { data.filter { !["sync", "dirsync", "lazytime", "mand"].contains($0) } }

  /// The propagation, and whether it reaches the mounts below.
  private static func propagation(_ word: String) -> (Propagation, Bool)? {
    switch word {
    case "private": (.private, false)
    case "rprivate": (.private, true)
    case "slave": (.slave, false)
    case "rslave": (.slave, true)
    case "shared": (.shared, false)
    case "rshared": (.shared, true)
    case "unbindable": (.unbindable, false)
    case "runbindable": (.unbindable, true)
    default: nil
    }
  }

  /// The attribute and whether the word sets or clears it.
  private static func attribute(_ word: String) -> (MountAttributes, Bool)? {
    switch word {
    case "ro": (.readOnly, true)
    case "rw": (.readOnly, false)
    case "nosuid": (.noSetUserId, true)
    case "suid": (.noSetUserId, false)
    case "nodev": (.noDevices, true)
    case "dev": (.noDevices, false)
    case "noexec": (.noExecute, true)
    case "exec": (.noExecute, false)
    case "nodiratime": (.noDirectoryAccessTime, true)
    case "diratime": (.noDirectoryAccessTime, false)
    case "nosymfollow": (.noSymlinkFollow, true)
    case "symfollow": (.noSymlinkFollow, false)
    case "idmap": (.identityMapped, true)
    case "noatime": (.noAccessTime, true)
    case "strictatime": (.strictAccessTime, true)
    // The zero of the three-valued field.
    case "relatime", "atime": (.accessTimeMask, false)
    default: nil
    }
  }

  /// A later word wins over an earlier one of the same attribute.
  private mutating func apply(_ attribute: MountAttributes, _ on: Bool, recursively: Bool) {
    let isAccessTime = !attribute.isDisjoint(with: .accessTimeMask)
    // The access time is one field: whoever sets a value of it must clear all of it (mount_setattr(2)).
    let field: MountAttributes = isAccessTime ? .accessTimeMask : attribute
    func change(_ set: inout MountAttributes, _ clear: inout MountAttributes) {
      set.subtract(field)
      clear.subtract(field)
      if on { set.formUnion(attribute) }
      if !on || isAccessTime { clear.formUnion(field) }
    }
    if recursively { change(&setRecursively, &clearRecursively) } else { change(&set, &clear) }
  }
}

extension MountAttributes {
  /// The same as flags of mount(2).
  var flags: MountFlags {
    let table: [(MountAttributes, MountFlags)] = [
      (.readOnly, .readOnly), (.noSetUserId, .noSetUserId), (.noDevices, .noDevices), (.noExecute, .noExecute),
      (.noAccessTime, .noAccessTime), (.strictAccessTime, .strictAccessTime),
      (.noDirectoryAccessTime, .noDirectoryAccessTime), (.noSymlinkFollow, MountFlags(rawValue: 256)),
    ]
    return MountFlags(table.filter { contains($0.0) }.map(\.1))
  }
}
