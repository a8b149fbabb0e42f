"""kill, pause and resume."""
import os
import signal
import subprocess
import time

from harness import case, equal, eventually, has

NAMES = {"TERM": 15, "SIGTERM": 15, "15": 15, "HUP": 1, "SIGHUP": 1, "1": 1, "INT": 2, "QUIT": 3, "USR1": 10, "SIGUSR2": 12, "12": 12, "WINCH": 28, "CONT": 18, "34": 34, "64": 64}


def listening(box):
    box.process["args"] = ["/probe", "signals"]
    box.create()
    box.start()
    eventually(lambda: "ready" in box.output(), "the program listens")


@case("runc-kill(8)", "A different signal can be specified either by its name (with or without the SIG prefix), or its numeric value.", each=list(NAMES))
def by_name_and_number(box, name):
    listening(box)
    box.must("kill", box.id, name)
    eventually(lambda: f"got {NAMES[name]}\n" in box.output(), f"signal {NAMES[name]} comes")


@case("runc, as it behaves", "Names of signals are taken in small letters too.", each=["term", "sigusr1"], differs={"crun": "1.8 knows capitals alone"})
def by_a_small_name(box, name):
    listening(box)
    box.must("kill", box.id, name)
    eventually(lambda: "got " in box.output(), "the signal comes")


@case("runc-kill(8)", "By default, runc kill sends SIGTERM to the container's initial process only.")
def default_is_term(box):
    listening(box)
    box.must("kill", box.id)
    equal(box.wait(), 0)
    has(box.output(), "got 15")


@case("runc-kill(8)", "A different signal can be specified", each=["NOSUCH", "0x9", "-1", "65", "999", "", "SIG", "KILL9", "-9", "-KILL"], differs={"crun": "1.8 leaves it to the kernel", "runc": "1.1 leaves some to the kernel"})
def refused(box, name):
    listening(box)
    box.fails("kill", box.id, name)
    equal(box.status(), "running")


@case("runtime.md", "This operation MUST send the specified signal to the container process.")
def kill_ends_it(box):
    box.up()
    box.must("kill", box.id, "KILL")
    equal(box.wait(), -9)
    equal(box.status(), "stopped")


@case("runc-kill(8)", "Send the signal to all processes inside the container.", each=["--all", "-a"])
def to_all(box, flag):
    box.namespace("pid", False)
    box.up("sleep 1000 & sleep 1001 & wait")
    box.must("kill", flag, box.id, "KILL")
    box.wait()
    eventually(lambda: not box.children(), "every process is gone")


@case("runc-kill(8)", "Send the signal to all processes inside the container.", differs={"crun": "1.8 refuses a stopped one", "runc": "needs a shared pid namespace"})
def to_all_of_one_whose_init_is_gone(box):
    box.namespace("pid", False)
    box.up("sleep 1000 & exit 0")
    box.wait()
    box.must("kill", "--all", box.id, "KILL")
    eventually(lambda: not box.children(), "every process is gone")


def ticks(box):
    path = os.path.join(box.rootfs, "tmp/ticks")
    return os.path.getsize(path) if os.path.exists(path) else 0


def ticking(box):
    box.up("while :; do printf x >> /tmp/ticks; sleep 0.02; done")
    eventually(lambda: ticks(box) > 2, "it ticks")


@case("runc-pause(8)", "The pause command suspends all processes in the instance of the container")
def pause_stops_it(box):
    ticking(box)
    box.must("pause", box.id)
    equal(box.status(), "paused")
    before = ticks(box)
    time.sleep(0.15)
    equal(ticks(box), before)


@case("runc-resume(8)", "The resume command resumes all processes in the instance of the container")
def resume_goes_on(box):
    ticking(box)
    box.must("pause", box.id)
    before = ticks(box)
    box.must("resume", box.id)
    equal(box.status(), "running")
    eventually(lambda: ticks(box) > before, "it ticks again")


@case("runc, as it behaves", "Only a container that is running can be paused, only one that is paused resumed.", each=["pause twice", "resume running", "pause stopped", "resume stopped"], differs={"crun": "1.8 is lenient"})
def out_of_turn(box, what):
    box.up("exit 0" if "stopped" in what else "exec sleep 1000")
    if "stopped" in what:
        box.wait()
    if what == "pause twice":
        box.must("pause", box.id)
    box.fails(what.split()[0], box.id)


@case("runc-delete(8)", "Forcibly delete the running container, using SIGKILL signal(7) to stop it first.", each=["running", "created", "paused", "stopped", "listening"])
def delete_force(box, what):
    if what == "created":
        box.create("true")
    elif what == "listening":
        listening(box)
    else:
        box.up("exit 0" if what == "stopped" else "exec sleep 1000")
    if what == "stopped":
        box.wait()
    if what == "paused":
        box.must("pause", box.id)
    box.must("delete", "--force", box.id)
    box.fails("state", box.id)
    box.nothing_left()


@case("runc-delete(8)", "Forcibly delete the running container, using SIGKILL signal(7) to stop it first.", each=["--force", "-f"])
def delete_force_of_nobody(box, flag):
    """Engines call it to be sure; there is nothing to do, and that is no failure."""
    box.must("delete", flag, "nobody")


@case("runtime.md", "This operation MUST send the specified signal to the container process.", differs={"crun": "1.8 has SIGKILL pass on thawing alone"})
def kill_of_a_paused_one(box):
    box.up()
    pid = box.pid()
    box.must("pause", box.id)
    box.must("kill", box.id, "KILL")
    equal(box.wait(pid), -9)


@case("runc-run(8)", "The run command creates an instance of a container from a bundle, and starts it.", each=["TERM", "INT", "HUP", "USR1"])
def run_passes_signals_on(box, name):
    """In the foreground, what the caller is sent goes to the container's process."""
    box.process["args"] = ["/probe", "signals"]
    box.write()
    out = os.path.join(box.dir, "front.out")
    with open(out, "w") as output:
        front = subprocess.Popen([box.runtime.path, "--root", box.state_root, "run", box.id], cwd=box.bundle, stdin=subprocess.DEVNULL, stdout=output)
    eventually(lambda: "ready" in open(out).read(), "the program listens")
    front.send_signal(getattr(signal, "SIG" + name))
    eventually(lambda: f"got {int(getattr(signal, 'SIG' + name))}" in open(out).read(), "the signal comes")
    if name != "TERM":
        front.send_signal(signal.SIGTERM)
    equal(front.wait(timeout=10), 0)
