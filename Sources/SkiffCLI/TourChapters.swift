/// What the tour shows: the chapters of the text that Skiff started from, each on this machine's real binaries.
struct TourChapter {
  var title: String
  /// What happens and why it matters, before the calls.
  var introduction: String
  /// The root that an earlier chapter stages; one that is walked alone begins with that call.
  var root: TourCall?
  var calls: [TourCall]
}

/// One call of this program.
struct TourCall {
  var words: [String]
  /// The exit codes that are right: the tour also shows failures that teach.
  var accepted: Set<Int32> = [0]
  /// What to say after it.
  var meaning: String

  init(_ words: [String], accepted: Set<Int32> = [0], _ meaning: String) {
    self.words = words
    self.accepted = accepted
    self.meaning = meaning
  }
}

extension TourChapter {
  /// - Parameters:
  ///   - folder: where the tour keeps what it makes.
  ///   - network: a network's name that is free.
  static func all(folder: String, network: String) -> [TourChapter] {
    [
      firstContainer(folder), fullerContainer(folder), isolation(folder), limits(folder), layers(folder),
      bridge(folder, network),
    ]
  }

  private static func firstContainer(_ folder: String) -> TourChapter {
    let root = "\(folder)/first"
    return TourChapter(
      title: "The first container: chroot with bash alone",
      introduction: "A chroot changes what / means. Into an empty directory there is nothing to run; with bash and the"
        + " libraries it needs it is the oldest kind of container.",
      calls: [
        TourCall(
          ["chroot", folder, "/bin/bash"], accepted: [126, 127],
          "there is no bash in there, and Skiff says what would add it"),
        TourCall(
          ["stage", "--no-extras", root, "bash"],
          "bash, its dynamic linker and its libraries were found by reading ELF headers and copied; nothing was executed"
        ),
        TourCall(
          ["chroot", root, "/bin/bash", "-c", "pwd; cd /bin; pwd; echo *"],
          "inside, / is that directory; what was not staged does not exist"),
      ])
  }

  private static func fullerContainer(_ folder: String) -> TourChapter {
    let root = "\(folder)/fuller"
    return TourChapter(
      title: "A more complete container",
      introduction: "ls, ps, echo, nc and ip come too. A library that several of them need is copied once.",
      root: staging(folder),
      calls: [
        TourCall(["chroot", root, "/bin/bash", "-c", "ls -l /bin/"], "the staged tools run in there")
      ])
  }

  /// The root of chapters 2, 3, 4 and 6.
  private static func staging(_ folder: String) -> TourCall {
    TourCall(
      ["stage", "\(folder)/fuller", "bash", "ls", "ps", "echo", "nc", "ip"],
      "each file is there because something needs it: skiff stage --why tells")
  }

  private static func isolation(_ folder: String) -> TourChapter {
    let root = "\(folder)/fuller"
    return TourChapter(
      title: "Namespaces: its own processes, host name and network",
      introduction: "A chroot still sees the host's processes and network. skiff run gives the same root its own PID,"
        + " mount, UTS, IPC, network and cgroup namespaces.",
      root: staging(folder),
      calls: [
        TourCall(
          [
            "run", "--rm", "--network", "none", "--hostname", "island", "--rootfs", root, "bash", "-c",
            "echo I am $HOSTNAME; ps -e; ip link",
          ],
          "two processes, one of them PID 1, and only a loopback device: that is all it can see")
      ])
  }

  private static func limits(_ folder: String) -> TourChapter {
    TourChapter(
      title: "Limits: a hog meets its cgroup",
      introduction:
        "A control group counts what a container uses. With 32 MiB of memory, a string that doubles for ever is"
        + " killed by the kernel, and the container alone feels it.",
      root: staging(folder),
      calls: [
        TourCall(
          [
            "run", "--rm", "-m", "32m", "--network", "none", "--rootfs", "\(folder)/fuller", "bash", "-c",
            "x=0123456789abcdef; while :; do x=$x$x; done",
          ], accepted: [137], "exit code 137 is 128 + 9: SIGKILL from the kernel, with the limit and the victim named")
      ])
  }

  private static func layers(_ folder: String) -> TourChapter {
    TourChapter(
      title: "Layers: a change that is kept",
      introduction: "An image is never written. Each container has a private upper layer over it, by OverlayFS; commit"
        + " makes that a layer of a new image.",
      calls: [
        TourCall(["stage", "-t", "tour:1", "bash", "ls"], "the same staging, as a local image"),
        TourCall(
          ["run", "--name", "author", "--network", "none", "tour:1", "bash", "-c", "echo kept > /note"],
          "the file went to the container's upper layer"),
        TourCall(["diff", "author"], "A is for added: the note is all that differs from the image"),
        TourCall(["commit", "author", "tour:2"], "the upper layer became the top layer of tour:2"),
        TourCall(
          ["run", "--rm", "--network", "none", "tour:2", "bash", "-c", "echo the note says: $(</note)"],
          "a new container sees it"),
        TourCall(
          ["run", "--rm", "--network", "none", "tour:1", "bash", "-c", "[ -e /note ] || echo no note here"],
          "and the first image is as it was"),
      ])
  }

  private static func bridge(_ folder: String, _ network: String) -> TourChapter {
    let root = "\(folder)/fuller"
    return TourChapter(
      title: "Two containers on a bridge",
      introduction:
        "A bridge is a switch in the kernel; each container has a cable to it (a veth pair), an address of its"
        + " own, and finds the others by name.",
      root: staging(folder),
      calls: [
        TourCall(
          ["stage", "-q", root, "sleep"], "staging again adds only what is missing: sleep, to wait with"),
        TourCall(["network", "create", network], "a bridge, with a /24 that no route of this host covers"),
        TourCall(
          [
            "run", "-d", "--name", "server", "--network", network, "--rootfs", root, "bash", "-c",
            "ip -4 -o addr show eth0; nc -l -p 4242",
          ], "one listens with nc"),
        TourCall(
          [
            "run", "--rm", "--name", "client", "--network", network, "--rootfs", root, "bash", "-c",
            "for i in {1..50}; do echo hello from $HOSTNAME | nc -w 1 server 4242 && exit; sleep 0.1; done; exit 1",
          ], "the other connects to it by name, again and again until somebody listens"),
        TourCall(["wait", "server"], "nc has got a line and ended"),
        TourCall(["logs", "server"], "these bytes came over the bridge"),
      ])
  }
}
