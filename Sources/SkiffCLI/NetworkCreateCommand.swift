internal import Arguments
internal import Containers
internal import Engine
internal import Explain
internal import Journal
internal import Kernel
internal import Networks
internal import Steps

/// `skiff network create`
enum NetworkCreate {
  static let perform: Perform = { arguments in
    let glass = try Glass(arguments)
    let options = try options(arguments)
    let access = try NetworkAccess(arguments)
    let engine = access.engine
    try engine.refuseParents(of: options.driver)
    let preparation = try telling { () throws(NetworkError) in try access.store.prepareCreation(of: options) }
    if glass.isWanted {
      try glass.show(
        ExplainedRun(
          title: "skiff network create \(options.name)", ownDirectories: [arguments.state.root, arguments.state.run],
          host: preparation.steps))
    }
    if glass.isRehearsal { return 0 }
    let begin = monotonicNanoseconds()
    var last = begin
    var timings: [Explain.StepTiming] = []
    let network: Network
    do throws(NetworkError) {
      network = try access.store.perform(preparation) { step in
        let time = monotonicNanoseconds()
        timings.append(Explain.StepTiming(step: step, nanoseconds: time - last))
        last = time
      }
    } catch { throw Failure(error) }
    if glass.isTimed {
      let parts = [PartTimings(title: "On the host", timings: timings)]
      try BorrowedDescriptor.standardError.write(
        ExplanationText().timings(parts, totalNanoseconds: monotonicNanoseconds() - begin))
    }
    engine.note(
      .network, .create, of: network.identifier, ["name": network.name, "type": network.driver.rawValue])
    if let warning = access.store.warning(for: network.name) { complain("warning: \(warning)") }
    return try printing { $0.line(network.identifier) }
  }

  private static func options(_ arguments: ParsedArguments) throws -> NetworkOptions {
    var options = NetworkOptions(name: arguments.positionals[0])
    options.driver = try driver(arguments)
    if let driver = arguments.string("ipam-driver"), driver != "default" {
      throw arguments.bad("ipam-driver", driver, "Skiff leases addresses by itself: default")
    }
    if let scope = arguments.string("scope"), scope != "local" {
      throw arguments.bad("scope", scope, "networks are this host's alone: local")
    }
    options.subnets = arguments.strings("subnet")
    options.gateways = arguments.strings("gateway")
    options.ranges = arguments.strings("ip-range")
    options.auxiliary = try pairs("aux-address", arguments, "NAME=ADDRESS")
    options.hasIPv6 = arguments.flag("ipv6")
    options.isInternal = arguments.flag("internal")
    options.options = try pairs("opt", arguments, "an option is NAME=VALUE")
    if options.subnets.isEmpty {
      for option in ["gateway", "ip-range", "aux-address"] where !arguments.strings(option).isEmpty {
        throw arguments.fail("--\(option) needs --subnet: which network is it in?")
      }
    }
    for text in arguments.strings("label") {
      let label = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = label.first, !name.isEmpty, !text.unicodeScalars.contains(where: { $0.value < 32 }) else {
        throw arguments.bad("label", text, "a label is NAME=VALUE")
      }
      options.labels[String(name)] = label.count > 1 ? String(label[1]) : ""
    }
    return options
  }

  private static func driver(_ arguments: ParsedArguments) throws -> Network.Driver {
    guard let word = arguments.string("driver") else { return .bridge }
    switch word {
    case "bridge": return .bridge
    case "macvlan": return .macvlan
    case "host", "none", "null":
      throw arguments.bad(
        "driver", word, "there is one such network only, and it is there: --network \(word == "null" ? "none" : word)")
    case "overlay": throw arguments.bad("driver", word, "an overlay spans the hosts of a swarm, which Skiff has not")
    default: throw arguments.bad("driver", word, "there are bridge and macvlan")
    }
  }

  private static func pairs(_ option: String, _ arguments: ParsedArguments, _ form: String) throws -> [String: String] {
    var pairs: [String: String] = [:]
    for text in arguments.strings(option) {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard !parts[0].isEmpty, !text.unicodeScalars.contains(where: { $0.value < 32 }) else {
        throw arguments.bad(option, text, form)
      }
      pairs[parts[0]] = parts.count > 1 ? parts[1] : ""
    }
    return pairs
  }
}
