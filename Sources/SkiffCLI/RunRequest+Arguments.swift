internal import Arguments
internal import Engine
internal import Kernel
internal import Privileges
internal import Steps

extension RunRequest {
  init(_ arguments: ParsedArguments) throws {
    var words = arguments.positionals
    if let directory = arguments.string("rootfs") {
      let path = Path(directory)
      self.init(root: .directory(path.isAbsolute ? path : try Kernel.workingDirectory().appending(path).lexicallyNormal))
    } else {
      guard !words.isEmpty else {
        throw arguments.fail("an image is missing: name one, or give a directory with --rootfs")
      }
      self.init(root: .image(words.removeFirst()))
    }
    command = words
    name = arguments.string("name")
    hostname = arguments.string("hostname")
    domainName = arguments.string("domainname")
    isDetached = arguments.flag("detach")
    isInteractive = arguments.flag("interactive")
    hasTerminal = arguments.flag("tty")
    removesItself = arguments.flag("rm")
    hasInit = arguments.flag("init")
    entrypoint = arguments.string("entrypoint")
    workingDirectory = arguments.string("workdir")
    user = arguments.string("user")
    supplementaryGroups = arguments.strings("group-add")
    environment = try arguments.containerEnvironment
    rootIsReadOnly = arguments.flag("read-only")
    addedCapabilities = arguments.strings("cap-add")
    droppedCapabilities = arguments.strings("cap-drop")
    isPrivileged = arguments.flag("privileged")
    resources.memory = try arguments.bytes("memory")
    resources.processes = try arguments.integer("pids-limit").map(Int64.init)
    switch arguments.string("network") ?? arguments.string("net") ?? "bridge" {
    case "none": network = .none
    case "host": network = .host
    case "bridge", "default": network = .bridge
    case let text where text.hasPrefix("container:"): network = .container(String(text.dropFirst(10)))
    case let text: network = .named(text)
    }
  }
}

extension ParsedArguments {
  var containerEnvironment: [String] {
    get throws { strings("env") }
  }
}
