internal import Arguments
internal import Containers
internal import Kernel

extension ParsedArguments {
  /// Where this call keeps its state: `--root` and `--state`, else the environment, else the usual places.
  var state: StateDirectories {
    get throws(UsageError) {
      try StateDirectories(
        root: directory("root", variable: "SKIFF_ROOT", usual: "/var/lib/skiff"),
        run: directory("state", variable: "SKIFF_STATE", usual: "/run/skiff"))
    }
  }

  private func directory(_ option: String, variable: String, usual: String) throws(UsageError) -> Path {
    let text = inherited(option) ?? environment(variable).flatMap { $0.isEmpty ? nil : $0 } ?? usual
    let path = Path(text)
    if path.isEmpty { throw fail("--\(option) needs a directory") }
    if path.isAbsolute { return path.lexicallyNormal }
    // The supervisor's working directory is /, so what is written down must not depend on ours.
    guard let here = try? workingDirectory() else { throw fail("--\(option) \(text): the working directory is gone") }
    return here.appending(path).lexicallyNormal
  }
}
