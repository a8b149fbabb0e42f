internal import JSON
package import Kernel
package import RuntimeSpec

/// A bundle (bundle.md): a directory with a configuration and, usually, a root file system.
package struct Bundle: Sendable {
  /// Absolute.
  package let directory: Path
  package let spec: Spec
  /// The configuration as it was read, for the copy that the state keeps.
  let bytes: [UInt8]

  /// Reads a bundle, and makes its directory the working directory: paths of a configuration start there.
  package init(at path: Path) throws(RuntimeFailure) {
    try told("cannot enter the bundle") { () throws(Fault) in try changeDirectory(path) }
    directory = try told("cannot enter the bundle") { () throws(Fault) in try workingDirectory() }
    do {
      bytes = try readFile("config.json", limit: 8 << 20)
      spec = try Spec(parsing: bytes)
    } catch let fault as Fault {
      if fault.errno == .noSuchFile {
        throw RuntimeFailure(
          "JSON specification file config.json not found in \(directory)",
          hint: "`spec` writes one; `--bundle` says where the bundle is")
      }
      throw RuntimeFailure("cannot read the configuration", fault)
    } catch {
      throw RuntimeFailure("config.json: \(error)")
    }
  }

  /// Absolute.
  package var rootfs: Path {
    let path = Path(spec.root?.path ?? "")
    return path.isAbsolute ? path : directory.appending(path)
  }
}
