#!/usr/bin/env python3
"""run.py [NAME ...]: tests with IKEv2 daemons that others wrote, in network namespaces. Root; Python's standard library only.

Without names, all; `--list` names them. A name's beginning stands for all that begin so. `--router charon` puts strongSwan in our
place: what fails then is the scenario's fault, or the daemon's. Exit: 0 all passed, 1 one failed."""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT)]
sys.dont_write_bytecode = True

from checks import Failed
from demo.cluster import claim
from demo.network import sweep
from demo.process import Trouble
from scenarios import ALL
from scenarios.scenario import Scenario
from testbed.network import Network


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--router", choices=("viaduct", "charon"), default="viaduct", help="who stands at the gateway")
    parser.add_argument("--viaduct", default=ROOT / ".build/release/viaduct", help="the program under test")
    parser.add_argument("--keep-logs", type=pathlib.Path, metavar="DIR", help="copy what every daemon wrote there")
    parser.add_argument("--prefix", default="viaduct-ike-", help=argparse.SUPPRESS)
    return parser.parse_args()


# What needs something of the gateway that Viaduct has not, in words; charon in its place runs them.
NOT_YET = {
    "openiked-they-start": "its ESP on Linux is AES-CBC with HMAC, which the packet path does not do yet",
    "openiked-we-start": "its ESP on Linux is AES-CBC with HMAC, which the packet path does not do yet",
}


def left_out(options):
    """Scenarios that nobody named and that cannot be played: name -> why."""
    return NOT_YET if options.router == "viaduct" and not options.names else {}


def chosen(options):
    for name in options.names:
        if not any(each.startswith(name) for each in ALL):
            sys.exit("interop: no scenario begins with %r; there are: %s" % (name, ", ".join(ALL)))
    return [each for each in ALL if each not in left_out(options)
            and (not options.names or any(each.startswith(name) for name in options.names))]


def say(text):
    print(text, flush=True)


TROUBLES = (Failed, Trouble, subprocess.TimeoutExpired, OSError)


def play(name, network, folder, options):
    """One scenario. (checks passed, checks failed)"""
    started, failed = time.monotonic(), 0
    def complain(said):
        nonlocal failed
        failed += 1
        say("FAILED  %s: %s" % (name, "\n          ".join(str(said).splitlines())))
    scenario = Scenario(name, network, folder, options, say)
    try:
        with scenario:
            try:
                ALL[name](scenario)
            except TROUBLES as why:
                complain("%s%s" % (why, scenario.last_words()))
    except TROUBLES as why:
        complain("at its end: %s" % why)
    if options.keep_logs:
        keep(folder, options.keep_logs / name)
    say("        %s: %.0f s" % (name, time.monotonic() - started))
    return scenario.checked, failed


def keep(folder, where):
    """What the daemons wrote, without what they were told: that holds keys."""
    for file in folder.rglob("*"):
        if file.is_file() and (file.name in ("log", "output") or file.suffix in (".log", ".server", ".out") or ".transfers." in file.name):
            place = where / file.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)


def play_all(names, options):
    network, passed, failed = Network(options.prefix), 0, 0
    sweep(options.prefix)
    try:
        network.make()
        for name in names:
            # /run is memory: keys never reach a disk.
            folder = pathlib.Path(tempfile.mkdtemp(prefix=options.prefix, dir="/run"))
            right, wrong = play(name, network, folder, options)
            passed, failed = passed + right, failed + wrong
            shutil.rmtree(folder, ignore_errors=True)
            network.mend()
    finally:
        # What interrupts us waits until all is gone.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        network.remove()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    return passed, failed


def main():
    options = arguments()
    names = chosen(options)
    if options.list:
        sys.exit(print("\n".join(names)))
    if os.geteuid() != 0:
        sys.exit("these tests make network namespaces: run them as root")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    claimed = claim(options.prefix)
    started = time.monotonic()
    passed, failed = play_all(names, options)
    claimed.close()
    for name, why in left_out(options).items():
        say("LEFT OUT %s: %s" % (name, why))
    print("interop: %d passed, %d failed, in %d scenarios and %.0f s, %s at the gateway" % (
        passed, failed, len(names), time.monotonic() - started, options.router))
    if os.environ.get("VIADUCT_TALLY"):
        with open(os.environ["VIADUCT_TALLY"], "a") as tally:
            tally.write("interop %d %d\n" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
