#!/usr/bin/env python3
"""run.py --viaduct PROGRAM FOLDER [ARGS OF check.py ...]
Runs every case of a folder (NAME.json with its captures) through `viaduct replay` and says which frames came out otherwise
than they must. Writes nothing into the folder. Standard library only.

A case passes when check.py finds no difference in the frames and in the GRE output, and tshark, where there is one, reads
every frame of that output as GRE with ESP inside. Exit: 0 all that ran passed, 1 a case failed or none ran, 2 wrong usage."""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from check import packets
from configuration import configuration

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
REPLAY_SECONDS = 120


class Failure(Exception):
    """Why a case failed, for a person to read."""


def replay(viaduct, config, capture, output):
    """The result of `viaduct replay --json`, as text."""
    command = [viaduct, "replay", "--config", config, "--in", capture, "--out", output, "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=REPLAY_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure("viaduct replay did not end within %d s" % REPLAY_SECONDS)
    if done.returncode != 0:
        raise Failure("viaduct replay ended with %d: %s" % (done.returncode, done.stderr.strip() or "(no message)"))
    return done.stdout


def check(case, result, arguments):
    """check.py's exit code and what it said."""
    done = subprocess.run([sys.executable, HERE / "check.py", case, result, "--names", HERE / "names.json", *arguments],
                          capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).rstrip()


def decode(output):
    """tshark reads every frame of the output as ESP in GRE, and finds no checksum wrong."""
    def count(display_filter):
        done = subprocess.run(["tshark", "-n", "-r", output, "-o", "ip.check_checksum:TRUE", "-Y", display_filter,
                               "-T", "fields", "-e", "frame.number"], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure("tshark cannot read the output: %s" % done.stderr.strip())
        return done.stdout.split()
    written = sum(1 for _ in packets(output))
    good = count("gre && esp && !_ws.malformed && !(ip.checksum.status == 0)")
    if len(good) != written:
        bad = sorted(set(range(1, written + 1)) - {int(n) for n in good})
        raise Failure("tshark does not read output frame %s as GRE with ESP in it" % ", ".join(map(str, bad[:10])))


def run(viaduct, case, capture, arguments, scratch):
    """One capture file of a case; the line that check.py ends with."""
    description = json.loads(case.read_text())
    config, output, result = scratch / "cluster.yaml", scratch / "out.pcap", scratch / "result.json"
    config.touch(mode=0o600)
    config.write_text(configuration(description))
    result.write_text(replay(viaduct, config, capture, output))
    code, said = check(case, result, ["--gre", output, *arguments])
    if code != 0:
        raise Failure(said)
    if shutil.which("tshark"):
        decode(output)
    return said


def tally(passed, failed):
    """For .ci/run, which adds up what every step counted."""
    if os.environ.get("VIADUCT_TALLY"):
        with open(os.environ["VIADUCT_TALLY"], "a") as f:
            f.write("captures %d %d\n" % (passed, failed))


def main():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viaduct", required=True)
    parser.add_argument("folder", type=pathlib.Path)
    options, arguments = parser.parse_known_args()
    cases = sorted(p for p in options.folder.glob("*.json"))
    if not shutil.which("tshark"):
        print("captures: tshark is not installed; only check.py reads the output")

    passed, failed, skipped = 0, 0, []
    with tempfile.TemporaryDirectory(prefix="viaduct-captures-") as scratch:
        scratch = pathlib.Path(scratch)
        nothing = scratch / "nothing.json"
        nothing.write_text("{}")
        for case in cases:
            # A case that needs what is left out is skipped before anything is run.
            code, said = check(case, nothing, arguments)
            if code == SKIPPED:
                print(said)
                skipped.append(case.stem)
                continue
            if code == 2:
                sys.exit(said)
            for name in json.loads(case.read_text())["files"]:
                try:
                    folder = pathlib.Path(tempfile.mkdtemp(dir=scratch))
                    print("%s: %s" % (name, run(options.viaduct, case, options.folder / name, arguments, folder)))
                    passed += 1
                except Failure as why:
                    print("FAILED %s\n%s" % (name, "\n".join("  " + l for l in str(why).splitlines())))
                    failed += 1
    print("captures: %d passed, %d failed, %d skipped%s" % (
        passed, failed, len(skipped), " (%s)" % ", ".join(skipped) if skipped else ""))
    if passed + failed == 0:
        print("captures: no case ran in %s" % options.folder)
        failed = 1
    tally(passed, failed)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
