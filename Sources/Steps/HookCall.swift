package import Kernel

/// One call of a hook (the runtime specification's config.md, "POSIX-platform Hooks").
package struct HookCall: Hashable, Sendable {
  /// The points of a container's life at which hooks are called, in their order.
  package enum Point: String, Hashable, Sendable, CaseIterable {
    case prestart, createRuntime, createContainer, startContainer, poststart, poststop
  }

  package var point: Point
  package var path: Path
  package var arguments: [Path]
  package var environment: [Path]
  /// Seconds after which it is killed.
  package var timeout: Int?
  /// What it reads on standard input: the container's state as a JSON object, without its `pid` and its closing brace. The
  /// number is known only when the hook is called.
  package var state: [UInt8]

  package init(
    point: Point, path: Path, arguments: [Path], environment: [Path], timeout: Int? = nil, state: [UInt8] = []
  ) {
    self.point = point
    self.path = path
    self.arguments = arguments
    self.environment = environment
    self.timeout = timeout
    self.state = state
  }

  /// The state with the number of the container's first process as the performer of the hook knows it.
  package func input(process: ProcessIdentifier) -> [UInt8] {
    state + Array(",\"pid\":\(process)}".utf8)
  }
}
