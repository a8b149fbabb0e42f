internal import Blobs
internal import Kernel

/// Has the disk work on what is unpacked while more comes, or all of it would be waited for at the end: of 500 MB that is a
/// third of the time that they take. Layers that come together share one, so that many small ones do not wait either.
final class WriteOut: Sendable {
  private struct State: Sendable {
    /// Bytes that the disk was not told of.
    var waiting = 0
    var isEnded = false
    var isOver = false
    var failure: StoreError?
  }

  /// How much is unpacked before the disk begins with it: less is left to the end, where one write-out stands for all.
  private static let step = 64 << 20
  private let state = Monitor(State())
  /// Letting go of it waits for its end.
  private let thread: Thread

  /// - Parameter directory: on the file system that is written to.
  init(of directory: Path) throws(StoreError) {
    let state = state
    thread = try storing("cannot unpack a layer") { () throws(Fault) in
      try Thread("skiff-disk") {
        do throws(StoreError) { try Self.run(state, directory) } catch { state.update { $0.failure = error } }
        state.update { $0.isOver = true }
      }
    }
  }

  deinit { state.update { $0.isEnded = true } }

  /// So many bytes more are in files.
  func add(_ count: Int) { state.update { $0.waiting += count } }

  /// That was all: waits for the disk where it is at work.
  ///
  /// - Throws: what went wrong there. The kernel tells an error of the disk once, so the last write-out may not.
  func end() throws(StoreError) {
    state.update { $0.isEnded = true }
    if let failure = state.wait(until: { $0.isOver ? .some($0.failure) : nil }) { throw failure }
  }

  private static func run(_ state: Monitor<State>, _ directory: Path) throws(StoreError) {
    while isDue(state) {
      try storing("cannot write a layer to the disk") { () throws(Fault) in
        let opened = try open(directory, [.readOnly, .directory])
        try opened.borrowed.synchronizeFileSystem()
      }
    }
  }

  private static func isDue(_ state: Monitor<State>) -> Bool {
    state.wait { state in
      if state.isEnded { return false }
      guard state.waiting >= step else { return nil }
      state.waiting = 0
      return true
    }
  }
}
