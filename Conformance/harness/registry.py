"""The cases: a decorator that registers a function with the sentence it tests."""
import importlib.util
import os
import re
from dataclasses import dataclass, field

REGISTERED = []


class Skip(Exception):
    """Raised by a case that this host cannot answer; the message says why."""


def skip_unless(condition, reason):
    if not condition:
        raise Skip(reason)


@dataclass
class Case:
    name: str
    source: str
    quote: str
    function: object
    parameter: tuple
    first: bool
    since: dict = field(default_factory=dict)
    differs: dict = field(default_factory=dict)
    peers_may_fail: str = ""
    slow: bool = False
    races: bool = False
    needs: tuple = ()


def case(source, quote, each=None, since=None, differs=None, peers_may_fail="", slow=False, races=False, needs=()):
    """Registers a case.

    source, quote: where the rule stands, and its sentence ("config.md", "runc-exec(8)", "CVE-2019-5736").
    each: parameters, a dictionary of label → value or a list of values that are their own labels; one case for each.
    since: the first version of a peer that has this surface, such as {"runc": "1.2"}; older ones skip.
    differs: a peer that is known to do otherwise, and how; its failure is reported and is none of ours.
    peers_may_fail: the CVE that an old peer still has.
    needs: system calls that the rule cannot be kept without; under `--without` one of them the case skips.
    """
    if each is not None and not isinstance(each, dict):
        each = {str(value): value for value in each}

    def register(function):
        file = os.path.splitext(os.path.basename(function.__code__.co_filename))[0]
        name = f"{file}.{function.__name__}"
        more = dict(since=since or {}, differs=differs or {}, peers_may_fail=peers_may_fail, slow=slow, races=races, needs=tuple(needs))
        if each is None:
            REGISTERED.append(Case(name, source, quote, function, (), True, **more))
        for index, (label, value) in enumerate((each or {}).items()):
            REGISTERED.append(Case(f"{name}[{label}]", source, quote, function, (value,), index == 0, **more))
        return function

    return register


def load(directory):
    for entry in sorted(os.listdir(directory)):
        if entry.endswith(".py"):
            spec = importlib.util.spec_from_file_location("cases_" + entry[:-3], os.path.join(directory, entry))
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
    names = [case.name for case in REGISTERED]
    doubled = {name for name in names if names.count(name) > 1}
    assert not doubled, f"two cases of one name: {doubled}"
    return REGISTERED


def select(cases, filters, quick):
    chosen = [case for case in cases if not filters or any(part in case.name for part in filters)]
    return [case for case in chosen if not quick or (case.first and not case.slow)]


def older(version, than):
    numbers = lambda text: [int(part) for part in re.findall(r"\d+", text)[:3]]
    return numbers(version) < numbers(than)
