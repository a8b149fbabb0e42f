package import Kernel
package import Steps

/// A plan as it is explained: the steps by the place where they run. For what starts no container (`stage`,
/// `network create`) only `host` is filled; `chroot` and `exec` fill `finishing` alone.
package struct ExplainedRun: Hashable, Sendable {
  /// What was asked for: `skiff run -m 64m web`.
  package var title: String
  /// A container that runs already, by name: `finishing` is in its network namespace.
  package var entering: String?
  /// The container's identifier, 64 digits long. Sentences show twelve of them, and a script has them in a variable.
  package var identifier: String?
  /// Directories that Skiff keeps for this one container. A script uses scratch directories instead, so that no command of
  /// Skiff takes what it finds there for the remains of a container and clears it away.
  package var ownDirectories: [Path]
  /// Before there is a process of the container.
  package var host: [Step]
  /// In a process that passes through, before the clone.
  package var joining: [Step]
  /// What the container's first process is cloned into; empty when there is none.
  package var namespaces: Namespaces
  /// cgroup v2: where it is born.
  package var cgroup: Path?
  /// On the host, while the container builds itself.
  package var wiring: [Step]
  /// In the container, at once.
  package var building: [Step]
  /// In the container, when the host's side is done.
  package var finishing: [Step]
  /// The call of another OCI runtime, which makes the container.
  package var runtime: RuntimeCall?

  package init(
    title: String, entering: String? = nil, identifier: String? = nil, ownDirectories: [Path] = [], host: [Step] = [],
    namespaces: Namespaces = [], cgroup: Path? = nil, wiring: [Step] = [],
    joining: [Step] = [], building: [Step] = [], finishing: [Step] = []
  ) {
    self.joining = joining
    self.title = title
    self.entering = entering
    self.identifier = identifier
    self.ownDirectories = ownDirectories
    self.host = host
    self.namespaces = namespaces
    self.cgroup = cgroup
    self.wiring = wiring
    self.building = building
    self.finishing = finishing
  }

  /// Whether a process of its own is cloned for it, rather than only files or links made that stay.
  var startsContainer: Bool { !namespaces.isEmpty || !wiring.isEmpty || !building.isEmpty }

  /// The steps in the order in which a reader follows them, each part with its place.
  package var parts: [Part] {
    if let runtime { return parts(by: runtime) }
    let clone = startsContainer ? [Step.process(.clone(namespaces, cgroup: cgroup))] : []
    let all = [
      Part(
        name: "host", title: startsContainer ? "On the host, before the container is there" : "On the host", steps: host
      ),
      Part(name: "joining", title: "In a process that passes through", steps: joining),
      Part(name: "clone", title: "The container's first process", steps: clone),
      Part(name: "building", title: "Inside: the container builds itself", steps: building),
      Part(name: "wiring", title: "On the host, meanwhile", steps: wiring),
      Part(
        name: "finishing",
        title: startsContainer
          ? "Inside, when both are done"
          : entering == nil ? "In the process" : "In the container's network namespace", steps: finishing),
    ]
    return all.filter { !$0.steps.isEmpty }
  }

  private func parts(by runtime: RuntimeCall) -> [Part] {
    [
      Part(name: "host", title: "On the host, before the container is there", steps: host),
      Part(
        name: "joining", title: "In a mount namespace of its own: the process that becomes the runtime", steps: joining),
      Part(
        name: "clone", title: "The runtime makes the container, which waits", steps: [.process(.callRuntime(runtime))]),
      Part(name: "wiring", title: "On the host, meanwhile", steps: wiring),
      Part(
        name: "finishing", title: "In the container's network namespace, and then the runtime again", steps: finishing),
    ].filter { !$0.steps.isEmpty }
  }

  package struct Part: Hashable, Sendable {
    /// `host`, `joining`, `clone`, `building`, `wiring`, `finishing`.
    package var name: String
    /// For people.
    package var title: String
    package var steps: [Step]
  }
}
