"""exec: a further process in a container, and every flag of it."""
import json
import os
import signal
import subprocess
import time

from harness import case, equal, eventually, has, host, skip_unless


@case("runc-exec(8)", "Exits with a status of command (unless -d is used), or 255 if an error occurred.", each=[0, 1, 42, 255])
def status(box, number):
    box.up()
    equal(box.exec("/bin/sh", "-c", f"exit {number}").status, number)


@case("runc-exec(8)", "Exits with a status of command (unless -d is used), or 255 if an error occurred.", each=["KILL", "TERM", "SEGV"])
def status_of_a_signal(box, name):
    box.up()
    equal(box.exec("/bin/sh", "-c", f"kill -{name} $$").status, 128 + getattr(signal, "SIG" + name))


@case("runc-exec(8)", "Exits with a status of command (unless -d is used), or 255 if an error occurred.",
      each={"missing": ["/no/such"], "directory": ["/etc"], "not executable": ["/etc/passwd"], "not on PATH": ["no-such"]})
def status_of_no_program(box, words):
    box.up()
    result = box.exec(*words)
    assert result.status in (255, 126, 127, 1), result
    assert result.err.strip(), "nothing was said"
    equal(box.status(), "running")


@case("runc, as it behaves", "That a program is not there is said once.", each=["absent", "/absent"], differs={"crun": "1.8 says it of the path too"})
def no_program_in_so_many_words(box, word):
    box.up()
    error = box.exec(word).err
    has(error, word)
    equal(error.count("not found") + error.count("no such"), 1)


@case("runc-exec(8)", "execute new process inside the container", each=["pid", "net", "uts", "ipc", "mnt"])
def is_in_the_namespace(box, name):
    box.up()
    equal(box.execute(f"readlink /proc/self/ns/{name}"), box.execute(f"readlink /proc/1/ns/{name}"))


@case("runc-exec(8)", "execute new process inside the container", each=["user", "cgroup"])
def is_in_the_namespace_asked_for(box, name):
    box.user_namespace() if name == "user" else box.namespace(name)
    box.up()
    equal(box.execute(f"readlink /proc/self/ns/{name}"), os.readlink(f"/proc/{box.pid()}/ns/{name}") + "\n")


@case("runc-exec(8)", "execute new process inside the container", since={"runc": "1.2", "crun": "1.15"})
def is_in_the_time_namespace(box):
    box.namespace("time")
    box.up()
    equal(box.execute("readlink /proc/self/ns/time"), os.readlink(f"/proc/{box.pid()}/ns/time") + "\n")


@case("runc-exec(8)", "Change to path in the container before executing the command.")
def cwd(box):
    box.up()
    equal(box.execute("pwd", "--cwd", "/usr/bin"), "/usr/bin\n")


@case("config.md", "`cwd` (string, REQUIRED) is the working directory that will be set for the executable.")
def cwd_of_the_configuration(box):
    box.process["cwd"] = "/var"
    box.up()
    equal(box.execute("pwd"), "/var\n")


@case("runc-exec(8)", "Set an environment variable name to value. Can be specified multiple times.", each=["--env", "-e"])
def env(box, flag):
    box.up()
    equal(box.execute('echo "$A|$B|$TERM"', flag, "A=1", flag, "B=x y"), "1|x y|xterm\n")


@case("runc-exec(8)", "Set an environment variable name to value. Can be specified multiple times.")
def env_over_the_configurations(box):
    box.up()
    equal(box.execute("echo $TERM", "--env", "TERM=other"), "other\n")


@case("runc-exec(8)", "Run the command as a user (and, optionally, group) specified by uid (and gid).",
      each={"1": ("1", "1 0"), "1000": ("1000", "1000 0"), "1000:1000": ("1000:1000", "1000 1000"), "0:7": ("0:7", "0 7"), "2147483647": ("2147483647", "2147483647 0")})
def user(box, what):
    box.up()
    out = box.execute("sed -n 's/^[UG]id:.//p' /proc/self/status", "--user", what[0]).split()
    equal(f"{out[0]} {out[4]}", what[1])


@case("CVE-2026-30892", "digits are a number, whatever passwd says; what is no number is refused, and is never root",
      each=["-1", "4294967296", "4294967295", "1:", ":1", "1:x", "1:4294967296", "0x10", "1 ", "1.5", "nosuch", "1:1:1", "99999999999999999999"],
      differs={"crun": "1.8 takes some", "runc": "1.1 takes some"})
def user_refused(box, text):
    box.up()
    result = box.exec("/bin/sh", "-c", "id -u", flags=[f"--user={text}"])
    assert result.status != 0, f"{text} became {result.out.strip()}"


@case("runc-exec(8)", "Run the command as a user (and, optionally, group) specified by uid (and gid).", each=["-u", "--user"])
def user_flag(box, flag):
    box.up()
    equal(box.execute("id -u", flag, "7"), "7\n")


@case("config.md", "`user` … specifies which user the process runs as")
def user_of_the_configuration(box):
    box.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [2000]}
    box.up()
    equal(set(box.execute("id -u; id -g; sed -n 's/^Groups:.//p' /proc/self/status").split()) - {"2000"}, {"1000"})


@case("runc-exec(8)", "Add additional group IDs. Can be specified multiple times.", each=["-g", "--additional-gids"], differs={"crun": "1.8 has no such flag"})
def additional_gids(box, flag):
    box.up()
    out = set(box.execute("sed -n 's/^Groups:.//p' /proc/self/status", flag, "5", flag, "6").split())
    assert {"5", "6"} <= out, out


@case("runc-exec(8)", "Set the \"no new privileges\" value for the process.")
def no_new_privs(box):
    box.process["noNewPrivileges"] = False
    box.up()
    script = "sed -n 's/^NoNewPrivs:.//p' /proc/self/status"
    equal((box.execute(script).strip(), box.execute(script, "--no-new-privs").strip()), ("0", "1"))


@case("runc-exec(8)", "Detach from the container's process. … Specify the file to write the container process' PID to.", each=["--detach", "-d"])
def detach(box, flag):
    box.up()
    file = os.path.join(box.dir, "exec.pid")
    box.must("exec", flag, "--pid-file", file, box.id, "sleep", "1000", keep="detached")
    pid = int(open(file).read())
    with open(f"/proc/{pid}/cmdline") as line:
        equal(line.read(), "sleep\x001000\x00")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)  # as an engine does: the namespace cannot end before


@case("runc-exec(8)", "Specify the file to write the container process' PID to.")
def pid_file(box):
    box.up()
    file = os.path.join(box.dir, "exec.pid")
    box.execute("true", "--pid-file", file)
    assert open(file).read().isdigit(), "the file holds the number and nothing else"


@case("runc-exec(8)", "Instead of specifying all the exec parameters directly on the command line, get them from a process.json, a JSON file containing the process specification as defined by the OCI runtime spec.",
      each=["-p", "--process"])
def process_file(box, flag):
    box.up()
    path = box.file("process.json", json.dumps({
        "user": {"uid": 7, "gid": 8, "additionalGids": [9]}, "args": ["/bin/sh", "-c", "echo $A; pwd; id -u; id -g; umask"],
        "env": ["A=fromfile", "PATH=/bin"], "cwd": "/etc"}))
    equal(box.must("exec", flag, path, box.id).out.split()[:4], ["fromfile", "/etc", "7", "8"])


@case("crun, as it behaves", "The file - is standard input.", differs={"runc": "looks for a file of that name"})
def process_file_on_standard_input(box):
    box.up()
    given = json.dumps({"user": {"uid": 0, "gid": 0}, "args": ["/bin/sh", "-c", "echo fine"], "env": ["PATH=/bin"], "cwd": "/"})
    equal(box.must("exec", "--process", "-", box.id, given=given).out, "fine\n")


@case("runc-exec(8)", "Instead of specifying all the exec parameters directly on the command line, get them from a process.json",
      each={"missing": None, "no json": "x", "no args": '{"cwd":"/"}', "empty": "", "cwd relative": '{"cwd":"x","args":["true"]}'})
def process_file_refused(box, text):
    box.up()
    path = box.file("process.json", text) if text is not None else "/no/such/file"
    box.fails("exec", "--process", path, box.id)
    equal(box.status(), "running")


@case("config.md", "`capabilities` … `rlimits` … `noNewPrivileges`: of the process object")
def process_file_limits_and_capabilities(box):
    box.up()
    path = box.file("process.json", json.dumps({
        "user": {"uid": 0, "gid": 0}, "args": ["/bin/sh", "-c", "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; ulimit -n"], "env": ["PATH=/bin"], "cwd": "/",
        "capabilities": {kind: ["CAP_CHOWN"] for kind in ("bounding", "effective", "permitted")}, "noNewPrivileges": True,
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 100}]}))
    equal(box.must("exec", "--process", path, box.id).out.split(), ["CapEff:", "0000000000000001", "NoNewPrivs:", "1", "99"])


@case("config.md", "`rlim.rlim_cur` MUST match the configured value.")
def limits_of_the_configuration(box):
    box.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}]
    box.up()
    equal(box.execute("ulimit -n").strip(), "77")


@case("runc-exec(8)", "runc exec [option ...] container-id [--] command [arg ...]")
def words_that_look_like_flags(box):
    box.up()
    equal(box.must("exec", box.id, "/probe", "arguments", "--user", "x").out, "[--user][x]\n")


@case("runc-exec(8)", "execute new process inside the container")
def stdin_passes(box):
    box.up()
    equal(box.must("exec", box.id, "cat", given="from the caller\n").out, "from the caller\n")


@case("runc-exec(8)", "execute new process inside the container")
def much_output_passes(box):
    box.up()
    equal(len(box.must("exec", box.id, "/bin/sh", "-c", "head -c 3000000 /dev/zero").out), 3000000)


@case("runc-exec(8)", "execute new process inside the container")
def both_streams_are_apart(box):
    box.up()
    result = box.exec("/bin/sh", "-c", "echo out; echo err >&2")
    equal((result.out, result.err), ("out\n", "err\n"))


@case("runc-exec(8)", "By default, if a container is paused, runc exec errors out", differs={"crun": "1.8 joins and waits"})
def of_a_paused_one(box):
    box.up()
    box.must("pause", box.id)
    has(box.fails("exec", box.id, "true", seconds=8).err.lower(), "paused")
    box.must("resume", box.id)


@case("runc-exec(8)", "Allow exec in a paused container. … A paused container needs to be resumed for the exec to complete.", differs={"crun": "1.8 has no such flag"})
def of_a_paused_one_all_the_same(box):
    box.up()
    box.must("pause", box.id)
    waiting = subprocess.Popen([box.runtime.path, "--root", box.state_root, "exec", "--ignore-paused", box.id, "true"], stdin=subprocess.DEVNULL)
    box.defer(waiting.kill)
    time.sleep(0.2)
    equal(waiting.poll(), None)
    box.must("resume", box.id)
    equal(waiting.wait(timeout=10), 0)


@case("runtime.md", "However, some actions might only be available based on the current state of the container")
def of_a_stopped_one(box):
    box.up("true")
    box.wait()
    box.fails("exec", box.id, "true")


@case("runc, as it behaves", "exec is allowed while the container is created: engines put processes beside a program that waits.")
def of_a_created_one(box):
    box.create("echo program")
    equal(box.execute("echo exec"), "exec\n")
    equal((box.status(), box.output()), ("created", ""))


@case("runtime-linux.md", "By default, only the `stdin`, `stdout` and `stderr` file descriptors are kept open for the application by the runtime.")
def descriptors(box):
    box.up()
    extra = [os.open("/etc", os.O_RDONLY) for _ in range(5)]
    equal(box.must("exec", box.id, "/probe", "descriptors", fds=extra).out.split(), ["0", "1", "2"])


@case("runc-exec(8)", "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total).")
def preserve_fds(box):
    box.up()
    equal(preserved(box, ["exec", "--preserve-fds", "2", box.id, "/probe", "descriptors"]).split(), ["0", "1", "2", "3", "4"])


def preserved(box, words, count=2):
    """Calls with descriptors 3, 4, … open, as a caller of --preserve-fds has them."""
    def arrange():
        for number in range(count):
            os.dup2(os.open("/etc/hostname", os.O_RDONLY), 3 + number, inheritable=True)
    return box.must(*words, preexec=arrange, fds=tuple(range(3, 3 + count))).out


@case("runc-exec(8)", "Execute a process in a sub-cgroup. If the specified cgroup does not exist, an error is returned.", differs={"crun": "1.8 has v2 alone"})
def cgroup_missing(box):
    box.up()
    box.fails("exec", "--cgroup", "/nosuch", box.id, "true")


@case("runc-exec(8)", "Execute a process in a sub-cgroup.", differs={"crun": "1.8 has v2 alone"})
def cgroup_below(box):
    box.up()
    for path in host.cgroup_directories(box.cgroup):
        os.mkdir(path + "/below")
        if "cpuset" in path:
            for name in ("cpuset.cpus", "cpuset.mems"):
                open(f"{path}/below/{name}", "w").write(open(f"{path}/{name}").read())
    out = box.execute("cat /proc/self/cgroup", "--cgroup", "/below")
    has(out, box.cgroup + "/below")


@case("runc-exec(8)", "For cgroup v1 only, a particular controller (or multiple comma-separated controllers) can be specified", differs={"crun": "1.8 has v2 alone"})
def cgroup_of_one_controller(box):
    skip_unless(host.is_v1("pids"), "this host has v2")
    box.up()
    os.mkdir(host.cgroup_directory("pids", box.cgroup) + "/below")
    lines = box.execute("cat /proc/self/cgroup", "--cgroup", "pids:/below").splitlines()
    equal([line.split(":")[1] for line in lines if line.endswith("/below")], ["pids"])


@case("CVE-2026-30892", "a group path never leads out of the container's own group", each=["/../..", "..", "memory:/../..", "nosuch:/x"], differs={"crun": "1.8 has v2 alone"})
def cgroup_climbing(box, path):
    box.up()
    result = box.exec("cat", "/proc/self/cgroup", flags=["--cgroup", path])
    assert result.status != 0 or all(box.cgroup in line for line in result.lines() if ":memory:" in line or ":pids:" in line), result.out


@case("runc-exec(8)", "execute new process inside the container")
def twenty_at_once(box):
    box.up()
    line = [box.runtime.path, "--root", box.state_root, "exec", box.id, "/bin/sh", "-c", "echo $$"]
    every = [subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) for _ in range(20)]
    outs = [process.communicate(timeout=40)[0].decode().strip() for process in every]
    equal([process.returncode for process in every], [0] * 20)
    equal(len(set(outs)), 20, "twenty pids")


@case("runc-exec(8)", "execute new process inside the container")
def leaves_nothing(box):
    box.up()
    for _ in range(5):
        box.execute("true")
    equal([name for name in box.execute("cd /proc; echo [0-9]*").split() if name != "1"][1:], [])


@case("runc-exec(8)", "Set the apparmor(7) profile for the process.")
def apparmor_where_there_is_none(box):
    skip_unless(not host.lsm("apparmor"), "this host has AppArmor")
    box.up()
    box.fails("exec", "--apparmor", "acme", box.id, "true")


AFFINITY = {"runc": "1.4", "crun": "1.24"}


@case("config.md", "`final` (string, OPTIONAL) is a list of CPUs the process will be run on after the transition to container's cgroup.", since=AFFINITY, each=["0", "1", "0-1", "0,1"])
def cpu_affinity(box, cpus):
    skip_unless(os.cpu_count() > 1, "one CPU")
    box.process["execCPUAffinity"] = {"initial": "0", "final": cpus}
    box.up()
    equal(box.must("exec", box.id, "/probe", "affinity").out.split(), sorted(set(cpus.replace("-", ",").split(","))))


@case("config.md", "This setting is not applicable to the container's init process.", since=AFFINITY)
def cpu_affinity_is_not_inits(box):
    box.process["execCPUAffinity"] = {"initial": "0", "final": "0"}
    equal(len(box.run("/probe affinity").split()), len(os.sched_getaffinity(0)))


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.", each=["x", "0-", "3-1", "99999999"], since=AFFINITY)
def cpu_affinity_refused(box, cpus):
    box.process["execCPUAffinity"] = {"final": cpus}
    box.script("exec sleep 1000")
    box.write()
    if box.call("create", box.id, keep="init").status == 0:
        box.must("start", box.id)
        box.fails("exec", box.id, "true")
