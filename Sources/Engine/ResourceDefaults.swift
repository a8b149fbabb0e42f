internal import Cgroups
internal import Kernel

extension Engine {
  /// Limits that follow from others, as docker has them: memory and swap together are twice the memory where nothing else
  /// is said, so that a limit of memory is one on a host with swap too.
  ///
  /// - Returns: what a person should know about it, in words.
  func completeLimits(_ resources: inout ResourceRequest) throws(Failure) -> [String] {
    guard let memory = resources.memory, memory > 0, resources.memorySwap == nil else { return [] }
    if try layout().hasSwapLimit {
      let (twice, overflow) = memory.multipliedReportingOverflow(by: 2)
      resources.memorySwap = overflow ? -1 : twice
      return []
    }
    // Without swap on the host there is nothing that could escape the limit.
    let swaps = (try? readText("/proc/swaps").split(separator: "\n").count) ?? 0
    return swaps > 1
      ? ["this kernel does not count swap: memory is limited, swap is not (start the kernel with swapaccount=1)"] : []
  }
}
