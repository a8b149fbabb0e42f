internal import Arguments
internal import Containers
internal import Engine
internal import JSON
internal import Kernel

/// `skiff system df`
enum SystemDiskUsage {
  static let perform: Perform = { arguments in
    let usage = try arguments.engine.spaceUsage()
    let format = arguments.string("format").flatMap { $0 == "table" ? nil : $0 }
    return try printing { out in
      if arguments.flag("verbose") {
        if let format {
          out.line(try Template(format).text(SpaceTables.fields(of: usage)))
        } else {
          out.print(SpaceTables.text(of: usage))
        }
      } else if let format {
        out.print(try Template.lines(format, kinds(of: usage).map(fields), headings: headings))
      } else {
        var table = Table("TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE")
        for (name, kind) in kinds(of: usage) {
          table.add(name, "\(kind.total)", "\(kind.active)", humanSize(kind.size), reclaimable(kind))
        }
        out.print(table.text)
      }
    }
  }

  private static let headings: KeyValuePairs = [
    "Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE",
  ]

  /// Docker's rows and order; its build cache is the cache of layers here, and what is left is told, so that the sum is whole.
  private static func kinds(of usage: SpaceUsage) -> [(name: String, kind: SpaceUsage.Kind)] {
    [
      ("Images", usage.images), ("Containers", usage.containers), ("Local Volumes", usage.volumes),
      ("Layer Cache", usage.cache), ("Other", usage.rest),
    ]
  }

  private static func fields(of name: String, _ kind: SpaceUsage.Kind) -> JSONValue {
    [
      "Type": .string(name), "TotalCount": .string("\(kind.total)"), "Active": .string("\(kind.active)"),
      "Size": .string(humanSize(kind.size)), "Reclaimable": .string(reclaimable(kind)),
      "SizeBytes": .number(.integer(kind.size)), "ReclaimableBytes": .number(.integer(kind.reclaimable)),
    ]
  }

  /// `11.6MB (70%)`
  private static func reclaimable(_ kind: SpaceUsage.Kind) -> String {
    humanSize(kind.reclaimable) + (kind.size > 0 ? " (\(kind.reclaimable * 100 / kind.size)%)" : "")
  }
}
