"""What a scenario may expect, and how it says so."""
import time

SECONDS = 15


class Failed(Exception):
    """What was expected and did not come, for a person to read."""


def expect(condition, otherwise):
    if not condition:
        raise Failed(otherwise() if callable(otherwise) else otherwise)


def until(condition, otherwise, seconds=SECONDS):
    """Waits for it; what it then was. A deadline, never a measurement."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        expect(time.monotonic() < deadline, otherwise)
        time.sleep(0.05)
    return found
