internal import JSON
internal import Kernel
internal import RuntimeSpec
internal import Seccomp
internal import Steps

extension OCIRuntime {
  /// The filter that the configuration asks for; nil is unconfined.
  ///
  /// - Parameters:
  ///   - state: the container's, for an agent that answers for some of its calls.
  ///   - container: its first process; nil where it is the one that the filter is for.
  ///   - saved: what an earlier call made of the same configuration.
  func filter(
    of spec: Spec, _ state: Spec.State, container: ProcessIdentifier? = nil, saved: SystemCallFilter? = nil
  ) throws(RuntimeFailure) -> SystemCallFilter? {
    guard let profile = spec.linux?.seccomp else { return nil }
    do throws(SeccompError) {
      var filter = if let saved { saved } else { try Seccomp.compile(profile, name: "the configuration's profile") }
      if filter.listenerCall != nil { filter.listener = filterListener(of: profile, state, container: container) }
      return filter
    } catch {
      throw RuntimeFailure("config.json: linux.\(error)")
    }
  }
}

/// The agent that the profile names, and what it is told: the container process state (config-linux.md).
func filterListener(
  of profile: Spec.Seccomp, _ state: Spec.State, container: ProcessIdentifier? = nil
) -> FilterListener? {
  guard let path = profile.listenerPath else { return nil }
  // Its numbers are the last members, and come when there is a process.
  var state = state
  state.process = nil
  var head = Array("{\"ociVersion\":\"\(Spec.version)\",\"fds\":[\"seccompFd\"]".utf8)
  if let metadata = profile.listenerMetadata {
    head += Array(",\"metadata\":".utf8) + JSONValue.string(metadata).jsonBytes()
  }
  head += Array(",\"state\":".utf8) + state.jsonBytes().dropLast()
  return FilterListener(path: Path(path), head: head, container: container)
}
