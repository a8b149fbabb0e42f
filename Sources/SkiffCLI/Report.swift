internal import Arguments
internal import Engine
internal import Kernel
internal import Steps

/// Tells a person what went wrong, on standard error, and gives the exit code.
///
/// - Parameter failureCode: the command's own, for a failure that is neither bad usage nor the container's program.
func report(_ error: any Error, failureCode: Int32) -> Int32 {
  if let said = error as? AlreadySaid { return said.code }
  if let fault = error as? Fault, fault.errno == .brokenPipe, fault.operation == "write" {
    // The reader of our output had enough (`skiff ps | head -1`): what a shell shows for SIGPIPE, without a word.
    return 128 + Signal.pipe
  }
  let told = description(of: error, failureCode: failureCode)
  complain(told.message, hint: told.hint)
  return told.code
}

/// What went wrong was said where it went wrong; this only ends what was going on.
struct AlreadySaid: Error { var code: Int32 }

/// `skiff: cannot start web: …` and a hint below it.
func complain(_ message: String, hint: String? = nil) {
  let colours = Colours(of: .standardError)
  var text = "\(colours.red)skiff:\(colours.plain) \(printable(message))\n"
  if let hint { text += "\(colours.cyan)hint:\(colours.plain) \(printable(hint))\n" }
  try? BorrowedDescriptor.standardError.write(text)
}

private func description(of error: any Error, failureCode: Int32) -> (message: String, hint: String?, code: Int32) {
  switch error {
  case let usage as UsageError: (usage.description, usage.hint(), 125)
  case let failure as Failure:
    switch failure.kind {
    case .usage, .notExecutable, .programNotFound: (failure.message, failure.hint, failure.exitCode)
    case .notFound, .conflict, .host: (failure.message, failure.hint, failureCode)
    }
  case let fault as Fault: (fault.description, fault.hint ?? fault.usualHint, failureCode)
  case let step as StepFailure:
    (step.fault.description, step.fault.hint ?? step.fault.usualHint, failureCode)
  case let template as Template.Failure: (template.description, template.hint, failureCode)
  default: ("\(error)", nil, failureCode)
  }
}
