"""Hooks: when each is called, in which namespaces, with what on stdin, and what its failure does."""
import json
import os
import signal

from harness import case, equal, eventually, has, lacks

ALL = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
EARLY = ["prestart", "createRuntime", "createContainer"]
OF_THE_RUNTIME = ["prestart", "createRuntime", "poststart", "poststop"]


def log(box, kind, script="", **more):
    """A hook that writes its name to a file that host and container both have, then runs the script."""
    box.directory("log")
    if not any(mount["destination"] == "/log" for mount in box.config["mounts"]):
        box.bind(box.directory("log"), "/log", "rw")
    place = "/log" if kind == "startContainer" else box.directory("log")
    box.hook(kind, f"cd {place}; echo {kind} >> calls; {script}", **more)


def read(box, name="calls"):
    path = os.path.join(box.directory("log"), name)
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return file.read()


@case("config.md", "The `prestart` hooks MUST be called before the `createRuntime` hooks. … The `createContainer` hooks MUST be called after the `createRuntime` hooks.",
      differs={"runc": "1.1 calls poststart in create", "crun": "calls startContainer late"})
def order_of_kinds(box):
    for kind in ALL:
        log(box, kind)
    box.create("echo program >> /log/calls")
    equal(read(box).split(), EARLY)
    box.start()
    box.wait()
    box.must("delete", box.id)
    calls = read(box).split()
    equal([word for word in calls if word != "program"], ALL)
    assert calls.index("startContainer") < calls.index("program"), calls


@case("config.md", "Hooks MUST be called in the listed order.", each=ALL, differs={"crun": "1.8 does not wait for a quick program"})
def order_within(box, kind):
    for number in range(4):
        log(box, kind, f"echo {number} >> numbers")
    box.run("true")
    equal(read(box, "numbers").split(), ["0", "1", "2", "3"])


@case("config.md", "The `startContainer` hooks MUST be called before the user-specified process is executed as part of the `start` operation.", each=ALL,
      differs={"runc": "1.1 calls poststart in create"})
def when(box, kind):
    log(box, kind)
    seen = []
    box.create("exec sleep 1000")
    seen.append(kind in read(box))
    box.start()
    seen.append(kind in read(box))
    box.must("delete", "--force", box.id)
    seen.append(kind in read(box))
    equal(seen, {"startContainer": [False, True, True], "poststart": [False, True, True], "poststop": [False, False, True]}.get(kind, [True] * 3))


@case("config.md", "The state of the container MUST be passed to hooks over stdin so that they may do work appropriate to the current state of the container.", each=ALL,
      differs={"runc": "1.1 says created to poststart", "crun": "1.8 gives / as the bundle in the container"})
def state_on_stdin(box, kind):
    box.config["annotations"] = {"com.example.a": "b"}
    log(box, kind, "cat > state")
    box.run("true")
    state = json.loads(read(box, "state"))
    equal(state["id"], box.id)
    equal(os.path.realpath(state["bundle"]), os.path.realpath(box.bundle))
    equal(state["annotations"], {"com.example.a": "b"})
    assert state["ociVersion"]
    has({"prestart": "creating created", "createRuntime": "creating created", "createContainer": "creating created", "startContainer": "created creating",
         "poststart": "running", "poststop": "stopped"}[kind], state["status"])


@case("runtime.md", "`pid` (int, REQUIRED when `status` is `created` or `running` on Linux, OPTIONAL on other platforms) is the ID of the container process, as seen by the host.",
      each=["prestart", "createRuntime", "poststart"])
def state_has_the_pid(box, kind):
    log(box, kind, "cat > state")
    box.up()
    equal(json.loads(read(box, "state"))["pid"], box.pid())


@case("config.md", "hooks MUST be executed in the runtime namespace.", each=OF_THE_RUNTIME)
def in_the_runtimes_namespaces(box, kind):
    log(box, kind, "for n in mnt net uts ipc pid; do readlink /proc/self/ns/$n; done > namespaces")
    box.run("true")
    equal(read(box, "namespaces").split(), [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "net", "uts", "ipc", "pid")])


@case("config.md", "The `createContainer` hooks MUST be executed in the container namespace. … The `startContainer` hooks MUST be executed in the container namespace.",
      each=["createContainer", "startContainer"])
def in_the_containers_namespaces(box, kind):
    log(box, kind, "for n in mnt net uts ipc; do readlink /proc/self/ns/$n; done > namespaces")
    own = box.run("for n in mnt net uts ipc; do readlink /proc/self/ns/$n; done").split()
    equal(read(box, "namespaces").split(), own)


@case("config.md", "The `createContainer` hooks' path MUST resolve in the runtime namespace.")
def create_container_sees_the_hosts_files(box):
    """It comes before pivot_root: the host's paths are still there, and the container's mounts are made already."""
    box.mount("/extra", "tmpfs")
    log(box, "createContainer", f"test -e {box.workshop.probe} && grep -c ' {box.rootfs}/extra ' /proc/self/mountinfo > seen")
    box.run("true")
    equal(read(box, "seen").strip(), "1")


@case("config.md", "The `startContainer` hooks' path MUST resolve in the container namespace.")
def start_container_sees_the_containers_files(box):
    box.config.setdefault("hooks", {})["startContainer"] = [{"path": "/probe", "args": ["probe", "call", "39"]}]
    box.run("true")
    box.config["hooks"]["startContainer"] = [{"path": box.workshop.probe}]
    box.write()
    box.fails("run", box.id)


@case("config.md", "called … after the runtime environment has been created … but before the `pivot_root`", each=["prestart", "createRuntime"])
def network_is_there_to_be_set_up(box, kind):
    """What network plugins count on: the pid's network namespace is the container's."""
    log(box, kind, r"pid=$(sed 's/.*\"pid\": *\([0-9]*\).*/\1/' | tr -d '\n'); readlink /proc/$pid/ns/net > net")
    own = box.run("readlink /proc/self/ns/net")
    equal(read(box, "net"), own)


@case("config.md", "`args` (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008 `execv`'s argv.", each=OF_THE_RUNTIME)
def arguments(box, kind):
    place = box.directory("log")
    box.config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["another-name", "-c", f'echo "$0|$1|$2" > {place}/words', "zero", "a b", ""]}]}
    box.run("true")
    equal(read(box, "words"), "zero|a b|\n")


@case("config.md", "`env` (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008's `environ`.", each=OF_THE_RUNTIME)
def environment(box, kind):
    place = box.directory("log")
    box.environment["CALLERS"] = "yes"
    box.config["hooks"] = {kind: [{"path": "/usr/bin/env", "args": ["env"], "env": ["ONE=1", "TWO=a b"]}]}
    box.config["hooks"][kind][0] = {"path": "/bin/sh", "args": ["sh", "-c", f"tr '\\0' '\\n' < /proc/$$/environ > {place}/environment"], "env": ["ONE=1", "TWO=a b", "PATH=/bin:/usr/bin"]}
    box.run("true")
    equal(set(read(box, "environment").split("\n")) - {""}, {"ONE=1", "TWO=a b", "PATH=/bin:/usr/bin"})


@case("runtime.md", "If any `prestart` hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12.", each=EARLY)
def failure_of_an_early_one(box, kind):
    log(box, kind, "exit 5")
    box.script("touch /log/ran")
    box.write()
    result = box.fails("create", box.id)
    has(result.err.lower(), "hook")
    equal(os.path.exists(os.path.join(box.directory("log"), "ran")), False)
    box.fails("state", box.id)
    box.nothing_left()


@case("runtime.md", "If any `startContainer` hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12.")
def failure_of_start_container(box):
    log(box, "startContainer", "exit 5")
    box.script("touch /log/ran")
    box.write()
    box.fails("run", box.id)
    equal(os.path.exists(os.path.join(box.directory("log"), "ran")), False)
    box.nothing_left()


@case("runtime.md", "If any `startContainer` hook fails, the runtime MUST generate an error, stop the container", differs={"runc": "1.1 says nothing at start", "crun": "1.8 says nothing at start"})
def failure_of_start_container_is_startss(box):
    log(box, "startContainer", "exit 5")
    box.create("touch /log/ran")
    box.fails("start", box.id)
    equal(os.path.exists(os.path.join(box.directory("log"), "ran")), False)
    eventually(lambda: box.call("state", box.id).status != 0 or box.status() == "stopped", "it is stopped")


@case("runtime.md", "If any `poststart` hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle continue as if the hook had succeeded.",
      differs={"runc": "stops the container", "crun": "1.8 fails"})
def failure_of_poststart(box):
    log(box, "poststart", "exit 5")
    log(box, "poststart", "echo second >> second")
    box.up()
    equal(box.status(), "running")
    equal(read(box, "second"), "second\n")


@case("runtime.md", "If any `poststop` hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle continue as if the hook had succeeded.",
      differs={"runc": "stops at the first that fails"})
def failure_of_poststop(box):
    log(box, "poststop", "exit 5")
    log(box, "poststop", "echo second >> second")
    box.create("true")
    box.must("delete", "--force", box.id)
    equal(read(box, "second"), "second\n")
    box.fails("state", box.id)


@case("runtime.md", "continue the lifecycle at step 12. … 13. The `poststop` hooks MUST be invoked by the runtime.", each=EARLY,
      differs={"runc": "1.1 runs poststop for some", "crun": "1.8 runs none"})
def failure_still_calls_poststop(box, kind):
    log(box, kind, "exit 5")
    log(box, "poststop")
    box.write()
    box.fails("create", box.id)
    has(read(box), "poststop")


@case("runtime.md", "If any `prestart` hook fails, the runtime MUST generate an error", each=EARLY)
def failure_stops_the_hooks_after_it(box, kind):
    log(box, kind, "exit 5")
    log(box, kind, "touch second")
    box.write()
    box.fails("create", box.id)
    lacks(" ".join(os.listdir(box.directory("log"))), "second")


@case("config.md", "`timeout` (int, OPTIONAL) is the number of seconds before aborting the hook.", each=["prestart", "createRuntime", "createContainer"],
      differs={"crun": "1.8 waits"})
def timeout(box, kind):
    log(box, kind, "exec sleep 300", timeout=1)
    box.write()
    box.fails("create", box.id, seconds=15)
    box.nothing_left()


@case("config.md", "If set, `timeout` MUST be greater than zero.", each=[0, -1], differs={"runc": "takes it as none", "crun": "takes it as none"})
def timeout_refused(box, seconds):
    log(box, "createRuntime", timeout=seconds)
    box.refused("timeout")


@case("config.md", "This specification extends the IEEE standard in that `path` MUST be absolute.", each=ALL, differs={"runc": "1.1 looks it up", "crun": "looks it up"})
def path_not_absolute(box, kind):
    box.config["hooks"] = {kind: [{"path": "true"}]}
    box.refused("path", "absolute", "hook")


@case("config.md", "The value of `path` MUST resolve in the runtime namespace.", each=EARLY)
def path_missing(box, kind):
    box.config["hooks"] = {kind: [{"path": "/no/such/hook"}]}
    box.write()
    box.fails("create", box.id)
    box.nothing_left()


@case("runtime.md", "stop the container, and continue the lifecycle at step 12", each=EARLY)
def killed_by_a_signal_is_a_failure(box, kind):
    log(box, kind, "kill -9 $$")
    box.write()
    box.fails("create", box.id)
    box.nothing_left()


@case("config.md", "`hooks` (object, OPTIONAL) MAY contain any of the following properties")
def a_hook_with_much_to_say(box):
    """More than a pipe holds, on both streams: nobody may wait for it forever."""
    box.hook("createRuntime", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2")
    box.run("true", seconds=20)


@case("config.md", "The state of the container MUST be passed to hooks over stdin")
def a_hook_that_reads_nothing(box):
    """A hook that closes its stdin is no failure of the runtime's."""
    box.config["annotations"] = {"com.example.large": "x" * 200000}
    box.hook("createRuntime", "exec <&-; exit 0")
    box.run("true", seconds=20)
