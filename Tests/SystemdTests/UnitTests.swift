import Cgroups
import Kernel
import Steps
import Testing

@testable import Systemd

@Suite struct UnitTests {
  @Test func namesAUnitAsEnginesDo() throws {
    let name = try UnitName(cgroupsPath: "system.slice:docker:0123", identifier: "x", isUser: false)
    #expect(name.slice == "system.slice" && name.unit == "docker-0123.scope")
    #expect(try name.place().group == "system.slice/docker-0123.scope")
    let pod = try UnitName(
      cgroupsPath: "kubepods-besteffort-pod1.slice:cri-containerd:ab", identifier: "x", isUser: false)
    #expect(
      try pod.place().group
        == "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-ab.scope")
    #expect(
      try UnitName(cgroupsPath: nil, identifier: "web", isUser: false).place().group == "system.slice/runc-web.scope")
    let own = try UnitName(cgroupsPath: ":libpod:7", identifier: "x", isUser: true)
    #expect(
      try own.place(below: "/user.slice/user-1000.slice/user@1000.service").group
        == "user.slice/user-1000.slice/user@1000.service/user.slice/libpod-7.scope")
    #expect(try UnitName.path(ofSlice: "-.slice") == "")
  }

  @Test(arguments: [
    "/foo/bar", "a:b", "a:b:c:d", "a.slice:x/..:y", "system.slice:x:", "system.slice:x:y.slice", "../x.slice:a:b",
    "a--b.slice:x:y", "-a.slice:x:y", ".slice:x:y", "system.slice:x:y\n", "system:x:y", "system.slice:x:y z",
  ]) func whatIsNoUnitIsRefused(_ path: String) {
    #expect(throws: UnitError.self) { try UnitName(cgroupsPath: path, identifier: "x", isUser: false) }
  }

  @Test func tellsSystemdTheLimits() throws {
    var resources = Resources()
    resources.memory.limit = 64 << 20
    resources.memory.swap = 96 << 20
    resources.processor.quota = 33_333
    resources.processor.period = 100_000
    resources.processor.shares = 1024
    resources.processor.cpus = "0-1,9"
    resources.processes = 0
    let texts = try UnitProperty.properties(of: resources, version: .v2).map(\.description)
    #expect(
      texts == [
        "MemoryMax=67108864", "MemorySwapMax=33554432", "CPUWeight=100", "CPUQuotaPeriodUSec=100000",
        // 33.333 % is rounded up to whole per cents.
        "CPUQuotaPerSecUSec=340000", "AllowedCPUs=0,1,9", "TasksMax=1",
      ])
    resources.processor.quota = -1
    resources.processes = -1
    resources.memory.limit = -1
    resources.memory.swap = nil
    let open = try UnitProperty.properties(of: resources, version: .v1).map(\.description)
    #expect(open.contains("CPUQuotaPerSecUSec=infinity") && open.contains("TasksMax=infinity"))
    #expect(open.contains("MemoryLimit=infinity") && open.contains("CPUShares=1024"))
    resources.processor.cpus = "3-1"
    #expect(throws: UnitError.self) { try UnitProperty.properties(of: resources, version: .v2) }
  }

  @Test func tellsSystemdWhatItKnowsOfUnified() throws {
    var resources = Resources()
    resources.processor.quota = 1000
    resources.unified = [
      ("cpu.idle", "1"), ("cpu.max", "max 50000"), ("cpu.weight", "7"), ("cpuset.cpus", "1"), ("cpuset.mems", ""),
      ("hugetlb.2MB.max", "4194304"), ("memory.high", "max"), ("memory.max", "12"), ("memory.oom.group", "1"),
      ("memory.swap.max", "many"), ("pids.max", "0"),
    ].map { ControlSetting(file: Path($0.0), value: $0.1) }
    let texts = try UnitProperty.properties(of: resources, version: .v2).map(\.description)
    #expect(
      texts == [
        "CPUQuotaPerSecUSec=10000", "CPUWeight=0", "CPUQuotaPeriodUSec=50000", "CPUQuotaPerSecUSec=infinity",
        "CPUWeight=7", "AllowedCPUs=1", "MemoryHigh=infinity", "MemoryMax=12", "OOMPolicy=kill", "TasksMax=1",
      ])
    resources.unified = [ControlSetting(file: "cpu.max", value: "20000 100000 3")]
    #expect(try UnitProperty.properties(of: resources, version: .v2).map(\.description) == ["CPUQuotaPerSecUSec=10000"])
  }

  @Test func forbidsDevicesThatAreNotNamed() throws {
    var resources = Resources()
    resources.devices = [
      DeviceRule(allow: false, kind: .all, major: nil, minor: nil, access: "rwm"),
      DeviceRule(allow: true, kind: .character, major: 1, minor: 3, access: "rwm"),
      DeviceRule(allow: true, kind: .character, major: 136, minor: nil, access: "rw"),
      DeviceRule(allow: true, kind: .block, major: nil, minor: nil, access: "m"),
    ]
    let texts = try UnitProperty.properties(of: resources, version: .v2).map(\.description)
    #expect(
      texts == ["DevicePolicy=strict", "DeviceAllow=", "DeviceAllow=/dev/char/1:3 rwm, char-136 rw, block-* m"])
  }

  @Test func takesTheAnnotationsThatAreHarmless() throws {
    let properties = try UnitProperty.annotated([
      "org.systemd.property.TimeoutStopSec": "uint64 5", "org.systemd.property.CollectMode": "'inactive-or-failed'",
      "org.systemd.property.After": "['a.service', \"b.service\"]", "org.systemd.property.SendSIGHUP": "true",
      "org.systemd.property.RuntimeMaxUSec": "@t 7", "org.example.other": "x",
    ])
    #expect(
      properties.map(\.description) == [
        "After=a.service b.service", "CollectMode=inactive-or-failed", "RuntimeMaxUSec=7", "SendSIGHUP=true",
        "TimeoutStopUSec=5000000",
      ])
  }

  /// CVE-2024-3154: an annotation of an image must not reach what ends the machine or starts a program.
  @Test(arguments: [
    ("SuccessAction", "'poweroff'"), ("ExecStart", "'x'"), ("Slice", "'a.slice'"), ("Delegate", "false"),
    ("DevicePolicy", "'auto'"), ("PIDs", "[1]"), ("TimeoutStopSec", "uint64 99999999999999999999"),
    ("CollectMode", "'a\nb'"), ("CollectMode", "plain"), ("SendSIGHUP", "yes"), ("TimeoutStopSec", "-1"), ("", "1"),
  ]) func refusesTheOthers(_ name: String, _ value: String) {
    #expect(throws: UnitError.self) { try UnitProperty.annotated(["org.systemd.property." + name: value]) }
  }
}
