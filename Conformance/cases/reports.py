"""list, ps, state, spec, features, events, update and the log: what engines read."""
import json
import os
import re

from harness import case, equal, eventually, has, host, skip_unless


@case("runc-list(8)", "Specify the format. Default is table. The json format provides more details.", each=["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"],
      differs={"crun": "1.8 gives fewer"})
def list_json_has(box, field):
    box.up()
    rows = json.loads(box.must("list", "--format", "json").out)
    row = next(row for row in rows if row["id"] == box.id)
    assert isinstance(row[field], int if field == "pid" else str), row
    if field == "created":
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", row[field]), row


@case("runc-list(8)", "Specify the format. Default is table.", differs={"crun": "1.8 has NAME for ID"})
def list_table(box):
    box.up()
    head, row = box.must("list").out.splitlines()
    equal(head.split(), ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"])
    equal(row.split()[:4], [box.id, str(box.pid()), "running", os.path.realpath(box.bundle)])


@case("runc-list(8)", "Only display container IDs.", each=["-q", "--quiet"])
def list_quiet(box, flag):
    box.create("true")
    equal(box.must("list", flag).out.split(), [box.id])


@case("runc-list(8)", "The list commands lists containers.", each=["table", "json"])
def list_of_none(box, form):
    os.makedirs(box.state_root)
    out = box.must("list", "--format", form).out.strip()
    assert out.split("\n")[0].split()[:1] == ["ID"] or out in ("null", "[]", "") or out.startswith("NAME"), out


@case("runc-list(8)", "The list commands lists containers.")
def list_of_no_root(box):
    box.call("list")
    equal(box.must("list", "--quiet").out.strip(), "")


@case("runc-list(8)", "Specify the format.", each=["yaml", "", "JSON"], differs={"crun": "1.8 takes anything"})
def list_format_refused(box, form):
    box.fails("list", "--format", form)


@case("runc-list(8)", "The list commands lists containers.")
def list_shows_every_state(box):
    first = box.id
    for number, script in enumerate(("exec sleep 1000", "true")):
        box.id = f"{first}-{number}"
        box.ids.add(box.id)
        box.linux["cgroupsPath"] = f"{box.cgroup}/{number}"
        box.pid_file = f"{box.dir}/{number}.pid"
        box.create(script)
        if number == 0:
            box.start()
    rows = {row["id"]: row["status"] for row in json.loads(box.must("list", "--format", "json").out)}
    equal(rows, {f"{first}-0": "running", f"{first}-1": "created"})
    box.must("delete", "--force", f"{first}-0")
    box.must("delete", "--force", f"{first}-1")
    for directory in host.cgroup_directories(box.cgroup):
        os.rmdir(directory)


@case("runc-ps(8)", "The json format shows a mere array of PIDs belonging to a container; if used, all ps options are ignored.")
def ps_json(box):
    box.up("sleep 1000 & sleep 1001 & wait")
    def pids():
        return json.loads(box.must("ps", "--format", "json", box.id).out)
    eventually(lambda: len(pids()) == 3, "three processes")
    assert box.pid() in pids()


@case("runc-ps(8)", "The command ps is a wrapper around the stock ps(1) utility, which filters its output to only contain processes belonging to a specified container-id.",
      differs={"crun": "1.8 gives pids alone"})
def ps_table(box):
    box.up("sleep 1000 & sleep 1001 & wait")
    eventually(lambda: len(box.must("ps", box.id).out.splitlines()) == 4, "a head and three processes")
    out = box.must("ps", box.id).out
    assert "PID" in out.splitlines()[0], out
    has(out, "sleep 1001")


@case("runc-ps(8)", "Any ps(1) options can be used, but some might break the filtering.", differs={"crun": "1.8 has none"})
def ps_options(box):
    box.up()
    # The shell becomes sleep in its own time.
    eventually(lambda: open(f"/proc/{box.pid()}/comm").read().strip() == "sleep", "the program is sleep")
    lines = box.must("ps", box.id, "-o", "pid,args").out.splitlines()
    equal(lines[0].split(), ["PID", "COMMAND"])
    equal(lines[1].split(), [str(box.pid()), "sleep", "1000"])


@case("runc-ps(8)", "Output format. Default is table.", each=["yaml", ""], differs={"crun": "1.8 takes anything", "runc": "1.1 takes anything"})
def ps_format_refused(box, form):
    box.up()
    box.fails("ps", "--format", form, box.id)


@case("runc-state(8)", "The state command outputs current state information for the specified container-id in a JSON format.", each=["rootfs", "created", "owner"])
def state_has(box, field):
    box.up()
    assert isinstance(box.state()[field], str)


@case("runc, as it behaves", "rootfs in state is the absolute path of the root.", differs={"crun": "1.8 gives it as it is written"})
def state_rootfs(box):
    box.up()
    equal(os.path.realpath(box.state()["rootfs"]), os.path.realpath(box.rootfs))


@case("runc, as it behaves", "The pid of a stopped container is 0.")
def state_pid_of_a_stopped_one(box):
    box.up("true")
    box.wait()
    equal(box.pid(), 0)


# spec and features

@case("runc-spec(8)", "The spec command creates the new specification file named config.json for the bundle.", each=["here", "--bundle", "-b"])
def spec(box, how):
    place = box.directory("new")
    box.must("spec", *([how, place] if how != "here" else []), cwd=place)
    config = json.load(open(place + "/config.json"))
    equal(config["process"]["args"], ["sh"])
    equal(config["root"]["path"], "rootfs")
    equal(config["process"]["cwd"], "/")
    kinds = {entry["type"] for entry in config["linux"]["namespaces"]}
    assert {"pid", "network", "ipc", "uts", "mount"} <= kinds, kinds


@case("runc-spec(8)", "The spec command creates the new specification file named config.json for the bundle.")
def spec_keeps_one_that_is_there(box):
    place = box.directory("new")
    open(place + "/config.json", "w").write("mine")
    box.fails("spec", cwd=place)
    equal(open(place + "/config.json").read(), "mine")


@case("runc-spec(8)", "The spec generated is just a starter file.")
def spec_runs(box):
    """With a program that needs no terminal, the starter file starts."""
    box.must("spec", cwd=box.bundle)
    config = json.load(open(box.bundle + "/config.json"))
    config["process"]["args"] = ["echo", "started"]
    config["process"]["terminal"] = False
    config["process"].pop("rlimits", None)
    config["linux"]["cgroupsPath"] = box.cgroup
    json.dump(config, open(box.bundle + "/config.json", "w"))
    equal(box.must("run", box.id).out, "started\n")


@case("runc-spec(8)", "Generate a configuration for a rootless container.")
def spec_rootless(box):
    place = box.directory("new")
    box.must("spec", "--rootless", cwd=place)
    config = json.load(open(place + "/config.json"))
    kinds = {entry["type"] for entry in config["linux"]["namespaces"]}
    assert "user" in kinds and "network" not in kinds, kinds
    equal(len(config["linux"]["uidMappings"]), 1)
    assert not config["linux"].get("resources"), config["linux"].get("resources")


FEATURES = {"runc": "1.1", "crun": "1.9"}


def features(box):
    return json.loads(box.must("features").out)


@case("features.md", "`ociVersionMin` (string, REQUIRED) … `ociVersionMax` (string, REQUIRED)", since=FEATURES)
def features_versions(box):
    seen = features(box)
    low, high = ([int(part) for part in seen[name].split("-")[0].split(".")] for name in ("ociVersionMin", "ociVersionMax"))
    assert low <= high, seen
    for name in ("ociVersionMin", "ociVersionMax"):
        box.config["ociVersion"] = seen[name]
        equal(box.run("echo fine"), "fine\n")


@case("features.md", "`hooks` (array of strings, OPTIONAL) The recognized names of the hooks.", since=FEATURES)
def features_hooks(box):
    equal(set(features(box)["hooks"]), {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"})


@case("features.md", "The runtime MUST recognize the elements in this array as the `options` of `mounts` objects in `config.json`.", since=FEATURES,
      needs=["open_tree", "mount_setattr"], differs={"runc": "1.1 lists two that the kernel refuses"})
def features_mount_options_hold(box):
    options = features(box)["mountOptions"]
    assert {"ro", "rbind", "nosuid", "rprivate", "noexec", "nodev", "relatime", "bind"} <= set(options), options
    refused = []
    for option in options:
        if option in ("remount", "idmap", "ridmap", "acl", "noacl", "quota", "copy-symlink", "src-nofollow", "dest-nofollow"):
            continue
        box.config["mounts"] = [mount for mount in box.config["mounts"] if mount["destination"] != "/m"]
        box.bind(box.directory("d"), "/m", "rbind", option)
        box.script("true")
        box.write()
        if box.call("run", box.id).status != 0:
            refused.append(option)
    equal(refused, [])


@case("features-linux.md", "The runtime MUST recognize the elements in this array as the `type` of `linux.namespaces` objects in `config.json`.", since=FEATURES)
def features_namespaces(box):
    assert {"cgroup", "ipc", "mount", "network", "pid", "user", "uts"} <= set(features(box)["linux"]["namespaces"])


@case("features-linux.md", "The runtime MUST recognize the elements in this array in the `process.capabilities` object of `config.json`.", since=FEATURES)
def features_capabilities(box):
    assert {"CAP_CHOWN", "CAP_BPF", "CAP_CHECKPOINT_RESTORE", "CAP_AUDIT_READ"} <= set(features(box)["linux"]["capabilities"])


@case("features-linux.md", "`cgroup` (object, OPTIONAL) represents the runtime's implementation status of cgroup managers.", each=["v1", "v2", "systemd", "systemdUser"], since=FEATURES)
def features_cgroup(box, name):
    equal(features(box)["linux"]["cgroup"][name], True)


@case("features-linux.md", "`seccomp` (object, OPTIONAL) represents the runtime's implementation status of seccomp.", since=FEATURES,
      each={"actions": {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_NOTIFY", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"},
            "operators": {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"},
            "archs": {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}})
def features_seccomp(box, names):
    seen = features(box)["linux"]["seccomp"]
    field = "actions" if "SCMP_ACT_ALLOW" in names else "operators" if "SCMP_CMP_EQ" in names else "archs"
    equal(names - set(seen[field]), set())
    equal(seen["enabled"], True)


@case("features-linux.md", "`supportedFlags` … This list may be a subset of `knownFlags`", since={"runc": "1.2", "crun": "1.9"})
def features_seccomp_flags(box):
    seen = features(box)["linux"]["seccomp"]
    assert set(seen["supportedFlags"]) <= set(seen["knownFlags"]), seen
    assert "SECCOMP_FILTER_FLAG_LOG" in seen["knownFlags"], seen


@case("features-linux.md", "`idmap` (object, OPTIONAL) represents whether the runtime supports idmap mounts", since={"runc": "1.2", "crun": "1.9"})
def features_idmap(box):
    equal(features(box)["linux"]["mountExtensions"]["idmap"]["enabled"], True)


@case("features-linux.md", "`intelRdt` … `netDevices` … `memoryPolicy`", each=["intelRdt", "netDevices", "memoryPolicy"], since={"runc": "1.4", "crun": "1.24"})
def features_new(box, name):
    assert name in features(box)["linux"]


# events and update

@case("runc-events(8)", "Show the container's stats once then exit.", differs={"crun": "1.8 has no events"})
def events_stats(box):
    box.linux["resources"] |= {"pids": {"limit": 99}, "memory": {"limit": 67108864}}
    box.up()
    stats = json.loads(box.must("events", "--stats", box.id).out)
    equal((stats["type"], stats["id"]), ("stats", box.id))
    data = stats["data"]
    equal((data["pids"]["current"], data["pids"]["limit"]), (1, 99))
    assert data["memory"]["usage"]["usage"] > 0 and data["memory"]["usage"]["limit"] == 67108864, data["memory"]
    assert data["cpu"]["usage"]["total"] > 0, data["cpu"]


@case("runc-events(8)", "Show the container's stats once then exit.", each=["cpu.usage.kernel", "cpu.usage.user", "cpu.throttling.periods", "memory.usage.max", "memory.usage.failcnt", "memory.swap.usage", "memory.raw", "blkio", "hugetlb", "intel_rdt", "network_interfaces", "pids.current"],
      differs={"crun": "1.8 has no events"})
def events_stats_has(box, path):
    """Go leaves out what is empty; what is there has the type that its readers expect."""
    box.up()
    place = json.loads(box.must("events", "--stats", box.id).out)["data"]
    for word in path.split("."):
        if word not in place:
            assert word in ("kernel", "user", "periods", "max", "failcnt", "throttling", "swap", "hugetlb", "network_interfaces", "intel_rdt", "usage"), f"no {word}"
            return
        place = place[word]
    assert isinstance(place, dict if path in ("memory.raw", "blkio", "hugetlb", "intel_rdt") else (list, type(None)) if path == "network_interfaces" else int), place


@case("runc-events(8)", "By default, it works continuously, displaying stats every 5 seconds, and container events as they occur.", differs={"crun": "1.8 has no events"})
def events_of_a_stopped_one(box):
    box.up("true")
    box.wait()
    box.fails("events", "--stats", box.id)


UPDATES = {
    "--memory": (["--memory", "67108864"], "memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"),
    "--memory-reservation": (["--memory-reservation", "33554432"], "memory", "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432"),
    "--memory-swap": (["--memory", "67108864", "--memory-swap", "100663296"], "memory", "memory.memsw.limit_in_bytes", "100663296", "memory.swap.max", "33554432"),
    "--cpu-share": (["--cpu-share", "256"], "cpu", "cpu.shares", "256", "cpu.weight", "10"),
    "--cpu-quota": (["--cpu-quota", "30000"], "cpu", "cpu.cfs_quota_us", "30000", "cpu.max", "30000 100000"),
    "--cpu-period": (["--cpu-quota", "30000", "--cpu-period", "60000"], "cpu", "cpu.cfs_period_us", "60000", "cpu.max", "30000 60000"),
    "--cpuset-cpus": (["--cpuset-cpus", "0"], "cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0"),
    "--cpuset-mems": (["--cpuset-mems", "0"], "cpuset", "cpuset.mems", "0", "cpuset.mems", "0"),
    "--pids-limit": (["--pids-limit", "44"], "pids", "pids.max", "44", "pids.max", "44"),
    "--pids-limit unlimited": (["--pids-limit", "-1"], "pids", "pids.max", "max", "pids.max", "max"),
}
RESOURCES = {"memory": {"limit": 83886080}, "cpu": {"shares": 300}, "pids": {"limit": 55}}


def updated(box, controller, file1, expected1, file2, expected2):
    skip_unless(host.has_controller(controller), f"this host has no {controller} controller")
    v1 = host.is_v1(controller)
    equal(box.cgroup_value(controller, file1 if v1 else file2), expected1 if v1 else expected2)


@case("runc-update(8)", "The update command change the resource constraints of a running container instance.", each=list(UPDATES))
def update(box, name):
    words, *rest = UPDATES[name]
    box.linux["resources"] |= {"pids": {"limit": 99}, "memory": {"limit": 50331648}}
    box.up()
    box.must("update", *words, box.id)
    updated(box, *rest)


@case("runc-update(8)", "Read the new resource limtis from resources.json. Use - to read from stdin.", each=["-r", "--resources", "-"])
def update_of_a_file(box, how):
    box.up()
    text = json.dumps(RESOURCES)
    if how == "-":
        box.must("update", "-r", "-", box.id, given=text)
    else:
        box.must("update", how, box.file("resources.json", text), box.id)
    updated(box, "memory", "memory.limit_in_bytes", "83886080", "memory.max", "83886080")
    updated(box, "cpu", "cpu.shares", "300", "cpu.weight", "12")
    updated(box, "pids", "pids.max", "55", "pids.max", "55")


@case("runc-update(8)", "The update command change the resource constraints of a running container instance.", each={"text": ["--memory", "much"], "cpus": ["--cpuset-cpus", "4000"], "file": ["-r", "/no/such"], "json": ["-r", "/etc/passwd"]})
def update_refused(box, words):
    box.up()
    box.fails("update", *words, box.id)
    equal(box.status(), "running")


@case("runc-update(8)", "The update command change the resource constraints of a running container instance.")
def update_leaves_the_rest(box):
    box.linux["resources"] |= {"pids": {"limit": 99}, "memory": {"limit": 50331648}, "cpu": {"shares": 512}}
    box.up()
    box.must("update", "--pids-limit", "44", box.id)
    updated(box, "memory", "memory.limit_in_bytes", "50331648", "memory.max", "50331648")
    updated(box, "cpu", "cpu.shares", "512", "cpu.weight", "20")


@case("runc-update(8)", "The update command change the resource constraints of a running container instance.")
def update_memory_over_the_old_swap(box):
    """In v1 memory may not be over memory+swap at any moment: which is written first depends on the direction."""
    box.linux["resources"] |= {"memory": {"limit": 33554432, "swap": 33554432}}
    box.up()
    box.must("update", "--memory", "67108864", "--memory-swap", "67108864", box.id)
    box.must("update", "--memory", "33554432", "--memory-swap", "33554432", box.id)
    updated(box, "memory", "memory.limit_in_bytes", "33554432", "memory.max", "33554432")


@case("runc-update(8)", "The update command change the resource constraints of a running container instance.")
def update_of_a_created_one(box):
    box.create("true")
    box.must("update", "--pids-limit", "44", box.id)
    updated(box, "pids", "pids.max", "44", "pids.max", "44")


# The log

@case("runc(8)", "Set the log format. Default is text. … json", each=["level", "msg", "time"], differs={"crun": "1.8 has other levels"})
def log_json_has(box, field):
    path = os.path.join(box.dir, "log")
    box.globals = ["--log", path, "--log-format", "json"]
    box.process["args"] = ["/no/such"]
    box.write()
    box.fails("create", box.id) if box.call("create", box.id).status else box.fails("start", box.id)
    rows = [json.loads(line) for line in open(path) if line.strip()]
    assert rows and all(isinstance(row[field], str) and row[field] for row in rows), rows
    assert any(row["level"] == "error" for row in rows), rows


@case("runc(8)", "Set the log file to write runc logs to. Default is stderr.")
def log_of_text(box):
    path = os.path.join(box.dir, "log")
    box.globals = ["--log", path]
    box.process["args"] = ["/no/such"]
    box.write()
    box.fails("run", box.id)
    has(open(path).read(), "/no/such")


@case("runc(8)", "Set the log file to write runc logs to.")
def log_is_appended_to(box):
    path = box.file("log", "before\n")
    box.globals = ["--log", path]
    box.fails("state", "nobody")
    lines = open(path).read().splitlines()
    equal(lines[0], "before")
    assert len(lines) > 1, lines


@case("runc(8)", "Set the log format.", each=["xml"])
def log_format_refused(box, form):
    box.fails("--log-format", form, "list")


@case("runc(8)", "Enable debug logging.")
def log_debug(box):
    box.globals = ["--debug"]
    box.run("true")


@case("runc(8)", "Show a list of commands or help for a particular command.", each=["--help", "--version"])
def help_and_version(box, flag):
    result = box.must(flag)
    has(result.out, {"--help": "create", "--version": "spec: "}[flag])


@case("runc(8)", "runc [global-option ...] command [command-option ...] [argument ...]", each=["nosuch", "--nosuch", "create --nosuch x"])
def unknown_words(box, words):
    assert box.fails(*words.split()).err.strip() or True
