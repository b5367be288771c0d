#!/usr/bin/env python3
"""The coupling facility: committing, listing and taking over many SAs, bytes of one, a durable reservation by itself; in the
embedded store and in etcd, each with a directory of its own that is removed.

    coupling.py [--bench FILE] [--figures FILE] [--associations N] [KIND ...]

KIND: embedded, etcd; both without."""
import argparse
import json
import pathlib
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("embedded", "etcd")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "Benchmarks/.build/release/CouplingBench")
    parser.add_argument("--figures", type=pathlib.Path, help="append the figures to this file, a line of JSON each")
    parser.add_argument("--associations", type=int, default=100_000)
    parser.add_argument("kinds", nargs="*", metavar="KIND")
    options = parser.parse_args()
    if strange := set(options.kinds) - set(KINDS):
        parser.error(f"{', '.join(sorted(strange))}: the kinds are {', '.join(KINDS)}")
    return options


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def etcd(folder):
    """The process and its port. The bench itself waits until it answers."""
    port, between = free_port(), free_port()
    here, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{between}"
    words = ["etcd", "--name", "m0", "--data-dir", f"{folder}/m0", "--listen-client-urls", here, "--advertise-client-urls", here,
             "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", f"m0={peers}",
             "--quota-backend-bytes", str(4 << 30), "--log-level", "error"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), port


def measure(options, kind, place):
    done = subprocess.run([options.bench, kind, place, str(options.associations)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"coupling.py: {kind}: {done.stdout}{done.stderr[-2000:]}")
    for line in done.stdout.splitlines():
        said = json.loads(line)
        what = said["what"].replace(" ", "-").replace(",", "")
        value, unit = (said["seconds"] * 1000, "ms") if "seconds" in said else (said["bytes"], "bytes")
        yield {"name": f"coupling/{kind}/{what}", "value": round(value, 3), "unit": unit}


def main():
    options = arguments()
    for kind in options.kinds or KINDS:
        with tempfile.TemporaryDirectory(prefix="viaduct-bench-") as folder:
            server, place = etcd(folder) if kind == "etcd" else (None, folder)
            try:
                for figure in measure(options, kind, str(place)):
                    print(f"{figure['name']:<60} {figure['value']:>12,.3f} {figure['unit']}")
                    if options.figures:
                        with options.figures.open("a") as file:
                            print(json.dumps(figure), file=file)
            finally:
                if server:
                    server.terminate()
                    server.wait()


main()
