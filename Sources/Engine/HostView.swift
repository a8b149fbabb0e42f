internal import Cgroups
internal import Kernel
internal import Privileges
internal import Seccomp
internal import Steps

/// What a start needs to know that depends on no container.
struct HostView: Sendable {
  let layout: CgroupLayout
  /// This process is root of a user namespace alone, as an ordinary user's supervisor is.
  let isOrdinary = !isRootOfHost()
  /// The filter of a container that asks for nothing special.
  private let usual: (granted: CapabilitySet, filter: SystemCallFilter)?

  /// - Parameter foreseeing: compiles the usual filter now, for a supervisor that waits for its container to be made.
  init(foreseeing: Bool = false) throws(Failure) {
    do throws(Fault) { layout = try CgroupLayout.detect() } catch {
      throw Failure("cannot read the control groups", error)
    }
    let granted = CapabilitySet.containerDefault
    usual = foreseeing ? (try? compileDefault(granted)).map { (granted, $0) } : nil
  }

  /// Docker's default filter for a container with these capabilities.
  ///
  /// - Parameter keepsProjects: its files cannot be taken out of their project, which is what limits their space.
  func defaultFilter(granted: CapabilitySet, keepsProjects: Bool) throws(SeccompError) -> SystemCallFilter {
    if let usual, usual.granted == granted, !keepsProjects { return usual.filter }
    return try compileDefault(granted, keepsProjects: keepsProjects)
  }
}

private func compileDefault(_ granted: CapabilitySet, keepsProjects: Bool = false) throws(SeccompError)
  -> SystemCallFilter
{
  var profile = DefaultProfile.resolve(granted: granted)
  if keepsProjects { profile.keepProjects() }
  return try compile(profile, name: "docker's default profile")
}
