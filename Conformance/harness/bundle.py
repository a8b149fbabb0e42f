"""Root file systems and the configuration that each case starts from."""
import copy
import os
import shutil
import subprocess

from . import host

APPLETS = """sh cat ls id echo true false sleep kill grep sed awk head tail wc test [ mount umount mkdir rmdir rm ln cp mv
chmod chown touch stat readlink env pwd hostname uname ps tr cut sort mknod mkfifo dd find printf seq tty stty ip ping
ulimit sysctl nc timeout xargs basename dirname od hexdump df tee setsid nproc taskset ifconfig wget yes date sync""".split()

PASSWD = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000:worker:/home/worker:/bin/sh\n4294967296:x:0:0:trap:/:/bin/sh\n"
GROUP = "root:x:0:\nworker:x:1000:\ncrew:x:2000:worker\nfleet:x:2001:worker\n"


class Workshop:
    """What all cases of one run share: the directory, the busybox root and the compiled probe."""

    def __init__(self, directory):
        self.directory = directory
        os.chmod(directory, 0o755)
        self.cgroup = "/" + os.path.basename(directory)
        self.busybox = os.path.join(directory, "busybox")
        self.probe = os.path.join(directory, "probe")
        shutil.copy(shutil.which("busybox"), self.busybox)
        source = os.path.join(os.path.dirname(__file__), "probe.c")
        subprocess.run(["cc", "-static", "-O1", "-w", "-o", self.probe, source, "-lpthread"], check=True)

    def root(self, path):
        """A small root: busybox and the probe as hard links, so that it costs no time."""
        for directory in ("bin", "dev", "etc", "home/worker", "proc", "root", "sys", "tmp", "usr/bin", "var"):
            os.makedirs(os.path.join(path, directory))
        os.chmod(os.path.join(path, "tmp"), 0o1777)
        os.link(self.busybox, os.path.join(path, "bin/busybox"))
        os.link(self.probe, os.path.join(path, "probe"))
        for applet in APPLETS:
            os.symlink("busybox", os.path.join(path, "bin", applet))
        for name, text in (("passwd", PASSWD), ("group", GROUP)):
            with open(os.path.join(path, "etc", name), "w") as file:
                file.write(text)

    def remove(self):
        for directory in host.cgroup_directories(self.cgroup):
            for inner, _, _ in os.walk(directory, topdown=False):
                try:
                    os.rmdir(inner)
                except OSError:
                    pass
        shutil.rmtree(self.directory, ignore_errors=True)


DEFAULT_CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
                        "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"]

BASE = {
    "ociVersion": "1.0.2",
    "process": {
        "user": {"uid": 0, "gid": 0},
        "args": ["/bin/true"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {kind: list(DEFAULT_CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs"},
    "hostname": "conform",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    ],
    "linux": {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
        "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                        "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
}


def base():
    return copy.deepcopy(BASE)
