package import Kernel
package import Planning
package import RuntimeSpec
internal import Cgroups

extension HostFacts {
  /// What this configuration makes worth knowing of the host; for what it does not ask, no file is opened.
  ///
  /// - Parameter identifier: of the container, which a group of resctrl without a name is called after.
  package static func detect(for spec: Spec, identifier: String) throws(Fault) -> HostFacts {
    var facts = HostFacts(capabilities: try processCapabilities().permitted)
    if spec.process?.apparmorProfile != nil || spec.process?.selinuxLabel != nil || spec.linux?.mountLabel != nil {
      facts.modules = .current()
    }
    if let shares = spec.linux?.intelRdt {
      facts.resourceControl = try .detect(group: shares.closID ?? identifier)
    }
    return facts
  }
}
