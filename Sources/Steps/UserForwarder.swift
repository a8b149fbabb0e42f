package import Kernel

/// A program of an ordinary user's that carries the packets of a container's network to sockets of the host and back (pasta(1),
/// slirp4netns(1)): links and firewall rules of the host are root's.
package struct UserForwarder: Hashable, Sendable {
  /// Found already: nobody looks on a PATH when it is started.
  package var program: Path
  /// What it forwards and how, but for the namespace, which it gets as its standard input.
  package var arguments: [String]
  /// `PID TICKS` of it while it runs.
  package var record: Path
  package enum Kind: Hashable, Sendable { case pasta, slirp4netns }
  package var kind = Kind.pasta
  /// Where slirp4netns is asked for its ports, and with what; nil where there are none.
  package var socket: Path?
  package var requests: [String] = []
  /// It carries the networks of several containers, and goes on when its caller ends.
  package var isShared = false

  package init(program: Path, arguments: [String], record: Path) {
    self.program = program
    self.arguments = arguments
    self.record = record
  }

  /// Where it says that the container can be reached, and where it finds the namespace. It closes what else it has open, and may
  /// not look at the files of another process. slirp4netns has much to say on its standard output, so it gets a stream more.
  package var ends: [String] {
    switch kind {
    case .pasta: ["--pid", "/dev/stdout", "--netns", "/proc/self/fd/0"]
    case .slirp4netns: ["--ready-fd=3", "--netns-type=path", "/proc/self/fd/0", "tap0"]
    }
  }
}
