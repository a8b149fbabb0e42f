"""What a hostile root file system, configuration or program must not get: each is an attack that was real once."""
import hashlib
import os
import resource
import socket
import stat
import time

from harness import case, equal, lacks

def outside(box):
    """A directory of the host that nothing may appear in."""
    place = box.directory("outside")
    return place, lambda: equal(os.listdir(place), [], "files on the host")


def without(box, *destinations):
    box.config["mounts"] = [mount for mount in box.config["mounts"] if not any(mount["destination"].startswith(name) for name in destinations)]


# Links in the root

@case("CVE-2019-19921", "a /proc or /sys that is a link is refused: what is written below it would go elsewhere", each=["proc", "sys"])
def proc_is_a_link(box, name):
    place, nothing = outside(box)
    os.rmdir(os.path.join(box.rootfs, name))
    os.symlink(place, os.path.join(box.rootfs, name))
    box.script("true")
    box.write()
    box.fails("run", box.id)
    nothing()
    box.nothing_left()


@case("CVE-2023-27561", "a /proc that leads to another directory of the image is refused too", each=["proc", "sys"], peers_may_fail="CVE-2023-27561")
def proc_is_a_link_inside(box, name):
    os.rmdir(os.path.join(box.rootfs, name))
    os.mkdir(os.path.join(box.rootfs, "elsewhere"))
    os.symlink("/elsewhere", os.path.join(box.rootfs, name))
    box.script("true")
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("CVE-2026-41579", "a /dev that is a link never leads the runtime's nodes and links out of the root", each={"mounted": True, "bare": False}, peers_may_fail="CVE-2026-41579")
def dev_is_a_link(box, mounted):
    place, nothing = outside(box)
    os.rmdir(os.path.join(box.rootfs, "dev"))
    os.symlink(place, os.path.join(box.rootfs, "dev"))
    if not mounted:
        without(box, "/dev")
    box.attempt("true")
    nothing()


TARGETS = {"absolute": "{outside}", "relative": "../../../../../../../../../..{outside}", "chain": "/second"}


@case("CVE-2021-30465", "a link in the way of a mount's destination is resolved inside the root", each=list(TARGETS))
def mount_through_a_link(box, how):
    place, nothing = outside(box)
    os.symlink(TARGETS[how].format(outside=place), os.path.join(box.rootfs, "way"))
    os.symlink(place, os.path.join(box.rootfs, "second"))
    box.mount("/way/inner", "tmpfs")
    box.bind(box.file("f", "x"), "/way/file")
    box.attempt("true")
    nothing()
    lacks(open("/proc/self/mountinfo").read(), place)


@case("CVE-2024-45310", "a file or directory for a bind is made inside the root, whatever dangles there", each=["file", "directory"])
def mount_on_a_dangling_link(box, kind):
    place, nothing = outside(box)
    os.symlink(place + "/made", os.path.join(box.rootfs, "dangling"))
    box.bind(box.file("f") if kind == "file" else box.directory("d"), "/dangling")
    box.attempt("true")
    nothing()


@case("CVE-2021-30465", "dots in a destination do not climb over the root", each=["/../../../../../../..{}", "/a/../../..{}", "{}/../../../../../.."])
def mount_destination_with_dots(box, form):
    place, nothing = outside(box)
    before = open("/proc/self/mountinfo").read().count("\n")
    box.mount(form.format(place) + "/made", "tmpfs")
    box.attempt("true")
    nothing()
    equal(open("/proc/self/mountinfo").read().count("\n"), before)


@case("CVE-2026-55686", "a cwd is made and entered inside the root", each=["link", "chain", "relative"])
def cwd_through_a_link(box, how):
    place, nothing = outside(box)
    os.symlink({"link": place, "chain": "/second", "relative": "../../../../../.." + place}[how], os.path.join(box.rootfs, "way"))
    os.symlink(place, os.path.join(box.rootfs, "second"))
    box.process["cwd"] = "/way/made"
    box.attempt("true")
    nothing()


@case("CVE-2026-41579", "a device's path is resolved inside the root")
def device_through_a_link(box):
    place, nothing = outside(box)
    os.symlink(place, os.path.join(box.rootfs, "way"))
    box.linux["devices"] = [{"path": "/way/made", "type": "c", "major": 1, "minor": 3}]
    box.attempt("true")
    nothing()


@case("CVE-2025-31133", "paths are masked with the runtime's own null device, not with what the image calls /dev/null", each=["sysrq", "file", "zero"], peers_may_fail="CVE-2025-31133")
def masked_by_a_false_null(box, what):
    """Without a mount on /dev the image's /dev/null is what a careless runtime binds over the path to mask."""
    without(box, "/dev")
    secret = box.in_root("secret", "text")
    place = os.path.join(box.rootfs, "dev/null")
    if what == "zero":
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    else:
        os.symlink("/proc/sysrq-trigger" if what == "sysrq" else "/secret", place)
    box.linux["maskedPaths"] = ["/secret", "/proc/kcore"]
    box.linux["readonlyPaths"] = []
    result = box.attempt("stat -c %t:%T /secret /proc/kcore")
    if result.status == 0:
        equal(result.out.split(), ["1:3", "1:3"])
    equal(open(secret).read(), "text")


@case("CVE-2025-52565", "/dev/console is the terminal that the runtime opened, and lands in the root", peers_may_fail="CVE-2025-52565")
def console_is_a_link(box):
    place, nothing = outside(box)
    without(box, "/dev")
    os.symlink(place + "/made", os.path.join(box.rootfs, "dev/console"))
    box.process["terminal"] = True
    path = os.path.join(box.dir, "console")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    box.script("true")
    box.write()
    box.call("create", "--console-socket", path, box.id, keep="init", seconds=15)
    nothing()
    box.ids.add(box.id)


# Mounts that would redirect what is written to /proc

@case("CVE-2019-16884", "a mount inside /proc would answer for the kernel: refused", each=["/proc/self", "/proc/self/attr", "/proc/sys", "/proc/1", "/proc/fs/../self", "/proc/thread-self", "/proc/sysvipc"],
      peers_may_fail="CVE-2025-52881")
def mount_inside_proc(box, destination):
    box.mount(destination, "tmpfs")
    box.script("true")
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("CVE-2019-16884", "nor may one hide it", each=["bind of a directory", "tmpfs"], peers_may_fail="CVE-2019-16884")
def mount_over_proc(box, what):
    place = box.directory("d")
    os.makedirs(place + "/self/attr")
    if what == "tmpfs":
        box.mount("/proc", "tmpfs")
    else:
        box.bind(place, "/proc")
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    result = box.attempt("true")
    assert result.status != 0, "a false /proc was taken"


@case("runc, as it behaves", "lxcfs mounts single files in /proc, which is allowed.", each=["cpuinfo", "meminfo", "stat", "uptime", "loadavg", "swaps", "diskstats"])
def lxcfs_is_allowed(box, name):
    box.bind(box.file(name, "mine\n"), f"/proc/{name}")
    equal(box.run(f"cat /proc/{name}"), "mine\n")


# Descriptors

@case("CVE-2024-21626", "a cwd of /proc/self/fd/N never is a directory of the host", each=list(range(3, 20)), peers_may_fail="CVE-2024-21626")
def cwd_in_a_descriptor(box, number):
    box.process["cwd"] = f"/proc/self/fd/{number}"
    result = box.attempt("pwd; ls ../../../../etc/debian_version")
    lacks(result.out, "debian_version")


@case("CVE-2024-21626", "nor is that of exec", each=[3, 5, 6, 7, 8, 9], peers_may_fail="CVE-2024-21626")
def cwd_of_exec_in_a_descriptor(box, number):
    box.up()
    result = box.exec("/bin/sh", "-c", "pwd; ls ../../../../etc/debian_version", flags=["--cwd", f"/proc/self/fd/{number}"])
    lacks(result.out, "debian_version")


@case("CVE-2024-21626", "a program of /proc/self/fd/N is none of the runtime's", each=[3, 4, 5, 6, 7, 8, 9, 10], peers_may_fail="CVE-2024-21626")
def program_in_a_descriptor(box, number):
    box.process["args"] = [f"/proc/self/fd/{number}", "--version"]
    result = box.attempt()
    lacks(result.out, "version")


# The runtime's own executable

def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@case("CVE-2019-5736", "what runs in the container cannot write the program that started it", each=["run", "exec"])
def overwriting_the_runtime(box, how):
    """The program is #!/proc/self/exe, and another process of the container opens every exe it sees for writing."""
    before = digest(box.runtime.path)
    box.in_root("evil", "#!/proc/self/exe\n", 0o755)
    box.capabilities("CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")
    writer = "while :; do for p in /proc/[0-9]*; do case $(readlink $p/exe) in /probe|/bin/busybox) ;; *) /probe open $p/exe w >> /tmp/tried;; esac; done; done"
    if how == "exec":
        box.up(writer)
        for _ in range(20):
            box.exec("/evil")
    else:
        box.process["args"] = ["/evil"]
        box.write()
        for _ in range(10):
            box.call("run", box.id)
    equal(digest(box.runtime.path), before)
    tried = os.path.join(box.rootfs, "tmp/tried")
    if os.path.exists(tried):
        lacks(open(tried).read(), "returned")


@case("CVE-2019-5736", "the executable of the container's first process before start is not the host's file, or not to be written", each=["created"])
def executable_of_the_waiting_init(box, what):
    before = digest(box.runtime.path)
    box.create("true")
    out = box.execute("/probe open /proc/1/exe w; /probe open /proc/1/exe rw")
    lacks(out, "returned")
    equal(digest(box.runtime.path), before)


# State and sockets

@case("CVE-2021-41091", "state directories are closed to others", differs={"runc": "1.1 has a fifo of mode 622 in a directory of mode 711"})
def state_directory_is_private(box):
    os.umask(0)
    box.create("true")
    loose = []
    for place, directories, files in os.walk(box.state_root):
        for name in directories + files:
            mode = os.lstat(os.path.join(place, name)).st_mode
            # crun and runc keep 0711 on the directory; nobody may write, nobody may read what is in it.
            if not stat.S_ISLNK(mode) and mode & 0o022:
                loose.append(f"{name} {mode & 0o777:o}")
    equal(loose, [])


@case("CVE-2020-15257", "no abstract socket: whoever shares the network namespace could connect")
def no_abstract_sockets(box):
    def abstract():
        with open("/proc/net/unix") as table:
            return {line.split()[-1] for line in table if " @" in line}
    before = abstract()
    box.create("true")
    equal({name for name in abstract() - before if "skiff" in name or box.id in name}, set())


@case("CVE-2022-0492", "no way to a release_agent", each=["read-only mount", "own mount"])
def release_agent(box, how):
    box.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", "nosuid", "noexec", "nodev"])
    script = {"read-only mount": "for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/notify_on_release; do (echo /tmp/x > $f) 2>/dev/null && echo written; done",
              "own mount": "mkdir -p /m && mount -t cgroup -o memory x /m 2>/dev/null && echo mounted"}[how]
    lacks(box.attempt(script + "; true").out, {"read-only mount": "written", "own mount": "mounted"}[how])


# Bombs

@case("CVE-2024-40635", "a passwd of a gigabyte, or one that never ends, holds nothing up", each=["sparse gigabyte", "fifo", "link to zero", "link to kmsg", "directory"], peers_may_fail="CVE-2026-46680")
def passwd_is_hostile(box, what):
    for name in ("passwd", "group"):
        path = os.path.join(box.rootfs, "etc", name)
        os.unlink(path)
        if what == "sparse gigabyte":
            with open(path, "w") as file:
                file.truncate(1 << 30)
        elif what == "fifo":
            os.mkfifo(path)
        elif what == "directory":
            os.mkdir(path)
        else:
            os.symlink("/dev/zero" if "zero" in what else "/dev/kmsg", path)
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.script("true")
    box.write()
    started = time.monotonic()
    box.call("run", box.id, seconds=15)
    assert time.monotonic() - started < 10, "it took too long"


@case("CVE-2021-21285", "a configuration of any size ends in a container or in words, in time and in bounded memory", slow=True,
      each={"long array": lambda config: config["process"]["args"].extend(["x"] * 3000000), "long string": lambda config: config["annotations"].update(a="x" * 60000000),
            "many mounts": lambda config: config["mounts"].extend({"destination": f"/m{number}", "type": "tmpfs", "source": "x"} for number in range(1500)),
            "many devices": lambda config: config["linux"].update(devices=[{"path": f"/d{number}", "type": "c", "major": 1, "minor": 3} for number in range(3000)])})
def configuration_is_a_bomb(box, change):
    box.config["annotations"] = {}
    change(box.config)
    box.write()
    box.call("create", box.id, seconds=50, preexec=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)))


@case("CVE-2022-4318", "control characters in what becomes a line of a file", each={"hostname": "h\nx", "hostname zero": "h\0x"})
def hostname_with_a_newline(box, name):
    box.config["hostname"] = name
    box.attempt("cat /proc/sys/kernel/hostname")
    lacks(open("/proc/sys/kernel/hostname").read(), "x\n")


@case("CVE-2022-36109", "a numeric user that is a name in passwd stays the number", peers_may_fail="CVE-2024-40635")
def numeric_name_in_passwd(box):
    box.up()
    result = box.exec("/bin/sh", "-c", "id -u", flags=["--user", "4294967296"])
    assert result.status != 0 or result.out.strip() != "0", "it became root"


@case("runc-create(8)", "The bundle is a directory with a specification file named config.json, and a root filesystem.", each=["/", "/proc/self/root"], differs={"runc": "takes the host's root as a root", "crun": "takes the host's root as a root"})
def root_is_the_hosts(box, path):
    """Whatever happens, the host keeps its mounts and its files."""
    before = open("/proc/self/mountinfo").read()
    box.config["root"]["path"] = path
    box.config["mounts"] = []
    box.linux["maskedPaths"], box.linux["readonlyPaths"] = [], []
    box.process["args"] = ["/bin/true"]
    box.write()
    box.call("run", box.id)
    lines = [line.split()[3:5] for line in before.splitlines()]
    equal([line.split()[3:5] for line in open("/proc/self/mountinfo").read().splitlines()][:len(lines)], lines)
