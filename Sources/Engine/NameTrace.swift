package import DNS
internal import Containers
internal import Kernel
package import Networks
package import Resolving

// `skiff net trace`: a question for a name, followed as a program's would go.

/// What was found on the way.
package struct NameTrace: Sendable {
  /// Who asks: a container, or the network on which somebody would.
  package var asker: String
  /// Addresses that the container's own /etc/hosts has: programs look there first, and no further.
  package var hosts: [String] = []
  /// The servers in its /etc/resolv.conf.
  package var servers: [NameServer] = []
  package var questions: [TracedQuestion] = []
  package var answersItself = false
}

package struct TracedQuestion: Sendable {
  package var question: Question
  /// What its supervisor does with it; nil for a container that asks servers itself.
  package var decision: Decision?
  /// Names of the containers in the decision, by identifier.
  package var containers: [String: String] = [:]
  /// The servers that are asked about what is not known here, each with its answer.
  package var forwarded: [Exchange] = []
  /// What the container itself got when it was asked from its network.
  package var seen: [Exchange] = []
}

extension Engine {
  /// As a program of the container would ask, in its network.
  package func traceName(
    _ name: String, types: [RecordType], in word: String
  ) throws(Failure) -> NameTrace {
    let identifier = try find(word)
    let running = try runningProcess(of: identifier, named: word)
    let record: ContainerRecord
    do throws(Fault) { record = try store.record(of: identifier) } catch {
      throw Failure("cannot read the record of \(word)", error)
    }
    let process = running.pidfd.borrowed
    // One that shares another's network asks where that one does.
    let files = store.files(of: identifier)
    let conf = ResolvConf((try? readText(files.resolvConf)) ?? "")
    var trace = NameTrace(asker: record.name)
    trace.answersItself = record.asksSupervisor
    trace.hosts = hostsEntries(of: name, in: (try? readText(files.hosts)) ?? "")
    trace.servers = conf.servers.prefix(3).compactMap { NameServer(resolvConf: $0, isInside: true) }
    let source = nameSource(for: identifier, record)
    for candidate in try candidates(of: name, types, conf) {
      var isFound = false
      for type in types.isEmpty ? candidate.types : types {
        var traced = TracedQuestion(question: Question(candidate.name, type))
        if record.asksSupervisor { decide(&traced, source, inside: process) }
        for server in trace.servers {
          let exchange = Exchange.asking(server, traced.question, inside: process)
          traced.seen.append(exchange)
          if let answer = exchange.answer {
            isFound = isFound || answer.code == .success
            break
          }
        }
        trace.questions.append(traced)
      }
      // As the C library does: the next of the search list is tried when this name is not there.
      if isFound { break }
    }
    // Until here: the process must not be another one meanwhile.
    _ = running.identity
    return trace
  }

  /// As somebody would be answered who is on that network alone.
  package func traceName(
    _ name: String, types: [RecordType], on network: Network
  ) throws(Failure) -> NameTrace {
    var trace = NameTrace(asker: "network \(network.name)")
    trace.answersItself = true
    let source = nameSource(on: network)
    for candidate in try candidates(of: name, types, ResolvConf("")) {
      for type in types.isEmpty ? candidate.types : types {
        var traced = TracedQuestion(question: Question(candidate.name, type))
        decide(&traced, source, inside: nil)
        trace.questions.append(traced)
      }
    }
    return trace
  }

  private func decide(_ traced: inout TracedQuestion, _ source: NameSource, inside process: BorrowedDescriptor?) {
    let decision = Decision(traced.question, source)
    traced.decision = decision
    switch decision {
    case .addresses(let known), .nothing(let known):
      for address in known where traced.containers[address.container] == nil {
        guard let identifier = ContainerIdentifier(address.container),
          let record = try? store.record(of: identifier)
        else { continue }
        traced.containers[address.container] = record.name
      }
    case .forward(let servers):
      for server in servers {
        let exchange = Exchange.asking(server, traced.question, inside: server.isInside ? process : nil)
        traced.forwarded.append(exchange)
        if let code = exchange.answer?.code, ![.serverFailure, .refused, .notImplemented].contains(code) { break }
      }
    case .names, .nobody, .closed: break
    }
  }

  /// The names that the C library would make of it, in its order, and what it would ask of each.
  private func candidates(
    of text: String, _ types: [RecordType], _ conf: ResolvConf
  ) throws(Failure) -> [(name: DomainName, types: [RecordType])] {
    if let address = IPAddress(text) { return [(DomainName(reversing: address), [.ptr])] }
    let usual: [RecordType] = [.a, .aaaa]
    guard let name = DomainName(text) else {
      throw Failure(
        .usage, "\"\(text)\" is no name",
        hint: "labels of at most 63 bytes with dots between, 253 in all, or an address")
    }
    if text.hasSuffix(".") { return [(name, usual)] }
    let dots = text.utf8.count { $0 == UInt8(ascii: ".") }
    let wanted = conf.options.last { $0.hasPrefix("ndots:") }.flatMap { Int($0.dropFirst(6)) } ?? 1
    let searched = conf.search.prefix(6).compactMap { DomainName("\(text).\($0)") }
    let all = dots >= wanted ? [name] + searched : searched + [name]
    return all.map { ($0, usual) }
  }
}

private func hostsEntries(of name: String, in text: String) -> [String] {
  let wanted = (name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()
  return text.split(separator: "\n").compactMap { line in
    let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
    return words.dropFirst().contains { $0.lowercased() == wanted } ? String(words[0]) : nil
  }
}
