internal import Containers
internal import Inside
internal import Kernel
internal import Planning
internal import Steps

// A fault of one step, told to a person: which container, which step, the call with its arguments, why, and what helps.

extension Engine {
  func failure(toStart record: ContainerRecord, _ failure: PlanFailure) -> Failure {
    self.failure("cannot start \(record.name)", failure)
  }

  func failure(_ what: String, _ failure: PlanFailure) -> Failure {
    let fault = failure.fault
    if case .process(.callRuntime(let call)) = failure.step { return self.failure(what, of: call, fault) }
    guard case .process(.execute(let program, _, _)) = failure.step else { return Failure(what, fault) }
    // Docker's codes: 127 for a program that is not there, 126 for one that cannot be run.
    let isDiagnosed = fault.operation == Diagnosis.operation
    let kind: Failure.Kind =
      fault.errno == .noSuchFile || fault.errno == .notDirectory ? .programNotFound : .notExecutable
    return Failure(kind, "\(what): \(isDiagnosed ? fault.arguments : "\(program): \(reason(fault))")", hint: fault.hint)
  }

  /// Another runtime's own words. Its exit code says nothing of the program's, so they are read as docker reads them.
  private func failure(_ what: String, of call: RuntimeCall, _ fault: Fault) -> Failure {
    guard fault.operation == "\(call.program.name) \(call.command)" else { return Failure(what, fault) }
    let words = fault.arguments.lowercased()
    func says(_ some: [String]) -> Bool { some.contains { words.contains($0) } }
    var kind = Failure.Kind.host
    var hint = "these are the words of \(call.program); Skiff's own runtime, without --runtime, may say more"
    if says(["executable", "exec ", "exec:"]) {
      if says(["not found", "no such file"]) {
        kind = .programNotFound
        hint = "name a program that the image has"
      } else if says(["permission denied", "exec format", "is a directory"]) {
        kind = .notExecutable
        hint = "name a program that can be executed"
      }
    }
    return Failure(kind, "\(what): \(call.program.name): \(fault.arguments)", hint: fault.hint ?? hint)
  }

  private func reason(_ fault: Fault) -> String {
    switch fault.errno {
    case .noSuchFile: "no such file or directory in the container"
    case .notExecutableFormat: "not an executable format"
    default: "\(fault.errno)"
    }
  }
}
