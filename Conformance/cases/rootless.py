"""Containers of a user who is not root: one mapped id, and ranges through newuidmap."""
import json
import os
import subprocess

from harness import case, equal, has, skip_unless

USER = 65534


def rootless(box, ranges=False):
    """The runtime runs as nobody, in directories of nobody's."""
    for place in (box.dir, box.bundle, box.rootfs):
        os.chown(place, USER, USER)
    for inner, directories, files in os.walk(box.rootfs):
        for name in directories:
            os.chown(os.path.join(inner, name), USER, USER)
    os.makedirs(box.state_root)
    os.chown(box.state_root, USER, USER)
    box.wrapper = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    if ranges:
        skip_unless(os.path.exists("/usr/bin/newuidmap"), "newuidmap is not installed")
        # subuid is /etc's: this case has one of its own, in a mount namespace of its own. newuidmap needs its file capabilities.
        mine = box.file("subid", f"nobody:200000:65536\n{USER}:200000:65536\n")
        box.wrapper = ["unshare", "-m", "sh", "-c", f'for f in subuid subgid; do [ -e /etc/$f ] || exit 77; mount --bind {mine} /etc/$f; done; exec "$@"', "sh",
                       "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        skip_unless(os.path.exists("/etc/subuid") and os.path.exists("/etc/subgid"), "this host has no /etc/subuid")
    box.environment |= {"HOME": box.dir, "XDG_RUNTIME_DIR": box.dir}
    box.namespace("user")
    first = [{"containerID": 0, "hostID": USER, "size": 1}]
    more = [{"containerID": 1, "hostID": 200000, "size": 65535}] if ranges else []
    box.linux["uidMappings"] = box.linux["gidMappings"] = first + more
    del box.linux["resources"]
    del box.linux["cgroupsPath"]
    box.namespace("cgroup", False)
    for mount in box.config["mounts"]:
        mount["options"] = [option for option in mount.get("options", []) if not option.startswith("gid=") or ranges]


@case("runc-spec(8)", "you can start a rootless container, which has the ability to run without root privileges")
def run(box):
    rootless(box)
    equal(box.run("id -u; cat /proc/self/uid_map").split(), ["0", "0", str(USER), "1"])


@case("runc-spec(8)", "you can start a rootless container, which has the ability to run without root privileges")
def life(box):
    rootless(box)
    box.create("exec sleep 1000")
    equal(box.status(), "created")
    box.start()
    equal(box.status(), "running")
    equal(box.execute("echo exec"), "exec\n")
    box.must("kill", box.id, "KILL")
    equal(box.wait(), -9)
    box.must("delete", box.id)


@case("config-linux.md", "`hostID` (uint32, REQUIRED) - is the starting uid/gid on the host to be mapped to containerID.")
def files_are_the_callers(box):
    rootless(box)
    box.run("touch /tmp/made")
    equal(os.stat(os.path.join(box.rootfs, "tmp/made")).st_uid, USER)


@case("config-linux.md", "In addition to any devices configured with this setting, the runtime MUST also supply:")
def devices(box):
    rootless(box)
    equal(box.run("for d in null zero full random urandom tty; do test -c /dev/$d && echo $d; done").split(), ["null", "zero", "full", "random", "urandom", "tty"])


@case("runtime.md", "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new container MUST NOT be created.")
def a_group_that_is_not_mapped(box):
    rootless(box)
    box.process["user"]["additionalGids"] = [5]
    box.script("true")
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("runtime.md", "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new container MUST NOT be created.")
def without_a_user_namespace(box):
    rootless(box)
    box.namespace("user", False)
    box.linux["uidMappings"] = box.linux["gidMappings"] = []
    box.script("true")
    box.write()
    box.fails("run", box.id)


@case("runc-spec(8)", "Generate a configuration for a rootless container.")
def of_the_starter_file(box):
    """What spec --rootless writes runs as it is written, but for the terminal."""
    rootless(box)
    os.unlink(os.path.join(box.bundle, "config.json")) if os.path.exists(os.path.join(box.bundle, "config.json")) else None
    box.must("spec", "--rootless")
    config = json.load(open(box.bundle + "/config.json"))
    config["process"] |= {"terminal": False, "args": ["echo", "started"]}
    config["process"].pop("rlimits", None)
    json.dump(config, open(box.bundle + "/config.json", "w"))
    equal(box.must("run", box.id).out, "started\n")


@case("config-linux.md", "Note that the number of mapping entries MAY be limited by the kernel.")
def ranges(box):
    rootless(box, ranges=True)
    out = box.run("cat /proc/self/uid_map; touch /tmp/x; chown 7:8 /tmp/x; stat -c %u:%g /tmp/x").split()
    equal(out[:6], ["0", str(USER), "1", "1", "200000", "65535"])
    equal(out[6], "7:8")


@case("CVE-2021-41091", "state is readable to its owner alone")
def state_is_private(box):
    rootless(box)
    box.create("true")
    equal(os.stat(os.path.join(box.state_root, box.id)).st_mode & 0o022, 0)


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.")
def a_mapping_that_is_not_the_callers(box):
    rootless(box)
    box.linux["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]
    box.script("true")
    box.write()
    box.fails("run", box.id)


@case("runc(8)", "The path should be located on tmpfs. Default is /run/runc, or $XDG_RUNTIME_DIR/runc for rootless containers.",
      differs={"runc": "1.1 names the directory alone", "crun": "1.8 names the directory alone"})
def without_a_runtime_directory(box):
    """Where no session gave the user one, the error says what would."""
    rootless(box)
    box.write()
    outcome = subprocess.run([*box.wrapper, box.runtime.path, "create", box.id], cwd=box.bundle, capture_output=True, text=True, timeout=20,
                             env={name: value for name, value in box.environment.items() if name != "XDG_RUNTIME_DIR"})
    equal(outcome.returncode, 1)
    has(outcome.stderr, "permission denied")
    has(outcome.stderr, "XDG_RUNTIME_DIR")
