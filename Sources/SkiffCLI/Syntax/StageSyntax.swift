internal import Arguments

enum StageCommand {
  static let summary = "Build a root file system or an image from this machine's own binaries"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "stage", summary: summary, group: CommandGroup.images, failureCode: 125, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "stage", summary: summary, usage: ["[OPTIONS] DIR BINARY...", "[OPTIONS] -t NAME[:TAG] BINARY..."],
      discussion: [
        "Copies the binaries, the shared libraries that they need and what they would load while they run. Nothing is"
          + " executed: the ELF files themselves say what belongs to them. Names are looked up in PATH and the sbin"
          + " directories. Running it again adds only what is missing."
      ],
      options: [
        Option(
          "tag", short: "t", .value, value: "name[:tag]", help: "Make a local image instead of a directory",
          completion: .images),
        Option(
          "change", short: "c", .repeated, value: "instruction",
          help: "With -t, a Dockerfile instruction for the image: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, WORKDIR, …"
        ),
        Option("why", help: "Show for every file who asked for it"),
        FormatOption.json,
        Option("quiet", short: "q", help: "Print no summary"),
        Option("bare", help: "Only the binaries, their libraries and linker", group: "What comes along"),
        Option(
          "path", short: "p", .repeated, value: "path", help: "Take this file or directory along too",
          group: "What comes along", completion: .files),
        Option(
          "link",
          help: "Copy by hard link where the file system can. Only for a root that nobody writes to:"
            + " the two names are one file, and the host's own binaries would change with it", group: "Copying"),
      ] + without + GlassBox.options,
      positionals: Positionals(1, nil, first: .directories, rest: .commands),
      examples: [
        .init("skiff stage ./rootfs bash ls ps echo nc ip", "The directory that the tour uses"),
        .init("skiff stage -t web nginx", "An image of one program"),
        .init("skiff stage -t web -c 'ENTRYPOINT [\"nginx\"]' -c 'LABEL team=web' nginx", "… that says how it is run"),
        .init("skiff stage --why ./rootfs bash", "Who asked for which file"),
      ])
  }

  /// What dlopen would want, each of which can be left out.
  private static let without: [Option] = [
    ("extras", "Leave out everything below but the directories"),
    ("nss", "Leave out the NSS modules that nsswitch.conf names"),
    ("gconv", "Leave out the character set converters"),
    ("locale", "Leave out the C.UTF-8 locale"),
    ("certificates", "Leave out the CA certificates"),
    ("timezone", "Leave out the time zone"),
    ("terminfo", "Leave out the terminal's description"),
    ("etc", "Leave out passwd, group, hosts, resolv.conf and nsswitch.conf"),
    ("directories", "Leave out /proc, /sys, /dev, /tmp and the like"),
  ].map { Option("no-\($0.0)", help: $0.1, group: "What comes along") }
}

enum ChrootCommand {
  static let summary = "Run a command with another root directory: the first container"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "chroot", summary: summary, group: CommandGroup.images, failureCode: 125, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "chroot", summary: summary, usage: ["[OPTIONS] DIR [COMMAND] [ARG...]"],
      discussion: [
        "Only the root directory changes: the command sees the host's processes, network and limits. It is no security"
          + " boundary; run is. Where the command cannot start, the missing file is named, and the stage call that adds it.",
        "Nothing is mounted: a program that wants /proc or /dev finds them under 'skiff run --rm --rootfs DIR'.",
      ],
      options: [ProcessOptions.environment, ProcessOptions.workingDirectory, ProcessOptions.user] + GlassBox.options,
      positionals: Positionals(1, nil, first: .directories), stopsAtFirstPositional: true,
      examples: [.init("skiff chroot ./rootfs bash", "A shell in a staged root")])
  }
}
