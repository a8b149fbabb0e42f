internal import Arguments
internal import Containers
internal import Kernel
internal import Rootless

extension ParsedArguments {
  /// Where this call keeps its state: `--root` and `--state`, else the environment, else the usual places: for an ordinary
  /// user those that are his (XDG Base Directory Specification).
  var state: StateDirectories {
    get throws(UsageError) {
      let caller = Caller.current
      return try StateDirectories(
        root: directory("root", variable: "SKIFF_ROOT") {
          caller.isOrdinary ? userDataDirectory()?.appending("skiff") : "/var/lib/skiff"
        },
        run: directory("state", variable: "SKIFF_STATE") {
          caller.isOrdinary ? userRunDirectory(of: caller) : "/run/skiff"
        })
    }
  }

  private func directory(_ option: String, variable: String, usual: () -> Path?) throws(UsageError) -> Path {
    let text = inherited(option) ?? environment(variable).flatMap { $0.isEmpty ? nil : $0 } ?? usual()?.string
    guard let text else {
      throw fail("there is no home directory to keep anything in", suggestion: "set HOME, or give --\(option)")
    }
    let path = Path(text)
    if path.isEmpty { throw fail("--\(option) needs a directory") }
    if path.isAbsolute { return path.lexicallyNormal }
    // The supervisor's working directory is /, so what is written down must not depend on ours.
    guard let here = try? workingDirectory() else { throw fail("--\(option) \(text): the working directory is gone") }
    return here.appending(path).lexicallyNormal
  }
}
