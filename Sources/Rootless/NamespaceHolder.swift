internal import Kernel
internal import Launching

/// Calls `body` with a child that was born in new namespaces and holds them meanwhile: this process stays where it is, and
/// what has to be done to them from outside (the maps of a user namespace, opening them) can be done. The child ends with the
/// call, and by itself where this process is killed.
func withHolder<Result: ~Copyable>(
  of namespaces: Namespaces, _ body: (ProcessIdentifier) throws(Fault) -> Result
) throws(Fault) -> Result {
  let gate = try makePipe()
  switch try clone(namespaces: namespaces) {
  case .child:
    // The end of the pipe: the parent has what it wants, or is gone.
    try? Descriptor(owning: gate.writing.release()).close()
    var byte: [UInt8] = [0]
    _ = try? gate.reading.borrowed.read(into: &byte)
    exitNow(0)
  case .parent(let process, let pidfd):
    defer {
      try? sendSignal(Signal.kill, to: pidfd.borrowed)
      _ = try? wait(for: .process(process))
    }
    return try body(process)
  }
}
