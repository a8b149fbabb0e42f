internal import Arguments

// Limits: what each option takes, and what they mean together.

/// The number as Linux's cpuset takes it back: `0-3,6`. Docker's check: numbers and ranges upwards, nothing else.
package func parseCPUSet(_ text: String) throws(OptionError) -> String {
  let reason = "expected numbers and ranges such as 0-3 or 0,2"
  for part in text.split(separator: ",", omittingEmptySubsequences: false) {
    let ends = part.split(separator: "-", omittingEmptySubsequences: false)
    let numbers = ends.compactMap { $0.utf8.allSatisfy { (48...57).contains($0) } ? Int($0) : nil }
    guard (1...2).contains(ends.count), numbers.count == ends.count, numbers.allSatisfy({ $0 < 8192 }),
      numbers[0] <= numbers[numbers.count - 1]
    else { throw OptionError(reason) }
  }
  return text
}

extension ResourceRequest {
  /// The least memory that docker lets a container have: with less not even the start fits.
  package static let leastMemory: Int64 = 6 << 20

  /// `--cpus`: a quota in each period of 100 ms.
  ///
  /// - Parameter available: how many processors there are; nil where that is not known.
  package mutating func setCPUs(nano: Int64, available: Int? = nil) throws(OptionError) {
    if cpuPeriod != nil || cpuQuota != nil {
      throw OptionError("it cannot be set together with --cpu-period or --cpu-quota: it is the same limit")
    }
    guard nano >= 10_000_000 else { throw OptionError("the least is 0.01 of a CPU") }
    if let available, nano > Int64(available) * 1_000_000_000 {
      throw OptionError("there are only \(available) CPUs: the range is from 0.01 to \(available)")
    }
    cpuPeriod = 100_000
    cpuQuota = nano / 10_000
  }

  /// What the single values mean together (docker's verifyPlatformContainerResources).
  package func check(isChange: Bool = false) throws(OptionError) {
    if let memory, memory < ResourceRequest.leastMemory { throw OptionError("the least memory limit is 6m") }
    if let memorySwap, memorySwap != -1 {
      if memory == nil && !isChange {
        throw OptionError("--memory-swap needs --memory: it counts memory and swap together")
      }
      if let memory, memorySwap < memory {
        throw OptionError("--memory-swap counts memory and swap together, so it cannot be less than --memory")
      }
    }
    if let memoryReservation {
      if memoryReservation < ResourceRequest.leastMemory { throw OptionError("the least memory reservation is 6m") }
      if let memory, memory < memoryReservation {
        throw OptionError("--memory-reservation is a soft limit below --memory, so it cannot be more")
      }
    }
    if let cpuPeriod, !(1000...1_000_000).contains(cpuPeriod) {
      throw OptionError("--cpu-period is in microseconds, from 1000 to 1000000")
    }
    if let cpuQuota, cpuQuota != -1, cpuQuota < 1000 {
      throw OptionError("--cpu-quota is in microseconds, at least 1000, or -1 for no limit")
    }
  }
}
