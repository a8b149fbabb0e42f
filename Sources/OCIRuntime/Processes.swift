package import Kernel
internal import Cgroups

extension OCIRuntime {
  /// The processes of a container as this pid namespace numbers them, in the order of their numbers. One that has ended
  /// has none.
  package func processes(of id: String) throws(RuntimeFailure) -> [ProcessIdentifier] {
    let view = try view(of: id)
    let group = try ownGroup(of: view.state, "list the processes of")
    guard group.exists else { return [] }
    // Those of another pid namespace are 0 each.
    return try told("cannot read the processes of \(id)") { () throws(Fault) in
      try group.processes().filter { $0 > 0 }.sorted()
    }
  }

  /// All containers whose state can be read, by name. Of the others a warning is given.
  package func views() throws(RuntimeFailure) -> [ContainerView] {
    var views: [ContainerView] = []
    for id in try store.identifiers().sorted() {
      do throws(RuntimeFailure) { views.append(try view(of: id)) } catch {
        // One that was deleted meanwhile is no news.
        if exists(store.directory(of: id), followLinks: false) { warn("load container \(id): \(error)") }
      }
    }
    return views
  }
}
