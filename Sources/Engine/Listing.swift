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
      guard let state = readableState(of: identifier), includingEnded || state.status == .running,
        let record = readableRecord(of: identifier)
      else { continue }
      found.append(ContainerSummary(identifier: identifier, record: record, state: state))
    }
    return found.sorted { $0.record.created > $1.record.created }
  }

  /// One whose state is damaged runs if somebody still watches over it.
  private func readableState(of identifier: ContainerIdentifier) -> ContainerState? {
    do throws(Fault) { return try store.state(of: identifier) } catch {
      let isHeld = (try? ContainerLock.isHeld(store.files(of: identifier))) ?? false
      return ContainerState(status: isHeld ? .running : .exited)
    }
  }

  /// A container whose record is damaged is listed all the same, so that somebody sees it and can remove it.
  private func readableRecord(of identifier: ContainerIdentifier) -> ContainerRecord? {
    do throws(Fault) { return try store.record(of: identifier) } catch {
      guard error.errno != .noSuchFile else { return nil }
      let name = ((try? names.all()) ?? []).first { $0.identifier == identifier }?.name
      var record = ContainerRecord(
        identifier: identifier.description, name: name ?? identifier.short,
        created: Timestamp(seconds: 0, nanoseconds: 0))
      record.image = "<damaged record>"
      return record
    }
  }
}
