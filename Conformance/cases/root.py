"""root, masked and read-only paths, the root's propagation, and how the bundle is found."""
import os
import subprocess

from harness import case, equal, has, lacks


@case("config.md", "If true then the root filesystem MUST be read-only inside the container, defaults to false.", each={"true": True, "false": False, "absent": None})
def readonly(box, value):
    if value is not None:
        box.config["root"]["readonly"] = value
    equal(box.attempt("touch /made 2>/dev/null").status, 1 if value else 0)


@case("config.md", "If true then the root filesystem MUST be read-only inside the container")
def readonly_leaves_the_mounts(box):
    box.config["root"]["readonly"] = True
    box.mount("/tmp", "tmpfs")
    box.run("touch /tmp/x /dev/shm/y")


@case("config.md", "`path` is either an absolute path or a relative path to the bundle.", each=["rootfs", "./rootfs", "rootfs/", "absolute", "../bundle/rootfs"])
def path(box, value):
    box.config["root"]["path"] = box.rootfs if value == "absolute" else value
    equal(box.run("echo fine"), "fine\n")


@case("config.md", "A directory MUST exist at the path declared by the field.", each={"missing": "no", "file": "config.json", "empty": "", "null": None})
def path_refused(box, value):
    if value is None:
        del box.config["root"]
    else:
        box.config["root"]["path"] = value
    box.refused()


@case("config.md", "`path` is either an absolute path or a relative path to the bundle.", differs={"runc": "refuses a link"})
def path_through_a_link(box):
    os.rename(box.rootfs, os.path.join(box.dir, "elsewhere"))
    os.symlink(os.path.join(box.dir, "elsewhere"), box.rootfs)
    equal(box.run("echo fine"), "fine\n")


@case("runc-create(8)", "Path to the root of the bundle directory. Default is current directory.", each=["--bundle", "-b"])
def bundle(box, flag):
    box.script("echo fine")
    box.write()
    equal(box.must("run", flag, box.bundle, box.id, cwd="/").out, "fine\n")


@case("runc-create(8)", "Path to the root of the bundle directory. Default is current directory.")
def bundle_is_the_current_directory(box):
    equal(box.run("echo fine"), "fine\n")


@case("runtime.md", "This operation MUST generate an error if it is not provided a path to the bundle and the container ID to associate with the container.",
      each={"missing": "/no/such/bundle", "no config": "/tmp", "file": "/etc/passwd"})
def bundle_refused(box, place):
    box.fails("create", "--bundle", place, box.id)
    box.nothing_left()


@case("config.md", "The canonical schema is defined in this document", each={
    "empty": "", "no json": "hello", "cut off": '{"ociVersion": "1.0.2", "process": {', "array": "[]", "null": "null", "number": "1", "text after": '{"ociVersion":"1.0.2"} x',
    "deep": "[" * 100000, "not utf-8": b"\xff\xfe{}", "zeroes": b"\0" * 4096})
def config_that_is_no_json(box, text):
    with open(os.path.join(box.bundle, "config.json"), "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    box.fails("create", box.id)
    box.nothing_left()


@case("config.md", "`ociVersion` (string, REQUIRED) MUST be in SemVer v2.0.0 format and specifies the version of the Open Container Initiative Runtime Specification with which the bundle complies.",
      each=["1.0.0", "1.0.2", "1.0.2-dev", "1.1.0", "1.2.0", "1.2.1", "1.3.0"], differs={"crun": "1.8 knows 1.0 and 1.1"})
def version(box, text):
    box.config["ociVersion"] = text
    equal(box.run("echo fine"), "fine\n")


@case("config.md", "`ociVersion` (string, REQUIRED) MUST be in SemVer v2.0.0 format", each={"absent": None, "empty": "", "word": "one", "2.0.0": "2.0.0", "0.9.0": "0.9.0", "number": 1},
      differs={"runc": "1.1 checks the major version only", "crun": "does not check"})
def version_refused(box, text):
    if text is None:
        del box.config["ociVersion"]
    else:
        box.config["ociVersion"] = text
    box.refused("version")


# Masked and read-only paths

@case("config-linux.md", "`maskedPaths` (array of strings, OPTIONAL) will mask over the provided paths inside the container so that they cannot be read.")
def masked_file(box):
    box.in_root("secret", "text")
    box.linux["maskedPaths"] = ["/secret"]
    equal(box.run("cat /secret"), "")


@case("config-linux.md", "will mask over the provided paths inside the container so that they cannot be read.")
def masked_directory(box):
    box.in_root("secret/file", "text")
    box.linux["maskedPaths"] = ["/secret"]
    equal(box.run("ls -A /secret; touch /secret/x 2>/dev/null || echo closed"), "closed\n")


@case("config-linux.md", "will mask over the provided paths inside the container so that they cannot be read.", each=["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sysrq-trigger", "/sys/firmware"])
def masked_of_the_kernel(box, name):
    box.linux["maskedPaths"] = [name]
    equal(box.run(f"if test -d {name}; then ls -A {name}; else head -c 1 {name} | wc -c; fi 2>/dev/null").strip() in ("", "0"), True)


@case("config-linux.md", "`maskedPaths` (array of strings, OPTIONAL)", differs={"runc": "1.1 fails below a file", "crun": "1.8 fails below a file"})
def masked_missing_is_no_fault(box):
    box.linux["maskedPaths"] = ["/no/such/path", "/etc/passwd/below"]
    box.run("true")


@case("config-linux.md", "The values MUST be absolute paths in the container namespace.", each=["maskedPaths", "readonlyPaths"], differs={"runc": "1.1 does not check", "crun": "1.8 does not check"})
def paths_not_absolute(box, field):
    box.linux[field] = ["etc/passwd"]
    box.refused("path", "absolute")


@case("config-linux.md", "`readonlyPaths` (array of strings, OPTIONAL) will set the provided paths as readonly inside the container.", each={"file": "/held", "directory": "/held/inner", "mount": "/dev/shm"})
def readonly_path(box, name):
    if name == "/held":
        box.in_root("held", "text")
    else:
        box.in_root("held/inner/file", "text")
    box.linux["readonlyPaths"] = [name]
    script = f"if test -d {name}; then touch {name}/new; else echo more >> {name}; fi"
    has(box.run(f"({script}) 2>&1 || true"), "Read-only")


@case("config-linux.md", "will set the provided paths as readonly inside the container.", each=["/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/bus/x", "/proc/fs/x"])
def readonly_of_the_kernel(box, name):
    assert "returned" not in box.run(f"/probe open {name} w"), "it opens for writing"


@case("config-linux.md", "`readonlyPaths` (array of strings, OPTIONAL)")
def readonly_missing_is_no_fault(box):
    box.linux["readonlyPaths"] = ["/no/such/path"]
    box.run("true")


@case("config-linux.md", "will set the provided paths as readonly inside the container.", differs={"crun": "1.8 forgets them"})
def readonly_keeps_the_other_flags(box):
    """A remount that forgets nosuid, nodev and noexec would loosen what the mount forbids."""
    box.mount("/m", "tmpfs", options=["nosuid", "nodev", "noexec"])
    box.linux["readonlyPaths"] = ["/m"]
    line = [line for line in box.run("cat /proc/self/mountinfo").splitlines() if " /m " in line][-1]
    equal({"ro", "nosuid", "nodev", "noexec"} - set(line.split()[5].split(",")), set())


# Propagation of the root

def shared_root(box):
    """The bundle on a shared mount of its own, as it is on a host with systemd."""
    subprocess.run(["mount", "--bind", box.rootfs, box.rootfs], check=True)
    subprocess.run(["mount", "--make-shared", box.rootfs], check=True)
    box.defer(lambda: subprocess.run(["umount", "-l", box.rootfs], check=True))


@case("config-linux.md", "Its value is either `shared`, `slave`, `private` or `unbindable`.",
      each=["shared", "slave", "private", "unbindable"], differs={"runc": "1.1 makes the root private first", "crun": "1.8 makes the root private first"})
def propagation(box, name):
    shared_root(box)
    box.linux["rootfsPropagation"] = name
    line = [line for line in box.run("cat /proc/self/mountinfo").splitlines() if line.split()[4] == "/"][-1]
    optional = " ".join(line.split(" - ")[0].split()[6:])
    if name == "private":
        equal(optional, "")
    else:
        has(optional, {"shared": "shared:", "slave": "master:", "unbindable": "unbindable"}[name])


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.", each=["public", "SHARED", "master"], differs={"crun": "1.8 ignores it"})
def propagation_unknown(box, name):
    box.linux["rootfsPropagation"] = name
    box.refused("propagation", "rootfs")


@case("config-linux.md", "`private`: the rootfs mount doesn't receive mount propagation events from the host", each=["private", "absent"])
def propagation_keeps_mounts_in(box, name):
    """What the container mounts never shows on the host."""
    if name != "absent":
        box.linux["rootfsPropagation"] = name
    shared_root(box)
    box.capabilities("CAP_SYS_ADMIN")
    box.up()
    box.execute("mkdir -p /inner && mount -t tmpfs conform-inner /inner")
    lacks(open("/proc/self/mountinfo").read(), "conform-inner")


# What the root must not reach

@case("config-linux.md", "`mount` the container will have an isolated mount table.")
def mounts_of_the_host_are_gone(box):
    """After pivot_root nothing of the host's tree is mounted any more, nor is it above the root."""
    equal(box.run("cd /; cd ../../..; ls -d /work /lib64 /boot 2>/dev/null | wc -l").strip(), "0")
    sources = [line.split()[3] for line in box.run("cat /proc/self/mountinfo").splitlines() if line.split()[4] == "/"]
    equal(len(sources), 1)


@case("config-linux.md", "`mount` the container will have an isolated mount table.")
def chroot_out_does_not_work(box):
    """The classic: a directory descriptor kept over a chroot, then many steps up."""
    box.capabilities("CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE")
    box.in_root("mark", "inside")
    equal(box.run("cd /; mkdir -p j; exec 9</; cat /../../../mark"), "inside")


@case("runc-create(8)", "Do not use pivot root to jail process inside rootfs.")
def no_pivot(box):
    equal(box.run("ls /probe", "--no-pivot"), "/probe\n")
