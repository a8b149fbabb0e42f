"""Descriptors that are handed on, sockets of service managers, terminals."""
import array
import fcntl
import os
import pty
import select
import socket
import struct
import subprocess
import termios

from harness import case, equal, has


def handed(box, words, count, **env):
    """Calls with descriptors 3, 4, … open on files that name themselves."""
    files = [box.file(f"handed{number}", f"this is {3 + number}") for number in range(count)]
    # Popen has a pipe of its own for the child's errors: its number must be none of those that are set up here.
    reserved = [os.open("/dev/null", os.O_RDONLY) for _ in range(count + 3)]

    def arrange():
        for number, path in enumerate(files):
            os.dup2(os.open(path, os.O_RDONLY), 3 + number, inheritable=True)
    if "LISTEN_FDS" in env:  # sd_listen_fds(3): they are for the process whose pid is told
        box.wrapper = ["sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh"]
    out = box.must(*words, preexec=arrange, fds=tuple(range(3, 3 + count)), env=env).out
    for descriptor in reserved:
        os.close(descriptor)
    return out


@case("runc-run(8)", "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total).", each=[1, 3, 20])
def preserve_fds(box, count):
    box.process["args"] = ["/probe", "descriptors"]
    box.write()
    equal(handed(box, ["run", "--preserve-fds", str(count), box.id], count).split(), [str(number) for number in range(3 + count)])


@case("runc-run(8)", "Pass N additional file descriptors to the container")
def preserve_fds_are_the_callers(box):
    box.script("/probe readfd 3; /probe readfd 4")
    box.write()
    equal(handed(box, ["run", "--preserve-fds", "2", box.id], 2), "this is 3\nthis is 4\n")


@case("runc-create(8)", "Pass N additional file descriptors to the container")
def preserve_fds_over_create_and_start(box):
    box.script("/probe readfd 3")
    box.write()
    handed(box, ["create", "--preserve-fds", "1", "--pid-file", box.pid_file, box.id], 1)
    box.start()
    equal(box.wait(), 0)


@case("runc-run(8)", "Pass N additional file descriptors to the container", each=["-1", "x", "5000"], differs={"runc": "1.1 takes a negative one as none"})
def preserve_fds_refused(box, count):
    """5000 are not there: a descriptor that the caller does not have cannot be passed."""
    box.script("true")
    box.write()
    box.fails("run", "--preserve-fds", count, box.id)
    box.nothing_left()


@case("runc-run(8)", "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total).", differs={"crun": "1.8 keeps the caller's LISTEN_PID"})
def listen_fds(box):
    """sd_listen_fds(3): LISTEN_PID must be the program's own pid, or it takes the descriptors for another's."""
    box.script("echo $LISTEN_FDS $LISTEN_PID; /probe readfd 3; /probe readfd 4")
    box.write()
    equal(handed(box, ["run", box.id], 2, LISTEN_FDS="2").splitlines(), ["2 1", "this is 3", "this is 4"])


@case("runc-run(8)", "(stdio + $LISTEN_FDS + N in total)")
def listen_fds_and_more(box):
    box.process["args"] = ["/probe", "descriptors"]
    box.write()
    equal(handed(box, ["run", "--preserve-fds", "1", box.id], 3, LISTEN_FDS="2").split(), ["0", "1", "2", "3", "4", "5"])


@case("runc, as it behaves", "NOTIFY_SOCKET of the caller reaches the program, by way of a socket that its container can see.", differs={"crun": "1.8 mounts it elsewhere"})
def notify_socket(box):
    path = os.path.join(box.dir, "notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    manager.settimeout(10)
    box.script("/probe notify READY=1; exec sleep 1000")
    box.write()
    box.must("run", "--detach", "--pid-file", box.pid_file, box.id, env={"NOTIFY_SOCKET": path}, keep="init", seconds=15)
    has(manager.recv(4096).decode(), "READY=1")


@case("runc, as it behaves", "Nothing of it appears where the caller has none.")
def notify_socket_absent(box):
    equal(box.run('echo "[$NOTIFY_SOCKET][$LISTEN_FDS]"'), "[][]\n")


@case("runc-run(8)", "Path to a unix socket which will receive the pidfd of the container's process.", since={"runc": "1.2", "crun": "9"}, each=["create", "exec"])
def pidfd_socket(box, command):
    path, listener = receiver(box)
    if command == "create":
        box.create("exec sleep 1000", "--pidfd-socket", path)
    else:
        box.up()
        box.must("exec", "--detach", "--pid-file", box.pid_file + "2", "--pidfd-socket", path, box.id, "sleep", "1000", keep="detached")
    descriptor, _ = received(listener)
    with open(f"/proc/self/fdinfo/{descriptor}") as text:
        fields = dict(line.split(":", 1) for line in text if ":" in line)
    equal(int(fields["Pid"]), box.pid() if command == "create" else int(open(box.pid_file + "2").read()))
    if command == "exec":
        os.kill(int(fields["Pid"]), 9)
        os.waitpid(int(fields["Pid"]), 0)


# Terminals

def receiver(box):
    path = os.path.join(box.dir, "console")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    listener.settimeout(15)
    return path, listener


def received(listener):
    connection, _ = listener.accept()
    data, extra, _, _ = connection.recvmsg(4096, 64)
    numbers = array.array("i")
    for _, kind, payload in extra:
        if kind == socket.SCM_RIGHTS:
            numbers.frombytes(payload[:len(payload) - len(payload) % 4])
    equal(len(numbers), 1, "one descriptor")
    return numbers[0], data


def until(master, mark):
    text = b""
    while mark not in text:
        ready, _, _ = select.select([master], [], [], 10)
        if not ready:
            raise AssertionError(f"{mark!r} did not come: {text!r}")
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        text += piece
    return text.decode(errors="replace")


def on_terminal(box, script, **process):
    box.process["terminal"] = True
    box.process.update(process)
    path, listener = receiver(box)
    box.create(script, "--console-socket", path)
    master, name = received(listener)
    return master


@case("config.md", "if set to true on Linux a pseudoterminal pair is allocated for the process and the pseudoterminal pty is duplicated on the process's standard streams.")
def terminal(box):
    master = on_terminal(box, "/probe terminal; tty")
    box.start()
    text = until(master, b"/dev/")
    has(text, "tty=111")
    box.wait()


@case("config.md", "a pseudoterminal pair is allocated for the process", differs={"crun": "1.8 keeps the caller's"})
def terminal_controls_its_session(box):
    master = on_terminal(box, "/probe terminal; exec sleep 1000")
    box.start()
    has(until(master, b"\n"), "sid=1")


@case("config.md", "`consoleSize` (object, OPTIONAL) specifies the console size in characters of the terminal.")
def terminal_size(box):
    master = on_terminal(box, "/probe terminal", consoleSize={"height": 33, "width": 77})
    box.start()
    has(until(master, b"sid"), "rows=33 columns=77")
    box.wait()


@case("config-linux.md", "`/dev/console` is set up if `terminal` is enabled in the config by bind mounting the pseudoterminal pty to `/dev/console`.")
def terminal_is_the_console(box):
    master = on_terminal(box, "test -c /dev/console && echo said > /dev/console; echo end")
    box.start()
    has(until(master, b"end"), "said")
    box.wait()


@case("runc-create(8)", "Path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal.")
def terminal_takes_input(box):
    master = on_terminal(box, "read word; echo heard $word")
    box.start()
    os.write(master, b"hello\n")
    has(until(master, b"heard hello"), "heard hello")
    box.wait()


@case("config.md", "`terminal` (bool, OPTIONAL) specifies whether a terminal is attached to the process", differs={"crun": "1.8 keeps root's"})
def terminal_belongs_to_the_user(box):
    master = on_terminal(box, "/probe terminal", user={"uid": 1000, "gid": 1000})
    box.start()
    has(until(master, b"sid"), "uid=1000")
    box.wait()


@case("runc, as it behaves", "A terminal of a container that nobody is attached to needs a socket, and a socket needs a terminal.", each=["terminal without socket", "socket without terminal", "nobody listens"], differs={"crun": "1.8 is lenient"})
def console_refused(box, what):
    path, listener = receiver(box)
    words = []
    box.process["terminal"] = what != "socket without terminal"
    if what != "terminal without socket":
        words = ["--console-socket", path if what != "nobody listens" else path + "x"]
    box.script("true")
    box.write()
    box.fails("create", *words, box.id)
    box.nothing_left()


@case("runc-exec(8)", "Allocate a pseudo-TTY.", each=["--tty", "-t"])
def exec_terminal(box, flag):
    box.up()
    path, listener = receiver(box)
    box.must("exec", "--detach", flag, "--console-socket", path, "--pid-file", box.pid_file + "2", box.id, "/bin/sh", "-c", "/probe terminal; exec sleep 1000", keep="detached")
    master, _ = received(listener)
    text = until(master, b"sid")
    has(text, "tty=111")
    pid = int(open(box.pid_file + "2").read())
    os.kill(pid, 9)
    os.waitpid(pid, 0)


@case("runc-run(8)", "The run command creates an instance of a container from a bundle, and starts it.")
def run_in_front_on_a_terminal(box):
    """The caller's own terminal: its size is taken over, what is typed gets in, what is said comes out."""
    box.process["terminal"] = True
    box.script("/probe terminal; read word; echo heard $word")
    box.write()
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 21, 43, 0, 0))
        os.chdir(box.bundle)
        os.execv(box.runtime.path, [box.runtime.path, "--root", box.state_root, "run", box.id])
    text = until(master, b"sid=")
    has(text, "tty=111")
    os.write(master, b"hello\n")
    has(until(master, b"heard hello"), "heard hello")
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


@case("runc-create(8)", "Specify the file to write the initial container process' PID to.", each=["create", "run --detach"])
def pid_file(box, command):
    box.script("exec sleep 1000")
    box.write()
    path = os.path.join(box.dir, "pid")
    box.must(*command.split(), "--pid-file", path, box.id, keep="init")
    equal(open(path).read(), str(box.pid()))


@case("runc-create(8)", "Specify the file to write the initial container process' PID to.")
def pid_file_that_cannot_be_written(box):
    box.script("exec sleep 1000")
    box.write()
    box.fails("create", "--pid-file", "/no/such/directory/pid", box.id)
    box.nothing_left()


# Network devices

@case("config-linux.md", "`netDevices` (object, OPTIONAL) - A set of network devices that MUST be made available in the container.", since={"runc": "1.4", "crun": "1.23"}, each=["same name", "renamed", "up"])
def net_device(box, what):
    pid = box.unshared("-n")
    enter = ["nsenter", f"--net=/proc/{pid}/ns/net"]
    subprocess.run([*enter, "ip", "link", "add", "conf0", "type", "veth", "peer", "name", "conf1"], check=True)
    subprocess.run([*enter, "ip", "addr", "add", "10.99.0.1/24", "dev", "conf0"], check=True)
    box.wrapper = enter
    box.linux["netDevices"] = {"conf0": {"name": "inner0"} if what == "renamed" else {}}
    name = "inner0" if what == "renamed" else "conf0"
    out = box.run(f"ip addr show dev {name}; ip link show dev {name}")
    has(out, "10.99.0.1/24")
    has(out, ",UP" if ",UP" in out else "<UP" if "<UP" in out else "UP")


@case("config-linux.md", "If a network device with the specified name already exists in the container namespace, the runtime MUST generate an error", since={"runc": "1.4", "crun": "1.23"},
      each={"missing": {"nosuch0": {}}, "name taken": {"conf0": {"name": "lo"}}, "name too long": {"conf0": {"name": "x" * 16}}, "name with slash": {"conf0": {"name": "a/b"}}})
def net_device_refused(box, devices):
    pid = box.unshared("-n")
    enter = ["nsenter", f"--net=/proc/{pid}/ns/net"]
    subprocess.run([*enter, "ip", "link", "add", "conf0", "type", "veth", "peer", "name", "conf1"], check=True)
    box.wrapper = enter
    box.linux["netDevices"] = devices
    box.script("true")
    box.write()
    box.fails("run", box.id)
    has(subprocess.run([*enter, "ip", "link"], capture_output=True, text=True).stdout, "conf0", "the device is where it was")
