internal import Containers
internal import Kernel
internal import Launching
internal import Steps

// `--storage-opt size=`: how much a container's layer may take, by the project quotas of the file system that it is on.

/// Whether a directory's file system holds projects to a limit.
package enum QuotaSupport: Hashable, Sendable {
  case on
  /// The reason, and what mends it.
  case off(String, cure: String)

  /// For who is not root.
  static let ordinary = QuotaSupport.off("quotas are root's", cure: "run it with sudo")

  /// In one line.
  package var words: String {
    switch self {
    case .on: "on: --storage-opt size= bounds what a container writes"
    case .off(let reason, _): "off, so --storage-opt size= is refused: \(reason)"
    }
  }

  init(below path: Path) {
    var type: FileSystemType?
    do throws(Fault) {
      // For no more than its file system: who is not root may not read it.
      let directory = try open(path, [.path, .directory])
      type = try fileSystemStatus(of: directory.borrowed).type
      guard try enforcesProjectQuotas(directory.borrowed) else { throw Fault("quotactl_fd", .noSystemCall) }
      self = .on
    } catch {
      // ENOSYS where they are off as well as where the kernel has none (quota_getstate).
      let isOff = [.noSystemCall, .notTerminal, .notSupported].contains(error.errno)
      let reason = isOff ? "is mounted without them" : "does not tell of them: \(error.errno)"
      self =
        switch type {
        case .xfs?:
          .off(
            "its xfs \(reason)",
            cure:
              "mount it with -o pquota (in /etc/fstab; the root file system: rootflags=pquota on the kernel's command "
              + "line); the kernel needs CONFIG_XFS_QUOTA=y")
        case .ext4?:
          .off(
            "its ext4 \(reason)",
            cure: "tune2fs -O project,quota DEVICE while it is not mounted, then mount it with -o prjquota; "
              + "the kernel needs CONFIG_QFMT_V2")
        default:
          .off(
            "it is neither xfs nor ext4",
            cure: "keep containers on an xfs that is mounted with -o pquota: skiff --root DIRECTORY")
        }
    }
  }
}

extension Engine {
  /// Whether a container's layer can be limited here.
  package var layerQuotas: QuotaSupport { isRootOfHost() ? QuotaSupport(below: state.containers) : .ordinary }

  /// What cannot be limited is refused by name, before anything is made.
  func checkStorage(of request: RunRequest) throws(Failure) {
    guard let limit = request.storage else { return }
    let what = "--storage-opt size=\(limit.word)"
    if case .directory = request.root {
      throw Failure(
        .usage, "\(what) does not go with --rootfs: the container has no layer of its own, it changes the directory",
        hint: "make an image of it: tar -C DIRECTORY -c . | skiff import - NAME")
    }
    guard isRootOfHost() else {
      throw Failure(
        .usage, "\(what) does not go with an ordinary user: quotas are root's",
        hint: "leave it out, or run it with sudo")
    }
    if case .off(let reason, let cure) = QuotaSupport(below: state.containers) {
      throw Failure(
        .host, "\(what) needs project quotas on the file system of \(state.containers): \(reason)", hint: cure)
    }
  }

  /// Of a container that was made when there were quotas, and is started where there are none.
  func storageWarnings(_ record: ContainerRecord) -> [String] {
    let size = record.options.storageSize
    guard !size.isEmpty, case .off(let reason, _) = QuotaSupport(below: state.containers) else { return [] }
    return ["its limit of \(size) does not hold: \(reason)"]
  }

  func limitStep(_ files: ContainerFiles, _ limit: StorageRequest) -> FileStep {
    .limitSpace(of: [files.upper, files.work], bytes: limit.bytes, project: firstProject)
  }

  /// Above all that people number by hand and that other engines count from. Two stores on one file system, neither of
  /// which knows of the other's choice, begin at different ones.
  private var firstProject: UInt32 {
    let inode = (try? status(of: state.containers))?.inode ?? 0
    return 1 << 30 + UInt32(truncatingIfNeeded: inode % (1 << 14)) << 16
  }

  /// Of a container that is being removed: read from where no container can have changed it.
  func liftLimit(of files: ContainerFiles, _ record: ContainerRecord?) {
    // Where there is no record yet there may be a limit.
    guard record?.options.storageSize.isEmpty != true, isRootOfHost() else { return }
    _ = try? performOnHost(.file(.setLimit(of: files.work, bytes: 0)))
  }

  /// overlayfs makes its working directory anew whenever it is mounted, and where there is no space for that it is mounted
  /// read-only: who has filled his layer could not even remove what fills it. So there is a little more until it is mounted.
  ///
  /// - Parameter bytes: 0 is the limit as it was asked for.
  func addRoom(_ bytes: UInt64, to record: ContainerRecord, _ files: ContainerFiles) {
    guard let limit = try? StorageRequest("size=" + record.options.storageSize) else { return }
    _ = try? performOnHost(.file(.setLimit(of: files.work, bytes: limit.bytes + bytes)))
  }

  /// Takes it back where the mount has covered the container's directory.
  func takeRoom(of record: ContainerRecord, work: borrowing Descriptor?) {
    guard let limit = try? StorageRequest("size=" + record.options.storageSize), let work = work.view else { return }
    do throws(Fault) { try setProjectLimit(limit.bytes, of: project(of: work), on: work) } catch {
      // There are no quotas any more: then there is no limit either.
    }
  }

  static let roomToMount: UInt64 = 1 << 20
}
