"""create, start, state, kill, delete: what runtime.md says of the operations."""
import json
import os
import signal

from harness import case, equal, eventually, has, lacks


@case("runtime.md", "While the resources requested in the config.json MUST be created, the user-specified program (from process) MUST NOT be run at this time.")
def create_does_not_run_the_program(box):
    box.create("echo ran")
    equal(box.status(), "created")
    equal(box.output(), "")
    box.start()
    equal(box.wait(), 0)
    equal(box.output(), "ran\n")


@case("runtime.md", "`created`: the runtime has finished the create operation (after step 2 in the lifecycle), and the container process has neither exited nor executed the user-specified program")
def status_after_create(box):
    box.create("true")
    equal(box.status(), "created")


@case("runtime.md", "`running`: the container process has executed the user-specified program but has not exited (after step 8 in the lifecycle)")
def status_after_start(box):
    box.up()
    equal(box.status(), "running")


@case("runtime.md", "`stopped`: the container process has exited (step 10 in the lifecycle)")
def status_after_exit(box):
    box.up("exit 3")
    equal(box.wait(), 3)
    equal(box.status(), "stopped")


@case("runtime.md", "`stopped`: the container process has exited (step 10 in the lifecycle)")
def status_of_an_unreaped_zombie(box):
    """Whoever should reap the process has not done so yet; it has exited all the same."""
    box.up("exit 0")
    eventually(lambda: box.status() == "stopped", "the status says stopped")


@case("runtime.md", "The state of a container includes the following properties", each=["ociVersion", "id", "status", "pid", "bundle"])
def state_has(box, field):
    box.up()
    state = box.state()
    kind = int if field == "pid" else str
    assert isinstance(state.get(field), kind), f"{field} is {state.get(field)!r}"


@case("runtime.md", "`bundle` (string, REQUIRED) is the absolute path to the container's bundle directory.")
def state_bundle_is_absolute(box):
    box.write()
    box.must("create", "--bundle", ".", box.id, keep="init")
    equal(os.path.realpath(box.state()["bundle"]), os.path.realpath(box.bundle))
    assert box.state()["bundle"].startswith("/")


@case("runtime.md", "`pid` (int, REQUIRED when `status` is `created` or `running` on Linux, OPTIONAL on other platforms) is the ID of the container process, as seen by the host.")
def state_pid_is_the_hosts(box):
    box.up("exec sleep 1000")

    def words():
        with open(f"/proc/{box.pid()}/cmdline") as line:
            return line.read()

    # The shell becomes it in its own time.
    eventually(lambda: words() == "sleep\x001000\x00", "the program that runs is what the number says")


@case("runtime.md", "`annotations` (map, OPTIONAL) contains the list of annotations associated with the container.")
def state_has_annotations(box):
    box.config["annotations"] = {"com.example.key": "value", "org.example.empty": ""}
    box.create("true")
    annotations = box.state()["annotations"]
    equal(annotations["com.example.key"], "value")
    equal(annotations["org.example.empty"], "")


@case("runtime.md", "`ociVersion` (string, REQUIRED) is version of the Open Container Initiative Runtime Specification with which the state complies.")
def state_version_is_semver(box):
    box.create("true")
    parts = box.state()["ociVersion"].split("-")[0].split(".")
    equal([part.isdigit() for part in parts], [True] * 3)


@case("runtime.md", "Attempting to query a container that does not exist MUST generate an error.")
def state_of_nobody(box):
    said = box.fails("state", box.id).err.lower()
    assert "exist" in said or "no such" in said, said


@case("runtime.md", "This operation MUST generate an error if it is not provided the ID of a container.",
      each=["state", "start", "kill", "delete", "create", "run", "pause", "resume", "exec", "ps", "update", "events"])
def without_an_id(box, command):
    box.write()
    box.fails(command)


@case("runtime.md", "Attempting to `start` a container that does not exist MUST generate an error.",
      each=["start", "kill", "delete", "pause", "resume", "exec", "ps", "update", "events"])
def of_nobody(box, command):
    box.fails(command, "nobody", *(["true"] if command == "exec" else []))


@case("runtime.md", "If the ID provided is not unique across all containers within the scope of the runtime, or is not valid in any other way, the implementation MUST generate an error and a new container MUST NOT be created.")
def id_taken(box):
    box.create("true")
    pid = box.pid()
    box.fails("create", box.id)
    equal(box.pid(), pid, "the first container")
    equal(box.status(), "created")


@case("runtime.md", "If the ID provided is not unique across all containers within the scope of the runtime, or is not valid in any other way, the implementation MUST generate an error and a new container MUST NOT be created.",
      each={"empty": "", "slash": "a/b", "up": "..", "dot": ".", "climbing": "../../x", "space": "a b", "newline": "a\nb", "hash": "a#b", "control": "a\x01b", "absolute": "/etc"},
      differs={"crun": "1.8 takes nearly any name"})
def id_invalid(box, identifier):
    box.write()
    box.fails("create", identifier)
    box.fails("state", identifier)
    assert not os.path.exists(os.path.join(box.dir, "x")), "a directory out of the state root"


@case("runc(8)", "The name you provide for the container instance must be unique on your host.",
      each=["a", "a_b-c.d", "0", "A9", "a+b", "x" * 200])
def id_valid(box, identifier):
    box.ids.add(identifier)
    box.write()
    box.must("create", identifier, keep="init")
    equal(json.loads(box.must("state", identifier).out)["id"], identifier)
    box.must("delete", "--force", identifier)


@case("runtime.md", "Once a container is deleted its ID MAY be used by a subsequent container.")
def id_used_again(box):
    for _ in range(3):
        box.create("true")
        box.must("delete", "--force", box.id)


@case("runtime.md", "Any changes made to the config.json file after this operation will not have an effect on the container.")
def config_changed_after_create(box):
    box.create("echo first")
    box.script("echo second")
    box.write()
    box.start()
    box.wait()
    equal(box.output(), "first\n")


@case("runtime.md", "Any changes made to the config.json file after this operation will not have an effect on the container.")
def config_removed_after_create(box):
    box.create("echo first")
    os.unlink(os.path.join(box.bundle, "config.json"))
    box.start()
    box.wait()
    equal(box.output(), "first\n")


@case("runtime.md", "Any changes made to the config.json file after this operation will not have an effect on the container.",
      differs={"runc": "reads the bundle's file again"})
def exec_after_config_removed(box):
    box.up()
    os.unlink(os.path.join(box.bundle, "config.json"))
    equal(box.execute("echo $TERM"), "xterm\n")


@case("runtime.md", "Attempting to `start` a container that is not `created` MUST have no effect on the container and MUST generate an error.")
def start_twice(box):
    box.up()
    pid = box.pid()
    box.fails("start", box.id)
    equal((box.status(), box.pid()), ("running", pid))


@case("runtime.md", "Attempting to `start` a container that is not `created` MUST have no effect on the container and MUST generate an error.")
def start_stopped(box):
    box.up("true")
    box.wait()
    box.fails("start", box.id)
    equal(box.status(), "stopped")


@case("runtime.md", "Attempting to `start` a container that is not `created` MUST have no effect on the container and MUST generate an error.")
def start_after_init_was_killed(box):
    box.create("true")
    pid = box.pid()
    os.kill(pid, signal.SIGKILL)
    equal(box.wait(pid), -9)
    equal(box.status(), "stopped")
    box.fails("start", box.id)
    box.must("delete", box.id)


@case("runtime.md", "This operation MUST generate an error if `process` was not set.",
      differs={"runc": "refuses at create", "crun": "refuses at create"})
def start_without_process(box):
    """Refusing it in create already leaves nothing to start, which no reader of the sentence can tell from this."""
    del box.config["process"]
    box.write()
    created = box.call("create", box.id)
    if created.status == 0:
        box.fails("start", box.id)


@case("runtime.md", "Attempting to send a signal to a container that is neither `created` nor `running` MUST have no effect on the container and MUST generate an error.")
def kill_stopped(box):
    box.up("true")
    box.wait()
    box.fails("kill", box.id, "KILL")
    equal(box.status(), "stopped")


@case("runtime.md", "Attempting to send a signal to a container that is neither `created` nor `running` MUST have no effect on the container and MUST generate an error.")
def kill_created(box):
    box.create("true")
    pid = box.pid()
    box.must("kill", box.id, "KILL")
    equal(box.wait(pid), -9)
    equal(box.status(), "stopped")


@case("runtime.md", "Attempting to `delete` a container that is not `stopped` MUST have no effect on the container and MUST generate an error.")
def delete_running(box):
    box.up()
    pid = box.pid()
    box.fails("delete", box.id)
    equal((box.status(), box.pid()), ("running", pid))


@case("runc-delete(8)", "Delete any resources held by the container often used with detached containers.",
      differs={"crun": "1.8 keeps to the sentence of runtime.md"})
def delete_created(box):
    """Engines count on it: a container that was never started goes without --force."""
    box.create("true")
    box.must("delete", box.id)
    box.fails("state", box.id)


@case("runtime.md", "Deleting a container MUST delete the resources that were created during the `create` step.")
def delete_stopped(box):
    box.up("true")
    box.wait()
    box.must("delete", box.id)
    box.nothing_left()
    box.fails("state", box.id)
    box.fails("delete", box.id)


@case("runtime.md", "Note that resources associated with the container, but not created by this container, MUST NOT be deleted.")
def delete_keeps_what_is_not_its_own(box):
    shared = box.directory("shared")
    box.bind(shared, "/shared", "rw")
    box.up("echo kept > /shared/file")
    box.wait()
    box.must("delete", box.id)
    with open(os.path.join(shared, "file")) as file:
        equal(file.read(), "kept\n")
    assert os.path.exists(os.path.join(box.bundle, "config.json"))
    assert os.path.exists(os.path.join(box.rootfs, "bin/busybox"))


@case("runtime.md", "Unless otherwise stated, generating an error MUST leave the state of the environment as if the operation were never attempted - modulo any possible trivial ancillary changes such as logging.",
      each={"program missing": ["/no/such/program"], "program no file": ["/etc"], "program not executable": ["/etc/passwd"], "not on PATH": ["no-such-program"]})
def run_that_fails_leaves_nothing(box, args):
    box.process["args"] = args
    box.write()
    box.fails("run", box.id)
    box.nothing_left()
    box.fails("state", box.id)


@case("runc-run(8)", "The run command creates an instance of a container from a bundle, and starts it.", each=[0, 1, 7, 126, 127, 255])
def run_ends_with_the_programs_status(box, status):
    equal(box.attempt(f"exit {status}").status, status)


@case("runc-run(8)", "The run command creates an instance of a container from a bundle, and starts it.", each=["KILL", "TERM", "SEGV"])
def run_ends_with_128_and_the_signal(box, name):
    """Of a child, for the first process of a pid namespace is not killed by a signal of its own."""
    number = getattr(signal, "SIG" + name)
    equal(box.attempt(f"sh -c 'kill -{name} $$'; exit $?").status, 128 + number)


@case("runc-run(8)", "The run command creates an instance of a container from a bundle, and starts it.")
def run_of_an_init_that_is_killed(box):
    box.create("exec sleep 1000")
    box.start()
    pid = box.pid()
    os.kill(pid, signal.SIGKILL)
    equal(box.wait(pid), -9)


@case("runc-run(8)", "Detach from the container's process.")
def run_detached(box):
    box.script("exec sleep 1000")
    box.write()
    box.must("run", "--detach", box.id, keep="init")
    equal(box.status(), "running")


@case("runc-run(8)", "Keep container's state directory and cgroup. This can be helpful if a user wants to check the state (e.g. of cgroup controllers) after the container has exited.",
      since={"runc": "1.1", "crun": "1.5"})
def run_keep(box):
    box.run("true", "--keep")
    equal(box.status(), "stopped")
    box.must("delete", box.id)


@case("runtime.md", "Deleting a container MUST delete the resources that were created during the `create` step.")
def delete_takes_what_the_container_left_running(box):
    """Without a pid namespace of its own, the container's other processes live on after its first."""
    box.namespace("pid", False)
    box.up("sleep 1000 & exit 0")
    box.wait()
    box.call("kill", "--all", box.id, "KILL")
    eventually(lambda: box.call("delete", "--force", box.id).status == 0 or box.call("state", box.id).status != 0, "it is deleted")
    box.nothing_left()
