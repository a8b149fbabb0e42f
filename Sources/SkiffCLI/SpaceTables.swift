internal import Containers
internal import Engine
internal import ImageSpec
internal import JSON
internal import Kernel
internal import Layers

/// `system df -v`: docker's tables, one after another.
enum SpaceTables {
  static func text(of usage: SpaceUsage) -> String {
    var images = Table("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS")
    for space in usage.imageList {
      for name in names(of: space.image) {
        images.add(
          name.repository, name.tag, space.image.id.short, age(of: space.image), humanSize(space.size),
          humanSize(space.shared), humanSize(space.size - space.shared), "\(space.containers)")
      }
    }
    var containers = Table(
      "CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES")
    for space in usage.containerList {
      containers.add(
        space.container.identifier.short, space.container.image,
        PsCommand.command(of: space.container, truncated: true),
        "\(space.volumes)", humanSize(space.size), humanAge(of: space.container.created),
        space.container.statusText(at: now()), space.container.name)
    }
    var volumes = Table("VOLUME NAME", "LINKS", "SIZE")
    for space in usage.volumeList { volumes.add(space.name, "\(space.containers)", humanSize(space.size)) }
    var layers = Table("LAYER ID", "IMAGES", "SIZE", "LAST USED", "IN USE")
    for space in usage.treeList {
      layers.add(
        space.tree.diffID.short, "\(space.images)", humanSize(space.tree.size),
        space.tree.lastUsed.seconds == 0 ? "" : humanAge(of: space.tree.lastUsed), "\(space.isUsed)")
    }
    return """
      Images space usage:

      \(images.text)
      Containers space usage:

      \(containers.text)
      Local Volumes space usage:

      \(volumes.text)
      Layer cache usage: \(humanSize(usage.cache.size))

      \(layers.text)
      """
  }

  /// The same for `--format`, as docker names it.
  static func fields(of usage: SpaceUsage) -> JSONValue {
    let images: [JSONValue] = usage.imageList.map { space in
      [
        "ID": .string(space.image.id.description), "RepoTags": .array(space.image.tags.map { .string($0) }),
        "Size": bytes(space.size), "SharedSize": bytes(space.shared), "UniqueSize": bytes(space.size - space.shared),
        "Containers": count(space.containers),
      ]
    }
    let containers: [JSONValue] = usage.containerList.map { space in
      [
        "ID": .string(space.container.identifier.description), "Image": .string(space.container.image),
        "Names": .string(space.container.name), "State": .string(space.container.status.rawValue),
        "LocalVolumes": count(space.volumes), "Size": bytes(space.size),
      ]
    }
    let volumes: [JSONValue] = usage.volumeList.map { space in
      ["Name": .string(space.name), "Links": count(space.containers), "Size": bytes(space.size)]
    }
    let layers: [JSONValue] = usage.treeList.map { space in
      [
        "ID": .string(space.tree.diffID.description), "Size": bytes(space.tree.size), "Images": count(space.images),
        "LastUsed": .string(space.tree.lastUsed.rfc3339), "InUse": .bool(space.isUsed),
      ]
    }
    return [
      "Images": .array(images), "Containers": .array(containers), "Volumes": .array(volumes),
      "LayerCache": .array(layers), "Size": bytes(usage.size),
    ]
  }

  private static func bytes(_ number: Int64) -> JSONValue { .number(.integer(number)) }
  private static func count(_ number: Int) -> JSONValue { .number(.integer(Int64(number))) }

  private static func names(of image: Image) -> [(repository: String, tag: String)] {
    if image.tags.isEmpty { return [("<none>", "<none>")] }
    return image.tags.map { name in
      let reference = try? Reference(name)
      return (reference?.familiarName ?? name, reference?.tag ?? "<none>")
    }
  }

  private static func age(of image: Image) -> String {
    image.config.created.flatMap { Timestamp(rfc3339: $0) }.map { humanAge(of: $0) } ?? "N/A"
  }
}
