"""Racers: names in the root are exchanged as fast as the kernel can while the runtime starts containers on it."""
import os
import subprocess

from harness import case, equal, lacks

OPEN = "an old peer may lose this race"


def exchanging(box, one, other):
    """Swaps two names of the root for as long as the case lasts; the attacker shares a volume with the container."""
    sentinel = box.file("racing")
    racer = subprocess.Popen([box.workshop.probe, "exchange", os.path.join(box.rootfs, one), os.path.join(box.rootfs, other), sentinel], stdout=subprocess.DEVNULL)

    def stop():
        os.unlink(sentinel)
        racer.wait()
    box.defer(stop)


def trap(box, name="way"):
    """`way` is a directory of the root, `lure` a link to a directory of the host that nothing may appear in."""
    outside = box.directory("outside")
    os.makedirs(outside + "/inner")
    with open(outside + "/file", "w") as file:
        file.write("host")
    os.makedirs(os.path.join(box.rootfs, name, "inner"))
    open(os.path.join(box.rootfs, name, "file"), "w").close()
    os.symlink(outside, os.path.join(box.rootfs, "lure"))
    return outside


def starts(box, script="true"):
    """The starts; a start that is refused is a defence. Returns what the programs said."""
    box.script(script)
    box.write()
    said, failed = [], 0
    for _ in range(box.races):
        result = box.call("run", box.id, keep="race")
        box.calls.clear()
        failed += result.status != 0
        said.append(result.out)
        if result.status != 0:
            box.call("delete", "--force", box.id, keep="race")
    return said, failed


def untouched(box, outside):
    equal(sorted(os.listdir(outside)), ["file", "inner"], "the host's directory")
    equal(os.listdir(outside + "/inner"), [], "the host's directory")
    with open(outside + "/file") as file:
        equal(file.read(), "host")
    with open("/proc/self/mountinfo") as table:
        lacks(table.read(), outside)


def inside(said):
    """What the container sees below /way when the mount is there is the mount's, never the host's."""
    for text in said:
        lacks(text, "host")


@case("CVE-2021-30465", "a mount's destination, swapped for a link between its check and its mount", races=True, slow=True, peers_may_fail=OPEN)
def mount_destination(box):
    outside = trap(box)
    box.mount("/way/inner", "tmpfs")
    box.bind(box.file("source", "mine"), "/way/file")
    exchanging(box, "way", "lure")
    starts(box)
    untouched(box, outside)


@case("CVE-2024-45310", "the file or directory that a bind needs, made while the way to it is swapped", races=True, slow=True, peers_may_fail=OPEN)
def mount_point_that_is_made(box):
    outside = trap(box)
    box.bind(box.file("source", "mine"), "/way/new/file")
    box.bind(box.directory("d"), "/way/other/directory")
    exchanging(box, "way", "lure")
    starts(box)
    untouched(box, outside)


@case("CVE-2019-16884", "a path that is masked or made read-only, swapped for a link", races=True, slow=True, peers_may_fail=OPEN)
def masked_paths(box):
    outside = trap(box)
    box.linux["maskedPaths"] = ["/way/file"]
    box.linux["readonlyPaths"] = ["/way/inner"]
    exchanging(box, "way", "lure")
    said, _ = starts(box, "cat /way/file 2>/dev/null; true")
    untouched(box, outside)
    inside(said)


@case("CVE-2026-41579", "the directory of a device node, swapped for a link", races=True, slow=True, peers_may_fail=OPEN)
def device_path(box):
    outside = trap(box)
    box.linux["devices"] = [{"path": "/way/inner/made", "type": "c", "major": 1, "minor": 3}]
    exchanging(box, "way", "lure")
    starts(box)
    untouched(box, outside)


@case("CVE-2026-55686", "the working directory, swapped for a link while it is made", races=True, slow=True, peers_may_fail=OPEN)
def working_directory(box):
    outside = trap(box)
    box.process["cwd"] = "/way/made/here"
    exchanging(box, "way", "lure")
    starts(box)
    untouched(box, outside)


@case("CVE-2023-27561", "/proc, swapped for a link: the runtime writes nowhere but to the kernel", races=True, slow=True, peers_may_fail=OPEN)
def proc_swapped(box):
    outside = box.directory("outside")
    os.makedirs(outside + "/self/attr")
    os.makedirs(outside + "/sys/net/ipv4")
    with open(outside + "/sys/net/ipv4/ip_forward", "w") as file:
        file.write("host")
    os.symlink(outside, os.path.join(box.rootfs, "lure"))
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    exchanging(box, "proc", "lure")
    starts(box)
    with open(outside + "/sys/net/ipv4/ip_forward") as file:
        equal(file.read(), "host")
    with open("/proc/self/mountinfo") as table:
        lacks(table.read(), outside)


@case("CVE-2025-31133", "/dev/null of the image, swapped for a link while paths are masked with it", races=True, slow=True, peers_may_fail="CVE-2025-31133")
def null_swapped(box):
    secret = box.in_root("secret", "text")
    box.config["mounts"] = [mount for mount in box.config["mounts"] if not mount["destination"].startswith("/dev")]
    os.symlink("/secret", os.path.join(box.rootfs, "lure"))
    open(os.path.join(box.rootfs, "dev/null"), "w").close()
    box.linux["maskedPaths"] = ["/secret"]
    exchanging(box, "dev/null", "lure")
    said, _ = starts(box, "cat /secret 2>/dev/null; true")
    for text in said:
        lacks(text, "text")
    with open(secret) as file:
        equal(file.read(), "text")


@case("runtime.md", "Deleting a container MUST delete the resources that were created during the `create` step.", races=True, slow=True)
def two_deletes_at_once(box):
    """One of them deletes, none crashes, nothing is left."""
    for _ in range(max(5, box.races // 10)):
        box.create("true")
        line = [box.runtime.path, "--root", box.state_root, "delete", "--force", box.id]
        both = [subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)]
        statuses = [process.wait(timeout=30) for process in both]
        assert 0 in statuses and all(status >= 0 for status in statuses), statuses
        box.nothing_left()


@case("runtime.md", "If the ID provided is not unique across all containers within the scope of the runtime … the implementation MUST generate an error and a new container MUST NOT be created.", races=True, slow=True,
      differs={"runc": "1.1 lets two of one name fail both"})
def two_creates_at_once(box):
    """Of three of one name, one is made."""
    box.script("true")
    box.write()
    for _ in range(max(5, box.races // 10)):
        line = [box.runtime.path, "--root", box.state_root, "create", box.id]
        every = [subprocess.Popen(line, cwd=box.bundle, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)]
        statuses = [process.wait(timeout=30) for process in every]
        equal(statuses.count(0), 1, str(statuses))
        equal(box.status(), "created")
        box.must("delete", "--force", box.id)
        box.nothing_left()
