internal import Arguments
internal import Containers
internal import Engine
internal import Kernel
internal import Monitoring

// `-a`, and what `run` reads from files.

extension RunRequest {
  /// `-a`: which streams this command is connected to; without it output and errors, and with -i the input.
  mutating func readAttachment(_ words: ParsedArguments) throws(UsageError) {
    let streams = words.strings("attach").map { $0.lowercased() }
    if streams.isEmpty { return }
    for stream in streams where !["stdin", "stdout", "stderr"].contains(stream) {
      throw words.bad("attach", stream, "expected stdin, stdout or stderr")
    }
    if isDetached { throw words.fail("--attach does not go with --detach: nothing is attached then") }
    guard isInteractive || !streams.contains("stdin") else {
      throw words.fail("--attach stdin needs --interactive: the container's input is closed without it")
    }
    attachedStreams = streams
  }

  /// How `run` is connected to the container.
  func attachOptions(forwardingSignals: Bool) -> AttachOptions {
    var options = AttachOptions(
      sendsInput: isInteractive, hasTerminal: hasTerminal, forwardsSignals: forwardingSignals)
    if let attachedStreams {
      options.showsOutput = attachedStreams.contains("stdout")
      options.showsErrors = attachedStreams.contains("stderr")
    }
    return options
  }
}

extension ParsedArguments {
  /// Of `--label-file`; those of `--label` come after them, and later ones win.
  var fileLabels: [Label] {
    get throws(UsageError) {
      var labels: [Label] = []
      for file in strings("label-file") {
        let bytes: [UInt8]
        do throws(Fault) { bytes = try readFile(Path(file), limit: 4 << 20) } catch {
          throw bad("label-file", file, "cannot read it: \(error.errno)")
        }
        do throws(OptionError) { labels += try parseLabelFile(bytes) } catch {
          throw bad("label-file", file, error.reason)
        }
      }
      return labels
    }
  }

  /// `--runtime`: nil for our own. A path is kept in full: the supervisor starts from `/`.
  var otherRuntime: String? {
    guard let name = string("runtime"), !["", RuntimeChoice.own].contains(name) else { return nil }
    if !name.contains("/") || name.hasPrefix("/") { return name }
    return startDirectory.appending(name).lexicallyNormal.string
  }

  /// `--isolation` and `--volume-driver` name programs that would be called: there is one of each.
  func refuseOtherPrograms() throws(UsageError) {
    if let name = string("isolation"), !["", "default"].contains(name) {
      throw bad("isolation", name, "it is for Windows", suggestion: "on Linux there is default, which is what it says")
    }
    if let name = string("volume-driver"), !["", "local"].contains(name) {
      throw bad("volume-driver", name, "volumes are directories of this host, driver local", suggestion: "leave it out")
    }
  }
}

extension ParsedArguments {
  /// `--gpus`.
  var gpus: [NamedDevice] {
    get throws(UsageError) { try read("gpus", NamedDevice.gpus) ?? [] }
  }
}
