internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import JSON
internal import Kernel
internal import Layers

extension ImageMountCommand {
  static let mount: Perform = { arguments in
    let engine = try arguments.engine
    if arguments.positionals.isEmpty && !arguments.flag("all") {
      let format = arguments.string("format")
      return try printing { out in try show(engine.imageMounts.all(), format, isList: true, into: &out) }
    }
    if arguments.flag("all") && !arguments.positionals.isEmpty {
      throw arguments.fail("--all mounts all images: leave the names out")
    }
    let words =
      arguments.flag("all")
      ? try allImages(of: try engine.images()) : arguments.positionals
    var mounts: [ImageMount] = []
    let code = forEach(words) { mounts.append(try engine.mountImage($0)) }
    _ = try printing { out in try show(mounts, arguments.string("format"), isList: false, into: &out) }
    return code
  }

  private static func allImages(of store: ImageStore) throws -> [String] {
    try telling { () throws(StoreError) in try store.images().map(\.id.description) }
  }

  /// podman's lines: a path for each that was asked for, and before it the name in a list.
  private static func show(
    _ mounts: [ImageMount], _ format: String?, isList: Bool, into out: inout Output
  ) throws {
    if let format {
      let values = mounts.map(fields)
      if format == "json" {
        out.print(JSONValue.array(values).jsonString(.pretty))
      } else {
        out.print(try Template.lines(format, values, headings: ["Id": "IMAGE ID", "MountPoint": "MOUNT POINT"]))
      }
      return
    }
    for mount in mounts {
      let name = mount.names.first ?? mount.image.short
      out.line(isList ? "\(printable(name)) \(printable(mount.path.string))" : printable(mount.path.string))
    }
  }

  private static func fields(of mount: ImageMount) -> JSONValue {
    [
      "id": .string(mount.image.hex), "Repositories": .array(mount.names.map { .string($0) }),
      "mountpoint": .string(mount.path.string),
    ]
  }

  static let unmount: Perform = { arguments in
    let engine = try arguments.engine
    if arguments.flag("all") != arguments.positionals.isEmpty {
      throw arguments.fail(
        arguments.flag("all") ? "--all unmounts all images: leave the names out" : "name an image, or use --all")
    }
    let isForced = arguments.flag("force")
    let words = arguments.flag("all") ? engine.imageMounts.all().map(\.path.string) : arguments.positionals
    return forEach(words) { word in
      let mount = try engine.unmountImage(word, force: isForced)
      _ = try printing { $0.line(mount.image.hex) }
    }
  }
}
