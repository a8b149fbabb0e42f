internal import RuntimeSpec

/// Why a profile is refused.
package struct SeccompError: Error, Hashable, Sendable {
  /// Where in the profile: `syscalls[3].args[0].index`. Empty where it is the whole.
  package var path: String
  package var reason: Reason

  package enum Reason: Hashable, Sendable {
    case unknownArchitecture(String)
    case unknownFlag(String)
    case noNames
    case noSuchArgument(UInt32)
    case noErrno(of: String)
    case notifyByDefault
    case noListener
    case metadataWithoutListener
    case listenerCannotLeave
    case tooLarge
  }

  init(_ path: String, _ reason: Reason) {
    self.path = path
    self.reason = reason
  }
}

extension SeccompError: CustomStringConvertible {
  package var description: String { "\(path.isEmpty ? "seccomp" : "seccomp.\(path)"): \(reason)" }
}

extension SeccompError.Reason: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unknownArchitecture(let name): "\"\(name)\" is no architecture"
    case .unknownFlag(let name): "\"\(name)\" is no flag of a filter"
    case .noNames: "names no system call"
    case .noSuchArgument(let index): "a system call has no argument \(index): they are 0 to 5"
    case .noErrno(let action): "\(action) returns no errno: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do"
    case .notifyByDefault:
      "SCMP_ACT_NOTIFY for every call would stop the container before the listener could be handed over"
    case .noListener: "SCMP_ACT_NOTIFY asks somebody, who is missing"
    case .metadataWithoutListener: "is for a listener, and listenerPath names none"
    case .listenerCannotLeave:
      "with SCMP_ACT_NOTIFY the filter has to let sendmsg or sendmmsg pass, for the listener leaves the container by one of them"
    case .tooLarge: "needs more than the 4096 instructions that the kernel takes"
    }
  }
}
