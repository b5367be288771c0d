#!/usr/bin/env python3
"""TCP through the whole cluster, over veth: one stream, eight through one target, eight through three; both ways. Our own
endpoint is the client, so that all ESP is ours. Beside each the same streams between the same namespaces without IPsec: the
ratio is what to look at, the machine is shared by the client, the router and all targets. Needs root.

    streams.py [--viaduct FILE] [--figures FILE] [--megabytes N]
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True

from demo import plan
from demo.cluster import Cluster
from demo.process import spawn, stop

PORT = 9000
# Sends zeros until the reader has gone ("down"), or reads until the writer has ended ("up").
SERVER = """
import socket, threading
listener = socket.create_server((HOST, PORT))
print("listening", flush=True)
zeros = bytes(1 << 20)
def serve(peer):
    way, count = peer.recv(1), int(peer.recv(16))
    if way == b"d":
        while count > 0: count -= peer.send(zeros[:count])
        peer.shutdown(socket.SHUT_WR)
        peer.recv(1)
    else:
        while count > 0: count -= len(peer.recv(1 << 20))
        peer.send(b"x")
while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
CLIENT = """
import concurrent.futures, socket, time
def move():
    peer = socket.create_connection((HOST, PORT), timeout=60)
    peer.send(WAY + b"%16d" % COUNT)
    left = COUNT
    if WAY == b"d":
        while left > 0: left -= len(peer.recv(1 << 20))
        peer.close()
    else:
        zeros = bytes(1 << 20)
        while left > 0: left -= peer.send(zeros[:left])
        assert peer.recv(1) == b"x"
begin = time.monotonic()
with concurrent.futures.ThreadPoolExecutor(STREAMS) as pool:
    for move in [pool.submit(move) for _ in range(STREAMS)]: move.result()
print(time.monotonic() - begin)
"""


def program(text, **values):
    return [sys.executable, "-c", "".join(f"{name} = {value!r}\n" for name, value in values.items()) + text]


def measure(cluster, host, way, streams, megabytes):
    """Megabits a second."""
    count = megabytes * 1_000_000 // streams
    command = program(CLIENT, HOST=host, PORT=PORT, WAY=way, COUNT=count, STREAMS=streams)
    done = subprocess.run(cluster.network.inside(plan.CLIENT, command), capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"streams.py: {streams} streams {way}: {done.stderr[-2000:]}")
    return count * streams * 8 / float(done.stdout) / 1e6


def serve(cluster, node, host):
    server = spawn(cluster.network.inside(node, program(SERVER, HOST=host, PORT=PORT)), stdout=subprocess.PIPE, text=True)
    if server.stdout.readline().strip() != "listening":
        sys.exit(f"streams.py: nobody listens on {host} at {node}")
    return server


def run(viaduct, targets, megabytes, jobs):
    def amend(text):
        text = text.replace("orts: [%d]" % plan.PORT, "orts: [%d, %d]" % (plan.PORT, PORT))
        chosen = "        targets: [%s]\n" % ", ".join(targets)
        return re.sub(r"(        ports: \[\d+, \d+\]\n)", lambda m: m[1] + chosen, text, count=1)

    with Cluster(viaduct, f"vbs-{os.getpid()}-", amend=amend) as cluster:
        dvipa = plan.dvipa("tunnel")
        servers = [serve(cluster, target, dvipa) for target in targets]
        # Without IPsec: straight to the router's own address, over the same first link.
        servers.append(serve(cluster, plan.ROUTER, plan.GATEWAY))
        try:
            for streams, way in jobs:
                clear = measure(cluster, plan.GATEWAY, way, streams, megabytes)
                ours = measure(cluster, dvipa, way, streams, megabytes)
                yield streams, "to the client" if way == b"d" else "from the client", ours, clear
        finally:
            for server in servers:
                stop(server, seconds=2)
                server.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viaduct", type=pathlib.Path, default=ROOT / "Benchmarks/.build/release/viaduct")
    parser.add_argument("--figures", type=pathlib.Path, help="append the figures to this file, a line of JSON each")
    parser.add_argument("--megabytes", type=int, default=200, help="in all, of each measurement (200)")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("streams.py makes network namespaces: run it as root")
    figures = []
    for targets, jobs in ((plan.TARGETS[:1], [(1, b"d"), (1, b"u"), (8, b"d"), (8, b"u")]),
                          (plan.TARGETS, [(8, b"d"), (8, b"u")])):
        for streams, way, ours, clear in run(options.viaduct, targets, options.megabytes, jobs):
            print(f"  {streams} streams {way}, targets {len(targets)}: {ours:,.0f} Mb/s; in clear, without a cluster, "
                  f"{clear:,.0f}", flush=True)
            name = f"streams/{streams}/{len(targets)}-targets/{way.replace(' ', '-')}"
            figures += [{"name": name, "value": round(ours, 1), "unit": "Mb/s"},
                        {"name": name + "/in-clear", "value": round(clear, 1), "unit": "Mb/s"}]
    if options.figures:
        with options.figures.open("a") as file:
            file.writelines(json.dumps(figure) + "\n" for figure in figures)


if __name__ == "__main__":
    main()
