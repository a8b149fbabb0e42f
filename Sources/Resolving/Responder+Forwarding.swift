internal import DNS
internal import Kernel

// What Skiff does not know itself is asked of the host's servers, one after the other.

extension Responder {
  /// Questions that servers are asked at a time. Each has a socket, and a process has a thousand by default.
  private static let askedLimit = 256
  /// And that wait behind those. A container that asks more hears that nobody can be asked.
  private static let waitingLimit = 2048

  mutating func forward(_ query: Query, _ asker: Asker, _ servers: [NameServer]) {
    // Who gets no answer for a while sends the same again: the answer is under way.
    let isRepeated = forwards.values.contains {
      $0.query.header.identifier == query.header.identifier && $0.asker == asker && $0.query.question == query.question
    }
    if isRepeated && !asker.isStream { return }
    guard waiting.count < Self.waitingLimit else {
      let error = ExtendedError(.other, "\(forwards.count) questions of this container wait for answers already")
      return answer(query, .failure(to: query, error), to: asker)
    }
    lastToken += 1
    forwards[lastToken] = Forward(query, asker, servers, now: monotonicNanoseconds())
    if case .stream(let stream) = asker { streams[stream]?.open += 1 }
    waiting.append(lastToken)
    askWaiting()
  }

  /// Lets as many as may be asked at a time have their turn.
  mutating func askWaiting() {
    while let token = waiting.first, forwards.count - waiting.count < Self.askedLimit {
      waiting.removeFirst()
      askNext(token)
    }
  }

  /// Asks the next server that can be asked.
  mutating func askNext(_ token: UInt64) {
    guard var forward = forwards[token] else { return }
    while true {
      forward.attempt += 1
      let now = monotonicNanoseconds()
      guard !forward.isOver, now < forward.end else { return fail(token, forward) }
      do throws(Fault) {
        let (process, isInside) = (process, forward.server.isInside)
        try forward.ask(now: now) { (domain, kind) throws(Fault) in
          try makeSocket(domain, kind, in: isInside ? process : nil)
        }
        guard let descriptor = forward.descriptor else { return fail(token, forward) }
        try poller.add(descriptor, forward.wantsToWrite ? [.readable, .writable] : .readable, token: token)
        forwards[token] = forward
        return
      } catch { forward.note("cannot be asked: \(error.errno)") }
    }
  }

  /// Something came from the server, or nobody listens there.
  mutating func hear(_ token: UInt64) {
    guard var forward = forwards[token] else { return }
    let room = forward.asker.isStream ? 65_537 : max(4096, forward.query.datagramLimit)
    var buffer = [UInt8](repeating: 0, count: room)
    do throws(Fault) {
      let wantedToWrite = forward.wantsToWrite
      if wantedToWrite { try forward.flush() }
      let answer = try forward.answer(&buffer)
      if wantedToWrite, !forward.wantsToWrite, let descriptor = forward.descriptor {
        try poller.modify(descriptor, .readable, token: token)
      }
      forwards[token] = forward
      if let answer { take(answer, for: token) }
    } catch {
      forward.note(error.errno == .connectionRefused ? "does not serve names" : "failed: \(error.errno)")
      forwards[token] = forward
      askNext(token)
    }
  }

  private mutating func take(_ message: [UInt8], for token: UInt64) {
    guard var forward = forwards[token], let code = Header(message)?.flags.code else { return }
    if [.serverFailure, .refused, .notImplemented].contains(code), forward.hasUnasked {
      forward.note("answered \(code)")
      forward.lastAnswer = message
      forwards[token] = forward
      return askNext(token)
    }
    end(token, forward, with: message)
  }

  mutating func fail(_ token: UInt64, _ forward: Forward) {
    if let answer = forward.lastAnswer { return end(token, forward, with: answer) }
    let reasons = forward.failures.joined(separator: "; ")
    let error = ExtendedError(.noReachableAuthority, reasons.isEmpty ? "no server answered in time" : reasons)
    answer(forward.query, .failure(to: forward.query, error), to: forward.asker)
    finish(token, forward)
  }

  private mutating func end(_ token: UInt64, _ forward: Forward, with message: [UInt8]) {
    let limit = forward.asker.isStream ? nil : forward.query.datagramLimit
    send(forward.query.passedOn(message, limit: limit), to: forward.asker)
    finish(token, forward)
  }

  /// After the answer: a stream that was at its end is closed here.
  private mutating func finish(_ token: UInt64, _ forward: Forward) {
    var forward = forward
    forward.close()
    forwards[token] = nil
    if case .stream(let stream) = forward.asker {
      streams[stream]?.open -= 1
      settle(stream)
    }
  }
}
