"""process.capabilities: five sets, every name, unknown names, and the user who is not root."""
import os

from harness import case, equal, has, host, skip_unless

NAMES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST
NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE
SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND
AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()
FIELDS = {"inheritable": "CapInh", "permitted": "CapPrm", "effective": "CapEff", "bounding": "CapBnd", "ambient": "CapAmb"}


def bits(*names):
    return sum(1 << NAMES.index(name.removeprefix("CAP_")) for name in names)


def sets(box, flags=()):
    """The five sets of the container's own process, as numbers."""
    lines = [line.split(":") for line in box.run("grep ^Cap /proc/self/status", *flags).splitlines()]
    return {name.strip(): int(value, 16) for name, value in lines}


@case("features-linux.md", "The runtime MUST recognize the elements in this array in the process.capabilities object of config.json.", each=NAMES)
def name(box, word):
    skip_unless(host.capability(NAMES.index(word)), "this host holds it back from root")
    box.capabilities("CAP_" + word)
    box.process["args"] = ["/bin/grep", "^Cap", "/proc/self/status"]
    box.write()
    seen = {line.split(":")[0]: int(line.split()[1], 16) for line in box.must("run", box.id).out.splitlines()}
    equal({seen["CapBnd"], seen["CapPrm"], seen["CapEff"]}, {bits(word)})


@case("config.md", "`effective` … `bounding` … `inheritable` … `permitted` … `ambient` field is an array of … capabilities that are kept for the process.",
      each=["none", "bounding", "permitted", "effective", "inheritable", "ambient", "different"])
def sets_are_kept(box, which):
    given = {
        "none": {},
        "bounding": {"bounding": ["CAP_CHOWN"]},
        "permitted": {"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN"]},
        "effective": {"bounding": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]},
        "inheritable": {"bounding": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"], "inheritable": ["CAP_CHOWN"]},
        "ambient": {key: ["CAP_CHOWN"] for key in FIELDS},
        "different": {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_FOWNER"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
                      "effective": ["CAP_KILL"], "inheritable": [], "ambient": []},
    }[which]
    box.process["capabilities"] = given
    box.process["user"] = {"uid": 1000, "gid": 1000}
    seen = sets(box)
    # The kernel computes the sets anew when a user other than root executes: what is ambient stays, what bounds stays.
    equal(seen["CapBnd"], bits(*given.get("bounding", [])))
    equal(seen["CapInh"], bits(*given.get("inheritable", [])))
    equal(seen["CapAmb"], bits(*given.get("ambient", [])))
    equal(seen["CapEff"], bits(*given.get("ambient", [])))


@case("config.md", "`bounding` field is an array of bounding capabilities that are kept for the process.")
def root_executes_into_its_bounding_set(box):
    box.capabilities("CAP_CHOWN", "CAP_KILL")
    equal({key: value for key, value in sets(box).items() if key not in ("CapInh", "CapAmb")}, dict.fromkeys(("CapBnd", "CapPrm", "CapEff"), bits("CHOWN", "KILL")))


@case("config.md", "`capabilities` (object, OPTIONAL) is an object containing arrays that specifies the sets of capabilities for the process.",
      differs={"crun": "1.8 keeps what it has"})
def object_missing_gives_none_or_all_but_runs(box):
    """runc keeps the caller's when the object is missing; what must hold is that nothing more than the host's root has appears."""
    del box.process["capabilities"]
    seen = sets(box)
    with open("/proc/self/status") as status:
        mine = next(int(line.split()[1], 16) for line in status if line.startswith("CapBnd"))
    equal(seen["CapEff"] & ~mine, 0)


@case("config.md", "Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be logged as a warning by the runtime. Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be granted",
      each=["CAP_MADE_UP", "chown", "", "CAP_"], differs={"crun": "1.8 fails"})
def unknown_is_a_warning(box, word):
    box.capabilities("CAP_CHOWN", word)
    equal(box.attempt("grep CapBnd /proc/self/status").status, 0)


@case("config.md", "Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be logged as a warning by the runtime.",
      differs={"crun": "1.8 fails"})
def unknown_is_logged(box):
    box.capabilities("CAP_CHOWN", "CAP_MADE_UP")
    box.globals = ["--log", box.dir + "/log"]
    result = box.attempt("true")
    equal(result.status, 0)
    said = result.err + open(box.dir + "/log").read()
    has(said, "CAP_MADE_UP")


@case("config.md", "Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be granted, for example, if the runtime operates in a restricted environment with a limited set of capabilities.",
      differs={"crun": "1.8 fails", "runc": "1.1 fails"})
def that_the_host_holds_back(box):
    missing = [word for word in NAMES if not host.capability(NAMES.index(word))]
    skip_unless(missing, "this host holds none back")
    box.capabilities("CAP_CHOWN", *("CAP_" + word for word in missing))
    equal(sets(box)["CapEff"], bits("CHOWN"))


@case("CVE-2022-24769", "inheritable capabilities are empty unless the configuration asks for them")
def inheritable_is_empty(box):
    equal(sets(box)["CapInh"], 0)


@case("CVE-2022-29162", "exec does not set inheritable capabilities")
def exec_inheritable_is_empty(box):
    box.up()
    equal(box.execute("grep CapInh /proc/self/status").split()[1], "0" * 16)


@case("runc-exec(8)", "Add a capability to the bounding set for the process. Can be specified multiple times.")
def exec_cap_adds(box):
    box.capabilities("CAP_CHOWN")
    box.up()
    value = int(box.execute("grep CapBnd /proc/self/status", "--cap", "CAP_KILL", "--cap", "CAP_FOWNER").split()[1], 16)
    equal(value, bits("CHOWN", "KILL", "FOWNER"))


@case("config.md", "`capabilities` (object, OPTIONAL) is an object containing arrays that specifies the sets of capabilities for the process.")
def exec_has_the_containers(box):
    box.capabilities("CAP_CHOWN", "CAP_SETUID")
    box.up()
    equal(int(box.execute("grep CapEff /proc/self/status").split()[1], 16), bits("CHOWN", "SETUID"))


@case("config.md", "`ambient` field is an array of ambient capabilities that are kept for the process.")
def ambient_works(box):
    """A user who is not root changes an owner with it."""
    for key in FIELDS:
        box.process["capabilities"][key] = ["CAP_CHOWN"]
    box.process["user"] = {"uid": 1000, "gid": 1000}
    equal(box.run("touch /tmp/x && chown 7 /tmp/x && stat -c %u /tmp/x"), "7\n")


@case("config.md", "`ambient` field is an array of ambient capabilities that are kept for the process.",
      differs={"runc": "warns", "crun": "ignores"})
def ambient_without_permitted(box):
    """The kernel cannot grant it: a warning, not a failure."""
    box.process["capabilities"] = {"bounding": ["CAP_CHOWN"], "ambient": ["CAP_CHOWN"]}
    equal(sets(box)["CapAmb"], 0)


@case("runc, as it behaves", "Ambient capabilities that no other list has, as `crun spec` writes them, are nothing to warn of at each start.")
def ambient_without_inheritable_is_quiet(box):
    box.capabilities("CAP_CHOWN", sets=("bounding", "effective", "permitted", "ambient"))
    box.process["capabilities"]["inheritable"] = []
    box.globals = ["--log", box.dir + "/log"]
    result = box.attempt("true")
    equal((result.status, result.err), (0, ""))
    assert not os.path.exists(box.dir + "/log") or os.path.getsize(box.dir + "/log") == 0, open(box.dir + "/log").read()


@case("runc, as it behaves", "A capability that is not known is warned of once.", differs={"crun": "1.8 fails"})
def exec_cap_unknown_is_warned_of_once(box):
    box.capabilities("CAP_CHOWN")
    box.up()
    result = box.exec("true", flags=("--cap", "CAP_MADE_UP"))
    equal((result.status, result.err.count("CAP_MADE_UP")), (0, 1))
