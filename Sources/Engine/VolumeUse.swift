internal import Containers
internal import Kernel
internal import Volumes

// The volumes of a container that are mounted while it runs.

extension Engine {
  /// Before each start, by whoever holds the container's lock.
  ///
  /// - Throws: also when a volume was removed by hand since.
  func mountVolumes(of record: ContainerRecord) throws(Failure) {
    for mount in record.mounts where mount.kind == .volume {
      do throws(Fault) { try volumes.mount(mount.name, for: record.identifier) } catch {
        guard error.errno != .noSuchFile || exists(state.volumes.appending(mount.name)) else {
          throw Failure(
            .notFound, "cannot start \(record.name): its volume \(mount.name) is gone",
            hint: "skiff volume create \(mount.name) makes an empty one")
        }
        throw Failure("cannot mount volume \(mount.name)", error)
      }
    }
  }

  /// After each end.
  func unmountVolumes(of identifier: ContainerIdentifier) { try? volumes.unmountAll(for: identifier.description) }
}
