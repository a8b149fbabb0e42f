package import Kernel

/// Names of containers: a link from the name to the identifier, which symlink(2) makes for one of two at once.
package struct ContainerNames: Sendable {
  private let directory: Path
  package init(in state: StateDirectories) { directory = state.names }

  package func path(of name: String) -> Path { directory.appending(name) }

  /// The container that has the name.
  package func identifier(of name: String) -> ContainerIdentifier? {
    (try? readSymbolicLink(path(of: name))).flatMap { ContainerIdentifier($0.string) }
  }

  /// How many there are.
  package var count: Int { ((try? entries(of: directory)) ?? []).count }

  package typealias Entry = (name: String, identifier: ContainerIdentifier)

  /// All names with their containers.
  package func all() throws(Fault) -> [Entry] {
    var found: [Entry] = []
    do throws(Fault) {
      for entry in try entries(of: directory) {
        if let identifier = identifier(of: entry.name.string) { found.append((entry.name.string, identifier)) }
      }
    } catch {
      if error.errno != .noSuchFile { throw error }
    }
    return found
  }

  /// Frees the name if it is still this container's.
  package func release(_ name: String, of identifier: ContainerIdentifier) throws(Fault) {
    guard self.identifier(of: name) == identifier else { return }
    do throws(Fault) { try removeFile(path(of: name)) } catch {
      if error.errno != .noSuchFile { throw error }
    }
  }
}
