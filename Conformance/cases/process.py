"""process: arguments, environment, directory, user, limits, scores, scheduling."""
import os
import resource
import shutil
import signal
import subprocess

from harness import case, equal, has, host, lacks, skip_unless


@case("config.md", "`args` (array of strings, OPTIONAL) with similar semantics to IEEE Std 1003.1-2008 `execvp`'s argv.",
      each={"plain": ["a", "b"], "empty": ["", "x"], "spaces": ["a b", "c"], "unicode": ["é", "日本"], "quotes": ["'\"$x`\\"], "newline": ["a\nb"], "long": ["x" * 100000], "none": []})
def arguments(box, words):
    box.process["args"] = ["/probe", "arguments", *words]
    equal(box.run(), "".join(f"[{word}]" for word in words) + "\n")


@case("config.md", "This specification extends the IEEE standard in that at least one entry is REQUIRED (non-Windows), and that entry is used with the same semantics as `execvp`'s file.")
def arguments_missing(box):
    box.process["args"] = []
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("config.md", "that entry is used with the same semantics as `execvp`'s file",
      each={"on PATH": ("probe", "/first:/bin:/", 0), "relative": ("./probe", "/bin", 0), "not on PATH": ("probe", "/bin:/usr/bin", 1)})
def program_is_found(box, what):
    program, path, status = what
    box.process["env"] = [f"PATH={path}"]
    box.process["args"] = [program, "arguments"]
    result = box.attempt()
    equal(result.status == 0, status == 0, result.err)


@case("config.md", "that entry is used with the same semantics as `execvp`'s file")
def program_on_path_skips_what_is_not_executable(box):
    box.in_root("first/probe", "not executable", 0o644)
    box.process["env"] = ["PATH=/first:/"]
    box.process["args"] = ["probe", "arguments", "x"]
    equal(box.run(), "[x]\n")


@case("config.md", "`env` (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008's `environ`.",
      each={"plain": "A=1", "empty value": "A=", "equals in value": "A=b=c", "spaces": "A= b c ", "newline": "A=x\ny", "dash in name": "A-B=1"})
def environment(box, entry):
    box.process["env"].append(entry)
    box.process["args"] = ["/bin/cat", "/proc/self/environ"]
    assert entry in box.run().split("\0"), "the entry is not in the environment"


@case("config.md", "`env` (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008's `environ`.")
def environment_holds_nothing_of_the_callers(box):
    box.environment["CALLERS_SECRET"] = "1"
    box.process["args"] = ["/bin/cat", "/proc/self/environ"]
    names = {entry.split("=")[0] for entry in box.run().split("\0") if entry}
    equal(names - {"HOME", "container", "LISTEN_FDS", "LISTEN_PID"}, {"PATH", "TERM"})


@case("runc, as it behaves", "HOME is set from the container's passwd file when the environment has none.")
def environment_home(box):
    box.process["user"] = {"uid": 1000, "gid": 1000}
    equal(box.run("echo $HOME"), "/home/worker\n")


@case("config.md", "`cwd` (string, REQUIRED) is the working directory that will be set for the executable.")
def directory(box):
    box.process["cwd"] = "/usr/bin"
    equal(box.run("pwd"), "/usr/bin\n")


@case("config.md", "`cwd` ... This value MUST be an absolute path.", each=["", "usr", "./bin", "../bin"],
      differs={"crun": "1.8 takes relative ones"})
def directory_not_absolute(box, path):
    box.process["cwd"] = path
    box.refused("cwd", "absolute")


@case("runc, as it behaves", "A cwd that is not there is made in the root file system.")
def directory_missing_is_made(box):
    box.process["cwd"] = "/made/by/runtime"
    equal(box.run("pwd"), "/made/by/runtime\n")


@case("config.md", "`cwd` (string, REQUIRED) is the working directory that will be set for the executable.")
def directory_is_a_file(box):
    box.process["cwd"] = "/etc/passwd"
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("config.md", "`uid` (int, REQUIRED) specifies the user ID in the container namespace.",
      each={"root": (0, 0), "worker": (1000, 1000), "unknown": (12345, 54321), "mixed": (0, 7), "largest": (2147483647, 2147483647)})
def user(box, ids):
    box.process["user"] = {"uid": ids[0], "gid": ids[1]}
    equal(box.run("sed -n 's/^[UG]id:.//p' /proc/self/status").split(), [str(ids[0])] * 4 + [str(ids[1])] * 4)


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.",
      each={"negative uid": ("uid", -1), "uid of 33 bits": ("uid", 4294967296), "the reserved uid": ("uid", 4294967295),
            "negative gid": ("gid", -1), "gid of 33 bits": ("gid", 4294967296), "text": ("uid", "root"), "fraction": ("uid", 1.5)},
      differs={"crun": "1.8 does not check"})
def user_refused(box, what):
    box.process["user"][what[0]] = what[1]
    box.refused()


@case("config.md", "`additionalGids` (array of ints, OPTIONAL) specifies additional group IDs in the container namespace to be added to the process.",
      each={"none": [], "one": [5], "three": [5, 6, 7], "doubled": [5, 5], "the primary": [1000], "forty": list(range(3000, 3040))})
def groups(box, ids):
    box.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": ids}
    line = box.run("sed -n 's/^Groups:.//p' /proc/self/status").split()
    equal({int(word) for word in line} - {1000}, set(ids) - {1000})


@case("config.md", "`additionalGids` (array of ints, OPTIONAL) specifies additional group IDs in the container namespace to be added to the process.")
def groups_are_not_the_callers(box):
    """CVE-2022-36109 and its kin: the groups are those of the configuration, exactly."""
    out = box.run("sed -n 's/^Groups:.//p' /proc/self/status", preexec=lambda: os.setgroups([4, 24, 27]))
    assert set(out.split()) <= {"0"}, out


@case("config.md", "`umask` (int, OPTIONAL) specifies the umask of the user.", each={"077": 0o77, "022": 0o22, "000": 0, "027": 0o27})
def umask(box, mask):
    box.process["user"]["umask"] = mask
    equal(box.run("umask").strip(), f"{mask:04o}")


@case("config.md", "If unspecified, the umask should not be changed from the calling process' umask.")
def umask_unset(box):
    """runc and crun both say 0022 whatever the caller has, and engines count on that."""
    has("0022 0037", box.run("umask", preexec=lambda: os.umask(0o37)).strip())


LIMITS = ["CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"]


@case("config.md", "`rlim.rlim_cur` MUST match the configured value. … `rlim.rlim_max` MUST match the configured value.", each=LIMITS)
def limit(box, kind):
    number = LIMITS.index(kind)
    small = {"AS": 1 << 34, "DATA": 1 << 33, "STACK": 1 << 22, "RTTIME": 10 ** 9}.get(kind, 1000)
    most = resource.prlimit(os.getpid(), number)[1]
    if most != resource.RLIM_INFINITY and most < small + 5:
        small = most - 5 if most > 5 else 0
        most_wanted = most
    else:
        most_wanted = small + 5
    box.process["rlimits"] = [{"type": f"RLIMIT_{kind}", "soft": max(small, 0), "hard": most_wanted}]
    box.process["args"] = ["/probe", "limits"]
    line = next(line for line in box.run().splitlines() if line.startswith(kind + " "))
    equal(line.split()[1:], [str(max(small, 0)), str(most_wanted)])


@case("config.md", "`rlim.rlim_max` MUST match the configured value.")
def limit_unlimited(box):
    box.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 18446744073709551615, "hard": 18446744073709551615}]
    skip_unless(resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY, "this host limits cores")
    line = next(line for line in box.run("/probe limits").splitlines() if line.startswith("CORE "))
    equal(line.split()[1:], ["18446744073709551615"] * 2)


@case("config.md", "The runtime MUST generate an error for any values which cannot be mapped to a relevant kernel interface.",
      each=["RLIMIT_NONE", "NOFILE", "rlimit_nofile", "", "RLIMIT_"])
def limit_unknown(box, kind):
    box.process["rlimits"] = [{"type": kind, "soft": 1, "hard": 1}]
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("config.md", "If `rlimits` contains duplicated entries with same `type`, the runtime MUST generate an error.",
      differs={"runc": "1.1 takes the last", "crun": "takes the last"})
def limit_doubled(box):
    box.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}, {"type": "RLIMIT_CORE", "soft": 2, "hard": 2}]
    box.refused("duplicate", "twice", "rlimit")


@case("config.md", "`hard` (uint64, REQUIRED) the ceiling for the soft limit that could be set by an unprivileged process.")
def limit_soft_over_hard(box):
    box.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}]
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("config.md", "If `oomScoreAdj` is set, the runtime MUST set `oom_score_adj` to the given value.", each=[100, 1000, 0])
def oom_score(box, score):
    current = int(open("/proc/self/oom_score_adj").read())
    skip_unless(score >= current or host.capability(host.CAP_SYS_RESOURCE), "lowering it needs CAP_SYS_RESOURCE")
    box.process["oomScoreAdj"] = score
    equal(box.run("cat /proc/self/oom_score_adj").strip(), str(score))


@case("config.md", "If `oomScoreAdj` is not set, the runtime MUST NOT change the value of `oom_score_adj`.")
def oom_score_unset(box):
    def raised():
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("77")
    equal(box.run("cat /proc/self/oom_score_adj", preexec=raised).strip(), "77")


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.", each=[1001, -1001])
def oom_score_out_of_range(box, score):
    box.process["oomScoreAdj"] = score
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("config.md", "setting `noNewPrivileges` to true prevents the process from gaining additional privileges", each={"true": True, "false": False})
def no_new_privileges(box, value):
    box.process["noNewPrivileges"] = value
    equal(box.run("sed -n 's/^NoNewPrivs:.//p' /proc/self/status").strip(), str(int(value)))


@case("config.md", "setting `noNewPrivileges` to true prevents the process from gaining additional privileges", each={"true": True, "false": False})
def no_new_privileges_and_setuid(box, value):
    trap = os.path.join(box.rootfs, "trap")
    shutil.copy(os.path.join(box.rootfs, "probe"), trap)
    os.chmod(trap, 0o4755)
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.process["noNewPrivileges"] = value
    box.process["args"] = ["/trap", "call", "107"]  # geteuid
    equal(box.run().strip(), "returned=1000" if value else "returned=0")


SCHED = {"runc": "1.2", "crun": "1.9"}


@case("config.md", "`policy` (string, REQUIRED) represents the scheduling policy.",
      each={"SCHED_OTHER": 0, "SCHED_BATCH": 3, "SCHED_IDLE": 5}, since=SCHED)
def scheduler_policy(box, number):
    name = {0: "SCHED_OTHER", 3: "SCHED_BATCH", 5: "SCHED_IDLE"}[number]
    box.process["scheduler"] = {"policy": name}
    has(box.run("/probe scheduler"), f"policy={number} ")


@case("config.md", "`nice` (int32, OPTIONAL) is the nice value for the process, affecting its priority.", each=[5, 19], since=SCHED)
def scheduler_nice(box, value):
    box.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": value}
    has(box.run("/probe scheduler"), f"nice={value} ")


@case("config.md", "`SCHED_FLAG_RESET_ON_FORK`", since=SCHED)
def scheduler_reset_on_fork(box):
    box.process["scheduler"] = {"policy": "SCHED_BATCH", "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    box.process["args"] = ["/probe", "scheduler"]
    has(box.run(), "flags=1 ")


@case("config.md", "`priority` (int32, OPTIONAL) represents the static priority of the process, used by real-time policies like SCHED_FIFO and SCHED_RR.",
      each={"SCHED_FIFO": 1, "SCHED_RR": 2}, since=SCHED)
def scheduler_realtime(box, number):
    """The kernel refuses it in a group without a share of real time; then the start must fail, by name."""
    box.process["scheduler"] = {"policy": {1: "SCHED_FIFO", 2: "SCHED_RR"}[number], "priority": 10}
    box.capabilities("CAP_SYS_NICE")
    result = box.attempt("/probe scheduler")
    if result.status == 0:
        has(result.out, f"policy={number} ")
        has(result.out, "priority=10 ")
    else:
        assert "sched" in result.err.lower(), result.err


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.", since=SCHED,
      each={"policy": {"policy": "SCHED_MINE"}, "flag": {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_MINE"]}, "no policy": {"nice": 1},
            "nice with FIFO": {"policy": "SCHED_FIFO", "nice": 3, "priority": 1}, "priority of OTHER": {"policy": "SCHED_OTHER", "priority": 5},
            "deadline without runtime": {"policy": "SCHED_DEADLINE", "deadline": 5}, "runtime of OTHER": {"policy": "SCHED_OTHER", "runtime": 1000000}},
      differs={"crun": "does not check", "runc": "checks some"})
def scheduler_refused(box, value):
    box.process["scheduler"] = value
    box.refused("sched", command="run")


@case("config.md", "`class` (string, REQUIRED) specifies the I/O scheduling class. Possible values are `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE`, and `IOPRIO_CLASS_IDLE`.",
      each={"BE 0": ("IOPRIO_CLASS_BE", 0, 2), "BE 7": ("IOPRIO_CLASS_BE", 7, 2), "IDLE": ("IOPRIO_CLASS_IDLE", 0, 3), "RT 4": ("IOPRIO_CLASS_RT", 4, 1)},
      since={"runc": "1.2", "crun": "1.9"})
def io_priority(box, what):
    name, priority, number = what
    box.process["ioPriority"] = {"class": name, "priority": priority}
    equal(box.run("/probe ioprio").strip(), f"class={number} priority={priority}")


@case("config.md", "The value should be an integer ranging from 0 (highest) to 7 (lowest).", since={"runc": "1.2", "crun": "1.9"},
      each={"class": ("IOPRIO_CLASS_MINE", 0), "priority 8": ("IOPRIO_CLASS_BE", 8), "priority -1": ("IOPRIO_CLASS_BE", -1)},
      differs={"crun": "does not check", "runc": "checks some"})
def io_priority_refused(box, what):
    box.process["ioPriority"] = {"class": what[0], "priority": what[1]}
    box.refused("ioprio", "priority", command="run")


@case("config-linux.md", "`LINUX32` will set the `uname` system call to show a 32 bit CPU type, such as `i686`.",
      each={"LINUX32": ("8", "i686"), "LINUX": ("0", "x86_64")}, since={"runc": "1.2"})
def personality(box, expected):
    skip_unless(os.uname().machine == "x86_64", "the names are those of x86-64")
    box.linux["personality"] = {"domain": "LINUX32" if expected[0] == "8" else "LINUX"}
    equal(tuple(box.run("/probe personality").split()), expected)


@case("config-linux.md", "Currently no flag values are supported.", since={"runc": "1.2"}, differs={"crun": "1.8 does not check"},
      each={"domain": {"domain": "LINUX64"}, "flag": {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}, "no domain": {}})
def personality_refused(box, value):
    box.linux["personality"] = value
    box.refused("personality", command="run")


@case("features-linux.md", "The runtime MUST recognize the elements in this array as the `mode` of `linux.memoryPolicy` objects in `config.json`.", each={"MPOL_BIND": 2, "MPOL_INTERLEAVE": 3, "MPOL_PREFERRED": 1, "MPOL_LOCAL": 4, "MPOL_DEFAULT": 0},
      since={"runc": "1.4", "crun": "1.24"})
def memory_policy(box, number):
    skip_unless(os.path.isdir("/sys/devices/system/node/node0"), "this kernel has no NUMA")
    name = {2: "MPOL_BIND", 3: "MPOL_INTERLEAVE", 1: "MPOL_PREFERRED", 4: "MPOL_LOCAL", 0: "MPOL_DEFAULT"}[number]
    box.linux["memoryPolicy"] = {"mode": name, **({"nodes": "0"} if number in (1, 2, 3) else {})}
    has(box.run("/probe mempolicy"), f"mode={number} ")


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.", since={"runc": "1.4", "crun": "1.24"},
      each={"mode": {"mode": "MPOL_MINE"}, "nodes": {"mode": "MPOL_BIND", "nodes": "x"}, "no nodes": {"mode": "MPOL_BIND"}, "flag": {"mode": "MPOL_LOCAL", "flags": ["MPOL_F_MINE"]}})
def memory_policy_refused(box, value):
    box.linux["memoryPolicy"] = value
    box.refused("memorypolicy", "mpol", "memory policy", command="run")


@case("runc-run(8)", "Do not create a new session keyring for the container. This will cause the container to inherit the calling processes session key.",
      each={"new": [], "inherited": ["--no-new-keyring"]})
def keyring(box, flags):
    """A new one is named after the container in runc and crun; an inherited one is not."""
    first = box.attempt("/probe keyring", *flags).out.split()
    skip_unless(first and first[0] != "-1", "keyctl is not allowed here")
    here = subprocess.run([box.workshop.probe, "keyring"], capture_output=True, text=True).stdout.split()
    equal(first[0] == here[0], bool(flags))


@case("runtime-linux.md", "By default, only the `stdin`, `stdout` and `stderr` file descriptors are kept open for the application by the runtime.")
def descriptors(box):
    box.process["args"] = ["/probe", "descriptors"]
    equal(box.run().split(), ["0", "1", "2"])


@case("runtime-linux.md", "By default, only the `stdin`, `stdout` and `stderr` file descriptors are kept open for the application by the runtime.")
def descriptors_of_a_careless_caller(box):
    """Descriptors that the caller left open and inheritable do not get in."""
    extra = [os.open("/etc", os.O_RDONLY) for _ in range(5)]
    box.process["args"] = ["/probe", "descriptors"]
    equal(box.run(fds=extra).split(), ["0", "1", "2"])


@case("runc, as it behaves", "The container's process starts with default signal handling.")
def signals_are_default(box):
    def careless():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
    box.process["args"] = ["/probe", "masks"]
    lacks(" " + box.run(preexec=careless), " 15 ")


@case("config.md", "Runtimes MUST ignore `consoleSize` if `terminal` is `false` or unset.")
def console_size_without_terminal(box):
    box.process["consoleSize"] = {"height": 10, "width": 10}
    box.run("true")


@case("config.md", "Runtimes MAY log unknown properties but MUST otherwise ignore them.",
      each={"top": (), "process": ("process",), "linux": ("linux",), "root": ("root",), "resources": ("linux", "resources"), "user": ("process", "user")})
def unknown_properties(box, path):
    place = box.config
    for name in path:
        place = place[name]
    place["com.example.unknown"] = {"deep": [1, {"x": None}]}
    equal(box.run("echo fine"), "fine\n")


@case("config.md", "`apparmorProfile` (string, OPTIONAL) specifies the name of the AppArmor profile for the process.")
def apparmor_where_there_is_none(box):
    skip_unless(not host.lsm("apparmor"), "this host has AppArmor")
    box.process["apparmorProfile"] = "acme"
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("config.md", "`selinuxLabel` (string, OPTIONAL) specifies the SELinux label for the process.", differs={"crun": "1.8 ignores it", "runc": "ignores it"})
def selinux_where_there_is_none(box):
    skip_unless(not host.lsm("selinux"), "this host has SELinux")
    box.process["selinuxLabel"] = "system_u:system_r:container_t:s0"
    box.refused("selinux", command="run")
