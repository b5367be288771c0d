#!/usr/bin/env python3
"""Counts what a packet costs in instructions and calls, with callgrind, and compares with Benchmarks/Thresholds/.

PacketPathProbe is run under valgrind with n and with 2n packets; what the second run needs more, over n, is what one
packet needs. Only what the path's own `process` does is counted. These figures do not depend on how busy the machine
is; the instructions do depend on the code path ipsec-mb takes, and valgrind offers it no AVX-512 (thresholds are of
that path).

    callgrind.py [--probe FILE] [--figures FILE] [--update] [FIGURE-PREFIX ...]
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
THRESHOLDS = ROOT / "Benchmarks" / "Thresholds"
# n by spread. Of 4,096 connections nearly all have had the first packet behind their SYN by then: what that one costs more (it
# takes the connection out of the half-open ones) is a connection's, not a packet's.
PACKETS = {"1sa-64conn": 2048, "256sa-4096conn": 16384}
PLACES = [(spread, size) for spread in ("1sa-64conn", "256sa-4096conn") for size in ("40B", "512B", "1400B")]
RUNS = [("verified", spread, size) for spread, size in PLACES] + [("peek", "1sa-64conn", "40B")]

# What must not happen per packet, by the names of the functions through which it would.
ALLOCATIONS = {
    "malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign", "mmap", "swift_allocObject",
    "swift_slowAlloc", "swift_slowAllocTyped", "_Znwm", "_int_malloc", "_int_memalign",
}
OTHERS = {
    "retains": re.compile(r"^_?swift_(retain|release|bridgeObjectRetain|bridgeObjectRelease|unknownObjectRetain|"
                          r"unknownObjectRelease|weak\w+|unowned\w+|initStackObject|setDeallocating)(_n)?$"),
    "exclusivity": re.compile(r"^swift_(beginAccess|endAccess)$"),
    "locks": re.compile(r"^(__)?(pthread_(mutex|rwlock|spin)_\w*lock\w*|__lll_lock_wait\w*|swift_once|"
                        r"__?tls_get_addr_slow)$"),
    "syscalls": re.compile(r"^(__)?(libc_)?(syscall|read|write|recv\w*|send\w*|poll|ppoll|ioctl|futex\w*|clock_gettime|"
                           r"gettimeofday|getrandom|munmap|mprotect|madvise|brk|sbrk|sched_yield|nanosleep)$"),
}


def parse(path):
    """Instructions in all, and calls by the called function's name."""
    names, calls, total = {}, collections.Counter(), None
    compressed = re.compile(r"^c?fn=(\(\d+\))(?: (.*))?$")
    called = None
    for line in open(path, errors="replace"):
        line = line.rstrip("\n")
        if line.startswith(("fn=", "cfn=")):
            match = compressed.match(line)
            key, name = match.groups()
            if name is not None:
                names[key] = name
            if line[0] == "c":
                called = names[key]
        elif line.startswith("calls="):
            calls[re.sub(r"@.*|'\d+$", "", called)] += int(line[6:].split()[0])
        elif line.startswith("totals:"):
            total = int(line.split()[1])
        elif line.startswith("summary:") and total is None:
            total = int(line.split()[1])
    return total, calls


def run(probe, path, verification, spread, size, packets):
    toggle = {"router": "*Workload10RouterPathV7process*", "c-twin": "twin_process"}[path]
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no",
            f"--toggle-collect={toggle}", str(probe), f"packets={packets}", f"scenario={spread}/{size}",
            f"verification={verification}", f"path={path}",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 or f"{packets} packets steered" not in done.stdout:
            sys.exit(f"callgrind.py: {' '.join(command)} failed:\n{done.stdout}{done.stderr[-3000:]}")
        total, calls = parse(out)
        if not total:
            sys.exit(f"callgrind.py: nothing was counted: no function matches {toggle}")
        return total, calls


def measure(probe, verification, spread, size):
    place = f"{verification}/{spread}/{size}"
    packets = PACKETS[spread]
    one, calls_one = run(probe, "router", verification, spread, size, packets)
    two, calls_two = run(probe, "router", verification, spread, size, 2 * packets)
    more = collections.Counter({n: c - calls_one[n] for n, c in calls_two.items() if c != calls_one[n]})
    figures = {f"router/instructions/{place}": (two - one) / packets}
    figures[f"router/allocations/{place}"] = sum(c for n, c in more.items() if n in ALLOCATIONS) / packets
    for kind, pattern in OTHERS.items():
        figures[f"router/{kind}/{place}"] = sum(c for n, c in more.items() if pattern.match(n)) / packets
    twin = [run(probe, "c-twin", verification, spread, size, n)[0] for n in (packets, 2 * packets)]
    figures[f"c-twin/instructions/{place}"] = (twin[1] - twin[0]) / packets
    return figures


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--probe", default=ROOT / "Benchmarks/.build/release/PacketPathProbe")
    arguments.add_argument("--figures", help="append the figures to this file, a line of JSON each")
    arguments.add_argument("--update", action="store_true", help="write what was measured as the new thresholds")
    arguments.add_argument("prefix", nargs="*", help="only verified/1sa-64conn/40B and the like")
    options = arguments.parse_args()

    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        # Valgrind 3.19 gives up on DWARF 5, which it would not need: function names are in the symbol table.
        probe = os.path.join(folder, "PacketPathProbe")
        subprocess.run(["strip", "--strip-debug", "-o", probe, str(options.probe)], check=True)
        for verification, spread, size in RUNS:
            place = f"{verification}/{spread}/{size}"
            if options.prefix and not any(place.startswith(p) for p in options.prefix):
                continue
            print(f"  counting {place}", file=sys.stderr, flush=True)
            measured |= measure(probe, verification, spread, size)

    if options.figures:
        with open(options.figures, "a") as file:
            for name, value in measured.items():
                figure = {"name": name, "value": round(value, 3), "unit": f"{name.split('/')[1]}/packet"}
                if name.startswith("router/instructions/"):
                    figure["peer"] = name.replace("router/", "c-twin/", 1)
                    figure["ratio"] = round(value / measured[figure["peer"]], 3)
                file.write(json.dumps(figure) + "\n")

    file = THRESHOLDS / "packet-path.json"
    known = json.loads(file.read_text()) if file.exists() else {"tolerance": 0.03, "figures": {}}
    if options.update:
        known["figures"] |= {n: round(v, 1) for n, v in measured.items() if n.startswith("router/")}
        known["figures"] = dict(sorted(known["figures"].items()))
        file.write_text(json.dumps(known, indent=2) + "\n")
        print(f"wrote {file.relative_to(ROOT)}")
        return 0

    wrong = []
    for name, value in measured.items():
        if not name.startswith("router/"):
            continue
        if name not in known["figures"]:
            wrong.append(f"{name}: {value:.1f}, and no threshold for it")
        elif value > known["figures"][name] * (1 + known["tolerance"]):
            wrong.append(f"{name}: {value:.2f}, where at most {known['figures'][name]} is allowed "
                         f"(and {known['tolerance']:.0%} more)")
        elif name.startswith("router/instructions/") and value < known["figures"][name] * (1 - known["tolerance"]):
            print(f"  {name}: {value:.1f} is below its threshold {known['figures'][name]}: "
                  "callgrind.py --update would hold the gain")
    for line in wrong:
        print(f"above its threshold: {line}")
    if not wrong:
        print(f"{sum(n.startswith('router/') for n in measured)} counted figures are within their thresholds")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
