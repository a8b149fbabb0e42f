internal import Inside
internal import Kernel
internal import Planning
internal import Steps

// Namespaces that are there already: opened before anything is made, and entered before the clone where the clone depends on
// it.

/// The files of a plan's joined namespaces, open from before the first step on. A path is not looked up a second time: by then
/// it could be another one, and behind a mount namespace it means something else.
struct NamespaceFiles: ~Copyable {
  private var numbers: [Int32] = []

  /// - Throws: for what is no namespace of the kind that the configuration says, and for one that the container would change
  ///   and that is the caller's own.
  init(opening joined: [JoinedNamespace]) throws(Fault) {
    for one in joined { numbers.append(try Self.open(one).release()) }
  }

  var descriptors: [BorrowedDescriptor] { numbers.map(BorrowedDescriptor.init(rawValue:)) }

  private static func open(_ joined: JoinedNamespace) throws(Fault) -> Descriptor {
    let name = joined.namespace.fileName
    let file: Descriptor
    do throws(Fault) { file = try openNamespace(joined.path) } catch {
      throw Fault(
        operation: error.operation, error.errno, arguments: error.arguments,
        hint: "linux.namespaces names it as the \(name) namespace to join")
    }
    let found = try? namespaceType(of: file.borrowed)
    guard let found, found == joined.namespace else {
      let kind = found.map { "is a \($0.fileName) namespace" } ?? "is no namespace"
      throw Fault(
        "setns", .invalid, arguments: joined.path.quoted,
        hint: "\(joined.path) \(kind), and linux.namespaces names it as the \(name) namespace to join")
    }
    guard let danger = joined.danger else { return file }
    let (own, other) = (try status(of: Path("/proc/self/ns/\(name)")), try status(of: file.borrowed))
    guard own.inode != other.inode || own.fileSystem != other.fileSystem else {
      throw Fault(
        "setns", .notPermitted, arguments: joined.path.quoted,
        hint: "\(joined.path) is the host's own \(name) namespace: \(danger)")
    }
    return file
  }

  deinit { for number in numbers { _ = Descriptor(owning: number) } }
}

extension Namespaces {
  /// Its name in /proc/PID/ns.
  fileprivate var fileName: String { Self.all.first { $0.flag == self }?.file ?? "unknown" }
}

/// The process that passes through: it enters what the container joins, clones the container's first process as its own
/// sibling, and is gone.
struct PassingProcess {
  let plan: LaunchPlan
  let parent: BorrowedDescriptor
  let namespaces: [BorrowedDescriptor]
  let isTimed: Bool

  /// Returns in the container's first process only.
  consuming func run() {
    // Those who are in there already may not look into this process, nor into the next before it is the program
    // (CVE-2016-9962, CVE-2019-5736).
    try? setDumpable(false)
    for index in plan.joining.indices {
      passKillSwitch("joining", index)
      let begin = isTimed ? monotonicNanoseconds() : 0
      do throws(Fault) { try perform(plan.joining[index]) } catch {
        leave(.failed(phase: .joining, index: index, error))
      }
      if isTimed {
        tell(.timing(phase: .joining, index: index, nanoseconds: monotonicNanoseconds() - begin))
      }
    }
    do throws(Fault) {
      switch try clone(namespaces: plan.namespaces, isSibling: true) {
      case .child: return
      case .parent(let process, let pidfd):
        _ = try parent.sendMessage(ChildMessage.process(process).bytes, descriptors: [pidfd.borrowed])
      }
    } catch { leave(.failed(phase: .clone, index: 0, error)) }
    exitNow(0)
  }

  private func perform(_ step: Step) throws(Fault) {
    guard case .process(.joinNamespace(let namespace, let path)) = step,
      let index = plan.joined.firstIndex(where: { $0.namespace == namespace && $0.path == path })
    else { throw Fault("plan", .invalid, arguments: "this step does not join anything") }
    try joinNamespace(namespaces[index], namespace)
  }

  private func tell(_ message: ChildMessage) { _ = try? parent.sendMessage(message.bytes) }

  private func leave(_ message: ChildMessage) -> Never {
    tell(message)
    exitNow(125)
  }
}
