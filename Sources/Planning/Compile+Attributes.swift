internal import Kernel
internal import RuntimeSpec
internal import Steps

// How the program is scheduled, where its memory lies, which labels and keys it has.

extension PlanCompiler {
  /// In the order in which they are set. The keyring first, for it is the container's whatever follows; the scheduler last,
  /// for what comes after it runs at its pace.
  func attributes() throws(PlanningError) -> [ProcessAttribute] {
    var attributes: [ProcessAttribute] = []
    if let name = request.newKeyring {
      attributes.append(
        .keyring(
          SessionKeyring(
            name: name, permissions: isExec ? 0 : SessionKeyring.permissions(inUserNamespace: hasUserNamespace),
            label: request.host.modules.hasSELinux ? process.selinuxLabel : nil)))
    }
    attributes += try labels().map(ProcessAttribute.securityLabel)
    if let list = try processors() { attributes.append(.processors(list)) }
    var faults = FaultList()
    if let priority = process.ioPriority.flatMap({ IOPriority($0, &faults) }) {
      attributes.append(.ioPriority(priority))
    }
    if let policy = linux.memoryPolicy.flatMap({ MemoryPolicy($0, &faults) }) {
      attributes.append(.memoryPolicy(policy))
    }
    if let personality = linux.personality.flatMap({ Personality($0, &faults) }) {
      attributes.append(.personality(personality))
    }
    if let scheduler = process.scheduler.flatMap({ SchedulerSettings($0, &faults) }) {
      attributes.append(.scheduler(scheduler))
    }
    if let fault = faults.all.first { throw fault }
    return attributes
  }

  /// Refused by name before anything is made where this host has no such module.
  private func labels() throws(PlanningError) -> [SecurityLabel] {
    var labels: [SecurityLabel] = []
    var faults = FaultList()
    faults.checkLabels(of: process, linux, on: request.host.modules)
    if let fault = faults.all.first { throw fault }
    if let profile = process.apparmorProfile { labels.append(.apparmor(profile: profile)) }
    if let label = process.selinuxLabel { labels.append(.selinux(label: label)) }
    return labels
  }

  /// Where the process that enters a container runs until it is in its control groups.
  func initialProcessors() throws(PlanningError) -> [Step] {
    guard let initial = process.execCPUAffinity?.initial else { return [] }
    return [.process(.set(.processors(try NumberList(initial, at: "process.execCPUAffinity.initial"))))]
  }

  /// For a process that enters a container. The kernel remembers what `initial` asked for, and keeps to it in every later
  /// control group (Linux 6.2): without `final` it must be forgotten, so that the group alone decides.
  private func processors() throws(PlanningError) -> NumberList? {
    guard isExec, let affinity = process.execCPUAffinity else { return nil }
    guard let final = affinity.final else { return affinity.initial == nil ? nil : .all }
    return try NumberList(final, at: "process.execCPUAffinity.final")
  }
}

extension NumberList {
  init(_ text: String, at path: String) throws(PlanningError) {
    do throws(NumberListError) { try self.init(parsing: text) } catch { throw PlanningError(path, error.reason) }
  }
}

extension PlanCompiler {
  /// New file systems get the label of the container's files (`linux.mountLabel`), as far as they have files that a label
  /// says something of; what is bound keeps its own.
  func labelled(_ steps: [Step]) -> [Step] {
    guard let label = linux.mountLabel else { return steps }
    return steps.map { step in
      guard case .mount(.mount(var mount)) = step, !Self.unlabelled.contains(mount.type) else { return step }
      mount.options.append(Path("context=\(label)"))
      return .mount(.mount(mount))
    }
  }

  private static let unlabelled: Set<Path> = ["proc", "sysfs", "mqueue", "cgroup", "cgroup2"]
}
