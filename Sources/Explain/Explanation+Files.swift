internal import Kernel
internal import Steps

extension Explanation {
  init(of step: FileStep) {
    switch step {
    case .makeDirectory(let path, let mode):
      self.init(
        name: "file.makeDirectory",
        sentence: "Make the directory \(Trace.clean(path)), if it is not there.",
        calls: [Trace.call("mkdirat", "AT_FDCWD", Trace.path(path), mode.octal)],
        already: "[ -d \(ShellWord(path)) ]", shell: ["mkdir -m \(mode.octal) \(ShellWord(path))"])
    case .copyFile(let source, let target, let mayLink):
      self.init(copying: source, to: target, mayLink: mayLink)
    case .makeSymbolicLink(let path, let target):
      self.init(
        name: "file.makeSymbolicLink",
        sentence: "Make \(Trace.clean(path)) a symbolic link to \(Trace.clean(target)).",
        calls: [Trace.call("symlinkat", Trace.path(target), "AT_FDCWD", Trace.path(path))],
        already: "[ -L \(ShellWord(path)) ]", shell: ["ln -s \(ShellWord(target)) \(ShellWord(path))"])
    case .writeFile(let path, let contents, let mode):
      self.init(writing: contents, to: path, mode: mode)
    case .copySecret(let source, let target, let mode, let user, let group):
      self.init(
        name: "file.copySecret",
        sentence: "Keep what \(Trace.clean(source)) holds in \(Trace.clean(target)), for id \(user) alone.",
        calls: [
          Trace.call("openat", "AT_FDCWD", Trace.path(source), "O_RDONLY|O_CLOEXEC"),
          Trace.call("openat", "AT_FDCWD", Trace.path(target), "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC", mode.octal),
          Trace.call("fchownat", "<\(Trace.clean(target))>", "\"\"", "\(user)", "\(group)", "AT_EMPTY_PATH"),
        ],
        shell: [
          "install -m \(mode.octal) -o \(user) -g \(group) \(ShellWord(source)) \(ShellWord(target))"
        ])
    case .rename(let source, let target):
      self.init(
        name: "file.rename",
        sentence: "Give \(Trace.clean(source)), which is whole now, the name \(Trace.clean(target)).",
        calls: [
          Trace.call("renameat2", "AT_FDCWD", Trace.path(source), "AT_FDCWD", Trace.path(target), "RENAME_NOREPLACE")
        ],
        shell: ["mv -nT \(ShellWord(source)) \(ShellWord(target))"])
    case .removeFile(let path):
      self.init(
        name: "file.removeFile", sentence: "Remove the file \(Trace.clean(path)).",
        calls: [Trace.call("unlinkat", "AT_FDCWD", Trace.path(path), "0")], shell: ["rm -f \(ShellWord(path))"])
    case .removeDirectory(let path):
      self.init(
        name: "file.removeDirectory", sentence: "Remove the directory \(Trace.clean(path)), which is empty again.",
        calls: [Trace.call("unlinkat", "AT_FDCWD", Trace.path(path), "AT_REMOVEDIR")],
        shell: ["rmdir \(ShellWord(path))"])
    case .removeTree(let path):
      self.init(
        name: "file.removeTree",
        sentence: "Remove \(Trace.clean(path)) and all below it, never through a symbolic link.",
        calls: [
          Trace.call("openat", "AT_FDCWD", Trace.path(path), "O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC"),
          Trace.call("unlinkat", "<\(Trace.clean(path))>", "each name below", "0 or AT_REMOVEDIR"),
          Trace.call("unlinkat", "AT_FDCWD", Trace.path(path), "AT_REMOVEDIR"),
        ],
        shell: ["rm -rf --one-file-system \(ShellWord(path))"])
    case .limitSpace(let paths, let bytes, let project): self.init(limiting: paths, to: bytes, project)
    case .setLimit(let path, let bytes):
      self.init(
        name: "file.setLimit",
        sentence: bytes == 0
          ? "Lift the limit of what \(Trace.clean(path)) holds, so that its project id is nobody's when it is gone."
          : "What the project of \(Trace.clean(path)) holds may take \(bytes) bytes.",
        calls: [
          Trace.call("ioctl", "<\(Trace.clean(path))>", "FS_IOC_FSGETXATTR"),
          Trace.call("quotactl_fd", "<\(Trace.clean(path))>", "Q_XSETQLIM", "its project", "\(bytes)"),
        ],
        shell: [
          Self.quota(
            "\"$(lsattr -pd \(ShellWord(path)) | awk '{ print $1 }')\"", kibibytes: (bytes + 1023) / 1024, path)
        ])
    }
  }

  private init(limiting paths: [Path], to bytes: UInt64, _ project: UInt32) {
    let names = paths.map { Trace.clean($0) }
    self.init(
      name: "file.limitSpace",
      sentence: "What \(names.joined(separator: " and ")) come to hold may take \(bytes) bytes together: "
        + "as a project of their own, \(project) or the next id that is nobody's.",
      calls: [Trace.call("quotactl_fd", "<\(names[0])>", "Q_XGETNEXTQUOTA", "\(project)")]
        + names.map { Trace.call("ioctl", "<\($0)>", "FS_IOC_FSSETXATTR", "{PROJINHERIT, \(project)}") }
        + [Trace.call("quotactl_fd", "<\(names[0])>", "Q_XSETQLIM", "\(project)", "\(bytes)")],
      shell: [
        "chattr -p \(project) +P \(paths.map { "\(ShellWord($0))" }.joined(separator: " "))",
        Self.quota("\(project)", kibibytes: (bytes + 1023) / 1024, paths[0]),
      ])
  }

  private static func quota(_ project: String, kibibytes: UInt64, _ path: Path) -> String {
    "setquota -P \(project) 0 \(kibibytes) 0 0 \"$(findmnt -no TARGET -T \(ShellWord(path)))\""
  }

  private init(copying source: Path, to target: Path, mayLink: Bool) {
    let (from, to) = (ShellWord(source), ShellWord(target))
    let copy = "cp --preserve=mode,ownership,timestamps --reflink=auto \(from) \(to)"
    var calls = [
      Trace.call("openat", "AT_FDCWD", Trace.path(source), "O_RDONLY|O_CLOEXEC"),
      Trace.call("openat", "AT_FDCWD", Trace.path(target.parent), "O_WRONLY|O_TMPFILE|O_CLOEXEC", "0600"),
      Trace.call("ioctl", "<\(Trace.clean(target))>", "FICLONE", "<\(Trace.clean(source))>"),
    ]
    if mayLink {
      calls.append(Trace.call("linkat", "AT_FDCWD", Trace.path(source), "AT_FDCWD", Trace.path(target), "0"))
    } else {
      calls += [
        Trace.call(
          "copy_file_range", "<\(Trace.clean(source))>", "NULL", "<\(Trace.clean(target))>", "NULL", "all", "0"),
        Trace.call("linkat", "<\(Trace.clean(target))>", "\"\"", "AT_FDCWD", Trace.path(target), "AT_EMPTY_PATH"),
      ]
    }
    self.init(
      name: "file.copyFile",
      sentence:
        "Copy \(Trace.clean(source)) to \(Trace.clean(target)): both share their blocks where the file system can"
        + (mayLink ? ", or are one file with two names." : "."),
      calls: calls,
      already: "[ -e \(to) ]", shell: [mayLink ? "{ ln \(from) \(to) 2>/dev/null || \(copy); }" : copy])
  }

  private init(writing contents: [UInt8], to path: Path, mode: FileMode) {
    self.init(
      name: "file.writeFile",
      sentence: "Write the file \(Trace.clean(path)) (\(contents.count) bytes).",
      calls: [
        Trace.call("openat", "AT_FDCWD", Trace.path(path), "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC", mode.octal),
        Trace.call("write", "<\(Trace.clean(path))>", Trace.string(contents, limit: 64), "\(contents.count)"),
      ],
      shell: [
        "\(ShellWord.printing(contents)) > \(ShellWord(path))",
        "chmod \(mode.octal) \(ShellWord(path))",
      ])
  }
}

extension ShellWord {
  /// A command that prints exactly these bytes. A shell word cannot hold a NUL; printf's own escapes can.
  static func printing(_ bytes: [UInt8]) -> String {
    if !bytes.contains(0) { return "printf %s \(ShellWord(bytes: bytes))" }
    var format = ""
    for byte in bytes {
      let digits = String(byte, radix: 8)
      format += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
    }
    return "printf '\(format)'"
  }
}
