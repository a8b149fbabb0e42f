package import Kernel

/// A container's place on a network that plugins make (CNI, the Container Network Interface): what they are called with.
package struct PluginNetwork: Hashable, Sendable {
  /// One plugin of the network's list.
  package struct Plugin: Hashable, Sendable {
    /// Its `type`, which is the name of the program too.
    package var type: String
    /// What it reads on standard input but for the result of the one before it: a JSON object that has members.
    package var configuration: [UInt8]

    package init(type: String, configuration: [UInt8]) {
      self.type = type
      self.configuration = configuration
    }
  }

  package var name: String
  /// The container's identifier.
  package var container: String
  /// The link that they make in the container's namespace.
  package var interface: String
  /// In the order in which they are called.
  package var plugins: [Plugin]
  /// Where they are looked for: CNI_PATH.
  package var directories: [Path]
  /// Remembers what is to be taken back, and the addresses, until it is.
  package var record: Path
  /// Where the container's namespace is kept for them until then: with the container gone, they still find what they made.
  package var namespace: Path
  /// The container's files that learn its addresses and its resolvers; nil for one that is not to change.
  package var hosts: Path?
  package var resolvConf: Path?
  /// What the container is called in /etc/hosts.
  package var names: [String]

  package init(
    name: String, container: String, interface: String = "eth0", plugins: [Plugin], directories: [Path], record: Path,
    namespace: Path
  ) {
    self.name = name
    self.container = container
    self.interface = interface
    self.plugins = plugins
    self.directories = directories
    self.record = record
    self.namespace = namespace
    names = []
  }
}
