internal import Arguments
internal import Blobs
package import Containers
package import JSON
package import Kernel
internal import Volumes

// volume create, ls, inspect, rm and prune. Who has a volume stands in the containers' records; nothing is counted.

/// A volume with the containers that have it, running or not.
package struct VolumeSummary: Hashable, Sendable {
  package var name: String
  package var mountpoint: Path
  package var created: String
  package var labels: [String: String]
  package var options: [String: String]
  package var users: Set<ContainerIdentifier>
}

extension Engine {
  /// - Parameter name: nil for one of 64 hexadecimal digits, which counts as anonymous.
  package func createVolume(
    _ name: String?, labels: [String: String], options: [String: String]
  ) throws(Failure) -> String {
    do throws(VolumeOptions.Refusal) { if !options.isEmpty { _ = try VolumeOptions(options) } } catch {
      throw Failure(.usage, "cannot create volume \(name ?? ""): \(error.reason)", hint: error.hint)
    }
    do throws(Fault) {
      let random = try randomBytes(32).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      return try volumes.create(name ?? random, labels: labels, options: options).name
    } catch {
      if error.errno == .exists {
        throw Failure(.conflict, "cannot create volume \(name ?? ""): it exists", hint: error.hint)
      }
      if error.errno == .invalid { throw Failure(.usage, "\"\(name ?? "")\" is no volume name", hint: error.hint) }
      throw Failure("cannot create volume \(name ?? "")", error)
    }
  }

  /// By name.
  package func volumeSummaries() throws(Failure) -> [VolumeSummary] {
    let users = volumeUsers()
    do throws(Fault) { return try volumes.list().map { summary(of: $0, users) } } catch {
      throw Failure("cannot list volumes", error)
    }
  }

  private func summary(of volume: Volume, _ users: [String: Set<ContainerIdentifier>]) -> VolumeSummary {
    VolumeSummary(
      name: volume.name, mountpoint: volume.mountpoint, created: volume.created, labels: volume.labels,
      options: volume.options, users: users[volume.name] ?? [])
  }

  func volume(_ name: String) throws(Failure) -> Volume {
    let found: Volume?
    do throws(Fault) { found = try volumes.find(name) } catch { throw Failure("cannot read volume \(name)", error) }
    if let found { return found }
    let known = ((try? volumes.list()) ?? []).map(\.name)
    throw Failure(
      .notFound, "no such volume: \(name)",
      hint: nearest(to: name, in: known).map { "did you mean \($0)?" } ?? "skiff volume ls lists all of them")
  }

  package func volumeInspection(of name: String) throws(Failure) -> JSONValue {
    let volume = try volume(name)
    func object(_ map: [String: String]) -> JSONValue {
      var object = JSONObject()
      for (key, value) in map.sorted(by: { $0.key < $1.key }) { object[key] = .string(value) }
      return map.isEmpty ? .null : .object(object)
    }
    return [
      "CreatedAt": .string(volume.created), "Driver": "local", "Labels": object(volume.labels),
      "Mountpoint": .string(volume.mountpoint.string), "Name": .string(volume.name), "Options": object(volume.options),
      "Scope": "local",
    ]
  }

  /// - Throws: a conflict that names the containers which have it.
  package func removeVolume(_ name: String) throws(Failure) {
    _ = try volume(name)
    var users: [String] = []
    do throws(Fault) {
      try volumes.remove(name) { () throws(Fault) in
        users = (volumeUsers()[name] ?? []).map { (try? record(of: $0).name) ?? $0.short }.sorted()
        if !users.isEmpty { throw Fault("rename", .busy) }
      }
    } catch {
      if !users.isEmpty {
        throw Failure(
          .conflict, "volume \(name) is in use by \(users.joined(separator: ", "))",
          hint: "remove what has it first: skiff rm \(users.joined(separator: " "))")
      }
      throw Failure("cannot remove volume \(name)", error)
    }
  }

  /// `volume prune`
  package func pruneVolumes(
    namedToo: Bool, where takes: @escaping (_ created: Timestamp?, _ labels: [String: String]) -> Bool
  ) throws(Failure) -> Pruned {
    var request = PruneRequest()
    request.anonymousVolumes = true
    request.namedVolumes = namedToo
    request.takes = takes
    var pruned = Pruned()
    var meter = DiskMeter()
    pruneVolumes(request, &pruned, &meter, without: [])
    pruned.reclaimed = meter.total
    return pruned
  }
}
