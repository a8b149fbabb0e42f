"""cgroupsPath and resources: where the process is, which file says what, and what it does."""
import os
import shutil

from harness import case, equal, has, host, skip_unless

# resource → (configuration, controller, file in v1, value there, file in v2, value there); None where a version has no such thing.
LIMITS = {
    "memory.limit": ({"memory": {"limit": 50331648}}, "memory", "memory.limit_in_bytes", "50331648", "memory.max", "50331648"),
    "memory.limit unlimited": ({"memory": {"limit": -1}}, "memory", "memory.limit_in_bytes", "9223372036854771712", "memory.max", "max"),
    "memory.reservation": ({"memory": {"reservation": 33554432}}, "memory", "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432"),
    "memory.swap": ({"memory": {"limit": 50331648, "swap": 67108864}}, "memory", "memory.memsw.limit_in_bytes", "67108864", "memory.swap.max", "16777216"),
    "memory.kernelTCP": ({"memory": {"kernelTCP": 8388608}}, "memory", "memory.kmem.tcp.limit_in_bytes", "8388608", None, None),
    "memory.swappiness": ({"memory": {"swappiness": 30}}, "memory", "memory.swappiness", "30", None, None),
    "memory.disableOOMKiller": ({"memory": {"limit": 50331648, "disableOOMKiller": True}}, "memory", "memory.oom_control", "oom_kill_disable 1", None, None),
    "cpu.shares": ({"cpu": {"shares": 512}}, "cpu", "cpu.shares", "512", "cpu.weight", "20"),
    "cpu.quota": ({"cpu": {"quota": 40000, "period": 80000}}, "cpu", "cpu.cfs_quota_us", "40000", "cpu.max", "40000 80000"),
    "cpu.period": ({"cpu": {"quota": 40000, "period": 80000}}, "cpu", "cpu.cfs_period_us", "80000", "cpu.max", "40000 80000"),
    "cpu.quota unlimited": ({"cpu": {"quota": -1}}, "cpu", "cpu.cfs_quota_us", "-1", "cpu.max", "max 100000"),
    "cpu.burst": ({"cpu": {"quota": 40000, "period": 80000, "burst": 20000}}, "cpu", "cpu.cfs_burst_us", "20000", "cpu.max.burst", "20000"),
    "cpu.idle": ({"cpu": {"idle": 1}}, "cpu", "cpu.idle", "1", "cpu.idle", "1"),
    "cpu.cpus": ({"cpu": {"cpus": "0"}}, "cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0"),
    "cpu.mems": ({"cpu": {"mems": "0"}}, "cpuset", "cpuset.mems", "0", "cpuset.mems", "0"),
    "pids.limit": ({"pids": {"limit": 77}}, "pids", "pids.max", "77", "pids.max", "77"),
    "pids.limit unlimited": ({"pids": {"limit": -1}}, "pids", "pids.max", "max", "pids.max", "max"),
}
SINCE = {"cpu.burst": {"runc": "1.2", "crun": "1.9"}, "cpu.idle": {"runc": "1.2", "crun": "1.3"}}


def value(box, row):
    _, controller, file1, expected1, file2, expected2 = row
    skip_unless(host.has_controller(controller), f"this host has no {controller} controller")
    file, expected = (file1, expected1) if host.is_v1(controller) else (file2, expected2)
    skip_unless(file, "the other version of cgroups has this")
    path = os.path.join(host.cgroup_directory(controller, box.cgroup), file)
    skip_unless(os.path.exists(path), f"this kernel has no {file}")
    with open(path) as text:
        return text.read().strip(), expected


@case("config-linux.md", "You can configure a container's cgroups via the `resources` field of the Linux configuration.",
      each=[name for name in LIMITS if name not in SINCE], differs={"runc": "warns that it ignores limits of kernel memory", "crun": "1.8 writes -1 as it is"})
def resource(box, name):
    box.linux["resources"] |= LIMITS[name][0]
    box.up()
    seen, expected = value(box, LIMITS[name])
    assert seen == expected or seen.startswith(expected + "\n"), f"{name}: expected {expected}, got {seen}"


@case("config-linux.md", "`burst` (uint64, OPTIONAL) … `idle` (int64, OPTIONAL)", each=list(SINCE), since={"runc": "1.2", "crun": "1.9"})
def resource_new(box, name):
    resource(box, name)


THROTTLES = {"throttleReadBpsDevice": "read_bps", "throttleWriteBpsDevice": "write_bps", "throttleReadIOPSDevice": "read_iops", "throttleWriteIOPSDevice": "write_iops"}


@case("config-linux.md", "an array of per-device bandwidth rate limits … an array of per-device IO rate limits", each=list(THROTTLES))
def throttle(box, name):
    skip_unless(host.is_v1("blkio"), "the file is that of v1")
    number = os.stat("/").st_dev
    major, minor = os.major(number), os.minor(number)
    box.linux["resources"]["blockIO"] = {name: [{"major": major, "minor": minor, "rate": 1048576}]}
    box.up()
    equal(box.cgroup_value("blkio", f"blkio.throttle.{THROTTLES[name]}_device"), f"{major}:{minor} 1048576")


@case("config-linux.md", "`weight` (uint16, OPTIONAL) - specifies per-cgroup weight.")
def block_weight(box):
    skip_unless(host.is_v1("blkio"), "the file is that of v1")
    names = [name for name in ("blkio.weight", "blkio.bfq.weight") if os.path.exists(host.cgroup_directory("blkio", "/" + name))]
    skip_unless(names, "this kernel has no weight of block devices")
    box.linux["resources"]["blockIO"] = {"weight": 300}
    box.up()
    has([box.cgroup_value("blkio", name) for name in names], "300")


@case("runtime.md", "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new container MUST NOT be created.",
      each={"cpus": {"cpu": {"cpus": "4000"}}, "cpus text": {"cpu": {"cpus": "x"}}, "mems": {"cpu": {"mems": "4000"}}, "period": {"cpu": {"period": 1}},
            "quota": {"cpu": {"quota": 5, "period": 100000}}, "swappiness": {"memory": {"swappiness": 300}},
            "hugepage": {"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]}, "page text": {"hugepageLimits": [{"pageSize": "big", "limit": 1}]}},
      differs={"runc": "1.1 passes over hugetlb where v1 has none", "crun": "1.8 leaves some out"})
def resource_refused(box, resources):
    box.linux["resources"] |= resources
    box.refused(command="run")


@case("config-linux.md", "If specified with any (valid) positive value, it MUST be no smaller than `burst` (runtimes MAY generate an error).")
def burst_over_quota_is_not_silent(box):
    """Where it is accepted, the kernel must have taken it: nothing may be dropped without a word."""
    box.linux["resources"]["cpu"] = {"quota": 10000, "period": 50000, "burst": 20000}
    if box.attempt("true").status != 0:
        box.nothing_left()


@case("config-linux.md", "`limit` (int64, REQUIRED) - specifies the maximum number of tasks in the cgroup")
def pids_limit_holds(box):
    skip_unless(host.has_controller("pids"), "this host has no pids controller")
    box.linux["resources"]["pids"] = {"limit": 12}
    count = int(box.run("/probe forks 50").strip().split("=")[1])
    assert 5 <= count < 12, f"{count} forks of at most 12 tasks"


@case("config-linux.md", "If enabled (`false`), tasks that attempt to consume more memory than they are allowed are immediately killed by the OOM killer.")
def memory_limit_holds(box):
    skip_unless(host.has_controller("memory"), "this host has no memory controller")
    box.linux["resources"]["memory"] = {"limit": 33554432, "swap": 33554432}
    box.process["args"] = ["/probe", "allocate", "128"]
    equal(box.attempt().status, 137)


@case("config-linux.md", "`cpus` (string, OPTIONAL) - list of CPUs the container will run in")
def cpus_hold(box):
    skip_unless(host.has_controller("cpuset") and os.cpu_count() > 1, "one CPU, or no cpuset controller")
    box.linux["resources"]["cpu"] = {"cpus": "1", "mems": "0"}
    equal(box.run("/probe affinity").split(), ["1"])


@case("config-linux.md", "In the case of an absolute path (starting with `/`), the runtime MUST take the path to be relative to the cgroups mount point.")
def path_absolute(box):
    lines = [line for line in box.run("cat /proc/self/cgroup").splitlines() if ":memory:" in line or line.startswith("0::")]
    assert any(line.split(":", 2)[2] == box.cgroup for line in lines), lines


@case("config-linux.md", "In the case of a relative path (not starting with `/`), the runtime MAY interpret the path relative to a runtime-determined location in the cgroups hierarchy.")
def path_relative(box):
    box.linux["cgroupsPath"] = box.cgroup.lstrip("/")
    lines = box.run("cat /proc/self/cgroup").splitlines()
    assert any(box.cgroup in line for line in lines), lines


@case("config-linux.md", "If the value is specified, the runtime MUST consistently attach to the same place in the cgroups hierarchy given the same value of `cgroupsPath`.")
def path_is_consistent(box):
    equal(box.run("cat /proc/self/cgroup"), box.run("cat /proc/self/cgroup"))


@case("config-linux.md", "If the value is not specified, the runtime MAY define the default cgroups path.")
def path_absent(box):
    del box.linux["cgroupsPath"]
    box.up()
    with open(f"/proc/{box.pid()}/cgroup") as lines:
        paths = {line.strip().split(":", 2)[2] for line in lines}
    own = [path for path in paths if box.id in path]
    assert own, paths
    box.must("delete", "--force", box.id)
    equal([found for path in own for found in host.cgroup_directories(path)], [])


@case("config-linux.md", "The cgroups will be created if they don't exist.", each=["/deep/er/still", "/with space", "/with:colon", "/with.dots.in.it"])
def path_is_made(box, suffix):
    box.linux["cgroupsPath"] = box.cgroup + suffix
    box.up()
    controller = "memory" if host.is_v1("memory") else ""
    assert os.path.isdir(host.cgroup_directory(controller, box.cgroup + suffix))
    box.must("delete", "--force", box.id)
    equal(host.cgroup_directories(box.cgroup + suffix), [])
    for directory in host.cgroup_directories(box.cgroup):
        for inner, _, _ in os.walk(directory, topdown=False):
            os.rmdir(inner)


@case("config-linux.md", "The value of `cgroupsPath` MUST be either an absolute path or a relative path.", each=["/../../../tmp/x", "../../x", "/a/../../../b"],
      differs={"crun": "1.8 climbs out of the hierarchy"})
def path_never_climbs(box, path):
    """Refused, or taken to be below the mount point: nothing is made beside it."""
    box.linux["cgroupsPath"] = box.workshop.cgroup + "/c" + path
    before = set(os.listdir("/sys/fs/cgroup"))
    box.attempt("true")
    made = set(os.listdir("/sys/fs/cgroup")) - before
    for name in made:
        shutil.rmtree("/sys/fs/cgroup/" + name)
    equal(made, set())
    equal(os.path.exists("/tmp/x/cgroup.procs"), False)


@case("config-linux.md", "Note that resources associated with the container, but not created by this container, MUST NOT be deleted.")
def group_that_was_there_before(box):
    """A parent that an engine has made for a pod stays when the container goes."""
    parents = [mount + box.cgroup for mount in set(host.hierarchies().values())]
    for parent in parents:
        os.makedirs(parent)
    box.linux["cgroupsPath"] = box.cgroup + "/inner"
    box.run("true")
    equal([parent for parent in parents if not os.path.isdir(parent)], [])
    equal(host.cgroup_directories(box.cgroup + "/inner"), [])
    for parent in parents:
        os.rmdir(parent)


@case("config-linux.md", "`cgroup` the container will have an isolated view of the cgroup hierarchy.")
def processes_of_exec_are_in_the_group(box):
    box.up()
    one, other = box.execute("cat /proc/self/cgroup; echo ===; cat /proc/1/cgroup").split("===\n")
    equal(one, other)


@case("runtime.md", "Deleting a container MUST delete the resources that were created during the `create` step.")
def groups_made_inside_go_too(box):
    """A container that may write its group makes one below; delete takes it as well."""
    box.up()
    controller = "memory" if host.is_v1("memory") else ""
    os.mkdir(host.cgroup_directory(controller, box.cgroup) + "/below")
    box.must("delete", "--force", box.id)
    box.nothing_left()


@case("config-linux.md", "Runtimes SHOULD NOT change the ownership of container cgroups when cgroups v1 is in use.")
def owner_stays_in_v1(box):
    skip_unless(host.is_v1("memory"), "this host has v2")
    box.user_namespace()
    box.namespace("cgroup")
    box.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rw", "nosuid", "noexec", "nodev"])
    box.up()
    equal(os.stat(host.cgroup_directory("memory", box.cgroup)).st_uid, 0)


@case("config-linux.md", "The runtime MUST generate an error when the configuration refers to a cgroup controller that is not present or that cannot be enabled.",
      differs={"runc": "1.1 ignores unified in a v1 layout", "crun": "ignores it without v2"})
def unified_of_no_controller(box):
    box.linux["resources"]["unified"] = {"nosuch.max": "1"}
    box.refused("nosuch", "unified", command="run")


@case("config-linux.md", "`intelRdt` … If no mounted `resctrl` pseudo-filesystem is available in the runtime mount namespace, the runtime MUST generate an error.",
      differs={"crun": "1.8 ignores it", "runc": "ignores some"})
def rdt_where_there_is_none(box):
    with open("/proc/self/mountinfo") as mounts:
        skip_unless(" - resctrl " not in mounts.read(), "resctrl is mounted")
    box.linux["intelRdt"] = {"closID": "x", "l3CacheSchema": "L3:0=f"}
    box.refused("resctrl", "rdt", command="run")
