package import JSON

// runc writes these by Go's encoding/json: the order is that of its structs, and `omitempty` leaves out zeros and empty lists
// where it stands, but never a struct.

extension EventStatistics: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("cpu", processor)
      $0.member("cpuset", cpuset)
      $0.member("memory", memory)
      $0.member("pids", processes)
      $0.member("blkio", blockIO)
      $0.member("hugetlb", hugePages)
      $0.object("intel_rdt") { _ in }
      // Of veth pairs that runc itself would have made: from a bundle it never makes one.
      $0.key("network_interfaces")
      $0.null()
    }
  }
}

extension EventStatistics.Processor: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.object("usage") {
        $0.member("total", total.nonZero)
        $0.member("percpu", each.nonEmpty)
        $0.member("percpu_kernel", eachKernel.nonEmpty)
        $0.member("percpu_user", eachUser.nonEmpty)
        $0.member("kernel", kernel)
        $0.member("user", user)
      }
      $0.object("throttling") {
        $0.member("periods", periods.nonZero)
        $0.member("throttledPeriods", throttledPeriods.nonZero)
        $0.member("throttledTime", throttled.nonZero)
      }
      $0.member("psi", pressure)
    }
  }
}

extension EventStatistics.Cpuset: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("cpus", cpus.nonEmpty)
      $0.member("cpu_exclusive", cpuExclusive)
      $0.member("mems", memoryNodes.nonEmpty)
      $0.member("mem_hardwall", memoryHardwall)
      $0.member("mem_exclusive", memoryExclusive)
      $0.member("memory_migrate", memoryMigrate)
      $0.member("memory_spread_page", memorySpreadPage)
      $0.member("memory_spread_slab", memorySpreadSlab)
      $0.member("memory_pressure", memoryPressure)
      $0.member("sched_load_balance", loadBalance)
      $0.member("sched_relax_domain_level", relaxDomainLevel)
    }
  }
}

extension EventStatistics.Memory: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("cache", cache.nonZero)
      $0.member("usage", usage)
      $0.member("swap", swap)
      $0.member("kernel", kernel)
      $0.member("kernelTCP", kernelTCP)
      if !raw.isEmpty {
        $0.object("raw") { for (key, value) in raw.sorted(by: { $0.key < $1.key }) { $0.member(key, value) } }
      }
      $0.member("psi", pressure)
    }
  }
}

extension EventStatistics.MemoryEntry: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("limit", limit)
      $0.member("usage", usage.nonZero)
      $0.member("max", peak.nonZero)
      $0.member("failcnt", failures)
    }
  }
}

extension EventStatistics.Processes: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("current", current.nonZero)
      $0.member("limit", limit.nonZero)
    }
  }
}

extension EventStatistics.BlockIO: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("ioServiceBytesRecursive", bytes.nonEmpty)
      $0.member("ioServicedRecursive", operations.nonEmpty)
      $0.member("ioQueueRecursive", queued.nonEmpty)
      $0.member("ioServiceTimeRecursive", serviceTime.nonEmpty)
      $0.member("ioWaitTimeRecursive", waitTime.nonEmpty)
      $0.member("ioMergedRecursive", merged.nonEmpty)
      $0.member("ioTimeRecursive", time.nonEmpty)
      $0.member("sectorsRecursive", sectors.nonEmpty)
      $0.member("psi", pressure)
    }
  }
}

extension EventStatistics.BlockEntry: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("major", major.nonZero)
      $0.member("minor", minor.nonZero)
      $0.member("op", operation.isEmpty ? nil : operation)
      $0.member("value", value.nonZero)
    }
  }
}

extension EventStatistics.HugePages: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("usage", usage.nonZero)
      $0.member("max", peak.nonZero)
      $0.member("failcnt", failures)
    }
  }
}

extension EventStatistics.Pressure: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      if some != EventStatistics.Stall() { $0.member("some", some) }
      if full != EventStatistics.Stall() { $0.member("full", full) }
    }
  }
}

extension EventStatistics.Stall: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.number("avg10", average10)
      $0.number("avg60", average60)
      $0.number("avg300", average300)
      $0.member("total", total)
    }
  }
}

extension JSONWriter {
  fileprivate mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
    key(name)
    object(body)
  }

  /// Go writes a whole number without a point. By its text: Double's own rounding needs the C library's mathematics.
  fileprivate mutating func number(_ name: String, _ value: Double) {
    let text = value.description
    if text.hasSuffix(".0"), let whole = Int64(text.dropLast(2)) { member(name, whole) } else { member(name, value) }
  }
}

extension UInt64 {
  fileprivate var nonZero: UInt64? { self == 0 ? nil : self }
}

extension Array {
  fileprivate var nonEmpty: [Element]? { isEmpty ? nil : self }
}
