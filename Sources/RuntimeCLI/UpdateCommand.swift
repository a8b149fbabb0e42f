internal import Arguments
internal import OCIRuntime
internal import RuntimeSpec

enum UpdateCommand {
  static let entry = CommandEntry(
    "update", summary: "Change the limits of a container", group: RuntimeGroup.inside,
    .run(
      syntax: {
        Command(
          "update", summary: "Change the limits of a container", usage: ["[OPTIONS] CONTAINER"],
          discussion: [
            "What no option and no member of the file names stays. With --resources the other options are not looked at."
          ],
          options: options, positionals: .exactly(1, .containers),
          examples: [
            .init("skiff-runtime update --memory 64m --memory-swap 64m web", "Less memory, and no swap"),
            .init("echo '{\"pids\": {\"limit\": 50}}' | skiff-runtime update -r - web", "From JSON"),
          ])
      }, perform))

  private static let options = [
    Option(
      "resources", short: "r", .value, value: "file",
      help: "linux.resources as JSON in a file, - for standard input", completion: .files),
    Option("blkio-weight", .value, value: "weight", help: "Share of the disks, 10 to 1000"),
    Option("cpu-period", .value, value: "us", help: "Length of a period of the quota, in microseconds"),
    Option("cpu-quota", .value, value: "us", help: "Processor time in each period, in microseconds; -1 is no limit"),
    Option("cpu-burst", .value, value: "us", help: "Unused quota that may be saved up, in microseconds"),
    Option("cpu-share", .value, value: "weight", help: "Relative weight among containers"),
    Option("cpu-rt-period", .value, value: "us", help: "Length of a period of real-time processes"),
    Option("cpu-rt-runtime", .value, value: "us", help: "Time of real-time processes in each period"),
    Option("cpuset-cpus", .value, value: "list", help: "Processors to use: 0-3,7"),
    Option("cpuset-mems", .value, value: "list", help: "Memory nodes to use"),
    Option("cpu-idle", .value, value: "0|1", help: "1: run only when nobody else wants to"),
    Option("memory", .value, value: "bytes", help: "Limit of memory; -1 is no limit"),
    Option("memory-reservation", .value, value: "bytes", help: "Memory kept when the host is short of it"),
    Option("memory-swap", .value, value: "bytes", help: "Limit of memory and swap together; -1 is no limit"),
    Option("kernel-memory", .value, value: "bytes", help: "Does nothing", isHidden: true),
    Option("kernel-memory-tcp", .value, value: "bytes", help: "Does nothing", isHidden: true),
    Option("pids-limit", .value, value: "number", help: "Limit of tasks; -1 is no limit"),
    Option("l3-cache-schema", .value, value: "schema", help: "Intel RDT: L3:0=ff;1=ff"),
    Option("mem-bw-schema", .value, value: "schema", help: "Intel RDT: MB:0=50;1=50"),
  ]

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let runtime = try OCIRuntime(parsed)
    for name in ["kernel-memory", "kernel-memory-tcp"] where parsed.isSet(name) {
      runtime.warn("Setting --\(name) is ignored")
    }
    let change: Spec.Resources
    if let file = parsed.string("resources"), !file.isEmpty {
      change = try readResources(from: file)
    } else {
      change = try resources(parsed)
    }
    try runtime.update(
      parsed.positionals[0], change, cacheSchema: given(parsed, "l3-cache-schema"),
      bandwidthSchema: given(parsed, "mem-bw-schema"))
    return 0
  }

  static func resources(_ parsed: ParsedArguments) throws -> Spec.Resources {
    var resources = Spec.Resources()
    var memory = Spec.Memory()
    memory.limit = try bytes(parsed, "memory")
    memory.reservation = try bytes(parsed, "memory-reservation")
    memory.swap = try bytes(parsed, "memory-swap")
    if memory != Spec.Memory() { resources.memory = memory }
    var cpu = Spec.CPU()
    cpu.shares = try number(parsed, "cpu-share")
    cpu.period = try number(parsed, "cpu-period")
    cpu.quota = try number(parsed, "cpu-quota")
    cpu.burst = try number(parsed, "cpu-burst")
    cpu.realtimePeriod = try number(parsed, "cpu-rt-period")
    cpu.realtimeRuntime = try number(parsed, "cpu-rt-runtime")
    cpu.idle = try number(parsed, "cpu-idle")
    cpu.cpus = given(parsed, "cpuset-cpus")
    cpu.mems = given(parsed, "cpuset-mems")
    if cpu != Spec.CPU() { resources.cpu = cpu }
    if let limit: Int64 = try number(parsed, "pids-limit") { resources.pids = Spec.Pids(limit: limit) }
    if let weight: UInt16 = try number(parsed, "blkio-weight"), weight != 0 {
      var block = Spec.BlockIO()
      block.weight = weight
      resources.blockIO = block
    }
    return resources
  }

  /// An empty value is none: engines pass what a person left out.
  private static func given(_ parsed: ParsedArguments, _ name: String) -> String? {
    parsed.string(name).flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func number<Number: FixedWidthInteger>(
    _ parsed: ParsedArguments, _ name: String
  ) throws -> Number? {
    guard let text = given(parsed, name) else { return nil }
    guard let number = Number(text) else {
      let words = Number.isSigned ? "expected a whole number" : "expected a whole number of at least 0"
      throw parsed.bad(name, text, words)
    }
    return number
  }

  private static func bytes(_ parsed: ParsedArguments, _ name: String) throws -> Int64? {
    guard let text = given(parsed, name) else { return nil }
    if text == "-1" { return -1 }
    guard let bytes = parseBytes(text) else {
      throw parsed.bad(name, text, "expected a size such as 64m, 1.5g or 1048576, or -1")
    }
    return bytes
  }
}
