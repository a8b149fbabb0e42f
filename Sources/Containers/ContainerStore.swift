internal import JSON
package import Kernel

/// Reads and writes what is known of containers.
package struct ContainerStore: Sendable {
  package let state: StateDirectories
  package init(_ state: StateDirectories) { self.state = state }

  package func files(of identifier: ContainerIdentifier) -> ContainerFiles { ContainerFiles(identifier, in: state) }

  /// All containers that have a directory, in no order.
  package func identifiers() throws(Fault) -> [ContainerIdentifier] {
    do throws(Fault) {
      return try entries(of: state.containers).compactMap { ContainerIdentifier($0.name.string) }
    } catch {
      if error.errno == .noSuchFile { return [] }
      throw error
    }
  }

  /// Those that are gone but for their directory, which nobody has removed yet.
  package func remains() -> [ContainerIdentifier] {
    ((try? entries(of: state.containers)) ?? []).compactMap { entry in
      guard entry.name.string.hasPrefix(ContainerFiles.remainsPrefix) else { return nil }
      return ContainerIdentifier(String(entry.name.string.dropFirst(ContainerFiles.remainsPrefix.count)))
    }
  }

  /// EBADMSG for a record that a crash or a hand has damaged.
  ///
  /// - Parameter containers: the directory of all containers, for who reads many; nil looks it up.
  package func record(
    of identifier: ContainerIdentifier, in containers: BorrowedDescriptor? = nil
  ) throws(Fault) -> ContainerRecord {
    try decode(ContainerFiles.recordName, of: identifier, in: containers)
  }

  /// Nil before the container has been started once.
  package func state(
    of identifier: ContainerIdentifier, in containers: BorrowedDescriptor? = nil
  ) throws(Fault) -> ContainerState? {
    do throws(Fault) { return try decode(ContainerFiles.stateName, of: identifier, in: containers) } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
  }

  /// Not synced: a state says what runs, and nothing that runs survives the loss of power.
  package func write(_ state: ContainerState, of identifier: ContainerIdentifier) throws(Fault) {
    try replaceFile(files(of: identifier).state, with: state.jsonBytes(), durable: false)
  }

  package func write(_ record: ContainerRecord, of identifier: ContainerIdentifier) throws(Fault) {
    try replaceFile(files(of: identifier).record, with: record.jsonBytes(.pretty))
  }

  private func decode<Value: JSONReadable>(
    _ name: String, of identifier: ContainerIdentifier, in containers: BorrowedDescriptor?
  ) throws(Fault) -> Value {
    let name = Path("\(identifier.description)/\(name)")
    // A hand may have put anything there; a FIFO would stop every command.
    let bytes = try readRegularFile(
      containers == nil ? state.containers.appending(name) : name, at: containers ?? .workingDirectory)
    do throws(JSONError) {
      return try Value(parsing: bytes)
    } catch {
      throw Fault("read", .badMessage, arguments: state.containers.appending(name).quoted, hint: "\(error)")
    }
  }
}
