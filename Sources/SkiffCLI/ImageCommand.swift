internal import Arguments
internal import Blobs
internal import Engine
internal import JSON
internal import Layers

extension ImageCommand {
  /// `skiff image …`: docker's group. What is also a command of its own is the same command.
  static let entry = entry([
    .init("ls", aliases: ["list"], ImagesCommand.entry(ImagesCommand.perform)),
    .init("rm", aliases: ["remove"], RmiCommand.entry(RmiCommand.perform)),
    .init("inspect", inspectEntry(inspect)),
    .init("tag", TagCommand.entry(TagCommand.perform)),
    .init("history", HistoryCommand.entry(HistoryCommand.perform)),
    .init("pull", PullCommand.entry(PullCommand.perform)),
    .init("push", PushCommand.entry(PushCommand.perform)),
    .init("load", LoadCommand.entry(LoadCommand.perform)),
    .init("save", SaveCommand.entry(SaveCommand.perform)),
    .init("import", ImportCommand.entry(ImportCommand.perform)),
    .init("mount", ImageMountCommand.mountEntry(ImageMountCommand.mount)),
    .init("unmount", aliases: ["umount"], ImageMountCommand.unmountEntry(ImageMountCommand.unmount)),
    .init("verify", ImageVerify.entry(ImageVerify.perform)),
    .init("prune", ImagePrune.entry(ImagePrune.perform)),
  ])

  static let inspect: Perform = { arguments in
    let engine = try arguments.engine
    return try InspectCommand.show(arguments) { word in
      guard let image = try engine.imageInspection(of: word) else {
        // The store says it, with what may have been meant.
        let store = try engine.images()
        _ = try telling { () throws(StoreError) in try store.find(word) }
        throw Failure(.notFound, "no such image: \(word)", hint: "skiff images lists them")
      }
      return image
    }
  }
}
