internal import Kernel
internal import Launching
internal import Planning
internal import RuntimeSpec

// A configuration is held against the specification as a whole before anything is thought through or made.

extension OCIRuntime {
  func facts(for spec: Spec, _ id: String) throws(RuntimeFailure) -> HostFacts {
    try told("cannot look the host over") { () throws(Fault) in try HostFacts.detect(for: spec, identifier: id) }
  }

  /// Tells what is passed over, and throws every fault at once.
  func accept(_ report: SpecReport, of document: String) throws(RuntimeFailure) {
    for warning in report.warnings { warn("\(document): \(warning)") }
    for note in report.notes { debug("\(document): \(note)") }
    guard let first = report.faults.first else { return }
    let faults = report.faults.map { "\($0)" }.joined(separator: "; ")
    throw RuntimeFailure("\(document): \(faults)", hint: report.faults.count == 1 ? first.hint : nil)
  }

  /// The name that runc gives it, by which processes of one container share it.
  func keyring(of id: String) -> String { "_ses.\(id)" }
}
