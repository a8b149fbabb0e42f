internal import Cgroups
package import Containers
internal import Kernel
internal import Layers

/// One container as `ps` shows it.
package struct ContainerSummary: Sendable {
  package var identifier: ContainerIdentifier
  package var record: ContainerRecord
  package var state: ContainerState
  package var isPaused = false
  /// Of one that runs and is checked.
  package var health: Health.Status?

  /// As docker has it.
  package var stateWord: String { state.status.word(isPaused: isPaused) }
}

extension Engine {
  /// All containers, the newest first. What another command is just removing is left out.
  package func summaries(includingEnded: Bool) throws(Failure) -> [ContainerSummary] {
    var found: [ContainerSummary] = []
    let hints = pauseHints()
    let identifiers = try containers()
    if identifiers.isEmpty { return [] }
    // Five hundred containers are looked up from their directory, not from the root of the file system.
    let all: Descriptor
    do throws(Fault) { all = try open(state.containers, [.readOnly, .directory]) } catch {
      throw Failure("cannot list the containers", error)
    }
    for identifier in identifiers {
      guard let state = readableState(of: identifier, in: all.borrowed), includingEnded || state.status.isLive,
        let record = readableRecord(of: identifier, in: all.borrowed)
      else { continue }
      var summary = ContainerSummary(identifier: identifier, record: record, state: state)
      summary.isPaused = state.status == .running && hints.contains(identifier) && isPaused(identifier)
      if record.health != nil && state.status == .running { summary.health = health(of: identifier)?.status }
      found.append(summary)
    }
    // Their places are sorted, and each is moved once: a summary is many fields, all of which a move counts.
    return found.indices.sorted { found[$0].record.created > found[$1].record.created }.map { found[$0] }
  }

  /// The same for a person to read, from what the last list has kept where nothing has changed since.
  ///
  /// - Parameter withHealth: also what no file of the last list says: whether they are paused, and how they are.
  package func list(includingEnded: Bool, withHealth: Bool = true) throws(Failure) -> [ListedContainer] {
    let hints = withHealth ? pauseHints() : nil
    let all: Descriptor
    do throws(Fault) { all = try open(state.containers, [.readOnly, .directory]) } catch {
      throw Failure("cannot list the containers", error)
    }
    let directories: [DirectoryEntry]
    do throws(Fault) { directories = try entries(of: all.borrowed) } catch {
      throw Failure("cannot list the containers", error)
    }
    if directories.isEmpty { return [] }
    var cache = directories.count < ListCache.smallest ? nil : ListCache(reading: state.list)
    var found: [ListedContainer] = []
    found.reserveCapacity(directories.count)
    for entry in directories {
      var container: ListedContainer
      switch listed(entry, in: all.borrowed, &cache) {
      case .sound(let known): container = known
      case .none: continue
      case .damaged(let identifier):
        guard let healed = readable(identifier, in: all.borrowed) else { continue }
        container = healed
      }
      guard includingEnded || container.status.isLive else { continue }
      if let hints, container.status == .running {
        let identifier = container.identifier
        container.isPaused = hints.contains(identifier) && isPaused(identifier)
        if container.isChecked { container.health = health(of: identifier)?.status }
      }
      found.append(container)
    }
    cache?.write(to: state.list)
    return found.indices.sorted { found[$0].created > found[$1].created }.map { found[$0] }
  }

  private enum Listed {
    case sound(ListedContainer)
    case damaged(ContainerIdentifier)
    case none
  }

  private func listed(
    _ entry: DirectoryEntry, in containers: BorrowedDescriptor, _ cache: inout ListCache?
  ) -> Listed {
    // Before its files are read: what changes while they are is newer than this.
    let stamp =
      cache == nil
      ? nil
      : (try? status(of: entry.name, at: containers, followLinks: false)).map {
        ListCache.Stamp(inode: $0.inode, modified: $0.modified)
      }
    if let stamp, let known = cache?.find(stamp), known.identifier.description.utf8.elementsEqual(entry.name.bytes) {
      return .sound(known)
    }
    guard let identifier = ContainerIdentifier(entry.name.string) else { return .none }
    guard let sound = try? store.state(of: identifier, in: containers),
      let record = try? store.record(of: identifier, in: containers)
    else { return .damaged(identifier) }
    let container = ListedContainer(identifier, record, sound)
    if let stamp { cache?.add(container, stamp) }
    return .sound(container)
  }

  /// What can be told of one whose files are damaged, or not there yet.
  private func readable(_ identifier: ContainerIdentifier, in containers: BorrowedDescriptor) -> ListedContainer? {
    guard let state = readableState(of: identifier, in: containers),
      let record = readableRecord(of: identifier, in: containers)
    else { return nil }
    var container = ListedContainer(identifier, record, state)
    container.cgroupParent = cgroupParent(of: identifier)
    return container
  }

  /// One whose state is damaged runs if somebody still watches over it.
  private func readableState(
    of identifier: ContainerIdentifier, in containers: BorrowedDescriptor
  ) -> ContainerState? {
    do throws(Fault) { return try store.state(of: identifier, in: containers) } catch {
      if healDamaged(identifier), let state = try? store.state(of: identifier) { return state }
      let isHeld = (try? ContainerLock.isHeld(store.files(of: identifier))) ?? false
      return ContainerState(status: isHeld ? .running : .exited)
    }
  }

  /// A container whose record is damaged is listed all the same, so that somebody sees it and can remove it.
  private func readableRecord(
    of identifier: ContainerIdentifier, in containers: BorrowedDescriptor
  ) -> ContainerRecord? {
    do throws(Fault) { return try store.record(of: identifier, in: containers) } catch {
      guard error.errno != .noSuchFile else { return nil }
      let name = ((try? names.all()) ?? []).first { $0.identifier == identifier }?.name
      var record = ContainerRecord(
        identifier: identifier.description, name: name ?? identifier.short,
        created: Timestamp(seconds: 0, nanoseconds: 0))
      record.image = "<damaged record>"
      return record
    }
  }
}

// MARK: - Sizes

extension Engine {
  /// Bytes of the files that a container has changed or added, and of these and its image together. Nil for one that runs
  /// on a directory, which is changed in place.
  package func sizes(of identifier: ContainerIdentifier) -> (own: Int64, total: Int64)? {
    guard let record = try? record(of: identifier), !record.lower.isEmpty else { return nil }
    var own: Int64 = 0
    if let upper = try? open(store.files(of: identifier).upper, [.readOnly, .directory]) {
      own = size(of: upper.borrowed, depth: 0)
    }
    let image = try? images().find(record.imageIdentifier)
    return (own, own + (image?.size ?? 0))
  }

  /// The container may be changing it: no link is followed, and what is gone or too deep is left out.
  private func size(of directory: BorrowedDescriptor, depth: Int) -> Int64 {
    var total: Int64 = 0
    for entry in (try? entries(of: directory)) ?? [] {
      switch entry.kind {
      case .regular:
        total += Int64((try? status(of: entry.name, at: directory, followLinks: false))?.size ?? 0)
      case .directory where depth < 128:
        guard let inner = try? open(entry.name, [.readOnly, .directory, .noFollow], at: directory) else { continue }
        total += size(of: inner.borrowed, depth: depth + 1)
      default: break
      }
    }
    return total
  }
}
