import Testing
import Kernel

@testable import Cgroups

/// What some distributions show in /proc/self/mountinfo and /proc/self/cgroup.
struct Fixture: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var mountInformation: String
  var membership: String
  /// Files of cgroupfs that detection asks for.
  var files: [String: String] = [:]

  var layout: CgroupLayout {
    CgroupLayout(mountInformation: Array(mountInformation.utf8), membership: Array(membership.utf8)) { path in
      files[path.string].map { Array($0.utf8) }
    }
  }

  static let debian12 = Fixture(
    testDescription: "Debian 12, v2",
    mountInformation: """
      23 28 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
      24 28 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw
      28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard,errors=remount-ro
      32 23 0:28 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot

      """,
    membership: "0::/user.slice/user-0.slice/session-3.scope\n",
    files: [
      "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
      "/sys/fs/cgroup/user.slice/user-0.slice/session-3.scope/memory.max": "max\n",
      "/sys/fs/cgroup/user.slice/user-0.slice/session-3.scope/memory.swap.max": "max\n",
    ])

  static let rocky9 = Fixture(
    testDescription: "Rocky Linux 9, v2",
    mountInformation: """
      22 61 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:2 - sysfs sysfs rw,seclabel
      26 22 0:23 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,seclabel,nsdelegate,memory_recursiveprot
      61 1 253:0 / / rw,relatime shared:1 - xfs /dev/mapper/rl-root rw,seclabel,attr2,inode64,logbufs=8,logbsize=32k,noquota

      """,
    membership: "0::/\n",
    files: [
      "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
      "/sys/fs/cgroup/init.scope/memory.max": "max\n",
    ])

  static let centOS7 = Fixture(
    testDescription: "CentOS 7, v1",
    mountInformation: """
      17 41 0:17 / /sys rw,nosuid,nodev,noexec,relatime shared:6 - sysfs sysfs rw,seclabel
      24 17 0:20 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs ro,seclabel,mode=755
      25 24 0:21 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:9 - cgroup cgroup rw,seclabel,xattr,release_agent=/usr/lib/systemd/systemd-cgroups-agent,name=systemd
      27 24 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:10 - cgroup cgroup rw,seclabel,cpuacct,cpu
      28 24 0:24 / /sys/fs/cgroup/net_cls,net_prio rw,nosuid,nodev,noexec,relatime shared:11 - cgroup cgroup rw,seclabel,net_prio,net_cls
      29 24 0:25 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:12 - cgroup cgroup rw,seclabel,memory
      30 24 0:26 / /sys/fs/cgroup/blkio rw,nosuid,nodev,noexec,relatime shared:13 - cgroup cgroup rw,seclabel,blkio
      31 24 0:27 / /sys/fs/cgroup/freezer rw,nosuid,nodev,noexec,relatime shared:14 - cgroup cgroup rw,seclabel,freezer
      32 24 0:28 / /sys/fs/cgroup/pids rw,nosuid,nodev,noexec,relatime shared:15 - cgroup cgroup rw,seclabel,pids
      33 24 0:29 / /sys/fs/cgroup/devices rw,nosuid,nodev,noexec,relatime shared:16 - cgroup cgroup rw,seclabel,devices
      34 24 0:30 / /sys/fs/cgroup/cpuset rw,nosuid,nodev,noexec,relatime shared:17 - cgroup cgroup rw,seclabel,cpuset

      """,
    membership: """
      10:cpuset:/
      9:devices:/user.slice
      8:pids:/user.slice
      7:freezer:/
      6:blkio:/user.slice
      5:memory:/user.slice
      4:net_prio,net_cls:/
      3:cpuacct,cpu:/user.slice
      1:name=systemd:/user.slice/user-0.slice/session-1.scope

      """,
    files: ["/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": "9223372036854771712\n"])

  static let hybrid = Fixture(
    testDescription: "hybrid",
    mountInformation: """
      31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
      32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
      33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
      34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
      35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
      36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
      37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
      38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
      39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
      40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw

      """,
    membership: """
      9:name=systemd:/
      8:pids:/
      7:blkio:/
      6:freezer:/
      5:devices:/
      4:memory:/api/53d2
      3:cpuset:/
      2:cpuacct:/
      1:cpu:/
      0::/

      """,
    files: [
      "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n",
      "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": "9223372036854771712\n",
    ])

  static let all = [debian12, rocky9, centOS7, hybrid]
}
