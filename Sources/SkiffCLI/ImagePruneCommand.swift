internal import Arguments
internal import Engine
internal import Layers

extension ImagePrune {
  static let perform: Perform = { arguments in
    let filter = try PruneFilter(arguments)
    let namedToo = arguments.flag("all") || filter.includesNamed
    let isRehearsal = arguments.flag("dry-run")
    let warning =
      namedToo
      ? "This will remove all images without at least one container associated to them."
      : "This will remove all dangling images."
    if !arguments.flag("force") && !isRehearsal {
      guard try confirm(warning) else { throw Failure(.conflict, "image prune has been cancelled") }
    }
    let pruned = try arguments.engine.pruneImages(namedToo: namedToo, isRehearsal: isRehearsal) {
      filter.takes($0)
    }
    return try printing { out in print(pruned, isRehearsal, into: &out) }
  }

  /// `Deleted Images:` and a line each, as docker has it.
  static func list(_ pruned: PrunedImages, _ isRehearsal: Bool, into out: inout Output) {
    guard !pruned.removed.isEmpty else { return }
    out.line(isRehearsal ? "Images to delete:" : "Deleted Images:")
    for step in pruned.removed {
      switch step {
      case .untagged(let name): out.line("untagged: \(printable(name))")
      case .deleted(let digest): out.line("deleted: \(digest)")
      }
    }
    out.line()
  }

  private static func print(_ pruned: PrunedImages, _ isRehearsal: Bool, into out: inout Output) {
    list(pruned, isRehearsal, into: &out)
    out.line("Total \(isRehearsal ? "reclaimable" : "reclaimed") space: \(humanSize(pruned.reclaimed))")
  }
}
