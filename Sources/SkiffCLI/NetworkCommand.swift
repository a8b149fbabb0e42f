internal import Arguments
internal import Engine
internal import Networks

extension NetworkCommand {
  static let entry = entry(
    create: NetworkCreate.perform, list: NetworkList.perform, inspect: NetworkInspect.perform,
    remove: NetworkRemove.perform, connect: NetworkConnect.connect, disconnect: NetworkConnect.disconnect,
    prune: NetworkPrune.perform, map: NetworkMap.perform)
}

/// What the commands of networks work on: the store, and who is there to use it.
struct NetworkAccess {
  let store: NetworkStore
  let engine: Engine

  init(_ arguments: ParsedArguments) throws {
    engine = try arguments.networkEngine
    store = engine.networks
  }

  /// Whether a container may still hold an address.
  func isAlive(_ identifier: String) -> Bool { engine.holdsAddress(identifier) }
}

/// A network's error as the failure that the front knows how to print.
func telling<Value: ~Copyable>(_ body: () throws(NetworkError) -> Value) throws(Failure) -> Value {
  do throws(NetworkError) { return try body() } catch { throw Failure(error) }
}
