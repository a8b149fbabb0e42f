internal import Arguments
internal import Engine
internal import JSON
internal import Kernel
internal import RegistryRequests

extension SearchCommand {
  static let perform: Perform = { arguments in
    var request = try arguments.registryRequest(.search, arguments.positionals[0])
    request.limit = try arguments.integer("limit", in: 1...100) ?? 25
    let helper = try registryHelper()
    let answer = try makeMemoryFile("skiff-search")
    let code: Int32
    do throws(Fault) { code = try helper.run(request, output: answer.borrowed) } catch {
      throw Failure("cannot run \(helper.path)", error)
    }
    if code != 0 { return code }
    var results = try JSONValue(parsing: try answer.borrowed.read(8 << 20, at: 0)).array ?? []
    for filter in arguments.strings("filter") { results = results.filter(try matcher(filter, arguments)) }
    let isShort = !arguments.flag("no-trunc")
    return try printing { out in
      if let format = arguments.string("format"), format != "table" {
        out.print(try Template.lines(format, results.map { fields($0, isShort) }, headings: headings))
      } else {
        var table = Table()
        table.add(headings.map(\.value))
        for result in results {
          let row = fields(result, isShort)
          table.add(headings.map { row[$0.key]?.string ?? "" })
        }
        out.print(table.text)
      }
    }
  }

  private static let headings: KeyValuePairs = [
    "Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS", "IsOfficial": "OFFICIAL",
  ]

  /// What a registry says of itself may hold anything; a line of a table it may not break.
  private static func fields(_ result: JSONValue, _ isShort: Bool) -> JSONValue {
    var description = printable(result["description"]?.string ?? "").split(whereSeparator: \.isNewline).joined(
      separator: " ")
    if isShort { description = shortened(description, to: 45) }
    return [
      "Name": .string(printable(result["name"]?.string ?? "")), "Description": .string(description),
      "StarCount": .string("\(result["star_count"]?.integer ?? 0)"),
      "IsOfficial": .string(result["is_official"]?.bool == true ? "[OK]" : ""),
    ]
  }

  private static func matcher(_ filter: String, _ arguments: ParsedArguments) throws -> (JSONValue) -> Bool {
    let parts = filter.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw arguments.bad("filter", filter, "a filter is NAME=VALUE") }
    switch parts[0] {
    case "stars":
      guard let stars = Int64(parts[1]) else { throw arguments.bad("filter", filter, "stars is a number") }
      return { ($0["star_count"]?.integer ?? 0) >= stars }
    case "is-official":
      guard let wanted = parseBoolean(parts[1]) else {
        throw arguments.bad("filter", filter, "is-official is true or false")
      }
      return { ($0["is_official"]?.bool ?? false) == wanted }
    default: throw arguments.bad("filter", filter, "no such filter; there are stars and is-official")
    }
  }
}
