package import Containers
internal import JSON
internal import Kernel
internal import Layers
internal import Networks

extension Engine {
  /// Where the mounts of a container come from, as `ps` lists them: volumes by name, paths of the host.
  package func mountSources(of identifier: ContainerIdentifier) -> [String] { binds(of: identifier).map(\.source) }

  /// Those and where they lead to, as `ps --filter volume=` knows them.
  package func mountWords(of identifier: ContainerIdentifier) -> [String] {
    binds(of: identifier).flatMap { [$0.source, $0.target] }
  }

  private func binds(of identifier: ContainerIdentifier) -> [(source: String, target: String)] {
    let files = store.files(of: identifier)
    guard let bytes = try? readRegularFile(files.configuration), let spec = try? JSONValue(parsing: bytes) else {
      return []
    }
    let own = files.directory.string + "/"
    let volumes = state.volumes.string + "/"
    return (spec["mounts"]?.array ?? []).compactMap { mount in
      guard mount["type"]?.string == "bind", let source = mount["source"]?.string, !source.hasPrefix(own) else {
        return nil
      }
      // <root>/volumes/NAME/_data is the volume NAME.
      let name = source.hasPrefix(volumes) ? source.dropFirst(volumes.count).prefix { $0 != "/" } : source[...]
      return (String(name), mount["destination"]?.string ?? "")
    }
  }

  /// Names of containers, images and networks, for near matches.
  package func knownNames() -> [String] {
    var known = ((try? names.all()) ?? []).map(\.name)
    known += (try? networks.names()) ?? []
    if exists(state.images), let store = try? images(), let summaries = try? store.summaries() {
      known += summaries.flatMap(\.tags).map { $0.hasSuffix(":latest") ? String($0.dropLast(7)) : $0 }
    }
    return known
  }
}
