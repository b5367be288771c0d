#!/usr/bin/env python3
"""IKE: what a handshake costs our responder, in memory and beside charon over sockets; what sessions hold; a flood.

    ike.py [--bench FILE] [--viaduct FILE] [--figures FILE] [--update] [PART ...]

PART: memory-handshakes, sockets, counted, sessions, flood; all without. The parts over sockets need root and work in
network namespaces of their own, which they remove. What is above its threshold (Benchmarks/Thresholds/ike.json) ends it with 1."""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT), str(ROOT / "Tests/Shared")]
sys.dont_write_bytecode = True

from demo.process import Trouble
from ike import counted, flood, sockets
from ike.certificates import make
from ike.figures import Figures

PARTS = ("memory-handshakes", "sockets", "counted", "sessions", "flood")
PROOFS = ("psk-x25519", "ecdsa-p256", "rsa-2048")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "Benchmarks/.build/release/IKEBench")
    parser.add_argument("--viaduct", type=pathlib.Path, default=ROOT / "Benchmarks/.build/release/viaduct")
    parser.add_argument("--figures", help="append the figures to this file, a line of JSON each")
    parser.add_argument("--update", action="store_true", help="write what was measured as the new thresholds")
    parser.add_argument("--proofs", nargs="+", choices=PROOFS, default=PROOFS)
    parser.add_argument("--handshakes", type=int, default=1500, help="of a round over sockets (1500)")
    parser.add_argument("--rounds", type=int, default=3, help="over sockets, of each responder in turns (3)")
    parser.add_argument("parts", nargs="*", metavar="PART")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error("no part %r; there are: %s" % (part, ", ".join(PARTS)))
    options.parts = options.parts or PARTS
    return options


def bench(options, figures, *words):
    """A part of the bench program; its figures are added, what it says is shown."""
    with tempfile.NamedTemporaryFile() as file:
        done = subprocess.run([options.bench, *map(str, words)], capture_output=True, text=True,
                              env=os.environ | {"VIADUCT_FIGURES": file.name})
        if done.returncode:
            raise Trouble("%s: %s" % (" ".join(map(str, words)), done.stderr))
        for line in open(file.name):
            figures.add(json.loads(line))
    for line in done.stdout.splitlines():
        print("  " + line, flush=True)


def measure(options, figures, folder):
    pki = {}
    for proof in options.proofs:
        if proof != "psk-x25519":
            pki[proof] = make(folder, proof)
    if "memory-handshakes" in options.parts:
        print("== our responder in memory", flush=True)
        for proof in options.proofs:
            words = ["folder=%s" % pki[proof], "clients=8"] if proof in pki else []
            print("  " + proof)
            bench(options, figures, "handshakes", "proof=" + proof, *words)
    if "counted" in options.parts:
        print("== instructions and allocations a handshake, counted by callgrind", flush=True)
        counted.measure(options.bench, figures)
    if "sessions" in options.parts:
        print("== what sessions hold", flush=True)
        for words in (("memory", "sessions=10000"), ("memory", "sessions=100000"), ("rekeys", "count=100000")):
            bench(options, figures, *words)
    if os.geteuid() != 0:
        print("== beside charon, and the flood: need root, left out")
        return
    if "sockets" in options.parts:
        print("== beside charon, over sockets, in turns", flush=True)
        for proof in options.proofs:
            sockets.measure(options, figures, folder, proof, pki.get(proof))
    if "flood" in options.parts:
        print("== 50,000 spoofed first messages", flush=True)
        flood.measure(options, figures, folder)


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="viaduct-bench-") as folder:
        try:
            measure(options, figures, pathlib.Path(folder))
        except Trouble as trouble:
            sys.exit("ike.py: %s" % trouble)
    if options.figures:
        figures.append_to(options.figures)
    if options.update:
        figures.write_thresholds()
        return 0
    return figures.judge()


if __name__ == "__main__":
    sys.exit(main())
