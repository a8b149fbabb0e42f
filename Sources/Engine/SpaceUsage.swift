internal import Blobs
internal import Containers
internal import ImageSpec
internal import JSON
internal import Kernel
package import Layers
internal import RuntimeSpec
internal import Volumes

/// What everything below the root takes of the disk, in the blocks that it holds: the sum is what du(1) says of the root.
package struct SpaceUsage: Sendable {
  /// One kind of thing. Its size is more than that of its things, for it counts the directories that they lie in, too.
  package struct Kind: Hashable, Sendable {
    package var total = 0
    package var active = 0
    package var size: Int64 = 0
    /// What a prune of all that nobody uses gives back.
    package var reclaimable: Int64 = 0
  }

  package struct ImageSpace: Sendable {
    package var image: Image
    /// Its manifest, config and layers as they came.
    package var size: Int64
    /// Of these, what other images have too.
    package var shared: Int64
    package var containers: Int
  }

  package struct ContainerSpace: Sendable {
    package var container: ListedContainer
    package var volumes: Int
    package var size: Int64
  }

  package struct VolumeSpace: Sendable {
    package var name: String
    package var containers: Int
    package var size: Int64
  }

  package struct TreeSpace: Sendable {
    package var tree: CachedTree
    package var images: Int
    package var isUsed: Bool
  }

  package var images = Kind()
  package var containers = Kind()
  package var volumes = Kind()
  /// The unpacked layers, which can be made again from the blobs.
  package var cache = Kind()
  /// Records of networks, and whatever else lies in the root.
  package var rest = Kind()

  package var imageList: [ImageSpace] = []
  package var containerList: [ContainerSpace] = []
  package var volumeList: [VolumeSpace] = []
  package var treeList: [TreeSpace] = []

  package var size: Int64 { images.size + containers.size + volumes.size + cache.size + rest.size }
}

extension Engine {
  /// Measures everything below the root, each file once.
  package func spaceUsage() throws(Failure) -> SpaceUsage {
    var usage = SpaceUsage()
    var meter = DiskMeter()
    let summaries = try summaries(includingEnded: true)
    do throws(StoreError) {
      try measureImages(&usage, &meter, summaries)
      try measureCache(&usage, &meter)
    } catch { throw Failure(error) }
    let volumeUsers = volumeUsers()
    measureContainers(&usage, &meter, summaries, volumeUsers)
    measureVolumes(&usage, &meter, volumeUsers)
    let known = Set([state.images, state.layers, shortLinks, state.containers, state.names, state.volumes].map(\.name))
    usage.rest.size = meter.add(state.root, leavingOut: { known.contains($0.name) })
    return usage
  }

  private var shortLinks: Path { state.root.appending("l") }

  private func measureImages(
    _ usage: inout SpaceUsage, _ meter: inout DiskMeter, _ summaries: [ContainerSummary]
  ) throws(StoreError) {
    guard exists(state.images) else { return }
    let store = try ImageStore(root: state.root)
    let images = try store.images()
    usage.images.size = meter.add(state.images)
    let used = imagesInUse()
    var owners: [Digest: Int] = [:]
    for image in images { for blob in image.blobs { owners[blob, default: 0] += 1 } }
    func size(_ blobs: some Sequence<Digest>) -> Int64 { diskUsage(of: blobs.map { store.blobs.path(of: $0) }) }
    for image in images {
      let made = summaries.count { $0.record.imageIdentifier == image.id.description }
      usage.imageList.append(
        SpaceUsage.ImageSpace(
          image: image, size: size(image.blobs), shared: size(image.blobs.filter { owners[$0, default: 0] > 1 }),
          containers: made))
    }
    usage.images.total = images.count
    usage.images.active = images.count { used.contains($0.id) }
    usage.images.reclaimable = size(try store.blobs(unusedBy: used))
  }

  private func measureCache(_ usage: inout SpaceUsage, _ meter: inout DiskMeter) throws(StoreError) {
    guard exists(state.layers) else { return }
    let store = try ImageStore(root: state.root)
    let trees = try store.layers.trees(&meter)
    let used = layersInUse()
    var owners: [Digest: Int] = [:]
    for space in usage.imageList { for layer in Set(space.image.config.diffIDs) { owners[layer, default: 0] += 1 } }
    for tree in trees {
      let isUsed = used.contains(tree.diffID)
      usage.treeList.append(
        SpaceUsage.TreeSpace(tree: tree, images: owners[tree.diffID, default: 0], isUsed: isUsed))
      usage.cache.reclaimable += isUsed ? 0 : tree.size
    }
    usage.cache.total = trees.count
    usage.cache.active = usage.treeList.count(where: \.isUsed)
    usage.cache.size = trees.reduce(0) { $0 + $1.size } + store.layers.overhead(&meter)
  }

  private func measureContainers(
    _ usage: inout SpaceUsage, _ meter: inout DiskMeter, _ summaries: [ContainerSummary],
    _ volumeUsers: [String: Set<ContainerIdentifier>]
  ) {
    for summary in summaries {
      let size = meter.add(store.files(of: summary.identifier).directory)
      usage.containerList.append(
        SpaceUsage.ContainerSpace(
          container: ListedContainer(summary), volumes: volumeUsers.values.count { $0.contains(summary.identifier) },
          size: size))
      usage.containers.size += size
      usage.containers.reclaimable += summary.state.status.isLive ? 0 : size
    }
    let measured = Set(summaries.map(\.identifier.description))
    usage.containers.size += meter.add(state.containers, leavingOut: { measured.contains($0.string) })
    usage.containers.size += meter.add(state.names)
    usage.containers.total = summaries.count
    usage.containers.active = summaries.count { $0.state.status.isLive }
  }

  private func measureVolumes(
    _ usage: inout SpaceUsage, _ meter: inout DiskMeter, _ users: [String: Set<ContainerIdentifier>]
  ) {
    for volume in (try? volumes.list()) ?? [] {
      let size = meter.add(state.volumes.appending(volume.name))
      let count = users[volume.name, default: []].count
      usage.volumeList.append(SpaceUsage.VolumeSpace(name: volume.name, containers: count, size: size))
      usage.volumes.size += size
      usage.volumes.reclaimable += count == 0 ? size : 0
    }
    let measured = Set(usage.volumeList.map(\.name))
    usage.volumes.size += meter.add(state.volumes, leavingOut: { measured.contains($0.string) })
    usage.volumes.total = usage.volumeList.count
    usage.volumes.active = usage.volumeList.count { $0.containers > 0 }
  }

  /// The containers that mount a volume, running or not, by what their configurations say.
  func volumeUsers(without leaving: Set<ContainerIdentifier> = []) -> [String: Set<ContainerIdentifier>] {
    var users: [String: Set<ContainerIdentifier>] = [:]
    for identifier in (try? containers()) ?? [] where !leaving.contains(identifier) {
      let record = try? record(of: identifier)
      for name in record?.anonymousVolumes ?? [] { users[name, default: []].insert(identifier) }
      for mount in record?.mounts ?? [] where mount.kind == .volume {
        users[mount.name, default: []].insert(identifier)
      }
      if record?.mounts.isEmpty == false { continue }
      // One of a time when records did not say it, or a damaged one.
      guard let bytes = try? readRegularFile(store.files(of: identifier).configuration),
        let spec = try? Spec(parsing: bytes)
      else { continue }
      for mount in spec.mounts {
        // `volumes/NAME/_data`
        let source = Path(mount.source ?? "")
        if source.parent.parent == state.volumes { users[source.parent.name, default: []].insert(identifier) }
      }
    }
    return users
  }
}

extension Image {
  /// Its manifest, its config and its layers, each once.
  fileprivate var blobs: Set<Digest> { Set([manifestDigest, id] + manifest.layers.map(\.digest)) }
}
