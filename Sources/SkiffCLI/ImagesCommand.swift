internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import JSON
internal import Kernel
internal import Layers

extension ImagesCommand {
  static let perform: Perform = { arguments in
    let store = try arguments.engine.images()
    let images = try telling { () throws(StoreError) in
      try store.summaries { name, reason in
        complain("\(name) is left out: \(reason.message)", hint: "skiff rmi -f \(name) removes what is left of it")
      }
    }
    var rows = rows(images)
    if let pattern = arguments.positionals.first { rows = rows.filter(matcher(reference: pattern)) }
    for filter in arguments.strings("filter") { rows = rows.filter(try matcher(filter, arguments, store)) }
    let isShort = !arguments.flag("no-trunc")
    return try printing { out in
      if arguments.flag("quiet") {
        var seen: Set<Digest> = []
        for row in rows where seen.insert(row.image.id).inserted { out.line(row.identifier(isShort)) }
      } else if let format = arguments.string("format"), format != "table" {
        out.print(try Template.lines(format, rows.map { $0.fields(isShort) }, headings: headings))
      } else {
        out.print(table(of: rows, isShort, withDigests: arguments.flag("digests")))
      }
    }
  }

  private static let headings: KeyValuePairs = [
    "Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "Digest": "DIGEST", "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT", "Size": "SIZE", "Containers": "CONTAINERS", "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
  ]

  private static func table(of rows: [Row], _ isShort: Bool, withDigests: Bool) -> String {
    let digest = withDigests ? ["DIGEST"] : []
    var table = Table()
    table.add(["REPOSITORY", "TAG"] + digest + ["IMAGE ID", "CREATED", "SIZE"])
    for row in rows {
      table.add(
        [row.repository, row.tag] + (withDigests ? [row.digest.description] : [])
          + [row.identifier(isShort), row.age, humanSize(row.image.size)])
    }
    return table.text
  }

  /// One name of an image; an image that lost its name has a row too.
  private struct Row {
    var image: ImageSummary
    var repository = "<none>"
    var tag = "<none>"
    /// What its registry shows.
    var digest: Digest
    /// Nil when nobody knows.
    var created: Timestamp?

    init(_ image: ImageSummary) {
      self.image = image
      digest = image.manifestDigest
      created = image.created.flatMap { Timestamp(rfc3339: $0) }
    }

    var age: String { created.map { humanAge(of: $0) } ?? "N/A" }

    func identifier(_ isShort: Bool) -> String { isShort ? image.id.short : image.id.description }

    func fields(_ isShort: Bool) -> JSONValue {
      [
        "Repository": .string(repository), "Tag": .string(tag), "ID": .string(identifier(isShort)),
        "Digest": .string(digest.description), "CreatedSince": .string(age),
        "CreatedAt": .string(created.map { goTime($0) } ?? image.created ?? ""), "Size": .string(humanSize(image.size)),
        "Containers": "N/A", "SharedSize": "N/A", "UniqueSize": "N/A",
      ]
    }
  }

  /// The newest first.
  private static func rows(_ images: [ImageSummary]) -> [Row] {
    var rows: [Row] = []
    rows.reserveCapacity(images.count)
    for image in images {
      var row = Row(image)
      if image.tags.isEmpty { rows.append(row) }
      for name in image.tags {
        let reference = try? Reference(name)
        row.repository = reference?.familiarName ?? name
        row.tag = reference?.tag ?? "<none>"
        row.digest = image.origins[name] ?? image.manifestDigest
        rows.append(row)
      }
    }
    let beginning = Timestamp(seconds: 0, nanoseconds: 0)
    return rows.sorted { ($0.created ?? beginning) > ($1.created ?? beginning) }
  }

  private static func matcher(
    _ filter: String, _ arguments: ParsedArguments, _ store: ImageStore
  ) throws -> (Row) -> Bool {
    let parts = filter.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw arguments.bad("filter", filter, "a filter is NAME=VALUE") }
    let value = parts[1]
    switch parts[0] {
    case "dangling":
      guard let wanted = ["true": true, "1": true, "false": false, "0": false][value] else {
        throw arguments.bad("filter", filter, "dangling is true or false")
      }
      return { $0.image.tags.isEmpty == wanted }
    case "reference": return matcher(reference: value)
    case "label":
      let condition = LabelCondition(value, isWanted: true)
      let images = try telling { () throws(StoreError) in try store.images() }
      let wanted = Set(images.filter { condition.holds($0.config.config.labels) }.map(\.manifestDigest))
      return { wanted.contains($0.image.manifestDigest) }
    case "before", "since":
      let mark = try telling { () throws(StoreError) in try store.find(value) }
      guard let time = Row(ImageSummary(mark)).created else {
        throw arguments.bad("filter", filter, "nobody knows when image \(value) was made")
      }
      let isBefore = parts[0] == "before"
      return { row in row.created.map { isBefore ? $0 < time : $0 > time } ?? false }
    case "until":
      guard let time = PruneFilter.time(value) else {
        throw arguments.bad("filter", filter, "until is a time such as 2026-11-26T10:00:00Z, or an age such as 24h")
      }
      return { row in row.created.map { $0 < time } ?? false }
    default:
      throw arguments.bad(
        "filter", filter, "no such filter; there are dangling, reference, label, before, since and until")
    }
  }

  /// `repository` or `repository:tag`, with `*` and `?`.
  private static func matcher(reference pattern: String) -> (Row) -> Bool {
    let parts = pattern.split(separator: "/", omittingEmptySubsequences: false)
    let hasTag = parts.last?.contains(":") == true
    return { row in
      matches(hasTag ? "\(row.repository):\(row.tag)" : row.repository, pattern)
    }
  }

  /// Whether a text is what a pattern of `*` (anything but a slash) and `?` says.
  static func matches(_ text: String, _ pattern: String) -> Bool {
    let text = Array(text.utf8)
    let pattern = Array(pattern.utf8)
    var (at, place) = (0, 0)
    // Where to go on from when what follows the last star does not fit: the star takes one byte more.
    var star: (pattern: Int, text: Int)?
    while at < text.count {
      if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
        star = (place, at)
        place += 1
      } else if place < pattern.count, pattern[place] == UInt8(ascii: "?") || pattern[place] == text[at] {
        at += 1
        place += 1
      } else if let last = star, text[last.text] != UInt8(ascii: "/") {
        star = (last.pattern, last.text + 1)
        at = last.text + 1
        place = last.pattern + 1
      } else {
        return false
      }
    }
    return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}

/// The store's errors as the engine's, which are what is reported.
func telling<Result>(_ body: () throws(StoreError) -> Result) throws(Failure) -> Result {
  do throws(StoreError) { return try body() } catch { throw Failure(error) }
}
