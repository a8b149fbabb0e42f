import JSON
import Kernel
import Steps
import Testing

@testable import Cgroups

/// What `events --stats` says, from files of a directory that stands for a group.
@Suite struct EventStatisticsTests {
  private func json(_ statistics: EventStatistics) -> String {
    var writer = JSONWriter()
    statistics.write(to: &writer)
    return String(decoding: writer.finish(), as: UTF8.self)
  }

  private func withFiles(_ files: [String: String], _ body: (Path) throws -> Void) throws {
    try withTemporaryDirectory { top in
      for (name, text) in files {
        let path = top.appending(name)
        try makeDirectories(path.parent, mode: 0o755)
        try replaceFile(path, with: Array((text + "\n").utf8), durable: false)
      }
      try body(top)
    }
  }

  @Test func nothingKnownIsWhatRuncWritesForZeros() {
    #expect(
      json(EventStatistics())
        == #"{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},"#
        + #""cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"#
        + #""memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},"#
        + #""memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"#
        + #""kernelTCP":{"limit":0,"failcnt":0}},"pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}"#
    )
  }

  @Test func readsV2() throws {
    let files = [
      "web/cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 1\nthrottled_usec 9",
      "web/cpu.pressure":
        "some avg10=0.50 avg60=1.00 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0",
      "web/memory.stat": "anon 4096\nfile 8192\nslab 1",
      "web/memory.current": "16384", "web/memory.max": "max", "web/memory.peak": "20000",
      "web/memory.swap.current": "100", "web/memory.swap.max": "1000",
      "web/pids.current": "3", "web/pids.max": "max",
      "web/io.stat": "254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:0",
      "web/hugetlb.2MB.current": "5", "web/hugetlb.2MB.rsvd.current": "6", "web/hugetlb.2MB.events": "max 4",
    ]
    try withFiles(files) { top in
      let layout = CgroupLayout(
        unified: .init(
          mount: top, own: "", controllers: ["cpu", "cpuset", "memory", "pids", "io", "hugetlb"], isReadOnly: false),
        hierarchies: [], hasSwapLimit: true)
      let text = json(try Cgroup(group: "web", layout: layout).eventStatistics())
      #expect(text.contains(#""usage":{"total":5000,"kernel":2000,"user":3000},"#))
      #expect(text.contains(#""throttling":{"periods":7,"throttledPeriods":1,"throttledTime":9000},"#))
      #expect(text.contains(#""psi":{"some":{"avg10":0.5,"avg60":1,"avg300":0,"total":77}}},"cpuset""#))
      #expect(
        text.contains(#""memory":{"cache":8192,"usage":{"limit":18446744073709551615,"usage":16384,"max":20000,"#))
      // 1000 of swap beside memory without a limit is no limit of both.
      #expect(text.contains(#""swap":{"limit":18446744073709551615,"usage":16484,"failcnt":0}"#))
      #expect(text.contains(#""raw":{"anon":4096,"file":8192,"slab":1}"#))
      #expect(text.contains(#""pids":{"current":3}"#))
      #expect(
        text.contains(
          #""ioServiceBytesRecursive":[{"major":254,"op":"Read","value":10},{"major":254,"op":"Write","value":20},"#
            + #"{"major":254,"op":"Discard"}]"#))
      #expect(text.contains(#""hugetlb":{"2MB":{"usage":6,"failcnt":4}}"#))
    }
  }

  @Test func readsV1() throws {
    let files = [
      "cpu/web/cpu.stat": "nr_periods 2\nnr_throttled 1\nthrottled_time 30",
      "cpuacct/web/cpuacct.usage": "900", "cpuacct/web/cpuacct.usage_user": "500",
      "cpuacct/web/cpuacct.usage_sys": "400", "cpuacct/web/cpuacct.usage_percpu": "600 300 ",
      "cpuacct/web/cpuacct.usage_all": "cpu user system\n0 400 200\n1 100 200",
      "cpuset/web/cpuset.cpus": "0-1,4", "cpuset/web/cpuset.mems": "0", "cpuset/web/cpuset.sched_load_balance": "1",
      "cpuset/web/cpuset.sched_relax_domain_level": "-1",
      "memory/web/memory.stat": "cache 1\nrss 2", "memory/web/memory.usage_in_bytes": "10",
      "memory/web/memory.limit_in_bytes": "100", "memory/web/memory.max_usage_in_bytes": "20",
      "memory/web/memory.failcnt": "3",
      "blkio/web/blkio.throttle.io_serviced_recursive": "254:0 Read 5\n254:0 Total 5\nTotal 5",
    ]
    try withFiles(files) { top in
      let names = ["cpu", "cpuacct", "cpuset", "memory", "blkio"]
      let layout = CgroupLayout(
        unified: nil,
        hierarchies: names.map {
          .init(mount: top.appending($0), own: "", controllers: [$0], name: nil, isReadOnly: false)
        }, hasSwapLimit: true)
      let statistics = try Cgroup(group: "web", layout: layout).eventStatistics()
      #expect(statistics.processor.each == [600, 300])
      #expect(statistics.processor.eachUser == [400, 100] && statistics.processor.eachKernel == [200, 200])
      #expect(statistics.processor.pressure == nil)
      #expect(statistics.cpuset.cpus == [0, 1, 4] && statistics.cpuset.memoryNodes == [0])
      #expect(statistics.cpuset.loadBalance == 1 && statistics.cpuset.relaxDomainLevel == -1)
      #expect(statistics.memory.usage == .init(limit: 100, usage: 10, peak: 20, failures: 3))
      #expect(statistics.memory.kernel == .init())
      #expect(statistics.blockIO.operations.map(\.operation) == ["Read", "Total"])
      #expect(statistics.memory.raw == ["cache": 1, "rss": 2])
    }
  }

  /// The machine's own groups: no part is left out that the kernel has.
  @Test(.enabled(if: Machine.canMakeGroups)) func readsARealGroup() throws {
    try Machine.withGroup { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      // What it had before it came in is not counted: it takes memory while it is there.
      let shell = try Machine.start("x=; while :; do x=$x.; [ ${#x} -lt 100000 ] || x=; done", in: plan)
      let isSeen = try Machine.eventually {
        let statistics = try group.eventStatistics()
        return statistics.processor.total > 0 && (!layout.has("memory") || statistics.memory.usage.usage > 0)
      }
      #expect(isSeen)
      let statistics = try group.eventStatistics()
      if layout.has("pids") { #expect(statistics.processes.current == 1) }
      if layout.has("memory") { #expect(statistics.memory.usage.usage > 0 && !statistics.memory.raw.isEmpty) }
      try group.kill()
      _ = shell.waitForExit()
    }
  }
}
