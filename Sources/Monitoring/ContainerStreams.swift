package import Inside
package import Kernel

/// The pipes between a container and its supervisor. With a terminal there are none: its master comes from inside.
package struct ContainerStreams: ~Copyable {
  private var insideInput: Descriptor
  private var insideOutput: Descriptor
  private var insideErrors: Descriptor
  /// The supervisor's ends.
  package var input: Descriptor?
  package var output: Descriptor?
  package var errors: Descriptor?

  package init(hasTerminal: Bool, isInteractive: Bool) throws(Fault) {
    let input = try Ends(isInteractive && !hasTerminal ? .fromSupervisor : .none)
    let output = try Ends(hasTerminal ? .none : .toSupervisor)
    let errors = try Ends(hasTerminal ? .none : .toSupervisor)
    self.init(input, output, errors)
  }

  private init(_ input: consuming Ends, _ output: consuming Ends, _ errors: consuming Ends) {
    insideInput = input.inside
    self.input = input.outside
    insideOutput = output.inside
    self.output = output.outside
    insideErrors = errors.inside
    self.errors = errors.outside
  }

  /// The two ends of one stream; without a pipe the container's is /dev/null.
  private struct Ends: ~Copyable {
    enum Direction { case none, toSupervisor, fromSupervisor }
    var inside: Descriptor
    var outside: Descriptor?

    init(_ direction: Direction) throws(Fault) {
      switch direction {
      case .none: self.init(try open("/dev/null", .readWrite), nil)
      case .toSupervisor:
        let pipe = try makePipe()
        self.init(pipe.writing, .some(pipe.reading))
      case .fromSupervisor:
        let pipe = try makePipe()
        self.init(pipe.reading, .some(pipe.writing))
      }
    }

    private init(_ inside: consuming Descriptor, _ outside: consuming Descriptor?) {
      self.inside = inside
      self.outside = outside
    }
  }

  /// What the child is to have as 0, 1 and 2.
  package var inside: StandardStreams {
    StandardStreams(input: insideInput.borrowed, output: insideOutput.borrowed, errors: insideErrors.borrowed)
  }

  /// Gives away the supervisor's ends and closes the container's, so that their end is seen when the container is over.
  package consuming func supervised(
    _ process: ProcessIdentifier, pidfd: consuming Descriptor, terminal: consuming Descriptor?,
    listener: consuming Descriptor, log: consuming LogWriter?
  ) -> Supervised {
    Supervised(
      process: process, pidfd: pidfd, terminal: terminal, output: output, errors: errors, input: input,
      listener: listener, log: log)
  }
}
