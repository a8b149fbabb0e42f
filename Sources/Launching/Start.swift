internal import Inside
package import Kernel
package import Planning
package import Steps

/// Starts a container that waits at its start socket, and returns when its program runs.
///
/// - Parameters:
///   - socket: connected to the start socket.
///   - plan: that of the container, for the name of a step that fails.
///   - process: the container's first.
///   - listener: who answers for the calls that its filter does not decide.
package func start(
  over socket: BorrowedDescriptor, _ plan: LaunchPlan?, process: ProcessIdentifier, listener: FilterListener?
) throws(PlanFailure) {
  func at<Value: ~Copyable>(_ body: () throws(Fault) -> Value) throws(PlanFailure) -> Value {
    do throws(Fault) { return try body() } catch {
      throw PlanFailure(phase: .finishing, index: 0, step: nil, fault: error)
    }
  }
  _ = try at { () throws(Fault) in try socket.sendMessage([1]) }
  var isStarting = false
  var buffer = [UInt8](repeating: 0, count: ChildMessage.limit)
  while true {
    var received = try at { () throws(Fault) in try receiveFromChild(socket, into: &buffer) }
    guard received.count > 0 else { break }
    switch ChildMessage(bytes: buffer[..<received.count]) {
    case .starting: isStarting = true
    case .listener:
      let descriptor = received.descriptors.take()
      let view = descriptor.view
      try at { () throws(Fault) in try hand(over: view, to: listener, of: process, socket) }
    case .failed(let phase, let index, let fault):
      let steps = plan?[phase] ?? []
      throw PlanFailure(
        phase: phase, index: index, step: steps.indices.contains(index) ? steps[index] : nil, fault: fault)
    default: break
    }
  }
  guard isStarting else { throw PlanFailure(phase: .finishing, index: 0, step: nil, fault: .endedWithoutAWord) }
}
