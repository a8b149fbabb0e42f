/// The commands, one file each: argv to a request, an answer to a screen.
internal import Kernel

/// The program: dispatches on the first word and exits with the command's code.
public func skiffMain() -> Never {
  exitNow(0)
}
