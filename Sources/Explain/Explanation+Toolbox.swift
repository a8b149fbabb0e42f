internal import Kernel
internal import Steps

// What `debug` mounts.

extension Explanation {
  init(ofToolboxStep step: MountStep) {
    switch step {
    case .mountScratch(let path):
      self.init(
        name: "mount.mountScratch",
        sentence:
          "Mount an empty tmpfs over \(Trace.clean(path)), where only this command sees it and nobody has to clear "
          + "it away: the toolbox is staged there.",
        calls: [
          Trace.call("unshare", "CLONE_NEWNS"),
          Trace.call("mount", "\"\"", "\"/\"", "NULL", "MS_REC|MS_SLAVE", "NULL"),
          Trace.call("fsopen", "\"tmpfs\"", "FSOPEN_CLOEXEC"), Trace.move(to: path, from: "<tmpfs>", host: true),
        ],
        shell: ["mount -t tmpfs -o mode=755,nosuid,nodev tmpfs \(ShellWord(path))"])
    case .enterToolbox(let container):
      self.init(
        name: "mount.enterToolbox",
        sentence: "Turn the toolbox into /, read-only, and keep the container's root at \(Trace.clean(container)): "
          + "where programs look for their linker and libraries nothing of the container lies.",
        calls: [
          Trace.move(to: "/", from: "<toolbox>", host: true), Trace.call("fchdir", "<toolbox>"),
          Trace.call("pivot_root", "\".\"", Trace.path(Path(bytes: container.bytes.dropFirst()) ?? ".")),
          Trace.call("chdir", "\"/\""),
        ],
        shell: [
          "mount --bind -o ro,nosuid,nodev \"$toolbox\" \"$toolbox\"", "cd \"$toolbox\"",
          "pivot_root . .\(ShellWord(container))",
        ])
    case .share(let path, let isDirectory, let container):
      let source = container.appending(Path(bytes: path.bytes.dropFirst()) ?? ".")
      self.init(
        name: "mount.share",
        sentence: isDirectory
          ? "Show the container's \(Trace.clean(path)) to the tools, as it is mounted there."
          : "Show the container's \(Trace.clean(path)) to the tools, read-only, if it has one.",
        calls: [
          Trace.tree(source, recursive: isDirectory, root: false), Trace.move(to: path, from: "<tree>", host: true),
        ],
        shell: [
          isDirectory
            ? "mount --rbind \(ShellWord(source)) \(ShellWord(path))"
            : "if [ -f \(ShellWord(source)) ]; then mount --bind -o ro \(ShellWord(source)) \(ShellWord(path)); fi"
        ])
    default: self.init(name: "mount", sentence: "", calls: [], shell: [])
    }
  }
}
