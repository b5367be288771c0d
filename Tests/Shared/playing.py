"""A run of scenarios: functions with names, played one after the other on one network that is always taken away again."""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from checks import Failed
from demo.cluster import claim
from demo.network import sweep
from demo.process import Trouble

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TROUBLES = (Failed, Trouble, subprocess.TimeoutExpired, OSError)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def parser(doc, prefix):
    """What every run of scenarios may be told."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("names", nargs="*", metavar="NAME")
    made.add_argument("--list", action="store_true")
    made.add_argument("--viaduct", type=lambda file: pathlib.Path(file).resolve(), default=ROOT / ".build/release/viaduct",
                      help="the program under test")
    made.add_argument("--keep-logs", type=pathlib.Path, metavar="DIR", help="copy what every daemon wrote there")
    made.add_argument("--prefix", default=prefix, help=argparse.SUPPRESS)
    return made


def chosen(kind, scenarios, names, left_out=()):
    """The scenarios whose names begin so; without names all but `left_out`."""
    for name in names:
        if not any(each.startswith(name) for each in scenarios):
            sys.exit("%s: no scenario begins with %r; there are: %s" % (kind, name, ", ".join(scenarios)))
    return [each for each in scenarios if each not in left_out
            and (not names or any(each.startswith(name) for name in names))]


def say(text):
    print(text, flush=True)


def play(scenario, function, options):
    """One scenario. (checks passed, checks failed)"""
    started, failed = time.monotonic(), 0
    def complain(said):
        nonlocal failed
        failed += 1
        say("FAILED  %s: %s" % (scenario.name, "\n          ".join(str(said).splitlines())))
    try:
        with scenario:
            try:
                function(scenario)
            except TROUBLES as why:
                complain("%s%s" % (why, scenario.last_words()))
    except TROUBLES as why:
        complain("at its end: %s" % why)
    if options.keep_logs:
        keep(scenario.folder, options.keep_logs / scenario.name)
    say("        %s: %.0f s" % (scenario.name, time.monotonic() - started))
    return scenario.checked, failed


def keep(folder, where):
    """What the daemons wrote, without what they were told: that holds keys."""
    for file in folder.rglob("*"):
        if file.is_file() and (file.name in ("log", "output") or file.suffix in (".log", ".server", ".out") or ".transfers." in file.name
                               or file.name.endswith(".status.json")):
            place = where / file.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)


def play_all(names, scenarios, network, make, options):
    """`make(name, network, folder)`: a scenario. (checks passed, checks failed)"""
    passed = failed = 0
    sweep(options.prefix)
    try:
        network.make()
        for name in names:
            # /run is memory: keys never reach a disk.
            folder = pathlib.Path(tempfile.mkdtemp(prefix=options.prefix, dir="/run"))
            right, wrong = play(make(name, network, folder), scenarios[name], options)
            passed, failed = passed + right, failed + wrong
            shutil.rmtree(folder, ignore_errors=True)
            network.mend()
    finally:
        # What interrupts us waits until all is gone.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        network.remove()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return passed, failed


def run(kind, names, scenarios, network, make, options, remark=""):
    """All of it, and the exit: 0 when everything passed. `remark`: what to say of the whole run."""
    if options.list:
        sys.exit(print("\n".join(names)))
    if os.geteuid() != 0:
        sys.exit("these tests make network namespaces: run them as root")
    for number in SIGNALS:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    claimed = claim(options.prefix)
    started = time.monotonic()
    passed, failed = play_all(names, scenarios, network, make, options)
    claimed.close()
    print("%s: %d passed, %d failed, in %d scenarios and %.0f s%s" % (
        kind, passed, failed, len(names), time.monotonic() - started, remark))
    if os.environ.get("VIADUCT_TALLY"):
        with open(os.environ["VIADUCT_TALLY"], "a") as tally:
            tally.write("%s %d %d\n" % (kind, passed, failed))
    sys.exit(1 if failed or not passed else 0)
