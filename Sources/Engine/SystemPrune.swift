internal import Blobs
package import Containers
internal import ImageSpec
internal import Journal
package import Kernel
package import Layers
internal import Networks
internal import Volumes

/// What `system prune` may take away.
package struct PruneRequest {
  /// Images with a name, too.
  package var namedImages = false
  /// Volumes that were made for one container alone.
  package var anonymousVolumes = false
  /// And those with a name.
  package var namedVolumes = false
  /// Bytes that the unpacked layers may keep; nil leaves all that an image has.
  package var keptCache: Int64?
  /// Says what would go, and lets it stay.
  package var isRehearsal = false
  /// What filters say of anything: when it was made, nil where nobody knows, and its labels.
  package var takes: (_ created: Timestamp?, _ labels: [String: String]) -> Bool = { _, _ in true }
  package init() {}
}

/// What it took away, or would.
package struct Pruned: Sendable {
  package var containers: [ContainerIdentifier] = []
  package var networks: [String] = []
  package var volumes: [String] = []
  package var images = PrunedImages()
  /// Unpacked layers that went for the size of the cache.
  package var evicted: [CachedTree] = []
  /// Bytes of what killed commands left half done.
  package var leftovers: Int64 = 0
  /// Bytes that the disk has again, all in all.
  package var reclaimed: Int64 = 0
  /// What could not be removed, and why.
  package var failures: [Failure] = []
}

extension Engine {
  /// Containers first: what only they kept goes with them.
  package func prune(_ request: PruneRequest) throws(Failure) -> Pruned {
    var pruned = Pruned()
    var meter = DiskMeter()
    healContainers()
    pruneLeftovers(request, &pruned, &meter)
    try pruneContainers(request, &pruned, &meter)
    let leaving = Set(pruned.containers)
    try pruneNetworks(request, &pruned, without: leaving)
    if request.anonymousVolumes { pruneVolumes(request, &pruned, &meter, without: leaving) }
    pruned.reclaimed = meter.total
    if exists(state.images) {
      pruned.images = try pruneImages(
        namedToo: request.namedImages, isRehearsal: request.isRehearsal, without: leaving,
        where: { request.takes($0.config.created.flatMap { Timestamp(rfc3339: $0) }, $0.config.config.labels) })
      pruned.reclaimed += pruned.images.reclaimed
    }
    if let budget = request.keptCache, exists(state.layers) {
      let gone: Set<Digest> = request.isRehearsal ? Set(pruned.images.trees) : []
      let store = try images()
      do throws(StoreError) {
        let done = try store.evict(
          toFit: budget, isRehearsal: request.isRehearsal, besides: gone,
          keeping: { layersInUse(without: request.isRehearsal ? leaving : []) })
        pruned.evicted = done?.trees ?? []
      } catch { throw Failure(error) }
      pruned.reclaimed += pruned.evicted.reduce(0) { $0 + $1.size }
    }
    return pruned
  }

  private func pruneLeftovers(_ request: PruneRequest, _ pruned: inout Pruned, _ meter: inout DiskMeter) {
    if exists(state.images), let store = try? images() {
      pruned.leftovers = store.blobs.leftovers(&meter) + store.layers.leftovers(&meter)
    }
    if !request.isRehearsal { healStores() }
  }

  /// `container prune`: those that do not run.
  package func pruneContainers(
    isRehearsal: Bool, where takes: @escaping (_ created: Timestamp?, _ labels: [String: String]) -> Bool
  ) throws(Failure) -> Pruned {
    var pruned = Pruned()
    var meter = DiskMeter()
    var request = PruneRequest()
    request.takes = takes
    request.isRehearsal = isRehearsal
    try pruneContainers(request, &pruned, &meter)
    pruned.reclaimed = meter.total
    return pruned
  }

  private func pruneContainers(
    _ request: PruneRequest, _ pruned: inout Pruned, _ meter: inout DiskMeter
  ) throws(Failure) {
    let before = meter.total
    for summary in try summaries(includingEnded: true)
    where !summary.state.status.isLive && request.takes(summary.record.created, summary.record.labels) {
      let size = diskUsage(of: store.files(of: summary.identifier).directory)
      if !request.isRehearsal {
        do throws(Failure) {
          try remove(summary.identifier.description, force: false, withVolumes: false)
        } catch {
          // Somebody else was faster; that is as good.
          if error.kind != .notFound { pruned.failures.append(error) }
          continue
        }
      }
      meter.count(size)
      pruned.containers.append(summary.identifier)
    }
    if !request.isRehearsal { notePrune(.container, reclaimed: meter.total - before) }
  }

  /// `network prune`: those that no container is on, the default one not, which costs nothing and would come back.
  package func pruneNetworks(
    where takes: @escaping (_ created: Timestamp?, _ labels: [String: String]) -> Bool
  ) throws(Failure) -> (removed: [String], failures: [Failure]) {
    var pruned = Pruned()
    var request = PruneRequest()
    request.takes = takes
    try pruneNetworks(request, &pruned, without: [])
    return (pruned.networks, pruned.failures)
  }

  private func pruneNetworks(
    _ request: PruneRequest, _ pruned: inout Pruned, without leaving: Set<ContainerIdentifier>
  ) throws(Failure) {
    try enterNetworks()
    var used: Set<String> = []
    for summary in try summaries(includingEnded: true) where !leaving.contains(summary.identifier) {
      used.insert(summary.record.networkMode)
      used.formUnion(summary.record.networks.map(\.network))
    }
    let gone = Set(leaving.map(\.description))
    do throws(NetworkError) {
      for name in try networks.names() where name != Network.defaultName && !used.contains(name) {
        // One that is damaged is told of by `network ls`.
        guard let network = (try? networks.read(name)) ?? nil, request.takes(network.created, network.labels),
          try networks.leases(of: network).allSatisfy({ gone.contains($0.container) })
        else { continue }
        if !request.isRehearsal {
          do throws(NetworkError) { try networks.remove(name, isAlive: isAlive) } catch {
            pruned.failures.append(Failure(error))
            continue
          }
          note(.network, .destroy, of: network.identifier, ["name": name, "type": network.driver.rawValue])
        }
        pruned.networks.append(name)
      }
      if !request.isRehearsal { notePrune(.network, reclaimed: 0) }
    } catch { throw Failure(error) }
  }

  func pruneVolumes(
    _ request: PruneRequest, _ pruned: inout Pruned, _ meter: inout DiskMeter, without leaving: Set<ContainerIdentifier>
  ) {
    let before = meter.total
    let users = volumeUsers(without: leaving)
    for volume in (try? volumes.list()) ?? []
    where (request.namedVolumes || VolumeStore.isAnonymous(volume.name)) && users[volume.name] == nil
      && !isBeingMade(volume)
      && request.takes(Timestamp(rfc3339: volume.created), volume.labels)
    {
      let size = diskUsage(of: state.volumes.appending(volume.name))
      if !request.isRehearsal {
        do throws(Fault) {
          try volumes.remove(volume.name) { () throws(Fault) in
            if volumeUsers(without: leaving)[volume.name] != nil { throw Fault("rename", .busy) }
          }
        } catch {
          // Removed by somebody else, or somebody's by now.
          if error.errno != .noSuchFile && error.errno != .busy {
            pruned.failures.append(Failure("cannot remove volume \(volume.name)", error))
          }
          continue
        }
      }
      meter.count(size)
      pruned.volumes.append(volume.name)
      if !request.isRehearsal { noteDestruction(ofVolume: volume.name) }
    }
    if !request.isRehearsal { notePrune(.volume, reclaimed: meter.total - before) }
  }

  /// Its container has a lock and no record yet: most digits of the volume's name are the container's.
  private func isBeingMade(_ volume: Volume) -> Bool {
    ((try? entries(of: state.locks)) ?? []).contains { $0.name.string.hasPrefix(volume.name.prefix(48)) }
  }
}
