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
    guard case .process(.execute(let program, _, _)) = failure.step else { return Failure(what, fault) }
    // Docker's codes: 127 for a program that is not there, 126 for one that cannot be run.
    let isDiagnosed = fault.operation == Diagnosis.operation
    let kind: Failure.Kind =
      fault.errno == .noSuchFile || fault.errno == .notDirectory ? .programNotFound : .notExecutable
    return Failure(kind, "\(what): \(isDiagnosed ? fault.arguments : "\(program): \(reason(fault))")", hint: fault.hint)
  }

  private func reason(_ fault: Fault) -> String {
    switch fault.errno {
    case .noSuchFile: "no such file or directory in the container"
    case .notExecutableFormat: "not an executable format"
    default: "\(fault.errno)"
    }
  }
}
