"""Device nodes, links in /dev, and which devices a group may touch."""
import os
import stat

from harness import case, equal, has, host, skip_unless

DEFAULTS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}


def look(box, path):
    """Type, mode, owner, group, major:minor of a path in the container."""
    return box.run(f"stat -c '%F|%a|%u|%g|%t:%T' {path}").strip().split("|")


@case("config-linux.md", "In addition to any devices configured with this setting, the runtime MUST also supply:", each=DEFAULTS)
def default(box, numbers):
    name = next(name for name, value in DEFAULTS.items() if value == numbers)
    equal(look(box, f"/dev/{name}"), ["character special file", "666", "0", "0", f"{numbers[0]:x}:{numbers[1]:x}"])


@case("config-linux.md", "In addition to any devices configured with this setting, the runtime MUST also supply:")
def default_ones_work(box):
    equal(box.run("echo x > /dev/null && head -c 3 /dev/zero | od -An -tx1 && head -c 4 /dev/urandom | wc -c").split(), ["00", "00", "00", "4"])


@case("config-linux.md", "`/dev/ptmx`. A bind-mount or symlink of the container's `/dev/pts/ptmx`.")
def ptmx(box):
    equal(box.run("ls -l /dev/ptmx | grep -c pts/ptmx; test -c /dev/ptmx && echo there"), "1\nthere\n")


@case("config-linux.md", "`/dev/console` is set up if `terminal` is enabled in the config")
def console_only_with_a_terminal(box):
    equal(box.run("ls /dev | grep -c console || true").strip(), "0")


LINKS = {"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2"}


@case("runtime-linux.md", "runtimes MUST create the following symlinks if the source file exists after processing mounts", each=LINKS)
def link(box, target):
    path = next(path for path, value in LINKS.items() if value == target)
    equal(box.run(f"readlink {path}").strip(), target)


def device(box, path, kind="c", major=1, minor=3, **more):
    entry = {"path": path, "type": kind, **more}
    if kind != "p":
        entry |= {"major": major, "minor": minor}
    box.linux.setdefault("devices", []).append(entry)


@case("config-linux.md", "`type` (string, REQUIRED) - type of device: `c`, `b`, `u` or `p`.",
      each={"c": "character special file", "u": "character special file", "b": "block special file", "p": "fifo"})
def kind(box, expected):
    letter = {"block special file": "b", "fifo": "p"}.get(expected, "c")
    device(box, "/dev/made", letter, 10, 229, fileMode=0o600)
    equal(look(box, "/dev/made")[0], expected)


@case("config-linux.md", "`type` (string, REQUIRED) - type of device: `c`, `b`, `u` or `p`.")
def kind_unbuffered(box):
    device(box, "/dev/made", "u", 10, 229)
    equal(look(box, "/dev/made")[0], "character special file")


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.", each=["x", "", "char"], differs={"crun": "1.8 does not check"})
def kind_unknown(box, letter):
    device(box, "/dev/made", letter)
    box.refused("device")


@case("config-linux.md", "`fileMode` (uint32, OPTIONAL) - file mode for the device.", each={"600": 0o600, "640": 0o640, "777": 0o777, "666": 0o666})
def mode(box, value):
    device(box, "/dev/made", fileMode=value, uid=0, gid=0)
    equal(look(box, "/dev/made")[1], f"{value:o}")


@case("config-linux.md", "`uid` (uint32, OPTIONAL) - id of device owner in the container namespace.")
def owner(box):
    device(box, "/dev/made", uid=7, gid=8, fileMode=0o600)
    equal(look(box, "/dev/made")[2:4], ["7", "8"])


@case("config-linux.md", "The path MAY be anywhere in the container filesystem, notably outside of `/dev`.", each=["/made", "/var/deep/er/made", "/dev/net/tun"])
def anywhere(box, path):
    device(box, path)
    equal(look(box, path)[0], "character special file")


@case("config-linux.md", "If a file already exists at `path` that does not match the requested device, the runtime MUST generate an error.",
      each={"plain file": "file", "directory": "directory", "other device": "device", "link": "link"},
      differs={"runc": "1.1 takes what is there", "crun": "takes what is there"})
def path_is_taken(box, what):
    place = os.path.join(box.rootfs, "made")
    if what == "file":
        box.in_root("made", "x")
    elif what == "directory":
        os.mkdir(place)
    elif what == "device":
        os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    else:
        os.symlink("/dev/zero", place)
    device(box, "/made")
    box.refused("made", "device", "exist")


@case("config-linux.md", "`path` (string, REQUIRED) - full path to device inside container.", each=["made", "", "../made"],
      differs={"runc": "1.1 takes it as absolute", "crun": "takes it as absolute"})
def path_not_absolute(box, path):
    device(box, path)
    box.refused("path", "absolute", "device")


@case("config-linux.md", "`major, minor` (int64, REQUIRED unless `type` is `p`) - major, minor numbers for the device.")
def through_a_link_stays_inside(box):
    """/x leads out of the root when the host resolves it; the node must appear inside."""
    outside = box.directory("outside")
    os.symlink(outside, os.path.join(box.rootfs, "x"))
    device(box, "/x/made")
    box.attempt("true")
    equal(os.listdir(outside), [])


@case("config-linux.md", "`devices` (array of objects, OPTIONAL) lists devices that MUST be available in the container.")
def in_a_user_namespace(box):
    """mknod is not allowed there; the spec leaves it to the runtime to bind the host's."""
    box.user_namespace()
    equal(box.run("echo x > /dev/null && head -c 2 /dev/zero | wc -c && test -c /dev/full && echo fine"), "2\nfine\n")


# The allowed list

FUSE = (10, 229)


def allow(box, *entries):
    skip_unless(host.has_controller("devices") or not host.is_v1("memory"), "no devices controller")
    box.linux["resources"]["devices"] = [{"allow": False, "access": "rwm"}, *entries]
    box.capabilities("CAP_MKNOD", "CAP_DAC_OVERRIDE")


def may(box, script):
    return "returned" in box.run(script)


@case("config-linux.md", "`allow` (boolean, REQUIRED) - whether the entry is allowed or denied.",
      each={"nothing": (None, False), "the device": ({"major": 10, "minor": 229}, True), "its major": ({"major": 10}, True), "all of the type": ({}, True),
            "another minor": ({"major": 10, "minor": 228}, False), "another type": ({"major": 10, "minor": 229, "type": "b"}, False)})
def allowed(box, what):
    """Device 10:229 is /dev/fuse: anyone may open it, and no default list lets it in."""
    given, expected = what
    skip_unless(host.filesystem("fuse"), "this kernel has no fuse")
    allow(box, *([{"allow": True, "type": "c", "access": "rwm", **given}] if given is not None else []))
    device(box, "/made", major=10, minor=229)
    equal(may(box, "/probe open /made r"), expected)


@case("config-linux.md", "`access` (string, OPTIONAL) - cgroup permissions for device. A composition of `r` (read), `w` (write), and `m` (mknod).",
      each=["r", "w", "rw", "m", "rwm"])
def access(box, letters):
    skip_unless(host.filesystem("fuse"), "this kernel has no fuse")
    allow(box, {"allow": True, "type": "c", "major": 10, "minor": 229, "access": letters})
    device(box, "/made", major=10, minor=229)
    out = box.run("/probe open /made r; /probe open /made w; /probe open /made rw").split()
    equal(["returned" in said for said in out], ["r" in letters, "w" in letters, "r" in letters and "w" in letters])


@case("config-linux.md", "The runtime MUST apply entries in the listed order.", each={"deny last": False, "allow last": True})
def order(box, last):
    skip_unless(host.filesystem("fuse"), "this kernel has no fuse")
    entry = {"type": "c", "major": 10, "minor": 229, "access": "rwm"}
    allow(box, {"allow": not last, **entry}, {"allow": last, **entry})
    device(box, "/made", major=10, minor=229)
    equal(may(box, "/probe open /made r"), last)


@case("config-linux.md", "Containers MAY NOT access any device node that is not either explicitly referenced in the `devices` array or listed as being part of the default devices.",
      each={"null": ("/dev/null", True), "zero": ("/dev/zero", True), "urandom": ("/dev/urandom", True), "ptmx": ("/dev/ptmx", True)})
def default_ones_are_allowed(box, what):
    allow(box)
    equal(may(box, f"/probe open {what[0]} rw"), what[1])


@case("config-linux.md", "Containers MAY NOT access any device node that is not either explicitly referenced in the `devices` array or listed as being part of the default devices.",
      each={"kmsg": (1, 11, "c"), "mem": (1, 1, "c"), "root disk": (254, 0, "b")})
def hosts_devices_are_closed(box, numbers):
    """Made by the container itself, with CAP_MKNOD: it may make nodes, and not open them."""
    allow(box)
    box.capabilities("CAP_MKNOD", "CAP_SYS_RAWIO", "CAP_SYSLOG", "CAP_DAC_OVERRIDE")
    out = box.run(f"/probe mknod /made {numbers[2]} {numbers[0]} {numbers[1]}; /probe open /made r").splitlines()
    equal(out[-1] in ("errno=1", "errno=2", "errno=13"), True, str(out))
