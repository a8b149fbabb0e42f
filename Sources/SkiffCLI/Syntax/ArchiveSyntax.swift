internal import Arguments

/// Options of what goes in and out in one file.
enum ArchiveOptions {
  static let output = Option(
    "output", short: "o", .value, help: "Write to a file, instead of STDOUT", completion: .files)
  static let platform = Option(
    "platform", .value, value: "os/arch", help: "Choose this platform of an image for several (linux/arm64)")
}

enum LoadCommand {
  static let summary = "Load images from a tar archive or STDIN"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("load", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "load", summary: summary, usage: ["[OPTIONS]"],
      discussion: [
        "Reads what docker, podman, skopeo, buildah and umoci write: docker-archive, oci-archive, and an OCI image layout "
          + "in a directory. All images of it are taken over, or none."
      ],
      options: [
        Option(
          "input", short: "i", .value, help: "Read from a file or a layout's directory, instead of STDIN",
          completion: .files),
        ArchiveOptions.platform,
        Option("quiet", short: "q", help: "Print only what was loaded"),
      ],
      examples: [
        .init("docker save web | skiff load", "An image of docker's"),
        .init("skiff load -i web.tar", "An archive in a file"),
      ])
  }
}

enum SaveCommand {
  static let summary = "Save one or more images to a tar archive (streamed to STDOUT by default)"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("save", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "save", summary: summary, usage: ["[OPTIONS] IMAGE [IMAGE...]"],
      discussion: [
        "A docker-archive holds the OCI documents too, so digests are the same after a load. The same images are the same "
          + "bytes, whenever and wherever they are saved. A name without a tag means all its tags. With --referrers an OCI form "
          + "holds what is about the images, too (bills of materials, signatures); podman and skopeo then ask which of the "
          + "manifests is meant, so it is not done unasked."
      ],
      options: [
        Option(
          "format", .value, help: "docker-archive, oci-archive, or oci-dir (a directory)", initial: "docker-archive",
          completion: .words(["docker-archive", "oci-archive", "oci-dir"])),
        ArchiveOptions.output,
        Option("referrers", help: "Save what is attached to the images, too"), RefusedOptions.platform,
      ], positionals: .atLeast(1, .images),
      examples: [
        .init("skiff save web | docker load", "Give an image to docker"),
        .init("skiff save --format oci-dir -o web web", "A layout that skopeo and umoci read"),
      ])
  }
}

enum ImportCommand {
  static let summary = "Import the contents from a tarball to create a filesystem image"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("import", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "import", summary: summary, usage: ["[OPTIONS] FILE|- [REPOSITORY[:TAG]]"],
      options: [
        Option(
          "change", short: "c", .repeated, value: "list", help: "Apply Dockerfile instruction to the created image"),
        Option("message", short: "m", .value, help: "Set commit message for imported image"),
        Option("platform", .value, value: "os/arch", help: "Set platform of the image (linux/arm64)"),
      ], positionals: Positionals(1, 2, first: .files, rest: .images),
      examples: [.init("tar -C root -c . | skiff import -c 'CMD [\"/bin/sh\"]' - mine", "A directory as an image")])
  }
}

enum ExportCommand {
  static let summary = "Export a container's filesystem as a tar archive"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("export", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "export", summary: summary, usage: ["[OPTIONS] CONTAINER"],
      discussion: ["The files of its image and what it changed, in one tree; volumes are not among them."],
      options: [ArchiveOptions.output], positionals: .exactly(1, .containers),
      examples: [.init("skiff export web | tar t", "The names of all its files")])
  }
}

enum ManifestCommand {
  static let summary = "Manage image manifests"

  static func entry(inspect: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "manifest", summary: summary, group: CommandGroup.images,
      .commands {
        [
          CommandEntry("inspect", summary: "Display an image manifest", .run(syntax: inspectSyntax, inspect))
        ] + refusedManifests
      })
  }

  static func inspectSyntax() -> Command {
    Command(
      "manifest inspect", summary: "Display an image manifest", usage: ["IMAGE"],
      discussion: [
        "The document that the image's digest is of, of an image that is here: the index, where a registry had it for several"
          + " platforms, else its manifest."
      ],
      options: [
        RefusedOptions.insecure,
        .refused(
          "verbose", short: "v", .flag, because: "the document is printed as it is, and nothing beside it",
          instead: "skiff image inspect says the rest"),
      ], positionals: .exactly(1, .images))
  }
}
