package import Containers
internal import Kernel

/// One container as `ps` shows it.
package struct ContainerSummary: Sendable {
  package var identifier: ContainerIdentifier
  package var record: ContainerRecord
  package var state: ContainerState
}

extension Engine {
  /// All containers, the newest first. What another command is just removing is left out.
  package func summaries(includingEnded: Bool) throws(Failure) -> [ContainerSummary] {
    var found: [ContainerSummary] = []
    for identifier in try containers() {
      guard let state = try? store.state(of: identifier), includingEnded || state.status == .running,
        let record = try? store.record(of: identifier)
      else { continue }
      found.append(ContainerSummary(identifier: identifier, record: record, state: state))
    }
    return found.sorted { $0.record.created > $1.record.created }
  }
}
