package import Containers
internal import ImageSpec
package import Journal
package import Kernel
package import Layers

// What happened, for `skiff events`.

extension Engine {
  package var journal: Journal { Journal(in: state.root.appending("events")) }

  /// Notes what happened to a container, with what docker says of one: its image, its name, its labels.
  ///
  /// - Parameter time: when it happened, where that is told later.
  package func note(
    _ action: JournalEvent.Action, _ record: ContainerRecord, detail: String = "", _ more: [String: String] = [:],
    at time: Timestamp = now()
  ) {
    var attributes = record.labels
    attributes["image"] = record.image.isEmpty ? record.rootDirectory : record.image
    attributes["name"] = record.name
    for (name, value) in more { attributes[name] = value }
    journal.note(JournalEvent(.container, action, detail: detail, of: record.identifier, attributes, at: time))
  }

  /// That it runs, on its networks.
  func noteStart(_ record: ContainerRecord) {
    noteNetworks(.connect, record)
    note(.start, record)
  }

  /// Notes the end of the first process: `oom` where the kernel wanted its memory back, then `die`.
  func noteEnd(_ end: ContainerState, _ record: ContainerRecord) {
    if end.wasKilledForMemory { note(.oom, record) }
    var lasted: Int64 = 0
    if let started = end.started, let finished = end.finished { lasted = max(0, finished.seconds - started.seconds) }
    note(.die, record, ["exitCode": "\(end.exitCode)", "execDuration": "\(lasted)"])
    noteNetworks(.disconnect, record)
  }

  private func noteNetworks(_ action: JournalEvent.Action, _ record: ContainerRecord) {
    for network in record.networks where !network.isPending { note(action, of: network.network, record) }
  }

  /// That its volumes are mounted, or not any more.
  func noteVolumes(_ action: JournalEvent.Action, _ record: ContainerRecord) {
    for mount in record.mounts where mount.kind == .volume {
      var attributes = ["container": record.identifier, "driver": "local"]
      if action == .mount {
        attributes["destination"] = mount.destination
        attributes["read/write"] = "\(!mount.options.contains("ro"))"
      }
      note(.volume, action, of: mount.name, attributes)
    }
  }

  func noteDestruction(ofVolume name: String) { note(.volume, .destroy, of: name, ["driver": "local"]) }

  /// What became of images: of those that `prune` and `rmi` take.
  package func note(_ removed: [RemovedImage]) {
    for step in removed {
      switch step {
      case .untagged(let name): note(.image, .untag, of: name, ["name": name])
      case .deleted(let digest): note(.image, .delete, of: digest.description, ["name": digest.description])
      }
    }
  }

  /// That a prune has been, and what it gave back of the disk.
  func notePrune(_ kind: JournalEvent.Kind, reclaimed: Int64) {
    note(kind, .prune, of: "", ["reclaimed": "\(reclaimed)"])
  }

  /// That a container came to a network, or left it.
  func note(_ action: JournalEvent.Action, of network: String, _ record: ContainerRecord) {
    note(.network, action, of: network, ["name": network, "container": record.identifier])
  }

  /// Notes what happened to an image, a network or a volume.
  package func note(
    _ kind: JournalEvent.Kind, _ action: JournalEvent.Action, of identifier: String, _ attributes: [String: String]
  ) {
    journal.note(JournalEvent(kind, action, of: identifier, attributes))
  }
}

extension Engine {
  /// The same of a container that a person named.
  package func note(
    _ action: JournalEvent.Action, _ word: String, detail: String = "", _ more: [String: String] = [:]
  ) {
    guard let identifier = try? find(word), let record = try? record(of: identifier) else { return }
    note(action, record, detail: detail, more)
  }
}
