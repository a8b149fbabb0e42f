package import Kernel
package import Planning
package import Steps

/// A container whose program runs.
@frozen package struct LaunchedContainer: ~Copyable {
  package var process: ProcessIdentifier
  package var pidfd: Descriptor
  /// The supervisor's end of the pseudo terminal.
  package var terminal: Descriptor?
  /// Where it asks for names, when its plan says that somebody will answer.
  package var nameSockets: OpenedNameSockets?
  /// What takes back everything that the launch made on the host, in the order to perform.
  package var undo: [Step]
  /// The links that were moved into it. They stay there, unless it turns out that there is no container after all.
  package var links: [LinkReturn]
  /// How long each step took, when the launch was timed.
  package var timings: [StepTiming]
}

package struct StepTiming: Hashable, Sendable {
  package var phase: Phase
  package var index: Int
  package var nanoseconds: UInt64
}
