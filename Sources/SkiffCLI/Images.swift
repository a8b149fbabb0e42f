internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import JSON
internal import Kernel
internal import Layers

// images, rmi, diff, commit.

extension ImagesCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let images = try engine.images().images()
    return try printing { out in
      if arguments.flag("quiet") {
        for image in images { out.line(image.id.short) }
        return
      }
      if let format = arguments.string("format"), format != "table" {
        let template = try Template(format)
        for row in rows(images) { out.line(try template.text(row.fields)) }
        return
      }
      var table = Table("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE")
      for row in rows(images) { table.add(row.repository, row.tag, row.image.id.short, row.age, row.size) }
      out.print(table.text)
    }
  }

  private struct Row {
    var image: Image
    var repository: String
    var tag: String
    var age: String {
      image.config.created.flatMap { Timestamp(rfc3339: $0) }.map { humanAge(of: $0) } ?? "N/A"
    }
    var size: String { humanSize(image.size) }
    var fields: JSONValue {
      [
        "Repository": .string(repository), "Tag": .string(tag), "ID": .string(image.id.short),
        "Digest": .string(image.manifestDigest.description), "CreatedSince": .string(age),
        "CreatedAt": .string(image.config.created ?? ""), "Size": .string(size),
      ]
    }
  }

  /// A row a name; an image that lost its name has one too.
  private static func rows(_ images: [Image]) -> [Row] {
    images.flatMap { image -> [Row] in
      if image.tags.isEmpty { return [Row(image: image, repository: "<none>", tag: "<none>")] }
      return image.tags.map { name in
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        return Row(image: image, repository: parts[0], tag: parts.count > 1 ? parts[1] : "latest")
      }
    }
  }
}

extension RmiCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let store = try engine.images()
    return forEach(arguments.positionals) { word in
      let removed: [RemovedImage]
      do {
        removed = try store.remove(word, force: arguments.flag("force")) { engine.users(of: $0) }
      } catch let error as StoreError { throw Failure(error) }
      _ = try printing { out in
        for step in removed {
          switch step {
          case .untagged(let name): out.line("Untagged: \(name)")
          case .deleted(let digest): out.line("Deleted: \(digest)")
          }
        }
      }
    }
  }
}

extension DiffCommand {
  static let perform: Perform = { arguments in
    let changes = try arguments.engine.changes(of: arguments.positionals[0])
    return try printing { out in for change in changes { out.line("\(change.kind.rawValue) \(change.path)") } }
  }
}

extension CommitCommand {
  static let perform: Perform = { arguments in
    let words = arguments.positionals
    let image = try arguments.engine.commit(
      words[0], as: words.count > 1 ? words[1] : nil, author: arguments.string("author"),
      message: arguments.string("message"), pauses: arguments.optionalFlag("pause") ?? true)
    return try printing { $0.line(image.id.description) }
  }
}
