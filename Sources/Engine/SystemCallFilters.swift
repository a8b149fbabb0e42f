internal import Containers
internal import Kernel
internal import Planning
internal import RuntimeSpec
internal import Seccomp
internal import Steps

extension Engine {
  /// The system call filter that the record asks for; nil is unconfined.
  func filter(of record: ContainerRecord, _ spec: Spec, on host: HostView) throws(Failure) -> SystemCallFilter? {
    let names = spec.process?.capabilities?.bounding ?? []
    let granted = names.reduce(into: CapabilitySet()) { $0.formUnion(CapabilitySet(name: $1) ?? []) }
    let isLimited = !record.options.storageSize.isEmpty
    do throws(SeccompError) {
      switch record.seccomp {
      case "unconfined": return nil
      case "default": return try host.defaultFilter(granted: granted, keepsProjects: isLimited)
      default: break
      }
    } catch { throw Failure(.usage, "the default seccomp profile: \(error)") }
    guard var profile = try fileProfile(Path(record.seccomp), granted: granted) else { return nil }
    if isLimited { profile.keepProjects() }
    do throws(SeccompError) { return try compile(profile, name: record.seccomp) } catch {
      throw Failure(.usage, "the seccomp profile \(record.seccomp): \(error)")
    }
  }

  /// The same as a profile of the runtime specification, for another runtime to compile.
  func profile(of record: ContainerRecord, _ spec: Spec) throws(Failure) -> Spec.Seccomp? {
    let names = spec.process?.capabilities?.bounding ?? []
    let granted = names.reduce(into: CapabilitySet()) { $0.formUnion(CapabilitySet(name: $1) ?? []) }
    switch record.seccomp {
    case "unconfined": return nil
    case "default": return DefaultProfile.resolve(granted: granted)
    default: return try fileProfile(Path(record.seccomp), granted: granted)
    }
  }

  private func fileProfile(_ path: Path, granted: CapabilitySet) throws(Failure) -> Spec.Seccomp? {
    do {
      // By the supervisor, whom no signal interrupts: a FIFO or a device would hold the start for ever.
      let bytes = try readRegularFile(path, limit: 4 << 20, followLinks: true)
      let release = try readText("/proc/sys/kernel/osrelease")
      guard let conditions = ProfileFile.Conditions(granted: granted, release: release) else {
        throw Failure(.host, "cannot read the kernel's version \"\(release)\"")
      }
      return try ProfileFile.resolve(bytes, for: conditions)
    } catch let fault as Fault {
      throw Failure("cannot read the seccomp profile", fault)
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.usage, "the seccomp profile \(path): \(error)")
    }
  }
}
