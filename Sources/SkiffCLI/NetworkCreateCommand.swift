internal import Arguments
internal import Containers
internal import Engine
internal import Explain
internal import Kernel
internal import Networks
internal import Steps

/// `skiff network create`
enum NetworkCreate {
  static let perform: Perform = { arguments in
    let glass = try Glass(arguments)
    let options = try options(arguments)
    let access = try NetworkAccess(arguments)
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
    if let warning = access.store.warning(for: network.name) { complain("warning: \(warning)") }
    return try printing { $0.line(network.identifier) }
  }

  private static func options(_ arguments: ParsedArguments) throws -> NetworkOptions {
    var options = NetworkOptions(name: arguments.positionals[0])
    if let driver = arguments.string("driver"), driver != "bridge" {
      throw arguments.bad("driver", driver, "there are bridges only")
    }
    if let option = arguments.strings("opt").first {
      throw arguments.bad("opt", option, "a bridge of Skiff has no options")
    }
    options.subnet = arguments.string("subnet")
    options.gateway = arguments.string("gateway")
    options.isInternal = arguments.flag("internal")
    if options.gateway != nil && options.subnet == nil {
      throw arguments.fail("--gateway needs --subnet: which network is it the way out of?")
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
}
