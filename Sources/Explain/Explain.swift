/// A step as a sentence, as a system call with its real arguments, as a shell command, and as JSON.
///
/// Pure: it prints what the executors run, from the same values, so that the two cannot drift.
package import Steps

/// What one step says about itself.
package struct Explanation: Hashable, Sendable {
  /// Family and case: `mount.pivotRoot`. For programs that read the JSON.
  package var name: String
  /// What happens and why it matters, for someone who has not met it before.
  package var sentence: String
  /// The system calls, as strace(1) would show them. A descriptor that an earlier call opened is shown in angle brackets.
  package var calls: [String]
  /// Commands that do the same, to be run as root by /bin/sh where the step runs. `$root` is where the container's root lies
  /// before it becomes `/`, `$pid` is the container's first process as the host numbers it, `$work` is a scratch directory.
  /// A line that starts with `#` says why there is no command.
  package var shell: [String] { already.map { ["\($0) || \(Self.group(commands))"] } ?? commands }
  /// A test(1) that says the step has nothing to do, because what it makes is there.
  var already: String?
  var commands: [String]

  init(name: String, sentence: String, calls: [String], already: String? = nil, shell: [String]) {
    self.name = name
    self.sentence = sentence
    self.calls = calls
    self.already = already
    commands = shell
  }

  private static func group(_ commands: [String]) -> String {
    commands.count == 1 ? commands[0] : "{ \(commands.joined(separator: "; ")); }"
  }

  package init(of step: Step) {
    switch step {
    case .file(let step): self.init(of: step)
    case .mount(let step): self.init(of: step)
    case .cgroup(let step): self.init(of: step)
    case .network(let step): self.init(of: step)
    case .process(let step): self.init(of: step)
    }
  }
}
