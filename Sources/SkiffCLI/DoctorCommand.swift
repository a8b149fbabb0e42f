internal import Arguments
internal import Engine
internal import JSON
internal import Kernel
internal import RegistryRequests

enum DoctorCommand {
  static let summary = "Look whether this host can run containers, and say what mends it"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("doctor", summary: summary, group: CommandGroup.other, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "doctor", summary: summary, usage: ["[OPTIONS]"],
      discussion: [
        "Looks and changes nothing. Under what is wrong stands the line that mends it. The exit code is 1 when something "
          + "would keep every container from running."
      ],
      options: [
        Option("format", .value, help: "json prints one object a check", completion: .words(["json"])),
        Option("quiet", short: "q", help: "Only what is wrong"),
      ],
      examples: [
        .init("skiff doctor", "Kernel, control groups, disk, network, user namespaces, programs"),
        .init("skiff doctor --format json | jq -r '.[] | select(.Cure) | .Cure'", "Only the lines that mend"),
      ])
  }

  static let perform: Perform = { arguments in
    let isJSON = try arguments.choice("format", of: ["json"]) != nil
    let facts = CheckedHost(of: try arguments.state, registryHelper: RegistryHelper.find()?.path)
    let reports = HostReport.all(of: facts)
    let isBroken = reports.contains { $0.finding.verdict == .broken }
    _ = try printing { out in
      if isJSON {
        out.print(bytes: JSONValue.array(reports.map(\.json)).jsonBytes(.pretty) + [10])
        return
      }
      for report in reports where !arguments.flag("quiet") || report.finding.verdict != .fine {
        show(report, &out)
      }
      if isBroken { out.line("no container runs here until what is broken is mended") }
    }
    return isBroken ? 1 : 0
  }

  private static func show(_ report: HostReport, _ out: inout Output) {
    let colours = out.colours
    let (colour, word) =
      switch report.finding.verdict {
      case .fine: (colours.green, "fine   ")
      case .warning: (colours.yellow, "warning")
      case .broken: (colours.red, "broken ")
      }
    let name = report.name + String(repeating: " ", count: max(1, 21 - report.name.count))
    out.line("\(colour)\(word)\(colours.plain)  \(name)\(printable(report.finding.found))")
    if let cure = report.finding.cure { out.line("         \(colours.faint)\(printable(cure))\(colours.plain)") }
  }
}
