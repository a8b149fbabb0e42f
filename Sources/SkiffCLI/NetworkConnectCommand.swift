internal import Arguments
internal import Engine
internal import Explain
internal import Networks
internal import Steps

/// `skiff network connect` and `disconnect`
enum NetworkConnect {
  static let connect: Perform = { arguments in
    var request = EndpointRequest(network: arguments.positionals[0])
    request.address = try arguments.read("ip", parseAddress4)
    request.address6 = try arguments.read("ip6", parseAddress6)
    request.aliases = try arguments.readAll("alias", parseAlias)
    request.linkLocal = try arguments.readAll("link-local-ip", parseLinkLocal)
    request.gatewayPriority = try arguments.integer("gw-priority", in: Int(Int32.min)...Int(Int32.max)) ?? 0
    for option in arguments.strings("driver-opt") {
      do throws(OptionError) { try request.take(driverOption: option) } catch {
        throw arguments.bad("driver-opt", option, error.reason, suggestion: error.suggestion)
      }
    }
    let (engine, container) = (try arguments.networkEngine, arguments.positionals[1])
    let glass = try Glass(arguments, hasTimings: false)
    if glass.isWanted {
      let steps = try engine.rehearseConnecting(container, to: request)
      try show(steps, of: container, "skiff network connect \(request.network) \(container)", glass)
    }
    if glass.isRehearsal { return 0 }
    try engine.connect(container, to: request)
    return 0
  }

  static let disconnect: Perform = { arguments in
    let (engine, network, container) = (try arguments.networkEngine, arguments.positionals[0], arguments.positionals[1])
    let glass = try Glass(arguments, hasTimings: false)
    if glass.isWanted {
      let steps = try engine.rehearseDisconnecting(container, from: network)
      try show(steps, of: container, "skiff network disconnect \(network) \(container)", glass)
    }
    if glass.isRehearsal { return 0 }
    try engine.disconnect(container, from: network, force: arguments.flag("force"))
    return 0
  }

  private static func show(
    _ steps: (host: [Step], inside: [Step]), of container: String, _ title: String, _ glass: Glass
  ) throws {
    try glass.show(
      ExplainedRun(title: title, entering: container, host: steps.host, finishing: steps.inside))
  }
}

/// `skiff network prune`
enum NetworkPrune {
  static let perform: Perform = { arguments in
    for text in arguments.strings("filter") where text.hasPrefix("dangling") {
      throw arguments.bad("filter", text, "networks have no such filter; there are until, label and label!")
    }
    let filter = try PruneFilter(arguments)
    if !arguments.flag("force") {
      guard try confirm("This will remove all custom networks not used by at least one container.") else {
        throw Failure(.conflict, "network prune has been cancelled")
      }
    }
    let (removed, failures) = try arguments.networkEngine.pruneNetworks { filter.takes(created: $0, labels: $1) }
    _ = try printing { out in
      guard !removed.isEmpty else { return }
      out.line("Deleted Networks:")
      for name in removed { out.line(name) }
      out.line()
    }
    for failure in failures { complain(failure.message, hint: failure.hint) }
    return failures.isEmpty ? 0 : 1
  }
}
