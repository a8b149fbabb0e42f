package import Blobs
internal import Kernel

/// Runs `body` for each of so many things, as many at once as there are processors. After the first failure nothing more
/// begins, and it is thrown once all that began is over.
///
/// - Parameter name: of the threads.
package func performConcurrently<Result: Sendable>(
  _ count: Int, _ name: String, _ body: @escaping @Sendable (Int) throws(StoreError) -> Result
) throws(StoreError) -> [Result] {
  // No thread is made for nothing.
  if count == 0 { return [] }
  let state = Monitor(Progress<Result>(results: Array(repeating: nil, count: count)))
  try storing("cannot work on the layers") { () throws(Fault) in
    try performConcurrently(min(count, usableProcessorCount()), name) {
      while true {
        let index = state.update { (state: inout Progress<Result>) -> Int? in
          guard state.failure == nil, state.next < count else { return nil }
          defer { state.next += 1 }
          return state.next
        }
        guard let index else { return }
        do throws(StoreError) {
          let result = try body(index)
          state.update { $0.results[index] = result }
        } catch { state.update { $0.failure = $0.failure ?? error } }
      }
    }
  }
  let done = state.update { $0 }
  if let failure = done.failure { throw failure }
  return done.results.compactMap { $0 }
}

private struct Progress<Result: Sendable>: Sendable {
  var next = 0
  var results: [Result?]
  var failure: StoreError?
}
