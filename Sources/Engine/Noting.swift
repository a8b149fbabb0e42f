package import Containers
package import Journal
internal import Kernel

// What happened, for `skiff events`.

extension Engine {
  package var journal: Journal { Journal(in: state.root.appending("events")) }

  /// Notes what happened to a container, with what docker says of one: its image, its name, its labels.
  package func note(
    _ action: JournalEvent.Action, _ record: ContainerRecord, detail: String = "", _ more: [String: String] = [:]
  ) {
    var attributes = record.labels
    attributes["image"] = record.image.isEmpty ? record.rootDirectory : record.image
    attributes["name"] = record.name
    for (name, value) in more { attributes[name] = value }
    journal.note(JournalEvent(.container, action, detail: detail, of: record.identifier, attributes))
  }

  /// Notes the end of the first process: `oom` where the kernel wanted its memory back, then `die`.
  package func noteEnd(_ end: ContainerState, _ record: ContainerRecord) {
    if end.wasKilledForMemory { note(.oom, record) }
    let lasted =
      (end.finished?.seconds ?? 0) - (end.started ?? end.finished ?? Timestamp(seconds: 0, nanoseconds: 0)).seconds
    note(.die, record, ["exitCode": "\(end.exitCode)", "execDuration": "\(max(0, lasted))"])
  }
}
