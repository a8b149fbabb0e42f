package import Kernel

/// Those of the names that this machine has as programs which everybody may execute, along PATH and in the usual directories:
/// for lists of what would be useful, where none of it is required.
package func programsOnHost(_ names: [Path], searchPath: [Path]) -> [Path] {
  let usual: [Path] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
  let directories = searchPath.filter(\.isAbsolute) + usual
  return names.filter { name in
    directories.contains { directory in
      guard let found = try? status(of: directory.appending(name)) else { return false }
      return found.kind == .regular && found.mode.rawValue & 0o005 == 0o005
    }
  }
}
