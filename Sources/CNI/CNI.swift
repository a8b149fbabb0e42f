internal import Kernel

/// CNI, the Container Network Interface (containernetworking's SPEC.md, versions 0.1.0 to 1.1.0), as a runtime speaks it: a
/// list of programs of the host, called one after another, puts a container on a network and takes it off again.
///
/// A floor of Linux: it reads lists, calls plugins, and remembers what was called. It may know nothing of containers beyond
/// an identifier and a namespace's path.

/// Why a network of plugins cannot be used, in words for a person.
package struct PluginError: Error, Hashable, Sendable {
  package var message: String
  package var hint: String?
  package init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }
}
