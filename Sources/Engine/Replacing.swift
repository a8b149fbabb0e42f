internal import Kernel
internal import Networks

extension Engine {
  /// Everything that can be refused of a container that is to take another one's place, while that is still there: but for
  /// addresses and ports, which it may have from that one. Nothing is made.
  package func checkReplacement(_ request: RunRequest) throws(Failure) {
    var checked = request
    checked.publishing = PublishRequest()
    for index in checked.endpoints.indices {
      checked.endpoints[index].address = nil
      checked.endpoints[index].address6 = nil
      checked.endpoints[index].mac = nil
    }
    let prepared = try prepare(checked, as: try newIdentifier(), rehearsal: true)
    _ = try launchPlan(of: prepared)
    prepared.hold?.end()
    prepared.mountHold?.end()
  }
}
