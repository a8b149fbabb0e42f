"""Assertions that say what was seen."""
import time


def clip(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 800 else text[:800] + "…"


def equal(actual, expected, what=""):
    if actual != expected:
        raise AssertionError(f"{what + ': ' if what else ''}expected {clip(repr(expected))}, got {clip(repr(actual))}")


def has(text, part, what=""):
    if part not in text:
        raise AssertionError(f"{what + ': ' if what else ''}{part!r} is not in {clip(text)!r}")


def lacks(text, part, what=""):
    if part in text:
        raise AssertionError(f"{what + ': ' if what else ''}{part!r} is in {clip(text)!r}")


def eventually(condition, what, seconds=10):
    """Waits for something that another process does in its own time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
