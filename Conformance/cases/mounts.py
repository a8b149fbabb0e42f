"""mounts: order, every option, binds, propagation, clearing flags, recursive flags, id mappings."""
import os
import socket
import subprocess

from harness import case, equal, has, host, lacks, skip_unless

RECURSIVE = {"runc": "1.2"}
IDMAP = {"runc": "1.2", "crun": "1.5"}


def table(box, script="true"):
    """mountinfo of the container: mount point → (options, propagation, type, source, super options); the topmost wins."""
    seen = {}
    for line in box.run(f"{script}; cat /proc/self/mountinfo").splitlines():
        if " - " not in line:
            continue
        left, right = line.split(" - ", 1)
        words, more = left.split(), right.split(" ")
        seen[words[4]] = (set(words[5].split(",")), " ".join(words[6:]), more[0], more[1], set(more[2].split(",")))
    return seen


@case("config.md", "The runtime MUST mount entries in the listed order.")
def order(box):
    box.mount("/m", "tmpfs", options=["size=1m"])
    box.mount("/m/inner", "tmpfs", options=["size=2m"])
    box.mount("/n/inner", "tmpfs")
    box.mount("/n", "tmpfs")
    out = box.run("test -d /m/inner && echo visible; test -d /n/inner || echo covered").split()
    equal(out, ["visible", "covered"])


@case("config.md", "The runtime MUST mount entries in the listed order.")
def order_at_one_place(box):
    for size in ("1m", "2m"):
        box.mount("/m", "tmpfs", options=[f"size={size}"])
    has(table(box)["/m"][4], "size=2048k")


@case("config.md", "it MAY be a relative path, in which case it MUST be interpreted as relative to \"/\".", each=["m", "m/n", "./m"],
      differs={"runc": "1.1 refuses it in places"})
def relative_destination(box, path):
    box.mount(path, "tmpfs")
    equal(table(box)["/" + path.removeprefix("./")][2], "tmpfs")


@case("config.md", "`destination` (string, REQUIRED) Destination of mount point: path inside container.", each=["/new", "/new/deep/er", "/etc/new"])
def destination_is_made(box, path):
    box.mount(path, "tmpfs")
    equal(table(box)[path][2], "tmpfs")


@case("config.md", "`destination` (string, REQUIRED) Destination of mount point: path inside container.")
def destination_missing(box):
    box.config["mounts"].append({"type": "tmpfs", "source": "tmpfs"})
    box.refused()


@case("config.md", "`destination` (string, REQUIRED) Destination of mount point: path inside container.")
def destination_is_the_root(box):
    """Whatever is done about it, the program of the bundle's root is what would run, or nothing."""
    box.mount("/", "tmpfs")
    result = box.attempt("echo ran")
    assert result.status != 0 or result.out == "ran\n", result


OPTIONS = {
    "ro": ({"ro"}, set()), "rw": ({"rw"}, {"ro"}), "nosuid": ({"nosuid"}, set()), "suid": (set(), {"nosuid"}),
    "nodev": ({"nodev"}, set()), "dev": (set(), {"nodev"}), "noexec": ({"noexec"}, set()), "exec": (set(), {"noexec"}),
    "noatime": ({"noatime"}, {"relatime"}), "nodiratime": ({"nodiratime"}, set()), "relatime": ({"relatime"}, {"noatime"}),
    "strictatime": (set(), {"relatime", "noatime"}), "diratime": (set(), {"nodiratime"}), "atime": (set(), {"noatime"}),
    "norelatime": (set(), set()), "nostrictatime": (set(), set()), "defaults": ({"rw"}, {"ro"}), "async": (set(), {"sync"}),
    "loud": (set(), set()), "silent": (set(), set()), "iversion": (set(), set()), "noiversion": (set(), set()),
    "nolazytime": (set(), {"lazytime"}), "nomand": (set(), set()), "mand": (set(), set()), "remount": (set(), set()),
}
SUPER = {"sync": "sync", "dirsync": "dirsync", "lazytime": "lazytime"}


@case("config.md", "Runtimes MUST/SHOULD/MAY implement the following option strings for Linux", each=[name for name in OPTIONS if name != "remount"],
      differs={"crun": "1.8 does not know a few", "runc": "1.1 gives defaults to the file system"})
def option_of_tmpfs(box, name):
    present, absent = OPTIONS[name]
    box.mount("/m", "tmpfs", options=[name, "size=1m"])
    options = table(box)["/m"][0]
    equal((present - options, absent & options), (set(), set()), str(sorted(options)))


@case("config.md", "Runtimes MUST/SHOULD/MAY implement the following option strings for Linux", each=SUPER)
def option_of_the_file_system(box, name):
    box.mount("/m", "tmpfs", options=[name])
    has(table(box)["/m"][4], name)


@case("config.md", "`nosymfollow` SHOULD (Introduced in kernel 5.10, util-linux 2.38)", differs={"crun": "1.8 has rnosymfollow alone"})
def option_nosymfollow(box):
    box.mount("/m", "tmpfs", options=["nosymfollow"])
    has(table(box)["/m"][0], "nosymfollow")
    equal(box.attempt("ln -s /etc/passwd /m/l; cat /m/l >/dev/null 2>&1").status, 1)


@case("config.md", "`symfollow` SHOULD Opposite of `nosymfollow`", differs={"crun": "1.8 has rsymfollow alone"})
def option_symfollow(box):
    box.mount("/m", "tmpfs", options=["symfollow"])
    lacks(table(box)["/m"][0], "nosymfollow")


@case("config.md", "Runtimes SHOULD treat unknown options as filesystem-specific ones and pass those as a comma-separated string to the fifth argument of mount(2).",
      each={"size": ("size=3m", "size=3072k"), "mode": ("mode=711", "mode=711"), "nr_inodes": ("nr_inodes=77", "nr_inodes=77"), "uid": ("uid=9", "uid=9"), "gid": ("gid=9", "gid=9")})
def option_of_the_kind(box, what):
    box.mount("/m", "tmpfs", options=[what[0]])
    has(table(box)["/m"][4], what[1])


@case("config.md", "Runtimes SHOULD treat unknown options as filesystem-specific ones", each=["nosuch", "size=banana", "mode=9"])
def option_the_kind_refuses(box, option):
    box.mount("/m", "tmpfs", options=[option])
    box.refused()


@case("config.md", "`tmpcopyup` MAY copy up the contents to a tmpfs", differs={"crun": "1.8 differs in modes"})
def option_tmpcopyup(box):
    box.in_root("filled/sub/file", "kept\n", 0o640)
    os.symlink("sub/file", os.path.join(box.rootfs, "filled/link"))
    box.mount("/filled", "tmpfs", options=["tmpcopyup"])
    equal(box.run("cat /filled/link; stat -c %a /filled/sub/file; stat -f -c %T /filled; echo more > /filled/new").splitlines()[:2], ["kept", "640"])
    equal(os.path.exists(os.path.join(box.rootfs, "filled/new")), False)


# Effects

@case("config.md", "`ro` MUST", each=["tmpfs", "bind"])
def effect_of_ro(box, kind):
    if kind == "bind":
        box.bind(box.directory("d"), "/m", "ro")
    else:
        box.mount("/m", "tmpfs", options=["ro"])
    has(box.run("touch /m/x 2>&1 || true"), "Read-only")


@case("config.md", "`noexec` MUST")
def effect_of_noexec(box):
    box.mount("/m", "tmpfs", options=["noexec"])
    equal(box.attempt("cp /probe /m/p; /m/p arguments 2>/dev/null").status, 126)


@case("config.md", "`nodev` MUST")
def effect_of_nodev(box):
    box.mount("/m", "tmpfs", options=["nodev"])
    equal(box.run("mknod /m/null c 1 3; /probe open /m/null r").strip(), "errno=13")


@case("config.md", "`nosuid` MUST")
def effect_of_nosuid(box):
    box.mount("/m", "tmpfs", options=["nosuid"])
    box.process["noNewPrivileges"] = False
    box.mount("/n", "tmpfs")
    box.up("exec sleep 1000")
    box.execute("for place in m n; do cp /probe /$place/p; chmod 4755 /$place/p; done")
    out = [box.exec(f"/{place}/p", "call", "107", flags=["--user", "1000:1000"]).out.strip() for place in "mn"]
    equal(out, ["returned=1000", "returned=0"])


# Binds

@case("config.md", "A mount is a bind mount if it has either `bind` or `rbind` in the options.", each=["none", "bind", "", "ext4"])
def bind_of_any_type(box, kind):
    box.file("d/seen")
    box.config["mounts"].append({"destination": "/m", "type": kind, "source": box.directory("d"), "options": ["rbind"]})
    equal(box.run("ls /m"), "seen\n")


@case("config.md", "A mount is a bind mount if it has either `bind` or `rbind` in the options.")
def bind_without_a_type(box):
    box.file("d/seen")
    box.config["mounts"].append({"destination": "/m", "source": box.directory("d"), "options": ["bind"]})
    equal(box.run("ls /m"), "seen\n")


@case("config.md", "Path values for bind mounts are either absolute or relative to the bundle.", each=["beside", "./beside", "../bundle/beside"])
def bind_relative_to_the_bundle(box, source):
    os.makedirs(os.path.join(box.bundle, "beside/seen"))
    box.bind(source, "/m")
    equal(box.run("ls /m"), "seen\n")


@case("config.md", "Path values for bind mounts are either absolute or relative to the bundle.")
def bind_relative_to_the_bundle_from_elsewhere(box):
    os.makedirs(os.path.join(box.bundle, "beside/seen"))
    box.bind("beside", "/m")
    box.script("ls /m")
    box.write()
    equal(box.must("run", "--bundle", box.bundle, box.id, cwd="/").out, "seen\n")


@case("config.md", "`source` … can also be a file or directory name for bind mounts", each=["/m", "/etc/passwd", "/new/deep/file"])
def bind_of_a_file(box, destination):
    box.bind(box.file("f", "text\n"), destination)
    equal(box.run(f"cat {destination}"), "text\n")


@case("config.md", "`source` … can also be a file or directory name for bind mounts")
def bind_of_a_socket(box):
    path = os.path.join(box.directory("d"), "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    box.bind(path, "/run/s")
    equal(box.run("test -S /run/s && echo socket"), "socket\n")


@case("config.md", "`source` … can also be a file or directory name for bind mounts")
def bind_of_a_link(box):
    """The source is the host's and is followed as the host follows it."""
    box.file("d/seen")
    os.symlink("d", os.path.join(box.dir, "host/l"))
    box.bind(os.path.join(box.dir, "host/l"), "/m")
    equal(box.run("ls /m"), "seen\n")


@case("runtime.md", "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new container MUST NOT be created.")
def bind_of_nothing(box):
    box.bind("/no/such/source", "/m")
    box.refused("no such file", "/no/such/source")


@case("runtime.md", "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new container MUST NOT be created.",
      each={"file on directory": True, "directory on file": False})
def bind_of_the_wrong_kind(box, file):
    if file:
        box.bind(box.file("f"), "/etc")
    else:
        box.bind(box.directory("d"), "/etc/passwd")
    box.refused()


BIND = ["nosuid", "nodev", "noexec", "noatime", "nodiratime", "ro", "relatime", "nosymfollow"]


@case("config.md", "`bind` MUST Bind mount", each=BIND, differs={"crun": "1.8 has rnosymfollow alone"})
def bind_option(box, name):
    box.bind(box.directory("d"), "/m", name)
    has(table(box)["/m"][0], name)


def flagged(box, options):
    """A mount of the host with these flags, to bind from."""
    place = box.directory("flagged")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
    subprocess.run(["mount", "--make-private", place], check=True)
    box.defer(lambda: subprocess.run(["umount", "-R", place], check=True))
    return place


@case("config.md", "Runtimes MUST/SHOULD/MAY implement the following option strings for Linux", differs={"runc": "1.1 clears fewer", "crun": "1.8 clears fewer"},
      each={"suid": "nosuid", "dev": "nodev", "exec": "noexec", "rw": "ro", "diratime": "nodiratime", "symfollow": "nosymfollow"})
def bind_clears(box, flag):
    name = {"nosuid": "suid", "nodev": "dev", "noexec": "exec", "ro": "rw", "nodiratime": "diratime", "nosymfollow": "symfollow"}[flag]
    box.bind(flagged(box, flag), "/m", name)
    lacks(table(box)["/m"][0], flag)


@case("config.md", "`bind` MUST Bind mount", each=["nosuid", "nodev", "noexec", "nosuid,nodev,noexec"], differs={"crun": "1.8 remounts without them"})
def bind_keeps(box, flags):
    """What the source's mount forbids, a bind without options forbids too."""
    box.bind(flagged(box, flags), "/m", "rbind")
    equal(set(flags.split(",")) - table(box)["/m"][0], set())


@case("config.md", "`rbind` MUST Recursive bind mount", each={"bind": False, "rbind": True})
def bind_of_a_tree(box, recursive):
    place = flagged(box, "rw")
    os.mkdir(place + "/sub")
    subprocess.run(["mount", "-t", "tmpfs", "inner", place + "/sub"], check=True)
    box.bind(place, "/m", *(["rbind"] if recursive else []))
    equal("/m/sub" in table(box), recursive)


@case("config.md", "`ro` MUST")
def bind_ro_is_of_the_top_alone(box):
    place = flagged(box, "rw")
    os.mkdir(place + "/sub")
    subprocess.run(["mount", "-t", "tmpfs", "inner", place + "/sub"], check=True)
    box.bind(place, "/m", "rbind", "ro")
    seen = table(box)
    equal(("ro" in seen["/m"][0], "ro" in seen["/m/sub"][0]), (True, False))


# What sets attributes of a whole tree of mounts before anybody sees it.
MOUNTS_APART = ["open_tree", "mount_setattr"]
REC = {"rro": "ro", "rnosuid": "nosuid", "rnodev": "nodev", "rnoexec": "noexec", "rnoatime": "noatime", "rnodiratime": "nodiratime", "rnosymfollow": "nosymfollow"}


@case("config.md", "These `AT_RECURSIVE` options need kernel 5.12 or later.", each=REC, needs=MOUNTS_APART, since={"runc": "1.2"}, differs={"crun": "1.8 has some"})
def recursive(box, flag):
    name = next(name for name, value in REC.items() if value == flag)
    place = flagged(box, "rw")
    os.mkdir(place + "/sub")
    subprocess.run(["mount", "-t", "tmpfs", "inner", place + "/sub"], check=True)
    box.bind(place, "/m", "rbind", name)
    seen = table(box)
    equal((flag in seen["/m"][0], flag in seen["/m/sub"][0]), (True, True))


CLEAR = {"rrw": "ro", "rsuid": "nosuid", "rdev": "nodev", "rexec": "noexec", "rdiratime": "nodiratime", "rsymfollow": "nosymfollow", "ratime": "noatime", "rrelatime": "noatime", "rstrictatime": "relatime", "rnorelatime": "none", "rnostrictatime": "none"}


@case("config.md", "These `AT_RECURSIVE` options need kernel 5.12 or later.", each=list(CLEAR), needs=MOUNTS_APART, since={"runc": "1.2"}, differs={"crun": "1.8 has some"})
def recursive_clearing(box, name):
    flag = CLEAR[name]
    options = flag if flag not in ("none", "relatime") else "rw"
    place = flagged(box, "rw")
    os.mkdir(place + "/sub")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "inner", place + "/sub"], check=True)
    box.bind(place, "/m", "rbind", name)
    lacks(table(box)["/m/sub"][0], flag)


# Propagation

PROPAGATION = {"private": "", "rprivate": "", "shared": "shared:", "rshared": "shared:", "slave": "master:", "rslave": "master:", "unbindable": "unbindable", "runbindable": "unbindable"}


@case("config.md", "Bind mount propagation", each=list(PROPAGATION), differs={"crun": "1.8 does it before the bind"})
def propagation(box, name):
    place = flagged(box, "rw")
    subprocess.run(["mount", "--make-shared", place], check=True)
    if "unbindable" in name:
        subprocess.run(["mount", "--make-private", place], check=True)
    box.bind(place, "/m", "rbind", name)
    seen = table(box)["/m"][1]
    if PROPAGATION[name]:
        has(seen, PROPAGATION[name])
    else:
        equal(seen, "")


@case("config.md", "Bind mount propagation")
def propagation_slave_sees_the_hosts_mounts(box):
    place = flagged(box, "rw")
    subprocess.run(["mount", "--make-shared", place], check=True)
    os.mkdir(place + "/later")
    box.linux["rootfsPropagation"] = "slave"
    box.bind(place, "/m", "rbind", "rslave")
    box.up()
    subprocess.run(["mount", "-t", "tmpfs", "later", place + "/later"], check=True)
    has(box.execute("cat /proc/self/mountinfo"), " /m/later ")


@case("config.md", "Bind mount propagation")
def propagation_private_does_not(box):
    place = flagged(box, "rw")
    subprocess.run(["mount", "--make-shared", place], check=True)
    os.mkdir(place + "/later")
    box.bind(place, "/m", "rbind", "rprivate")
    box.up()
    subprocess.run(["mount", "-t", "tmpfs", "later", place + "/later"], check=True)
    lacks(box.execute("cat /proc/self/mountinfo"), " /m/later ")


# Kinds

@case("config-linux.md", "The following filesystems SHOULD be made available in each container's filesystem:",
      each={"/proc": "proc", "/sys": "sysfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs"})
def file_system(box, kind):
    path = {"proc": "/proc", "sysfs": "/sys", "devpts": "/dev/pts", "tmpfs": "/dev/shm"}[kind]
    equal(table(box)[path][2], kind)


@case("config.md", "`type` (string, OPTIONAL) The type of the filesystem to be mounted.", each=["mqueue", "ramfs", "devpts", "hugetlbfs"])
def kind(box, name):
    skip_unless(host.filesystem(name), f"this kernel has no {name}")
    box.mount("/m", name)
    equal(table(box)["/m"][2], name)


@case("config.md", "`type` (string, OPTIONAL) The type of the filesystem to be mounted.", each=["nosuchfs", "", "tmpfs2"], differs={"crun": "1.8 takes an empty one"})
def kind_unknown(box, name):
    box.config["mounts"].append({"destination": "/m", "type": name, "source": "x", "options": []})
    box.refused()


@case("config.md", "`type` (string, OPTIONAL) The type of the filesystem to be mounted.")
def overlay(box):
    box.file("lower/a")
    lower, upper, work = box.directory("lower"), box.directory("upper"), box.directory("work")
    box.mount("/m", "overlay", options=[f"lowerdir={lower}", f"upperdir={upper}", f"workdir={work}"])
    equal(box.run("ls /m; touch /m/b"), "a\n")
    equal(os.listdir(upper), ["b"])


@case("config.md", "`type` (string, OPTIONAL) The type of the filesystem to be mounted.", each={"ro": ["ro", "nosuid", "noexec", "nodev", "relatime"], "rw": ["nosuid", "noexec", "nodev"]})
def cgroup(box, options):
    box.mount("/sys/fs/cgroup", "cgroup", "cgroup", options)
    box.run("true")
    out = box.attempt("ls /sys/fs/cgroup; d=/sys/fs/cgroup; test -d $d/memory && d=$d/memory; mkdir $d/made 2>&1 && rmdir $d/made && echo writable").out
    assert out.strip(), "the mount is empty"
    if "ro" in options:
        lacks(out, "writable")


@case("config.md", "`type` (string, OPTIONAL) The type of the filesystem to be mounted.", each={"cgroup namespace": True, "the host's": False})
def cgroup_shows_its_own_group(box, namespace):
    """The container reads its own limits there; without a cgroup namespace too, for the host's groups are none of its business."""
    skip_unless(host.has_controller("pids"), "no pids controller")
    box.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", "nosuid", "noexec", "nodev"])
    box.linux["resources"]["pids"] = {"limit": 123}
    if namespace:
        box.namespace("cgroup")
    equal(box.run("cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max").strip(), "123")


# Id mappings

def mapping(first, size=65536):
    return [{"containerID": 0, "hostID": first, "size": size}]


@case("config.md", "If `uidMappings` or `gidMappings` are specified for the mount, the runtime MUST use those values for the mount's mapping.",
      each=["idmap", "ridmap"], since=IDMAP, needs=MOUNTS_APART + ["fsopen"], differs={"crun": "1.8 has another option string"})
def idmap(box, name):
    place = box.directory("d")
    os.chown(box.file("d/f"), 7, 8)
    box.bind(place, "/m", "rbind", name, uidMappings=mapping(5000), gidMappings=mapping(6000))
    equal(box.run("stat -c %u:%g /m/f"), "5007:6008\n")


@case("config.md", "the mapping is applied recursively", since=IDMAP, needs=MOUNTS_APART + ["fsopen"], each={"idmap": False, "ridmap": True}, differs={"crun": "1.8 has another option string"})
def idmap_of_a_tree(box, recursive):
    place = flagged(box, "rw")
    os.mkdir(place + "/sub")
    subprocess.run(["mount", "-t", "tmpfs", "inner", place + "/sub"], check=True)
    box.bind(place, "/m", "rbind", "ridmap" if recursive else "idmap", uidMappings=mapping(5000), gidMappings=mapping(5000))
    equal(box.run("stat -c %u /m /m/sub").split(), ["5000", "5000" if recursive else "0"])


@case("config.md", "If they are not specified, the runtime MAY use the container's user namespace mapping, otherwise an error MUST be returned.",
      since=IDMAP, differs={"crun": "1.8 has another option string"})
def idmap_of_the_container(box):
    """With the container's own mapping, the host's owner 0 is the container's 0."""
    box.user_namespace(100000)
    box.file("d/f")
    box.bind(box.directory("d"), "/m", "rbind", "idmap")
    result = box.attempt("stat -c %u /m/f")
    assert result.status != 0 or result.out == "0\n", result


@case("config.md", "If there are no `uidMappings` and `gidMappings` specified and the container isn't using user namespaces, an error MUST be returned.",
      each=["idmap", "ridmap"], since=IDMAP, needs=MOUNTS_APART + ["fsopen"], differs={"crun": "1.8 has another option string"})
def idmap_of_nothing(box, name):
    box.bind(box.directory("d"), "/m", "rbind", name)
    box.refused("map")


@case("config.md", "If specified, it MUST be specified along with `gidMappings`.", each=["uidMappings", "gidMappings"], since=IDMAP, differs={"crun": "1.8 does not check"})
def idmap_of_one_half(box, half):
    box.bind(box.directory("d"), "/m", "rbind", "idmap", **{half: mapping(5000)})
    box.refused("map")
