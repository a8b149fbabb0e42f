internal import Arguments
internal import Engine
internal import Kernel
internal import RegistryRequests
internal import Terminals

extension LoginCommand {
  static let perform: Perform = { arguments in
    var request = try arguments.registryRequest(.login, arguments.positionals.first ?? "")
    request.username = arguments.string("username")
    request.password = arguments.string("password")
    // It stays in the shell's history and was on this command line, for whoever looked.
    if request.password != nil {
      complain("warning: using --password via the CLI is insecure", hint: "use --password-stdin")
    }
    if arguments.flag("password-stdin") {
      if request.password != nil { throw arguments.fail("--password and --password-stdin are mutually exclusive") }
      if request.username == nil { throw arguments.fail("must provide --username with --password-stdin") }
      var bytes = try BorrowedDescriptor.standardInput.readAll(limit: 1 << 16)
      while let last = bytes.last, last == 0x0a || last == 0x0d { bytes.removeLast() }
      request.password = String(decoding: bytes, as: UTF8.self)
    }
    if request.username == nil || request.password == nil {
      guard isTerminal(.standardInput) else {
        throw Failure(
          .usage, "cannot ask for a password: the input device is not a TTY",
          hint: "give -u NAME --password-stdin, and the password on standard input")
      }
      let name = try request.username ?? ask("Username: ", isSecret: false)
      request.username = name
      request.password = try request.password ?? ask("Password: ", isSecret: true)
    }
    return try hand(over: request)
  }

  /// One line from the terminal, byte by byte in raw mode, so that no way out of here leaves it without echo.
  private static func ask(_ prompt: String, isSecret: Bool) throws -> String {
    var typed: [UInt8] = []
    do {
      // Before the prompt: who answers at once would see the terminal echo the password.
      let raw = try RawTerminal(.standardInput)
      try BorrowedDescriptor.standardError.write(prompt)
      var byte: [UInt8] = [0]
      reading: while true {
        guard try BorrowedDescriptor.standardInput.read(into: &byte) == 1 else { break }
        switch byte[0] {
        case 0x0a, 0x0d: break reading
        case 0x03:
          try raw.restore()
          endLine()
          exitNow(128 + Signal.interrupt)
        case 0x04 where typed.isEmpty: break reading
        case 0x15:
          if !isSecret { try BorrowedDescriptor.standardError.write("\r\u{1b}[K\(prompt)") }
          typed = []
        case 0x08, 0x7f:
          // All bytes of the last character.
          while let last = typed.popLast(), last & 0xc0 == 0x80 {}
          if !isSecret {
            try BorrowedDescriptor.standardError.write("\r\u{1b}[K\(prompt)\(String(decoding: typed, as: UTF8.self))")
          }
        case 0..<0x20: break
        default:
          typed.append(byte[0])
          if !isSecret { try BorrowedDescriptor.standardError.write(byte) }
        }
      }
      try raw.restore()
    }
    endLine()
    return String(decoding: typed, as: UTF8.self)
  }
}
