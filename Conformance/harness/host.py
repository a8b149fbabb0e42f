"""Facts about this host: where the cgroup controllers are, what the kernel has."""
import functools
import os
import subprocess
import sys


@functools.cache
def hierarchies():
    """Each mounted cgroup hierarchy: controller (or name=…, or "" for v2) → mount point."""
    found = {}
    with open("/proc/self/mountinfo") as table:
        for line in table:
            left, right = line.split(" - ")
            kind, _, options = right.split()[:3]
            if kind == "cgroup2":
                found.setdefault("", left.split()[4])
            elif kind == "cgroup":
                for option in options.split(","):
                    if option not in ("rw", "ro"):
                        found.setdefault(option, left.split()[4])
    return found


def is_v1(controller):
    return controller in hierarchies()


def has_controller(controller):
    """Whether limits of this controller can be set at all, in either version."""
    if is_v1(controller):
        return True
    if "" not in hierarchies():
        return False
    with open(hierarchies()[""] + "/cgroup.controllers") as controllers:
        name = {"blkio": "io", "cpuacct": "cpu"}.get(controller, controller)
        return name in controllers.read().split()


def cgroup_directory(controller, path):
    mount = hierarchies().get(controller, hierarchies().get(""))
    return mount + path


def cgroup_directories(path):
    """The group of this path in every hierarchy where it exists."""
    return [mount + path for mount in sorted(set(hierarchies().values())) if os.path.isdir(mount + path)]


def capability(number):
    """Whether this process holds a capability (some hosts take a few from root)."""
    with open("/proc/self/status") as status:
        effective = next(line for line in status if line.startswith("CapEff"))
    return bool(int(effective.split()[1], 16) >> number & 1)


CAP_SYS_RESOURCE = 24


def filesystem(kind):
    with open("/proc/filesystems") as listed:
        return kind in listed.read().split()


def hide_unified_from_crun(runtime):
    """crun refuses a hybrid layout, so it gets a mount namespace in which the v2 mount is not there."""
    unified = hierarchies().get("", "")
    if runtime.kind != "crun" or len(hierarchies()) == 1 or not unified:
        return
    words = ["unshare", "-m", "--propagation", "private", "sh", "-c", f'umount {unified}; exec "$@"', "sh"]
    os.execvp("unshare", words + [sys.executable] + sys.argv)


@functools.cache
def kernel():
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


@functools.cache
def lsm(name):
    try:
        with open("/sys/kernel/security/lsm") as modules:
            return name in modules.read().strip().split(",")
    except OSError:
        return False


def quietly(words, **more):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **more).returncode
