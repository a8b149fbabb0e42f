"""One case's container: a bundle to change, the runtime to call, and the proof that nothing is left."""
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

from . import bundle, host


@dataclass
class Result:
    status: int
    out: str
    err: str

    def lines(self):
        return self.out.splitlines()


class Box:
    def __init__(self, runtime, workshop, name, races):
        self.runtime = runtime
        self.workshop = workshop
        self.races = races
        self.id = f"conform-{os.getpid()}"
        self.dir = os.path.join(workshop.directory, str(os.getpid()))
        self.bundle = os.path.join(self.dir, "bundle")
        self.rootfs = os.path.join(self.bundle, "rootfs")
        self.state_root = os.path.join(self.dir, "state")
        self.cgroup = f"{workshop.cgroup}/{self.id}"
        self.config = bundle.base()
        self.config["linux"]["cgroupsPath"] = self.cgroup
        self.globals = []
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.dir)
        self.wrapper = []
        self.ids = {self.id}
        self.deferred = []
        self.calls = []
        self.pid_file = os.path.join(self.dir, "init.pid")
        os.makedirs(self.bundle)
        os.chmod(self.dir, 0o755)
        workshop.root(self.rootfs)

    # The configuration

    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    def mount(self, destination, kind, source=None, options=(), **more):
        entry = {"destination": destination, "type": kind, "source": source or kind, "options": list(options)}
        self.config["mounts"].append({**entry, **more})

    def bind(self, source, destination, *options, **more):
        self.mount(destination, "bind", source, ["bind", *options] if "rbind" not in options else list(options), **more)

    def namespace(self, kind, path=None):
        """Adds a namespace, or gives one that is there a path; path=False takes it away."""
        others = [entry for entry in self.linux["namespaces"] if entry["type"] != kind]
        self.linux["namespaces"] = others + ([] if path is False else [{"type": kind, **({"path": path} if path else {})}])

    def user_namespace(self, host_id=100000, size=65536):
        """Maps container ids 0… to host_id…, and gives the root file system to the mapped root."""
        self.namespace("user")
        self.linux["uidMappings"] = [{"containerID": 0, "hostID": host_id, "size": size}]
        self.linux["gidMappings"] = [{"containerID": 0, "hostID": host_id, "size": size}]

    def capabilities(self, *names, sets=("bounding", "effective", "permitted"), **given):
        self.process["capabilities"] = {kind: list(names) for kind in sets} | given

    def hook(self, kind, script, **more):
        self.config.setdefault("hooks", {}).setdefault(kind, []).append(
            {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin:/usr/sbin:/sbin"], **more})

    def script(self, text):
        self.process["args"] = ["/bin/sh", "-c", text]

    def file(self, path, text="", mode=0o644):
        """A file in the bundle's directory's neighbour `host`, out of the root; returns its path."""
        full = os.path.join(self.dir, "host", path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)
        os.chmod(full, mode)
        return full

    def directory(self, path):
        full = os.path.join(self.dir, "host", path)
        os.makedirs(full, exist_ok=True)
        return full

    def in_root(self, path, text="", mode=0o644):
        """A file in the root file system."""
        full = os.path.join(self.rootfs, path.lstrip("/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)
        os.chmod(full, mode)
        return full

    def write(self):
        with open(os.path.join(self.bundle, "config.json"), "w") as file:
            json.dump(self.config, file)

    # The runtime's commands

    def call(self, *words, given=None, env=None, fds=(), cwd=None, seconds=40, keep=None, preexec=None):
        """Runs the runtime; streams are files, for a container that stays alive keeps them open."""
        keep = keep or f"call-{len(self.calls)}"
        outputs = [open(os.path.join(self.dir, f"{keep}.{stream}"), "w+b") for stream in ("out", "err")]
        line = [*self.wrapper, self.runtime.path, "--root", self.state_root, *self.globals, *words]
        process = subprocess.Popen(line, stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
                                   stdout=outputs[0], stderr=outputs[1], env={**self.environment, **(env or {})},
                                   pass_fds=fds, cwd=cwd or self.bundle, preexec_fn=preexec)
        try:
            process.communicate(given.encode() if given is not None else None, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{' '.join(words)} did not end within {seconds} s")
        texts = []
        for output in outputs:
            output.seek(0)
            texts.append(output.read().decode(errors="replace"))
            output.close()
        result = Result(process.returncode, *texts)
        self.calls.append((words, result))
        return result

    def must(self, *words, **more):
        result = self.call(*words, **more)
        if result.status != 0:
            raise AssertionError(f"{' '.join(words)} ended with {result.status}: {result.err.strip()[-900:]}")
        return result

    def fails(self, *words, **more):
        result = self.call(*words, **more)
        if result.status == 0:
            raise AssertionError(f"{' '.join(words)} was accepted: {result.out[-300:]}")
        if result.status < 0 or result.status in (134, 139):
            raise AssertionError(f"{' '.join(words)} crashed with {result.status}: {result.err[-600:]}")
        return result

    def attempt(self, script=None, *flags, **more):
        """`run` of a shell script; returns the result whatever it is."""
        if script is not None:
            self.script(script)
        self.write()
        return self.call("run", *flags, self.id, **more)

    def run(self, script=None, *flags, **more):
        """`run` of a shell script that must end with 0; returns what it printed."""
        result = self.attempt(script, *flags, **more)
        if result.status != 0:
            raise AssertionError(f"run ended with {result.status}: {result.err.strip()[-900:]} {result.out[-300:]}")
        return result.out

    def create(self, script=None, *flags, **more):
        if script is not None:
            self.script(script)
        self.write()
        return self.must("create", "--pid-file", self.pid_file, *flags, self.id, keep="init", **more)

    def start(self):
        return self.must("start", self.id)

    def up(self, script="exec sleep 1000", *flags, **more):
        """A container that is running."""
        self.create(script, *flags, **more)
        self.start()

    def output(self):
        """What a created container has printed so far."""
        with open(os.path.join(self.dir, "init.out")) as file:
            return file.read()

    def exec(self, *words, flags=(), **more):
        return self.call("exec", *flags, self.id, *words, **more)

    def execute(self, script, *flags, **more):
        """`exec` of a shell script that must end with 0; returns what it printed."""
        return self.must("exec", *flags, self.id, "/bin/sh", "-c", script, **more).out

    def state(self):
        return json.loads(self.must("state", self.id).out)

    def status(self):
        return self.state()["status"]

    def pid(self):
        return self.state()["pid"]

    def wait(self, pid=None, seconds=15):
        """The exit status of a detached init, which is this process's to reap, as an engine's would be."""
        if pid is None:
            with open(self.pid_file) as file:
                pid = int(file.read())
        end = time.monotonic() + seconds
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                raise AssertionError(f"the container's process {pid} did not end within {seconds} s")
            time.sleep(0.005)

    def unshared(self, *flags):
        """A process of the host in namespaces of its own; returns its pid."""
        sleeper = subprocess.Popen(["unshare", *flags, "--kill-child", "--fork", "sleep", "1000"])
        self.defer(lambda: (sleeper.kill(), sleeper.wait()))
        children = f"/proc/{sleeper.pid}/task/{sleeper.pid}/children"
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with open(children) as listed:
                pid = listed.read().split()
            if pid and open(f"/proc/{pid[0]}/comm").read() == "sleep\n":
                return int(pid[0])
            time.sleep(0.005)
        raise AssertionError("unshare did not start")

    def refused(self, *parts, command="create"):
        """The configuration is refused, the error names its reason, and nothing was created."""
        marker = self.directory("marker")
        self.bind(marker, "/marker", "rw")
        self.script("touch /marker/ran")
        self.write()
        result = self.fails(command, self.id)
        said = (result.err + result.out).lower()
        if not said.strip():
            raise AssertionError("refused without a word")
        if parts and not any(part.lower() in said for part in parts):
            raise AssertionError(f"the error names none of {parts}: {said[-600:]}")
        if os.path.exists(os.path.join(marker, "ran")):
            raise AssertionError("the program was run")
        self.nothing_left()
        if self.call("state", self.id).status == 0:
            raise AssertionError("a container was created all the same")
        return result.err

    def cgroup_value(self, controller, file):
        with open(os.path.join(host.cgroup_directory(controller, self.cgroup), file)) as value:
            return value.read().strip()

    # The end

    def defer(self, function):
        """Something of the case's own to undo, after the container is gone."""
        self.deferred.append(function)

    def remove(self):
        for identifier in sorted(self.ids):
            if os.path.isdir(self.state_root):
                self.call("delete", "--force", identifier)
        for function in reversed(self.deferred):
            function()

    def children(self):
        """Processes of this case, for it is a subreaper: zombies are reaped, the rest returned."""
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        with open(f"/proc/self/task/{os.getpid()}/children") as listed:
            return [int(pid) for pid in listed.read().split()]

    def left(self):
        """What of this case is still on the host."""
        found = [f"process {pid}" for pid in self.children()]
        for identifier in self.ids:
            path = os.path.join(self.state_root, identifier)
            found += [f"state {path}"] if os.path.exists(path) else []
        found += [f"cgroup {path}" for path in host.cgroup_directories(self.cgroup)]
        with open("/proc/self/mountinfo") as table:
            found += [f"mount {line.split()[4]}" for line in table if self.dir + "/" in line]
        return found

    def nothing_left(self):
        end = time.monotonic() + 3
        while found := self.left():
            if time.monotonic() > end:
                raise AssertionError(f"left behind: {', '.join(found)}")
            time.sleep(0.01)

    def discard(self):
        """After a failure too: no process, no mount, no directory of this case stays."""
        for pid in self.children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        end = time.monotonic() + 3
        while self.children() and time.monotonic() < end:
            time.sleep(0.01)
        with open("/proc/self/mountinfo") as table:
            mounts = [line.split()[4] for line in table if self.dir + "/" in line]
        for path in reversed(mounts):
            host.quietly(["umount", "-l", path])
        for path in host.cgroup_directories(self.cgroup):
            for inner, _, _ in os.walk(path, topdown=False):
                try:
                    os.rmdir(inner)
                except OSError:
                    pass
        shutil.rmtree(self.dir, ignore_errors=True)

    def transcript(self):
        """The last calls, for a failure's report."""
        lines = []
        for words, result in self.calls[-4:]:
            lines.append(f"$ {' '.join(words)} → {result.status}")
            lines += ["  " + line for line in (result.err.strip() or result.out.strip())[-500:].splitlines()]
        return "\n".join(lines)
