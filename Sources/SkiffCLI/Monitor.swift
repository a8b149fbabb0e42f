internal import Containers
internal import Engine
internal import Kernel
internal import Monitoring

/// What this program is when it was started as `skiff-monitor ID ROOT STATE [--timings]`: a container's supervisor. It
/// starts itself once more, with `--resume N`, when it has nothing to do, and with `--again N...` when the container is to
/// have another life.
///
/// As `skiff-monitor --repair ROOT STATE` it makes what running containers have lost of their networks, and ends;
/// as `skiff-monitor --probe ID ROOT STATE` it makes one health check; as `skiff-monitor --relay ID ROOT STATE PARENT` it passes on what
/// comes to the ports of an ordinary user's container; as `skiff-monitor --compress LOG` it compresses the files
/// of a log that are full; and as `skiff-monitor --exec ID ROOT STATE EXECUTION PIDFD [MASTER]` it waits for a program that `exec -d`
/// has left behind.
enum MonitorProgram {
  static let program = Program(name: "skiff-monitor") { words in
    if words.count == 3, words[0] == Engine.repairOption {
      return Engine(StateDirectories(root: Path(words[1]), run: Path(words[2]))).repairNetworks()
    }
    if words.count == 4, words[0] == Engine.probeOption, let identifier = ContainerIdentifier(words[1]) {
      return Engine(StateDirectories(root: Path(words[2]), run: Path(words[3]))).probeHealth(of: identifier)
    }
    if words.count == 5, words[0] == Engine.relayOption, let identifier = ContainerIdentifier(words[1]),
      let parent = ProcessIdentifier(words[4])
    {
      return Engine(StateDirectories(root: Path(words[2]), run: Path(words[3]))).relayPorts(
        of: identifier, parent: parent)
    }
    if words.count >= 6, words[0] == Engine.keeperOption, let identifier = ContainerIdentifier(words[1]) {
      Engine(StateDirectories(root: Path(words[2]), run: Path(words[3]))).awaitExecuted(
        words[4], in: identifier, kept: words.dropFirst(5).compactMap { Int32($0) })
      return 0
    }
    if words.count == 2, words[0] == Engine.compressOption {
      return (try? LogCompression.run(Path(words[1]))) == nil ? 1 : 0
    }
    guard words.count >= 3, let identifier = ContainerIdentifier(words[0]) else {
      complain("skiff-monitor is what skiff run starts; it is not for people")
      return 125
    }
    let engine = Engine(StateDirectories(root: Path(words[1]), run: Path(words[2])))
    if words.count == 5, words[3] == Supervisor.resumeOption, let message = Int32(words[4]) {
      return engine.resumeSupervising(identifier, from: message)
    }
    if words.count >= 5, words[3] == Supervisor.againOption {
      return engine.superviseAgain(identifier, inherited: words.dropFirst(4).compactMap { Int32($0) })
    }
    return engine.supervise(identifier, isTimed: words.dropFirst(3).contains("--timings"))
  }
}
