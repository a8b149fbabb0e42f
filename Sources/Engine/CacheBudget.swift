internal import Blobs
internal import Containers
internal import Kernel
internal import Layers

// A size that the unpacked layers may have together, kept by every command.

extension Engine {
  /// Takes unpacked layers away until the rest fits, unless somebody adds just now. All of them are measured only when some
  /// have come or gone since the last time, and, while it is containers that keep them, when a container has.
  func keepCacheBudget() {
    guard let budget = cacheBudget, exists(state.layers), let before = marks(budget) else { return }
    let stamp = state.layers.appending(".budget")
    let last = try? readText(stamp, limit: 256)
    if last == before.fitting || last == before.exceeding { return }
    guard let store = try? images(),
      let done = (try? store.evict(toFit: budget, waits: false, keeping: { layersInUse() })) ?? nil
    else { return }
    // Making it changes the directory's time, which it tells.
    guard let file = try? open(stamp, [.writeOnly, .create, .truncate, .noFollow], mode: 0o600),
      let after = marks(budget)
    else { return }
    try? file.borrowed.write(done.excess > 0 ? after.exceeding : after.fitting)
  }

  private func marks(_ budget: Int64) -> (fitting: String, exceeding: String)? {
    guard let layers = try? status(of: state.layers).modified.rfc3339 else { return nil }
    let containers = (try? status(of: state.containers).modified.rfc3339) ?? ""
    return ("\(budget) \(layers)", "\(budget) \(layers) \(containers)")
  }
}
