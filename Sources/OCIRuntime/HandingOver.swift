internal import Kernel

// What an engine wants of a process that was made for it: its terminal, a pidfd, its number.

extension OCIRuntime {
  func hand(
    over terminal: inout Descriptor?, _ process: ProcessIdentifier, _ pidfd: BorrowedDescriptor, console: Path?,
    pidfdSocket: Path?, pidFile: Path?
  ) throws(RuntimeFailure) {
    if let console, let master = terminal.take() {
      try told("cannot send the terminal to the console socket") { () throws(Fault) in
        try send(master.borrowed, named: "/dev/ptmx", to: console)
      }
    }
    if let pidfdSocket {
      try told("cannot send the pidfd to its socket") { () throws(Fault) in
        try send(pidfd, named: "pidfd", to: pidfdSocket)
      }
    }
    if let pidFile {
      try told("cannot write the pid file") { () throws(Fault) in
        try replaceFile(pidFile, with: Array("\(process)".utf8), mode: 0o644, durable: false)
      }
    }
  }
}

/// A descriptor over a listening stream socket, as runc sends terminals: its name is the message's text.
func send(_ descriptor: BorrowedDescriptor, named name: String, to path: Path) throws(Fault) {
  let socket = try connectUnix(path)
  _ = try socket.borrowed.sendMessage(Array(name.utf8), descriptors: [descriptor])
}
