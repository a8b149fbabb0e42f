internal import Arguments
internal import DNS
internal import Engine
internal import JSON
internal import Kernel
internal import Networks
internal import Resolving

extension NetCommand {
  static let entry = entry(explain: NetExplain.perform, verify: NetVerify.perform, trace: NetTrace.perform)
}

/// `skiff net trace`
enum NetTrace {
  static let perform: Perform = { arguments in
    let engine = try arguments.networkEngine
    let name = arguments.positionals[0]
    let types = try arguments.strings("type").map { text in
      guard let type = RecordType(text) else {
        throw arguments.bad("type", text, "a kind of record is A, AAAA, PTR, MX, …, or TYPE and its number")
      }
      return type
    }
    let trace: NameTrace
    switch (arguments.string("container"), arguments.string("network")) {
    case (let container?, nil): trace = try engine.traceName(name, types: types, in: container)
    case (nil, let network?):
      let network = try telling { () throws(NetworkError) in try engine.networks.find(network) }
      trace = try engine.traceName(name, types: types, on: network)
    default:
      throw arguments.fail(
        "who asks? names differ from container to container",
        suggestion: "say --container CONTAINER, or --network NETWORK for somebody who is on that alone")
    }
    let isJSON = try arguments.choice("format", of: ["text", "json"]) == "json"
    return try printing { out in
      if isJSON {
        out.print(json(trace).jsonString(.pretty))
        out.line()
      } else {
        for line in lines(trace, name) { out.line(printable(line)) }
      }
    }
  }

  // MARK: - In words

  private static func lines(_ trace: NameTrace, _ name: String) -> [String] {
    var lines = ["\(trace.asker) asks for \(name)"]
    if !trace.servers.isEmpty || trace.hosts.isEmpty == false {
      lines.append(
        trace.hosts.isEmpty
          ? "  its /etc/hosts does not have it"
          : "  its /etc/hosts has it: \(trace.hosts.joined(separator: ", ")); most programs look no further")
      let servers = trace.servers.map(\.description).joined(separator: ", then ")
      lines.append(
        "  its /etc/resolv.conf names "
          + (servers.isEmpty ? "no server" : servers)
          + (trace.answersItself ? ", where its supervisor answers" : "; its programs ask there themselves"))
    }
    for traced in trace.questions {
      lines.append("\(traced.question.type) \(traced.question.name)")
      lines += words(of: traced).map { "  " + $0 }
    }
    return lines
  }

  private static func words(of traced: TracedQuestion) -> [String] {
    func owners(_ known: [KnownAddress]) -> [String] {
      known.map { "\($0.address): container \(name(of: $0, traced)) on network \($0.network)" }
    }
    var lines: [String] = []
    switch traced.decision {
    case .addresses(let known): lines += ["known here:"] + owners(known).map { "  " + $0 }
    case .nothing(let known):
      lines += ["the name is known here, and has no \(traced.question.type): an answer without records; it has"]
      lines += owners(known).map { "  " + $0 }
    case .names(let names): lines.append("known here: \(names.joined(separator: ", "))")
    case .nobody: lines.append("an address of a network here, and nobody has it: no such name")
    case .closed(let reason):
      lines += ["not known here, and \(reason): the answer is SERVFAIL"]
      lines.append(
        "to let it ask outside: skiff network connect NETWORK CONTAINER, with a network that is not internal")
    case .forward(let servers):
      let place =
        servers.first?.isInside == true ? "--dns and from the container's own network" : "the host's /etc/resolv.conf"
      lines.append("not known here, so these are asked, by \(place):")
      lines += traced.forwarded.map { "  " + words(of: $0) }
      if traced.forwarded.allSatisfy({ $0.answer == nil }) {
        lines.append(cure(servers[0], traced.question))
      }
    case nil: break
    }
    lines += traced.seen.map { "the container got, from " + words(of: $0) }
    return lines
  }

  private static func cure(_ server: NameServer, _ question: Question) -> String {
    server.isInside
      ? "nobody answered: a server of --dns has to be in reach of the container itself; without --dns the host's are asked"
      : "nobody answered: does the host itself find it? try: dig @\(server.address) \(question.name)"
  }

  private static func words(of exchange: Exchange) -> String {
    let time = "\(exchange.server), in \(milliseconds(exchange)) ms: "
    guard let answer = exchange.answer else { return time + (exchange.failure ?? "nothing") }
    let values = answer.answers.map { "\($0.type) \($0.valueText)" }
    let records = values.isEmpty ? "no records" : values.joined(separator: ", ")
    return time + "\(answer.code), \(records)" + (answer.errorText.map { " (\($0))" } ?? "")
  }

  private static func milliseconds(_ exchange: Exchange) -> String {
    let microseconds = exchange.nanoseconds / 1000
    let rest = String(microseconds % 1000 / 10)
    return "\(microseconds / 1000)." + (rest.utf8.count < 2 ? "0" : "") + rest
  }

  private static func name(of known: KnownAddress, _ traced: TracedQuestion) -> String {
    let short = String(known.container.prefix(12))
    return traced.containers[known.container].map { "\($0) (\(short))" } ?? short
  }

  // MARK: - As JSON

  private static func json(_ trace: NameTrace) -> JSONValue {
    [
      "asker": .string(trace.asker), "hosts": .array(trace.hosts.map(JSONValue.string)),
      "servers": .array(trace.servers.map { .string($0.address.description) }),
      "questions": .array(trace.questions.map(json)),
    ]
  }

  private static func json(_ traced: TracedQuestion) -> JSONValue {
    var object = JSONObject()
    object["name"] = .string(traced.question.name.description)
    object["type"] = .string(traced.question.type.description)
    func records(_ known: [KnownAddress]) -> JSONValue {
      .array(
        known.map {
          [
            "address": .string($0.address.description), "container": .string($0.container),
            "name": traced.containers[$0.container].map(JSONValue.string) ?? .null, "network": .string($0.network),
          ]
        })
    }
    switch traced.decision {
    case .addresses(let known): (object["decision"], object["records"]) = ("known", records(known))
    case .nothing(let known): (object["decision"], object["records"]) = ("no such record", records(known))
    case .names(let names): (object["decision"], object["names"]) = ("known", .array(names.map(JSONValue.string)))
    case .nobody: object["decision"] = "no such name"
    case .closed(let reason): (object["decision"], object["reason"]) = ("closed", .string(reason))
    case .forward:
      (object["decision"], object["forwarded"]) = ("forwarded", .array(traced.forwarded.map(json)))
    case nil: object["decision"] = "asks servers itself"
    }
    object["seen"] = .array(traced.seen.map(json))
    return .object(object)
  }

  private static func json(_ exchange: Exchange) -> JSONValue {
    [
      "server": .string(exchange.server.address.description), "inside": .bool(exchange.server.isInside),
      "microseconds": .number(.integer(Int64(exchange.nanoseconds / 1000))),
      "code": exchange.answer.map { .string($0.code.description) } ?? .null,
      "answers": .array(
        (exchange.answer?.answers ?? []).map {
          ["name": .string($0.name.description), "type": .string($0.type.description), "value": .string($0.valueText)]
        }),
      "reason": (exchange.failure ?? exchange.answer?.errorText).map(JSONValue.string) ?? .null,
    ]
  }
}
