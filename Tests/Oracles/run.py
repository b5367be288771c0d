#!/usr/bin/env python3
"""run.py --viaduct PROGRAM --host PROGRAM [--seed N] [TRANSFORM ...]
scapy and tshark as judges of traffic made by seed, in both directions (traffic.py says of what kinds).

in:   scapy seals; `viaduct replay` must steer exactly the good packets, byte for byte in GRE, and refuse by its right name
      what was damaged, replayed or of no SA; a target with either provider of ciphers must open what was steered to the
      inner bytes.
out:  a target with either provider seals; scapy, and where it knows the transform tshark, must find the ICV right and the
      inner bytes inside; both providers' packets must be alike.

Wants scapy >= 2.8: it runs itself again with the Python that scripts/install-dependencies.sh made. Exit: 0 all passed, 1 not."""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON = ROOT / ".build-interop/venv/bin/python"
if __name__ == "__main__" and PYTHON.exists() and sys.prefix == sys.base_prefix:
    os.execv(PYTHON, [PYTHON, *sys.argv])
sys.path.insert(0, str(ROOT / "Tests/Captures"))

import traffic
import transforms
import tshark
from check import datagram, gre, packets
from configuration import configuration
from run import Failure, check, replay

# A target gives the first of these to an SA's first packet; with ESN it comes to the end of a lower half.
FIRST = {False: 1, True: traffic.WRAP - 2}


def host(program, way, provider, config, frames, scratch, first=1):
    """The frames that a target made of these, and its verdict on each."""
    given, made = scratch / "given.pcap", scratch / ("%s-%s.pcap" % (way, provider))
    traffic.write(given, frames)
    done = subprocess.run([program, "--way", way, "--provider", provider, "--config", config, "--in", given, "--out", made,
                           "--first", str(first)], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Failure("the target, %s: %s" % (way, done.stderr.strip()))
    return [datagram(f) for f in packets(made)], json.loads(done.stdout)


def differ(what, got, due):
    """Of two lists of packets the first that differs, in words."""
    for i, (g, d) in enumerate(zip(got, due)):
        if g != d[1]:
            raise Failure("%s: packet %d, %s:\n  got %s\n  due %s" % (what, i + 1, d[0].name, g and g.hex(), d[1].hex()))
    if len(got) != len(due):
        raise Failure("%s: %d packets, not %d" % (what, len(got), len(due)))


def arriving(case, options, scratch, config):
    description, capture, output = scratch / "case.json", scratch / case.description()["files"][0], scratch / "steered.pcap"
    description.write_text(json.dumps(case.description()))
    traffic.write(capture, case.frames)
    result = scratch / "result.json"
    result.write_text(replay(options.viaduct, config, capture, output))
    code, said = check(description, result, ["--gre", output])
    if code != 0:
        raise Failure(said)
    steered = list(packets(output))
    for provider in options.providers:
        opened, verdicts = host(options.host, "open", provider, config, steered, scratch)
        others = set(verdicts) - {"delivered"}
        if others:
            raise Failure("a target with %s says %s of what the router steered" % (provider, ", ".join(sorted(others))))
        differ("opened with " + provider, opened, case.inner)


def sealed(case, options, scratch, config):
    """What goes out under every SA, checked by scapy; (SA, inner, outer packet) for tshark."""
    leaving = []
    for esn in (False, True):
        due = [(sa, inner) for sa, inner in case.leaving if sa.esn == esn]
        made = {}
        for provider in options.providers:
            made[provider], verdicts = host(
                options.host, "seal", provider, config, [traffic.framed(p) for _, p in due], scratch, FIRST[esn])
            others = set(verdicts) - {"sealed"}
            if others:
                raise Failure("a target with %s says %s of what it must seal" % (provider, ", ".join(sorted(others))))
        for provider, outer in made.items():
            differ("sealed with %s beside %s" % (provider, options.providers[0]), outer,
                   list(zip((sa for sa, _ in due), made[options.providers[0]])))
        numbers = {}
        for (sa, inner), outer in zip(due, made[options.providers[0]]):
            number = numbers[sa] = numbers.get(sa, FIRST[esn] - 1) + 1
            read(sa, inner, outer, number)
            leaving.append((sa, inner, outer))
    return leaving


def read(sa, inner, outer, number):
    """scapy opens what a target sealed."""
    packet = traffic.class_of(sa.outer)(outer)
    if packet[traffic.ESP].seq != number % traffic.WRAP:
        raise Failure("%s: number %d, not %d" % (sa.name, packet[traffic.ESP].seq, number % traffic.WRAP))
    try:
        opened = bytes(sa.scapy("out").decrypt(packet, esn=number // traffic.WRAP))
    except Exception as why:
        raise Failure("%s: scapy does not open number %d: %s: %s" % (sa.name, number, type(why).__name__, why))
    differ("scapy", [opened], [(sa, inner)])


def trailer(sa, payload, next_header):
    padding = -(len(payload) + 2) % sa.transform.alignment
    return payload + bytes(range(1, padding + 1)) + bytes([padding, next_header])


def shown(leaving, scratch):
    """tshark decrypts what it can of what the targets sealed; how many."""
    known = [(sa, inner, outer) for sa, inner, outer in leaving if tshark.knows(sa)]
    path = scratch / "sealed.pcap"
    traffic.write(path, [traffic.framed(outer) for _, _, outer in known])
    found = tshark.decrypted(str(path), sorted({sa for sa, _, _ in known}, key=lambda sa: sa.spi), "out")
    if len(found) != len(known):
        raise Failure("tshark shows %d of %d frames" % (len(found), len(known)))
    for (sa, inner, _), (text, good) in zip(known, found):
        version = 4 if inner[0] >> 4 == 4 else 6
        if sa.mode == "tunnel":
            due = trailer(sa, inner, 4 if version == 4 else 41)
        else:
            due = trailer(sa, inner[20 if version == 4 else 40:], inner[9 if version == 4 else 6])
        if text != due or not good:
            raise Failure("tshark: %s: ICV %s\n  got %s\n  due %s" % (
                sa.name, "right" if good else "wrong", text and text.hex(), due.hex()))
    return len(known)


def main():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viaduct", required=True)
    parser.add_argument("--host", required=True, help="HostOverCapture")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--providers", default="multiBuffer,openSSL" if os.uname().machine == "x86_64" else "openSSL")
    parser.add_argument("transforms", nargs="*")
    options = parser.parse_args()
    options.providers = options.providers.split(",")
    passed, failed, leaving = 0, 0, []

    def attempt(what, body):
        nonlocal passed, failed
        try:
            result = body()
            passed += 1
            return result
        except (Failure, RuntimeError, subprocess.SubprocessError) as why:
            print("FAILED %s (--seed %d)\n%s" % (what, options.seed, "\n".join("  " + l for l in str(why).splitlines())))
            failed += 1

    frames = 0
    with tempfile.TemporaryDirectory(prefix="viaduct-oracles-") as folder:
        for place, transform in enumerate(transforms.ALL):
            if options.transforms and transform.name not in options.transforms:
                continue
            case = traffic.Case(options.seed, transform, 1 + 100 * place)
            scratch = pathlib.Path(folder) / transform.name
            scratch.mkdir()
            config = scratch / "cluster.yaml"
            config.touch(mode=0o600)
            config.write_text(configuration(case.description()))
            frames += len(case.frames)
            attempt(transform.name + " in", lambda: arriving(case, options, scratch, config))
            leaving += attempt(transform.name + " out", lambda: sealed(case, options, scratch, config)) or []
        shown_count = attempt("tshark", lambda: shown(leaving, pathlib.Path(folder)))
    print("oracles: seed %d: %d packets in, %d out, of which tshark read %s: %d passed, %d failed" % (
        options.seed, frames, len(leaving), shown_count, passed, failed))
    if os.environ.get("VIADUCT_TALLY"):
        with open(os.environ["VIADUCT_TALLY"], "a") as f:
            f.write("oracles %d %d\n" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
