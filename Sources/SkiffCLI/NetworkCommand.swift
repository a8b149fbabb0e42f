internal import Arguments
internal import Containers
internal import Engine
internal import Kernel
internal import Networks

extension NetworkCommand {
  static let entry = entry(
    create: NetworkCreate.perform, list: NetworkList.perform, inspect: NetworkInspect.perform,
    remove: NetworkRemove.perform)
}

/// What the commands of networks work on: the store, and who is there to use it.
struct NetworkAccess {
  let store: NetworkStore
  private let engine: Engine

  init(_ arguments: ParsedArguments) throws {
    engine = try arguments.engine
    let state = try arguments.state
    store = NetworkStore(root: state.networks, run: state.runningNetworks)
    let isAlive = isAlive
    _ = try telling { () throws(NetworkError) in try store.heal(isAlive: isAlive) }
  }

  /// Whether a container may still hold an address.
  var isAlive: (String) -> Bool {
    let engine = engine
    let present = Set((try? engine.containers()) ?? [])
    return { word in
      guard let identifier = ContainerIdentifier(word), present.contains(identifier) else { return false }
      return (try? engine.containerState(of: identifier))?.status != .exited
    }
  }
}

/// A network's error as the failure that the front knows how to print.
func telling<Value: ~Copyable>(_ body: () throws(NetworkError) -> Value) throws(Failure) -> Value {
  do throws(NetworkError) { return try body() } catch { throw failure(of: error) }
}

func failure(of error: NetworkError) -> Failure {
  let kind: Failure.Kind =
    switch error.kind {
    case .usage: .usage
    case .notFound: .notFound
    case .conflict: .conflict
    case .host: .host
    }
  return Failure(kind, error.message, hint: error.hint ?? error.fault.flatMap(Failure.hint(for:)))
}
