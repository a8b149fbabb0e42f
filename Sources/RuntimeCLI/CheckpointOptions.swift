internal import Arguments
internal import Kernel
internal import OCIRuntime

/// The options that `checkpoint` and `restore` have in common.
let checkpointOptions = [
  Option(
    "image-path", .value, value: "dir", help: "Where the image is", initial: "checkpoint", completion: .directories),
  Option("work-path", .value, value: "dir", help: "Where criu's logs go", completion: .directories),
  Option("tcp-established", help: "With open TCP connections"),
  Option("ext-unix-sk", help: "With connections to unix sockets outside"),
  Option("shell-job", help: "With a session that has its leader or its terminal outside"),
  Option("lazy-pages", help: "Bring memory when it is touched (userfaultfd)"),
  Option("file-locks", help: "With locks of files"),
  Option("manage-cgroups-mode", .value, value: "mode", help: "soft, full, strict or ignore", initial: "soft"),
  Option("empty-ns", .repeated, value: "namespace", help: "Leave a namespace empty: network"),
  Option("auto-dedup", help: "Give back what an image takes twice"),
]

/// Options of criu that are called the same there.
private let sameSwitches = ["tcp-established", "ext-unix-sk", "shell-job", "lazy-pages", "file-locks", "auto-dedup"]

func checkpointOptions(_ parsed: ParsedArguments) throws -> CheckpointOptions {
  var options = CheckpointOptions()
  if let criu = parsed.inherited("criu"), !criu.isEmpty { options.criu = criu }
  func directory(_ name: String) throws -> Path? {
    guard let text = parsed.string(name), !text.isEmpty else { return nil }
    return try absolute(text)
  }
  options.images = try directory("image-path") ?? absolute("checkpoint")
  options.work = try directory("work-path")
  options.switches = sameSwitches.filter(parsed.flag)
  if let mode = parsed.string("manage-cgroups-mode"), !mode.isEmpty {
    guard ["soft", "full", "strict", "ignore"].contains(mode) else {
      throw RuntimeFailure("Invalid manage-cgroups-mode value", hint: "it takes soft, full, strict or ignore")
    }
    options.groupsMode = mode
  }
  for name in parsed.strings("empty-ns") where name != "network" {
    throw RuntimeFailure("namespace \"\(name)\" is not supported", hint: "--empty-ns takes network")
  }
  // Whoever engages the runtime has wired the network, and wires it again.
  options.emptiesNetwork = true
  return options
}
