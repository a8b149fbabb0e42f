internal import Arguments
internal import Engine
internal import Kernel
internal import Terminals

extension ParsedArguments {
  /// The engine over this call's state, with what earlier calls left behind healed first.
  var engine: Engine {
    get throws {
      let engine = try unhealedEngine
      engine.heal()
      return engine
    }
  }

  /// The engine without the healing, for a command that starts a container and heals while that runs.
  var unhealedEngine: Engine {
    get throws {
      var engine = Engine(try state)
      engine.cacheBudget = try cacheBudget
      try engine.becomeRoot()
      try engine.prepareDirectories()
      return engine
    }
  }

  /// The engine where its networks are, for a command that looks at them or changes them, and starts nothing.
  var networkEngine: Engine {
    get throws {
      let engine = try engine
      try engine.enterNetworks()
      return engine
    }
  }

  /// What the unpacked layers may take of the disk, from the environment.
  var cacheBudget: Int64? {
    get throws(UsageError) {
      guard let text = environment("SKIFF_CACHE_SIZE"), !text.isEmpty else { return nil }
      guard let size = parseBytes(text) else {
        throw fail("SKIFF_CACHE_SIZE=\(text) is no size", suggestion: "write it as 500m or 10g")
      }
      return size
    }
  }

  /// Where a port is published whose `-p` names no address, from the environment; nil for all of the host's addresses.
  var usualPublishAddress: IPAddress? {
    get throws(UsageError) {
      guard let text = environment("SKIFF_PUBLISH_ADDRESS"), !text.isEmpty else { return nil }
      guard let address = IPAddress(text) else {
        throw fail("SKIFF_PUBLISH_ADDRESS=\(text) is no address", suggestion: "127.0.0.1 is this host alone")
      }
      return address
    }
  }

  /// Those given, or the usual ones.
  var detachKeys: DetachKeys {
    get throws(UsageError) {
      guard let text = string("detach-keys") else { return DetachKeys() }
      guard let keys = DetachKeys(text) else {
        throw bad("detach-keys", text, "keys are letters or ctrl-LETTER, with commas between")
      }
      return keys
    }
  }

  func signal(_ name: String) throws(UsageError) -> Int32? {
    guard let text = string(name) else { return nil }
    guard let number = SignalName.number(text) else { throw bad(name, text, "no such signal") }
    return number
  }
}

/// Does it for each name, goes on past a failure, and exits with 1 when there was one, as docker does.
func forEach(_ words: [String], _ body: (String) throws -> Void) -> Int32 {
  var code: Int32 = 0
  for word in words {
    do { try body(word) } catch { code = report(error, failureCode: 1) }
  }
  return code
}
