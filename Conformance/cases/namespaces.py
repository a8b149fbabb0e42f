"""linux.namespaces: made, joined, inherited, refused; mappings; clocks; host and domain name."""
import os
import socket
import subprocess

from harness import case, equal

FILES = {"pid": "pid", "network": "net", "mount": "mnt", "ipc": "ipc", "uts": "uts", "user": "user", "cgroup": "cgroup", "time": "time"}
TIME = {"runc": "1.2", "crun": "1.15"}


def inside(box, kind):
    return box.run(f"readlink /proc/self/ns/{FILES[kind]}").strip()


def here(kind):
    return os.readlink(f"/proc/self/ns/{FILES[kind]}")


@case("config-linux.md", "If `path` is not specified, the runtime MUST create a new container namespace of type `type`.",
      each=["pid", "network", "mount", "ipc", "uts", "cgroup"])
def made(box, kind):
    box.namespace(kind)
    assert inside(box, kind) != here(kind), f"the container is in the host's {kind} namespace"


@case("config-linux.md", "`user` the container will be able to remap user and group IDs from the host to local users and groups within the container.")
def made_user(box):
    box.user_namespace()
    assert inside(box, "user") != here("user")


@case("config-linux.md", "`time` the container will be able to have its own clocks.", since=TIME)
def made_time(box):
    box.namespace("time")
    assert inside(box, "time") != here("time")


@case("config-linux.md", "If a namespace type is not specified in the `namespaces` array, the container MUST inherit the runtime namespace of that type.",
      each=["pid", "network", "ipc", "uts", "user", "cgroup", "time"])
def inherited(box, kind):
    box.namespace(kind, False)
    if kind == "uts":
        del box.config["hostname"]
    if kind == "network":
        box.config["mounts"] = [mount for mount in box.config["mounts"] if mount["destination"] != "/sys"]
    equal(inside(box, kind), here(kind))


FLAGS = {"network": "-n", "ipc": "-i", "uts": "-u", "cgroup": "-C", "pid": "-p"}


@case("config-linux.md", "The runtime MUST place the container process in the namespace associated with that `path`.", each=list(FLAGS))
def joined(box, kind):
    pid = box.unshared(FLAGS[kind])
    path = f"/proc/{pid}/ns/{FILES[kind]}"
    box.namespace(kind, path)
    if kind == "uts":
        del box.config["hostname"]
    equal(inside(box, kind), os.readlink(path))


@case("config-linux.md", "The runtime MUST place the container process in the namespace associated with that `path`.", since=TIME)
def joined_time(box):
    pid = box.unshared("-T")
    box.namespace("time", f"/proc/{pid}/ns/time")
    equal(inside(box, "time"), os.readlink(f"/proc/{pid}/ns/time"))


@case("config-linux.md", "The runtime MUST place the container process in the namespace associated with that `path`.",
      differs={"runc": "1.1 needs the mappings to be there again"})
def joined_user(box):
    pid = box.unshared("-U", "--map-root-user")
    for mount in box.config["mounts"]:  # group 5 is not mapped there
        mount["options"] = [option for option in mount.get("options", []) if option != "gid=5"]
    box.namespace("user", f"/proc/{pid}/ns/user")
    equal(inside(box, "user"), os.readlink(f"/proc/{pid}/ns/user"))


@case("config-linux.md", "The runtime MUST place the container process in the namespace associated with that `path`.")
def joined_network_of_a_bound_file(box):
    """As `ip netns` and every network plugin keep them: a namespace bound to a file, no process in it."""
    pid = box.unshared("-n")
    file = box.file("netns")
    subprocess.run(["mount", "--bind", f"/proc/{pid}/ns/net", file], check=True)
    box.defer(lambda: subprocess.run(["umount", file], check=True))
    box.namespace("network", file)
    equal(inside(box, "network"), os.readlink(f"/proc/{pid}/ns/net"))


@case("config-linux.md", "The runtime MUST place the container process in the namespace associated with that `path`.")
def joined_two_of_another_container(box):
    """A pod: the second container is in the first one's network and ipc namespaces."""
    box.up()
    pid, first = box.pid(), box.id
    box.id = first + "-second"
    box.ids.add(box.id)
    box.linux["cgroupsPath"] = box.cgroup + "/second"
    box.namespace("network", f"/proc/{pid}/ns/net")
    box.namespace("ipc", f"/proc/{pid}/ns/ipc")
    out = box.run("readlink /proc/self/ns/net; readlink /proc/self/ns/ipc").split()
    equal(out, [os.readlink(f"/proc/{pid}/ns/net"), os.readlink(f"/proc/{pid}/ns/ipc")])


@case("config-linux.md", "The runtime MUST generate an error if `path` is not associated with a namespace of type `type`.",
      each={"network as ipc": ("ipc", "net"), "ipc as network": ("network", "ipc"), "uts as pid": ("pid", "uts"),
            "user as uts": ("uts", "user"), "mount as cgroup": ("cgroup", "mnt")})
def joined_of_another_type(box, pair):
    kind, file = pair
    box.namespace(kind, f"/proc/{os.getpid()}/ns/{file}")
    if kind == "uts":
        del box.config["hostname"]
    box.refused()


@case("config-linux.md", "The runtime MUST generate an error if `path` is not associated with a namespace of type `type`.",
      each={"missing": "/no/such/ns", "plain file": "/etc/hostname", "directory": "/proc", "null": "/dev/null"})
def joined_of_nothing(box, path):
    box.namespace("network", path)
    box.refused()


@case("config-linux.md", "This value MUST be an absolute path in the runtime mount namespace.", differs={"crun": "takes any path", "runc": "1.1 takes any path"})
def joined_by_a_relative_path(box):
    box.namespace("network", os.path.relpath(f"/proc/{os.getpid()}/ns/net", box.bundle))
    box.refused("absolute", "/linux/namespaces", "namespace")


@case("config-linux.md", "If a `namespaces` field contains duplicated namespaces with same `type`, the runtime MUST generate an error.",
      each=["pid", "network", "uts", "mount"], differs={"crun": "1.8 takes the last"})
def doubled(box, kind):
    box.linux["namespaces"].append({"type": kind})
    box.refused("duplicate", "twice", kind)


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.", each=["net", "PID", "", "mnt", "network "])
def of_an_unknown_type(box, kind):
    box.linux["namespaces"].append({"type": kind})
    box.refused("namespace")


@case("config-linux.md", "`pid` processes inside the container will only be able to see other processes inside the same container or inside the same pid namespace.")
def pid_hides_the_host(box):
    pids = [name for name in box.run("cd /proc; echo [0-9]*").split()]
    assert "1" in pids and len(pids) <= 3, pids


@case("config-linux.md", "`pid` processes inside the container will only be able to see other processes inside the same container or inside the same pid namespace.")
def pid_one_is_the_program(box):
    equal(box.run("echo $$").strip(), "1")


@case("config-linux.md", "`network` the container will have its own network stack.")
def network_has_nothing_but_loopback(box):
    equal(box.run("ls /sys/class/net").split(), ["lo"])


@case("config-linux.md", "`ipc` processes inside the container will only be able to communicate to other processes inside the same container via system level IPC.")
def ipc_is_empty(box):
    equal(box.run("cat /proc/sysvipc/shm | wc -l").strip(), "1")


@case("config-linux.md", "`cgroup` the container will have an isolated view of the cgroup hierarchy.")
def cgroup_root_is_the_containers(box):
    box.namespace("cgroup")
    for line in box.run("cat /proc/self/cgroup").splitlines():
        if line.startswith("0::") and "conform" not in box.linux["cgroupsPath"]:
            continue
        equal(line.split(":")[2], "/", line)


@case("config.md", "`hostname` (string, OPTIONAL) specifies the container's hostname as seen by processes running inside the container.",
      each=["box", "a.long.name.example.org", "x" * 64])
def hostname(box, name):
    box.config["hostname"] = name
    equal(box.run("cat /proc/sys/kernel/hostname").strip(), name)


@case("config.md", "`hostname` (string, OPTIONAL) specifies the container's hostname as seen by processes running inside the container.")
def hostname_leaves_the_hosts(box):
    before = socket.gethostname()
    box.config["hostname"] = "elsewhere"
    box.run("true")
    equal(socket.gethostname(), before)


@case("runtime.md", "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new container MUST NOT be created.")
def hostname_too_long(box):
    box.config["hostname"] = "x" * 65
    box.refused("hostname")


@case("config.md", "Depending on your namespace configuration, the container UTS namespace may be the runtime UTS namespace.")
def hostname_without_a_namespace(box):
    """Whether it is refused is open; what counts is that the host keeps its name."""
    before = socket.gethostname()
    box.namespace("uts", False)
    box.config["hostname"] = before
    box.attempt("true")
    equal(socket.gethostname(), before)


@case("config.md", "`domainname` (string, OPTIONAL) specifies the container's domainname as seen by processes running inside the container.",
      since={"runc": "1.2"})
def domainname(box):
    box.config["domainname"] = "conform.example"
    equal(box.run("cat /proc/sys/kernel/domainname").strip(), "conform.example")


# Mappings

@case("config-linux.md", "`uidMappings` (array of objects, OPTIONAL) describes the user namespace uid mappings from the host to the container.")
def mapping_is_written(box):
    box.user_namespace(123000, 777)
    equal([line.split() for line in box.run("cat /proc/self/uid_map /proc/self/gid_map").splitlines()], [["0", "123000", "777"]] * 2)


@case("config-linux.md", "Note that the number of mapping entries MAY be limited by the kernel.")
def mapping_of_three_ranges(box):
    box.user_namespace()
    ranges = [{"containerID": start, "hostID": host, "size": 10} for start, host in ((0, 200000), (10, 300000), (100, 400000))]
    box.linux["uidMappings"] = box.linux["gidMappings"] = ranges
    equal([line.split()[1] for line in box.run("cat /proc/self/uid_map").splitlines()], ["200000", "300000", "400000"])


@case("config-linux.md", "`hostID` (uint32, REQUIRED) - is the starting uid/gid on the host to be mapped to containerID.")
def mapping_gives_the_process_its_host_id(box):
    box.user_namespace(100000)
    box.process["user"] = {"uid": 5, "gid": 6}
    box.up()
    with open(f"/proc/{box.pid()}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    equal((fields["Uid"].split()[0], fields["Gid"].split()[0]), ("100005", "100006"))


@case("config-linux.md", "The runtime SHOULD NOT modify the ownership of referenced filesystems to realize the mapping.")
def mapping_leaves_the_owners(box):
    box.user_namespace()
    box.run("true")
    equal({os.lstat(os.path.join(box.rootfs, name)).st_uid for name in ("", "bin", "etc/passwd", "tmp")}, {0})


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.",
      each={"without namespace": "namespace", "overlapping": "overlap", "empty size": "size", "too large": "large"},
      differs={"crun": "leaves it to the kernel or ignores it", "runc": "leaves some to the kernel"})
def mapping_refused(box, fault):
    box.user_namespace()
    entry = box.linux["uidMappings"][0]
    if fault == "namespace":
        box.namespace("user", False)
    elif fault == "overlap":
        box.linux["uidMappings"] = [entry, {**entry, "hostID": 300000}]
    elif fault == "size":
        box.linux["uidMappings"] = [{**entry, "size": 0}]
    else:
        box.linux["uidMappings"] = [{**entry, "hostID": 4294967000, "size": 65536}]
    box.refused()


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.")
def user_out_of_the_mapping(box):
    box.user_namespace(100000, 10)
    box.process["user"] = {"uid": 11, "gid": 0}
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


# Clocks

@case("config-linux.md", "`secs` (int64, OPTIONAL) - is the offset of clock (in seconds) in the container.",
      each={"monotonic forward": ("monotonic", 7200, 0), "boottime forward": ("boottime", 100000, 1), "monotonic back": ("monotonic", -5, 0)}, since=TIME)
def clock_offset(box, which):
    clock, seconds, column = which
    box.namespace("time")
    box.linux["timeOffsets"] = {clock: {"secs": seconds}}
    seen = float(box.run("/probe clocks").split()[column])
    host = float(open("/proc/uptime").read().split()[0])
    assert abs(seen - host - seconds) < 4, f"{clock} is {seen} where the host has {host}"


@case("config-linux.md", "`nanosecs` (uint32, OPTIONAL) - is the offset of clock (in nanoseconds) in the container.", since=TIME)
def clock_offset_nanoseconds(box):
    box.namespace("time")
    box.linux["timeOffsets"] = {"monotonic": {"secs": 10, "nanosecs": 500000000}, "boottime": {"secs": 10, "nanosecs": 0}}
    box.up()
    with open(f"/proc/{box.pid()}/timens_offsets") as offsets:
        equal(" ".join(offsets.readline().split()), "monotonic 10 500000000")


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.",
      each={"no namespace": (False, "monotonic", 0), "unknown clock": (True, "realtime", 0), "nanoseconds": (True, "monotonic", 1000000000)}, since=TIME,
      differs={"crun": "leaves it to the kernel"})
def clock_offset_refused(box, fault):
    namespace, clock, nanoseconds = fault
    if namespace:
        box.namespace("time")
    box.linux["timeOffsets"] = {clock: {"secs": 1, "nanosecs": nanoseconds}}
    box.refused("time", "clock", "offset", "nanosec")
