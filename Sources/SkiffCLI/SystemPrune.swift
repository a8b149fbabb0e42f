internal import Arguments
internal import Containers
internal import Engine
internal import ImageSpec
internal import Layers

/// `skiff system prune`
enum SystemPrune {
  static let perform: Perform = { arguments in
    let request = try request(arguments)
    if !arguments.flag("force") && !request.isRehearsal {
      guard try confirm(warning(request, filters: arguments.strings("filter"))) else {
        throw Failure(.conflict, "system prune has been cancelled")
      }
    }
    // Not healed: what killed commands left is taken away and told of here.
    let pruned = try arguments.unhealedEngine.prune(request)
    _ = try printing { out in print(pruned, isRehearsal: request.isRehearsal, into: &out) }
    for failure in pruned.failures { complain(failure.message, hint: failure.hint) }
    return pruned.failures.isEmpty ? 0 : 1
  }

  private static func request(_ arguments: ParsedArguments) throws -> PruneRequest {
    let filter = try PruneFilter(arguments)
    var request = PruneRequest()
    request.namedImages = arguments.flag("all") || filter.includesNamed
    request.anonymousVolumes = arguments.flag("volumes")
    request.isRehearsal = arguments.flag("dry-run")
    request.keptCache = try arguments.bytes("keep-storage") ?? arguments.cacheBudget
    if request.anonymousVolumes && filter.until != nil {
      throw arguments.fail("the \"until\" filter is not supported with \"--volumes\"")
    }
    request.takes = { filter.takes(created: $0, labels: $1) }
    return request
  }

  private static func warning(_ request: PruneRequest, filters: [String]) -> String {
    var lines = ["all stopped containers", "all networks not used by at least one container"]
    if request.anonymousVolumes { lines.append("all anonymous volumes not used by at least one container") }
    lines.append(
      request.namedImages ? "all images without at least one container associated to them" : "all dangling images")
    lines.append("what killed commands left half done")
    if let size = request.keptCache {
      lines.append("unused unpacked layers, until \(binarySize(size)) of them are left")
    }
    var text = "This will remove:\n" + lines.map { "  - \($0)\n" }.joined()
    if !filters.isEmpty {
      text += "\n  Items to be pruned will be filtered with:\n" + filters.map { "  - \($0)\n" }.joined()
    }
    return text
  }

  private static func print(_ pruned: Pruned, isRehearsal: Bool, into out: inout Output) {
    func list(_ title: String, _ lines: [String]) {
      guard !lines.isEmpty else { return }
      out.line(isRehearsal ? "\(title) to delete:" : "Deleted \(title):")
      for line in lines { out.line(printable(line)) }
      out.line()
    }
    list("Containers", pruned.containers.map(\.description))
    list("Networks", pruned.networks)
    list("Volumes", pruned.volumes)
    ImagePrune.list(pruned.images, isRehearsal, into: &out)
    list("Unpacked Layers", (pruned.images.trees + pruned.evicted.map(\.diffID)).map(\.description))
    if pruned.leftovers > 0 { out.line("Left half done by killed commands: \(humanSize(pruned.leftovers))\n") }
    out.line("Total \(isRehearsal ? "reclaimable" : "reclaimed") space: \(humanSize(pruned.reclaimed))")
  }
}
