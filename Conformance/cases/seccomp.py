"""linux.seccomp: actions, operators, architectures, flags, refusals, and the listener of SCMP_ACT_NOTIFY."""
import array
import fcntl
import json
import os
import socket
import struct
import threading

from harness import case, equal, eventually, has, without

ALARM, GETPID, EPERM = 37, 39, 1  # the rules are about alarm(2): harmless, and its argument is any number
RUN = """accept access arch_prctl brk capget capset chdir clock_gettime clone close close_range dup dup2 dup3 epoll_create1 epoll_ctl
epoll_pwait eventfd2 execve execveat exit exit_group faccessat faccessat2 fchdir fcntl fstat fstatfs futex getcwd getdents64 getegid geteuid
getgid getpid getppid getrandom getrlimit gettid getuid ioctl kill lseek lstat madvise mmap mprotect mremap munmap nanosleep newfstatat open
openat openat2 pipe pipe2 poll ppoll prctl prlimit64 read readlink readlinkat recvfrom recvmsg rseq rt_sigaction rt_sigprocmask rt_sigreturn
sched_getaffinity sched_yield seccomp sendmsg sendto set_robust_list set_tid_address setgid setgroups setresgid setresuid setsid setuid
sigaltstack socket stat statfs statx sysinfo tgkill time umask uname unlink wait4 waitid write writev pread64 setpgid getpgrp""".split()


def rule(box, action, *names, **more):
    seccomp = box.linux.setdefault("seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": []})
    seccomp["syscalls"].append({"names": list(names or ["alarm"]), "action": action, **more})
    return seccomp


def ask(box, *values):
    """What alarm(2) with these arguments answers in the container."""
    return box.run("/probe call " + " ".join(str(value) for value in (ALARM, *values))).strip()


@case("config-linux.md", "If not specified its default value is `EPERM`.")
def errno_default(box):
    rule(box, "SCMP_ACT_ERRNO")
    equal(ask(box), f"errno={EPERM}")


@case("config-linux.md", "Some actions like `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE` allow to specify the errno code to return.", each=[1, 13, 38, 99, 133])
def errno_given(box, number):
    rule(box, "SCMP_ACT_ERRNO", errnoRet=number)
    equal(ask(box), f"errno={number}")


@case("config-linux.md", "`defaultErrnoRet` (uint, OPTIONAL) - the errno return code to use.", each={"given": 38, "not given": None})
def errno_of_the_default_action(box, number):
    seccomp = rule(box, "SCMP_ACT_ALLOW", *RUN)
    seccomp["defaultAction"] = "SCMP_ACT_ERRNO"
    if number:
        seccomp["defaultErrnoRet"] = number
    box.process["args"] = ["/probe", "call", str(ALARM)]
    equal(box.run().strip(), f"errno={number or EPERM}")


@case("config-linux.md", "When the action doesn't support an errno, the runtime MUST print and error and fail.",
      each=["SCMP_ACT_ALLOW", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_LOG"],
      differs={"runc": "1.1 ignores it", "crun": "1.8 checks some"})
def errno_where_there_is_none(box, action):
    rule(box, action, errnoRet=5)
    box.refused("errno", command="run")


@case("config-linux.md", "`SCMP_ACT_ALLOW` … `SCMP_ACT_LOG`", each=["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"])
def action_that_lets_through(box, action):
    rule(box, action)
    equal(ask(box), "returned=0")


@case("config-linux.md", "`SCMP_ACT_KILL` … `SCMP_ACT_KILL_PROCESS` … `SCMP_ACT_KILL_THREAD`", each=["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD"])
def action_kill(box, action):
    rule(box, action)
    equal(box.run(f"/probe call {ALARM}; echo $?").strip().splitlines()[-1], "159")


@case("config-linux.md", "`SCMP_ACT_KILL_PROCESS` … `SCMP_ACT_KILL_THREAD`", each={"SCMP_ACT_KILL": "survived", "SCMP_ACT_KILL_PROCESS": "159", "SCMP_ACT_KILL_THREAD": "survived"})
def action_kill_of_a_thread(box, expected):
    rule(box, {"survived": "SCMP_ACT_KILL_THREAD"}.get(expected, "SCMP_ACT_KILL_PROCESS"))
    has(box.run(f"/probe thread {ALARM}; echo $?"), expected)


@case("config-linux.md", "`SCMP_ACT_TRAP`")
def action_trap(box):
    rule(box, "SCMP_ACT_TRAP")
    equal(box.run(f"/probe trap {ALARM}").strip(), f"signal=31 syscall={ALARM}")


@case("config-linux.md", "`SCMP_ACT_TRACE`")
def action_trace_without_a_tracer(box):
    rule(box, "SCMP_ACT_TRACE")
    equal(ask(box), "errno=38")


BIG = 1 << 32
OPERATORS = {
    "SCMP_CMP_EQ": {5: True, 4: False, 6: False, BIG + 5: False}, "SCMP_CMP_NE": {5: False, 4: True, BIG + 5: True},
    "SCMP_CMP_LT": {4: True, 5: False, BIG: False}, "SCMP_CMP_LE": {5: True, 6: False, BIG + 4: False},
    "SCMP_CMP_GE": {5: True, 4: False, BIG + 4: True}, "SCMP_CMP_GT": {6: True, 5: False, BIG: True},
}


@case("config-linux.md", "`op` (string, REQUIRED) - the operator for syscall arguments in seccomp.", each=list(OPERATORS))
def operator(box, name):
    rule(box, "SCMP_ACT_ERRNO", args=[{"index": 0, "value": 5, "op": name}])
    values = OPERATORS[name]
    out = box.run("; ".join(f"/probe call {ALARM} {value}" for value in values)).split()
    equal(dict(zip(values, (word == f"errno={EPERM}" for word in out))), values)


@case("config-linux.md", "`op` (string, REQUIRED) - the operator for syscall arguments in seccomp.", each=["SCMP_CMP_EQ", "SCMP_CMP_GT", "SCMP_CMP_GE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_NE"])
def operator_on_64_bits(box, name):
    """The kernel compares 32 bits at a time; both halves count."""
    value = 3 * BIG + 7
    values = [value, value - 1, value + 1, value - BIG, value + BIG, 7, 3 * BIG]
    truth = {"EQ": int.__eq__, "NE": int.__ne__, "LT": int.__lt__, "LE": int.__le__, "GT": int.__gt__, "GE": int.__ge__}[name[-2:]]
    rule(box, "SCMP_ACT_ERRNO", args=[{"index": 1, "value": value, "op": name}])
    out = box.run("; ".join(f"/probe call {ALARM} 0 {number}" for number in values)).split()
    equal([word == f"errno={EPERM}" for word in out], [truth(number, value) for number in values])


@case("config-linux.md", "`valueTwo` (uint64, OPTIONAL) - the value for syscall arguments in seccomp.")
def operator_masked(box):
    """value is the mask, valueTwo what must be left of the argument under it."""
    rule(box, "SCMP_ACT_ERRNO", args=[{"index": 0, "value": 0xF0, "valueTwo": 0x50, "op": "SCMP_CMP_MASKED_EQ"}])
    values = {0x50: True, 0x5F: True, 0x60: False, 0x150: True, 0: False}
    out = box.run("; ".join(f"/probe call {ALARM} {value}" for value in values)).split()
    equal(dict(zip(values, (word == f"errno={EPERM}" for word in out))), values)


@case("config-linux.md", "`index` (uint, REQUIRED) - the index for syscall arguments in seccomp.", each=[0, 1, 2, 3, 4, 5])
def index(box, number):
    rule(box, "SCMP_ACT_ERRNO", args=[{"index": number, "value": 9, "op": "SCMP_CMP_EQ"}])
    values = [0] * 6
    values[number] = 9
    equal([ask(box), ask(box, *values)], ["returned=0", f"errno={EPERM}"])


@case("config-linux.md", "`args` (array of objects, OPTIONAL) - the specific syscall in seccomp.")
def two_arguments_must_both_match(box):
    rule(box, "SCMP_ACT_ERRNO", args=[{"index": 0, "value": 5, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 6, "op": "SCMP_CMP_EQ"}])
    equal([ask(box, 5, 6), ask(box, 5, 7), ask(box, 4, 6)], [f"errno={EPERM}", "returned=0", "returned=0"])


@case("config-linux.md", "`syscalls` (array of objects, OPTIONAL) - match a syscall in seccomp.")
def two_rules_of_one_call(box):
    for value in (5, 9):
        rule(box, "SCMP_ACT_ERRNO", args=[{"index": 0, "value": value, "op": "SCMP_CMP_EQ"}])
    equal([ask(box, 5), ask(box, 9), ask(box, 7)], [f"errno={EPERM}", f"errno={EPERM}", "returned=0"])


@case("config-linux.md", "`names` (array of strings, REQUIRED) - the names of the syscalls.")
def several_names(box):
    rule(box, "SCMP_ACT_ERRNO", "alarm", "getppid", "sync")
    equal(box.run(f"for n in {ALARM} 110 162; do /probe call $n; done").split(), [f"errno={EPERM}"] * 3)


@case("runc, as it behaves", "A name that the filter compiler does not know is passed over: profiles name calls of every kernel.")
def unknown_name(box):
    rule(box, "SCMP_ACT_ERRNO", "no_such_call", "alarm")
    equal(ask(box), f"errno={EPERM}")


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.", each={
    "action": {"action": "SCMP_ACT_MINE"}, "action empty": {"action": ""}, "operator": {"args": [{"index": 0, "value": 1, "op": "SCMP_CMP_MINE"}]},
    "index 6": {"args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}, "value negative": {"args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]},
    "no names": {"names": []}}, differs={"crun": "1.8 takes some", "runc": "1.1 takes some"})
def rule_refused(box, fault):
    rule(box, "SCMP_ACT_ERRNO")
    box.linux["seccomp"]["syscalls"][0].update(fault)
    box.refused(command="run")


@case("config.md", "Runtimes MUST generate an error when invalid or unsupported values are encountered.", each={
    "default action": {"defaultAction": "ALLOW"}, "no default action": {"defaultAction": ""}, "architecture": {"architectures": ["SCMP_ARCH_MINE"]},
    "flag": {"flags": ["SECCOMP_FILTER_FLAG_MINE"]}}, differs={"crun": "1.8 takes some", "runc": "1.1 takes some"})
def filter_refused(box, fault):
    rule(box, "SCMP_ACT_ERRNO").update(fault)
    box.refused(command="run")


ARCHITECTURES = """X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X RISCV64 PARISC PARISC64""".split()


@case("config-linux.md", "`architectures` (array of strings, OPTIONAL) - the architecture used for system calls. A valid list of constants as of libseccomp v2.5.0 is shown below.",
      each=ARCHITECTURES, differs={"crun": "depends on libseccomp", "runc": "1.1 does not know parisc"})
def architecture(box, name):
    """Engines give the whole list; what is foreign to this machine changes nothing for it."""
    names = {"SCMP_ARCH_X86_64", "SCMP_ARCH_" + name}
    rule(box, "SCMP_ACT_ERRNO")["architectures"] = sorted(names)
    equal(ask(box), f"errno={EPERM}")


@case("config-linux.md", "`architectures` (array of strings, OPTIONAL) - the architecture used for system calls.", each={"not listed": False, "listed": True})
def architecture_of_32_bits(box, listed):
    """By int 0x80: a filter for 64 bits alone must not be a way around itself."""
    seccomp = rule(box, "SCMP_ACT_ERRNO", "getpid")
    if listed:
        seccomp["architectures"].append("SCMP_ARCH_X86")
    result = box.attempt("/probe call32 20; echo $?")
    said = result.out.split()[-2:] if listed else result.out.split()[-1:]
    equal(said, [f"errno={EPERM}", "0"] if listed else ["159"])


FLAGS = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"]


@case("config-linux.md", "`flags` (array of strings, OPTIONAL) - list of flags to use with seccomp(2).", each=FLAGS, since={"runc": "1.2"})
def flag(box, name):
    rule(box, "SCMP_ACT_ERRNO")["flags"] = [name]
    equal(ask(box), f"errno={EPERM}")


@case("config-linux.md", "`flags` (array of strings, OPTIONAL) - list of flags to use with seccomp(2).", since={"runc": "1.2"})
def flag_all(box):
    rule(box, "SCMP_ACT_ERRNO")["flags"] = FLAGS
    equal(ask(box), f"errno={EPERM}")


@case("config-linux.md", "`flags` (array of strings, OPTIONAL) - list of flags to use with seccomp(2).")
def flags_empty(box):
    rule(box, "SCMP_ACT_ERRNO")["flags"] = []
    equal(ask(box), f"errno={EPERM}")


@case("config-linux.md", "`seccomp` (object, OPTIONAL)", each={"with no_new_privs": True, "without": False})
def mode_is_filter(box, value):
    rule(box, "SCMP_ACT_ERRNO")
    box.process["noNewPrivileges"] = value
    equal(box.run("sed -n 's/^Seccomp:.//p' /proc/self/status").strip(), "2")


@case("config-linux.md", "`seccomp` (object, OPTIONAL)")
def loaded_for_a_user_without_capabilities(box):
    rule(box, "SCMP_ACT_ERRNO")
    box.process["noNewPrivileges"] = False
    box.process["capabilities"] = {}
    box.process["user"] = {"uid": 1000, "gid": 1000}
    equal(ask(box), f"errno={EPERM}")


# The filter that hides a call is one too.
@case("config-linux.md", "`seccomp` (object, OPTIONAL)", needs=without.CALLS)
def none_without_it(box):
    equal(box.run("sed -n 's/^Seccomp:.//p' /proc/self/status").strip(), "0")


@case("config-linux.md", "`seccomp` (object, OPTIONAL)")
def exec_has_it_too(box):
    rule(box, "SCMP_ACT_ERRNO")
    box.up()
    equal(box.execute(f"/probe call {ALARM}; sed -n 's/^Seccomp:.//p' /proc/self/status").split(), [f"errno={EPERM}", "2"])


@case("config-linux.md", "`seccomp` (object, OPTIONAL)")
def the_runtimes_own_calls_come_before(box):
    """setuid and the like are the runtime's before the program is executed, and the program's no more."""
    rule(box, "SCMP_ACT_ERRNO", "setuid", "setgid", "setgroups", "chdir", "mount", "pivot_root", "sethostname")
    box.process["user"] = {"uid": 1000, "gid": 1000}
    equal(box.run("/probe call 105 1000").strip(), f"errno={EPERM}")


@case("config-linux.md", "This field MUST NOT be set if `listenerPath` is not set.", differs={"runc": "1.1 does not check", "crun": "1.8 does not check"})
def metadata_without_a_listener(box):
    rule(box, "SCMP_ACT_ERRNO")["listenerMetadata"] = "x"
    box.refused("listener", command="run")


# The listener

RECEIVE, SEND = 0xC0502100, 0xC0182101


class Agent(threading.Thread):
    """Takes the descriptor of the filter and answers each call with 42."""

    def __init__(self, box):
        super().__init__(daemon=True)
        self.path = os.path.join(box.dir, "agent")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.states, self.descriptors, self.ended = [], [], []
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            text, descriptors = b"", []
            while True:
                piece, extra, _, _ = connection.recvmsg(65536, 1024)
                for _, kind, data in extra:
                    if kind == socket.SCM_RIGHTS:
                        descriptors += array.array("i", data[:len(data) - len(data) % 4]).tolist()
                if not piece:
                    break
                text += piece
                if text.count(b"{") == text.count(b"}"):
                    self.states.append(json.loads(text))
                    self.descriptors += descriptors
                    threading.Thread(target=self.answer, args=(descriptors[0],), daemon=True).start()
                    descriptors = []
            self.ended.append(True)

    def answer(self, descriptor):
        while True:
            request = bytearray(80)
            try:
                fcntl.ioctl(descriptor, RECEIVE, request)
                identifier = struct.unpack_from("Q", request)[0]
                fcntl.ioctl(descriptor, SEND, struct.pack("QqiI", identifier, 42, 0, 0))
            except OSError:
                return


@case("config-linux.md", "`listenerPath` (string, OPTIONAL) - specifies the path of UNIX domain socket over which the runtime will send the container process state data structure when the `SCMP_ACT_NOTIFY` action is used.")
def notify(box):
    agent = Agent(box)
    rule(box, "SCMP_ACT_NOTIFY").update(listenerPath=agent.path, listenerMetadata="opaque")
    box.config["annotations"] = {"com.example.a": "b"}
    equal(ask(box, 3), "returned=42")
    equal(len(agent.states), 1, "the runtime MUST send exactly one container process state per connection")
    state = agent.states[0]
    equal((state["fds"], state["metadata"], len(agent.descriptors)), (["seccompFd"], "opaque", 1))
    assert isinstance(state["pid"], int) and state["pid"] > 1, state
    equal((state["state"]["id"], state["state"]["annotations"]), (box.id, {"com.example.a": "b"}))
    has("creating created", state["state"]["status"])


@case("config-linux.md", "The connection MUST NOT be reused and it MUST be closed after sending a seccomp state.")
def notify_closes(box):
    agent = Agent(box)
    rule(box, "SCMP_ACT_NOTIFY").update(listenerPath=agent.path)
    box.up()
    eventually(lambda: agent.ended, "the connection is closed")


@case("config-linux.md", "`pid` (int, REQUIRED) is the container process ID, as seen by the runtime.")
def notify_of_exec(box):
    agent = Agent(box)
    rule(box, "SCMP_ACT_NOTIFY").update(listenerPath=agent.path)
    box.up()
    equal(box.execute(f"/probe call {ALARM}").strip(), "returned=42")
    equal(len(agent.states), 2)
    equal(agent.states[0]["pid"], box.pid())
    assert agent.states[1]["pid"] != agent.states[0]["pid"]


@case("config-linux.md", "If sending to this socket fails, the runtime MUST generate an error.")
def notify_without_an_agent(box):
    rule(box, "SCMP_ACT_NOTIFY").update(listenerPath=os.path.join(box.dir, "nobody"))
    box.write()
    box.fails("run", box.id)
    box.nothing_left()


@case("config-linux.md", "If the `SCMP_ACT_NOTIFY` action is not used this value is ignored.", differs={"crun": "1.8 connects all the same"})
def notify_path_without_the_action(box):
    rule(box, "SCMP_ACT_ERRNO").update(listenerPath=os.path.join(box.dir, "nobody"))
    equal(ask(box), f"errno={EPERM}")


@case("runc, as it behaves", "The default action is never notify, nor is write(2) notified: the runtime itself could not go on.")
def notify_by_default_is_refused(box):
    agent = Agent(box)
    rule(box, "SCMP_ACT_ALLOW").update(listenerPath=agent.path, defaultAction="SCMP_ACT_NOTIFY")
    box.write()
    box.fails("run", box.id, seconds=10)
