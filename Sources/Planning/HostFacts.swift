package import Cgroups
package import Kernel

/// What a plan has to know of the host to refuse by name what it cannot do, before anything is made. Launching looks it up;
/// by itself a plan knows of nothing.
package struct HostFacts: Hashable, Sendable {
  package var modules: SecurityModules
  /// What the caller can give at all; nil is not known.
  package var capabilities: CapabilitySet?
  /// Nil where no resctrl is mounted.
  package var resourceControl: ResourceControl?

  package init(
    modules: SecurityModules = SecurityModules(), capabilities: CapabilitySet? = nil,
    resourceControl: ResourceControl? = nil
  ) {
    self.modules = modules
    self.capabilities = capabilities
    self.resourceControl = resourceControl
  }
}
