"""Runs each case in a process of its own, a few at a time, and counts."""
import collections
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass

from . import bundle, registry, without
from .box import Box

PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Runtime:
    path: str
    kind: str
    version: str


def find(name):
    path = shutil.which(name) or (os.path.abspath(name) if os.path.exists(name) else None)
    if path is None:
        sys.exit(f"Conformance/run: {name} is no program\n  build it, or name another: RUNTIME=runc")
    path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.split()
    kind = said[0] if said else os.path.basename(path)
    version = next((word for word in said if word[0].isdigit()), "0")
    return Runtime(path, {"skiff-runtime": "skiff"}.get(kind, kind), version)


@dataclass
class Outcome:
    status: str  # passed, failed, skipped, differs
    message: str = ""
    seconds: float = 0


def excuse(case, runtime):
    """Why a failure of this runtime in this case is known and not ours, or None."""
    if runtime.kind == "skiff":
        return None
    if case.peers_may_fail:
        return case.peers_may_fail
    if runtime.kind in case.differs:
        return case.differs[runtime.kind]
    if runtime.kind == "crun" and case.source.startswith("runc"):
        return "this is runc's documentation"
    return None


def perform(case, runtime, workshop, options):
    """In the child: the case, then the cleaning, then the look at what is left."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if options.without:
        without.hide(options.without)
    started = time.monotonic()
    limit = options.timeout if not case.races else options.timeout + options.races

    def late(*_):
        raise AssertionError(f"not done within {limit} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(limit)
    box = Box(runtime, workshop, case.name, options.races)
    try:
        try:
            registry.skip_unless(options.without not in case.needs, f"needs {options.without}")
            case.function(box, *case.parameter)
        finally:
            signal.alarm(30)
            box.remove()
        box.nothing_left()
        outcome = Outcome("passed")
    except registry.Skip as reason:
        outcome = Outcome("skipped", str(reason))
    except AssertionError as failure:
        outcome = Outcome("failed", f"{failure}\n{box.transcript()}")
    except Exception:
        outcome = Outcome("failed", traceback.format_exc() + box.transcript())
    signal.alarm(0)
    box.discard()
    if outcome.status == "failed" and (known := excuse(case, runtime)):
        outcome = Outcome("differs", f"{known}: {outcome.message}")
    outcome.seconds = time.monotonic() - started
    return outcome


def skipped(case, runtime):
    least = case.since.get(runtime.kind)
    if least and registry.older(runtime.version, least):
        return Outcome("skipped", f"{runtime.kind} has this since {least}")
    return None


def launch(case, runtime, workshop, options):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        outcome = perform(case, runtime, workshop, options)
        with os.fdopen(writing, "w") as pipe:
            json.dump(outcome.__dict__, pipe)
        os._exit(0)
    os.close(writing)
    return pid, reading


def results(cases, runtime, workshop, options):
    """Yields (case, outcome) as they come; at most `jobs` at a time."""
    waiting = collections.deque(cases)
    running = {}
    try:
        yield from rounds(waiting, running, runtime, workshop, options)
    finally:
        # On the way out by a signal: the alarm makes each case end, clean up and say so.
        for _, pid, _, _ in running.values():
            os.kill(pid, signal.SIGALRM)
        for _, pid, _, _ in running.values():
            os.waitpid(pid, 0)


def rounds(waiting, running, runtime, workshop, options):
    while waiting or running:
        while waiting and len(running) < options.jobs:
            case = waiting.popleft()
            if outcome := skipped(case, runtime):
                yield case, outcome
                continue
            pid, reading = launch(case, runtime, workshop, options)
            running[reading] = (case, pid, b"", time.monotonic())
        ready, _, _ = select.select(list(running), [], [], 5)
        for reading in ready:
            case, pid, text, started = running[reading]
            piece = os.read(reading, 65536)
            if piece:
                running[reading] = (case, pid, text + piece, started)
                continue
            os.close(reading)
            del running[reading]
            os.waitpid(pid, 0)
            yield case, Outcome(**json.loads(text)) if text else Outcome("failed", "the case's process died")
        for case, pid, _, started in list(running.values()):
            # The alarm in the child comes first; this is for a child that cannot be interrupted.
            if time.monotonic() - started > options.timeout + 60 + (options.races if case.races else 0):
                os.kill(pid, signal.SIGKILL)


def run(cases, runtime, options):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Conformance/run: ended by a signal"))
    workshop = bundle.Workshop(tempfile.mkdtemp(prefix="conform.", dir="/tmp"))
    counts = collections.defaultdict(collections.Counter)
    notes = []
    started = time.monotonic()
    try:
        for case, outcome in results(cases, runtime, workshop, options):
            counts[case.name.split(".")[0]][outcome.status] += 1
            if outcome.status != "passed":
                notes.append((case, outcome))
            if options.verbose or outcome.status == "failed":
                print(f"{outcome.status:8} {case.name}  {outcome.seconds:.2f} s", flush=True)
            if outcome.status == "failed":
                print(f"         {case.source}: “{case.quote}”")
                print("         " + outcome.message.strip().replace("\n", "\n         "), flush=True)
    finally:
        workshop.remove()
    summary(counts, notes, runtime, time.monotonic() - started)
    return 1 if any(counter["failed"] for counter in counts.values()) else 0


def summary(counts, notes, runtime, seconds):
    for status, title in (("skipped", "skipped, with the reason"), ("differs", "known to differ")):
        chosen = [(case, outcome) for case, outcome in notes if outcome.status == status]
        if chosen:
            print(f"\n{title}:")
            for case, outcome in chosen:
                print(f"  {case.name}: {(outcome.message.strip().splitlines() or [''])[0][:200]}")
    print(f"\n{'file':22}{'passed':>8}{'failed':>8}{'skipped':>8}{'differs':>8}")
    total = collections.Counter()
    for file, counter in sorted(counts.items()):
        total.update(counter)
        print(f"{file:22}" + "".join(f"{counter[key]:8}" for key in ("passed", "failed", "skipped", "differs")))
    print(f"{'all':22}" + "".join(f"{total[key]:8}" for key in ("passed", "failed", "skipped", "differs")))
    print(f"{runtime.kind} {runtime.version} ({runtime.path}), {seconds:.0f} s")
