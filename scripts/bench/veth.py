#!/usr/bin/env python3
"""The router on real interfaces: packets a second over veth, beside a bare AF_XDP forwarder, in alternating runs.

    generator -- client veth --> receive, (route | swap addresses), send -- trusted veth --> nobody

Both use the same port and the same frames; the generator seals every packet under a fresh number. The kernel's copy is
the limit here, so they should be level. Needs root; works in network namespaces of its own and removes them.

    veth.py [--bench FILE] [--figures FILE] [--rounds N] [--seconds N]
"""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTSIDE, INSIDE = f"vbn-{os.getpid()}-out", f"vbn-{os.getpid()}-in"


def run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


def build():
    for name in (OUTSIDE, INSIDE):
        run("ip", "netns", "add", name)
    for far, near in (("gen0", "client0"), ("sink0", "trusted0")):
        run("ip", "link", "add", far, "netns", OUTSIDE, "type", "veth", "peer", "name", near, "netns", INSIDE)
        for namespace, device in ((OUTSIDE, far), (INSIDE, near)):
            run("ip", "netns", "exec", namespace, "sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1")
            run("ip", "-n", namespace, "link", "set", device, "up")
    # ESP sent to the client's interface must look as if it were for it.
    run("ip", "-n", INSIDE, "link", "set", "client0", "address", "02:00:00:00:01:01")


def remove():
    for name in (OUTSIDE, INSIDE):
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def measure(bench, path, port, seconds):
    inside = ["ip", "netns", "exec", INSIDE, str(bench), "receive", f"path={path}", f"port={port}", "client=client0",
              "trusted=trusted0", f"seconds={seconds}"]
    outside = ["ip", "netns", "exec", OUTSIDE, str(bench), "generate", "interface=gen0", f"seconds={seconds + 1}"]
    receiver = subprocess.Popen(inside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if receiver.stdout.readline().strip() != "ready":
            sys.exit(f"veth.py: {path} did not start: {receiver.stderr.read()}")
        generator = subprocess.run(outside, capture_output=True, text=True)
        if generator.returncode:
            sys.exit(f"veth.py: {generator.stderr}")
        out, err = receiver.communicate(timeout=30)
        if receiver.returncode:
            sys.exit(f"veth.py: {path}: {err}")
    finally:
        if receiver.poll() is None:
            receiver.kill()
            receiver.wait()
    return float(out.splitlines()[0]), float(generator.stdout), err.strip(), out.splitlines()[1:]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--bench", default=ROOT / "Benchmarks/.build/release/VethBench")
    arguments.add_argument("--figures", help="append the figures to this file, a line of JSON each")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--seconds", type=float, default=2)
    options = arguments.parse_args()
    if os.geteuid() != 0:
        print("veth: needs root, left out")
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    figures = []
    try:
        build()
        for port, suffix in (("af_xdp", ""), ("packet_socket", "-packet-socket")):
            rates = {"router": [], "forwarder": []}
            for _ in range(options.rounds):
                for path in rates:
                    rate, offered, summary, verdicts = measure(options.bench, path, port, options.seconds)
                    rates[path].append(rate)
            print(f"  {summary}\n  {offered:.0f} packets/s offered; router's last verdicts: "
                  f"{' '.join(measure(options.bench, 'router', port, 1)[3])}", file=sys.stderr)
            place = f"veth{suffix}/64B"
            ratio = statistics.median(a / b for a, b in zip(rates["router"], rates["forwarder"]))
            figures += [
                {"name": f"router/{place}", "value": statistics.median(rates["router"]), "unit": "packets/s",
                 "peer": f"forwarder/{place}", "ratio": round(ratio, 3), "lowest": min(rates["router"]),
                 "highest": max(rates["router"])},
                {"name": f"forwarder/{place}", "value": statistics.median(rates["forwarder"]), "unit": "packets/s",
                 "lowest": min(rates["forwarder"]), "highest": max(rates["forwarder"])},
            ]
    finally:
        remove()
    for figure in figures:
        print(f"  {figure['name']}: {figure['value']:.0f} {figure['unit']}"
              + (f", {figure['ratio']:.2f} x {figure['peer']}" if "peer" in figure else ""), file=sys.stderr)
    if options.figures:
        with open(options.figures, "a") as file:
            for figure in figures:
                file.write(json.dumps(figure) + "\n")


main()
