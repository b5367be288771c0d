#!/usr/bin/env python3
"""run.py --viaduct PROGRAM [NAME ...]: whole clusters in network namespaces, with real packets. Root; standard library only.

Runs what the demo runs, in every mode that matters, and what happens when a router is killed and a demo is interrupted.
Without names, all. Exit: 0 all passed, 1 one failed."""
import argparse
import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True

from demo import plan
from demo.cluster import Cluster
from demo.families import INSIDE, OUTSIDE, TRUSTED, Plan
from demo.judgement import drops, problems
from demo.network import folders, namespaces
from demo.process import Trouble, run as command, spawn, stop
from demo.scenario import run

PREFIX = "viaduct-test-"
CONNECTIONS, LARGE_BYTES = 120, 1_000_000
SECONDS = 10


class Failed(Exception):
    pass


def expect(condition, otherwise):
    if not condition:
        raise Failed(otherwise)


def until(condition, otherwise, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < deadline, otherwise() if callable(otherwise) else otherwise)
        time.sleep(0.05)


def transfers(viaduct, start, contains="", **options):
    """A run without a loss, after which nothing is left of it. `start` and `contains` are of the router's port."""
    with Cluster(viaduct, PREFIX, **options) as cluster:
        port = cluster.nodes[plan.ROUTER].status()["port"]
        expect(port.startswith(start) and contains in port, "the router's port is %r, expected %s" % (port, start))
        outcome = run(cluster, CONNECTIONS, LARGE_BYTES, watch=lambda *_: None)
    wrong = list(problems(outcome))
    wrong += ["the router dropped %d packets: %s" % (n, verdict) for verdict, n in drops(outcome, plan.ROUTER).items()]
    expect(not wrong, "\n".join(wrong))
    nothing_left()
    others = {node: drops(outcome, node) for node in outcome.statuses if drops(outcome, node)}
    return "%d connections, %.1f MB, %.1f s, %s; %s%s" % (
        CONNECTIONS, outcome.byte_count / 1e6, outcome.seconds,
        " ".join("%s %d" % served for served in outcome.served().items()), port,
        "; not sent on: %s" % others if others else "")


def transfers6(viaduct, start, *parts, **options):
    """`transfers` with IPv6 in these parts of the network, or all."""
    addresses = Plan(*(parts or (OUTSIDE, TRUSTED, INSIDE)))
    return transfers(viaduct, start, addresses=addresses, **options)


def reading_only(text):
    """`verify: target`, and what it asks for."""
    text = text.replace("cluster: demo\n", "cluster: demo\nverify: target\n")
    ports = "        ports: [%d]\n" % plan.PORT
    return text.replace(ports, ports + "        steering: {method: consistent-hash}\n")


def replays(viaduct):
    """Where targets verify: what the client sent is sent again by a stranger. The router stops what was reported to it, a
    target what the router has let through, and nobody gets a packet twice."""
    with Cluster(viaduct, PREFIX, client="strongswan", amend=reading_only) as cluster:
        inside = cluster.network.inside(plan.CLIENT, [sys.executable, "-c", REPLAY, "uplink0", plan.GATEWAY, plan.dvipa("tunnel"), str(plan.PORT)])
        said = json.loads(command(inside))
        expect(said["server"] in plan.TARGETS and said["sent"], "nothing was recorded: %s" % said)

        def ended():
            """node -> packets that a window has stopped."""
            verdicts = {node: cluster.nodes[node].status().get("verdicts", {}) for node in (plan.ROUTER, *plan.TARGETS)}
            return {node: v.get("replayed", 0) + v.get("tooOld", 0) for node, v in verdicts.items()}

        until(lambda: sum(ended().values()) >= said["sent"],
              lambda: "%d packets were sent again; stopped: %s; verdicts: %s" % (
                  said["sent"], ended(), {node: process.status().get("verdicts") for node, process in cluster.nodes.items()}))
        stopped = ended()
        expect(sum(stopped.values()) == said["sent"], "%d packets were sent again; stopped: %s" % (said["sent"], stopped))
        # What is behind the first report is stopped at the router: half of it was sent when all had been reported.
        expect(stopped[plan.ROUTER] >= said["sent"] // 2, "the router stopped too few: %s of %s" % (stopped, said))
        status = cluster.nodes[plan.ROUTER].status()
        expect(status["verify"] == "target", "the router's status says verify: %s" % status.get("verify"))
        expect(not cluster.stop_nodes(), "not every member ended well")
    nothing_left()
    return "%d packets sent again, stopped by %s" % (said["sent"], " ".join("%s: %d" % s for s in stopped.items() if s[1]))


# Records what it sends itself, and sends it again: at once, and when a report must have come.
REPLAY = """\
import http.client, json, socket, struct, sys, time
link, gateway, host, port = sys.argv[1:]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.bind((link, 0))
connection = http.client.HTTPConnection(host, int(port), timeout=5)
connection.request("GET", "/whoami")
server = connection.getresponse().read().decode()
connection.close()
raw.settimeout(0.3)
frames = []
try:
    while True:
        frame, where = raw.recvfrom(65536)
        header = (frame[14] & 15) * 4 + 14
        # ESP in UDP on port 4500, not IKE.
        if (where[2] == socket.PACKET_OUTGOING and frame[12:14] == b"\\x08\\0" and frame[30:34] == socket.inet_aton(gateway)
                and frame[23] == 17 and struct.unpack("!H", frame[header + 2:header + 4])[0] == 4500
                and len(frame) > header + 12 and frame[header + 8:header + 12] != b"\\0\\0\\0\\0"):
            frames.append(frame)
            raw.send(frame)
except TimeoutError:
    pass
time.sleep(1)
for frame in frames:
    raw.send(frame)
print(json.dumps({"server": server, "sent": 2 * len(frames)}))
"""
def spread(cluster):
    """From now on every other ESP packet of the client's comes by another queue of the router's."""
    program = cluster.folder / "spread.o"
    include = "/usr/include/%s-linux-gnu" % os.uname().machine
    command(["clang", "-O2", "-g", "-target", "bpf", "-I" + include, "-c",
             ROOT / "Tests/Namespaces/spread.bpf.c", "-o", program])
    namespace = cluster.network.namespace(plan.CLIENT)
    command(["tc", "-n", namespace, "qdisc", "add", "dev", "uplink0", "clsact"])
    command(["tc", "-n", namespace, "filter", "add", "dev", "uplink0", "egress", "bpf", "da", "obj", program, "sec", "tc"])


def two_workers(viaduct, **options):
    """One SA, or one after the other, whose packets come by two queues in turns: one worker owns it, the other hands over, and nothing is lost. The
    router's window is wide enough for what that puts out of order."""
    def amend(text):
        text = text.replace("    port: auto\n", "    port: auto\n    workers: 2\n")
        # Of manual SAs, and of one that is negotiated.
        text = text.replace("    replayWindow: 64", "    replayWindow: 2048")
        return text.replace("        peerReplayWindow:", "        replayWindow: 2048\n        peerReplayWindow:")

    with Cluster(viaduct, PREFIX, queues=2, amend=amend, **options) as cluster:
        spread(cluster)
        summary = cluster.nodes[plan.ROUTER].summary
        outcome = run(cluster, CONNECTIONS, LARGE_BYTES, watch=lambda *_: None)
        status = outcome.statuses[plan.ROUTER]
    wrong = list(problems(outcome))
    wrong += ["the router dropped %d packets: %s" % (n, verdict) for verdict, n in drops(outcome, plan.ROUTER).items()]
    expect(not wrong, "\n".join(wrong))
    expect("2 workers on processors" in summary, "ready: %s" % summary)
    one, other = sorted(status["workers"], key=lambda worker: worker["handedOver"])
    expect(len(status["workers"]) == 2 and one["processor"] != other["processor"], "workers: %s" % status["workers"])
    expect(one["handedOver"] == 0 and other["takenOver"] == 0, "more than one owner: %s" % status["workers"])
    expect(0 < other["handedOver"] == one["takenOver"], "handed over and taken over differ: %s" % status["workers"])
    nothing_left()
    return "%.1f MB, %.1f s; %d packets by the owner, of which %d were handed over; %s" % (
        outcome.byte_count / 1e6, outcome.seconds, one["packets"], one["takenOver"], summary)


def nothing_left():
    expect(not namespaces(PREFIX), "namespaces are left: %s" % namespaces(PREFIX))
    expect(not folders(PREFIX), "folders are left: %s" % folders(PREFIX))


def programs(cluster, interface):
    """The XDP programs on an interface of the router."""
    shown = json.loads(command(["ip", "-n", cluster.network.namespace(plan.ROUTER), "-j", "link", "show", interface]))
    return shown[0].get("xdp")


def ping(cluster):
    command(cluster.network.inside(plan.CLIENT, ["ping", "-n", "-q", "-c", "3", "-i", "0.2", "-W", "2", plan.GATEWAY]))


def router_killed(viaduct):
    """A router that dies without a chance to clean up takes its XDP program with it; what was not ours always passes."""
    with Cluster(viaduct, PREFIX) as cluster:
        expect(programs(cluster, "client0"), "no XDP program is on the client's interface while the router runs")
        ping(cluster)
        cluster.nodes[plan.ROUTER].kill()
        for interface in ("client0", "trusted0"):
            until(lambda: not programs(cluster, interface), "an XDP program is still on %s" % interface)
        ping(cluster)
    nothing_left()
    return "no program left, and the gateway answers pings before and after"


def targets_quiet(viaduct):
    """A neighbour who asks for the DVIPA by ARP hears no target, on either of its networks; the targets' own addresses
    are answered for. A target that ends in order leaves its namespace's settings as they were."""
    names = ("net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce")
    with Cluster(viaduct, PREFIX) as cluster:
        dvipa, asked = plan.dvipa(cluster.mode), 0
        for place, own in ((plan.TRUSTED, plan.trusted_address), (plan.RETURN, plan.return_address)):
            owns = [own(target) for target in plan.TARGETS]
            said = command(cluster.network.inside(place, [sys.executable, ROOT / "Tests/Namespaces/arp.py", "switch0", dvipa, *owns]))
            heard = [line.split()[0] for line in said.splitlines()]
            expect(dvipa not in heard, "%s: a target answers for the DVIPA:\n%s" % (place, said))
            expect(heard == sorted(owns), "%s: %s were asked for, heard was %s" % (place, owns, heard))
            asked += 1 + len(owns)
        read = "sysctl -n " + " ".join(names)
        before = cluster.network.shell("t1", read).split()
        expect(before == ["1", "2"], "t1 has %s at %s" % (" and ".join(names), before))
        expect(cluster.nodes["t1"].stop(), "t1 did not end well")
        after = cluster.network.shell("t1", read).split()
        expect(after == ["0", "0"], "t1 left %s at %s" % (" and ".join(names), after))
    nothing_left()
    return "%d questions, an answer to each but those for the DVIPA" % asked


def demo_interrupted(viaduct, number):
    """The demo ends in good order while its transfers go on."""
    demo = spawn([sys.executable, ROOT / "scripts/demo", "--viaduct", viaduct, "--prefix", PREFIX, "--connections", "2000"],
                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = []
        for line in demo.stdout:
            said.append(line)
            if "2000 connections" in line:
                break
        demo.send_signal(number)
        said.append(demo.communicate(timeout=60)[0])
        expect(demo.returncode == 128 + number, "the demo ended with %d:\n%s" % (demo.returncode, "".join(said)))
        nothing_left()
    finally:
        stop(demo, seconds=30)
    return "nothing left"


def demo_killed(viaduct):
    """A demo that had no chance to clean up leaves no process, and the next one takes away the rest."""
    demo = spawn([sys.executable, ROOT / "scripts/demo", "--viaduct", viaduct, "--prefix", PREFIX, "--connections", "2000"],
                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in demo.stdout:
        if "2000 connections" in line:
            break
    demo.kill()
    demo.wait()
    demo.stdout.close()
    left = namespaces(PREFIX)
    expect(left, "the demo was killed and yet left no namespace: it was not under way")
    until(lambda: not any(command(["ip", "netns", "pids", name]).split() for name in left), "processes live on in %s" % left)
    with Cluster(viaduct, PREFIX):
        pass
    nothing_left()
    return "no process left, and the next run swept the namespaces"


def filtered(viaduct, place, mode):
    """The filter stops what its rule denies, at the place that the configuration says and nowhere else; what it allows has
    a whole cluster's way. The denied port is served: from other source ports the client gets there."""
    other, denied_from, allowed_from = plan.PORT + 1, 40001, 40002
    rules = FILTERS.format(place=place, port=other, source=denied_from)

    def amend(text):
        text = text.replace("orts: [%d]" % plan.PORT, "orts: [%d, %d]" % (plan.PORT, other))
        return text.replace("securityAssociations:\n", rules + "securityAssociations:\n")

    def counts(cluster, node):
        """rule -> packets, of a member that asks the rules; None of one that does not."""
        asked = cluster.nodes[node].status().get("filter")
        return asked and {rule["rule"]: rule["packets"] for rule in asked}

    def asking(cluster):
        """rule -> packets of all that ask."""
        found = [counts(cluster, node) for node in (plan.ROUTER, *plan.TARGETS)]
        return sum((collections.Counter(c) for c in found if c), collections.Counter())

    with Cluster(viaduct, PREFIX, mode=mode, amend=amend) as cluster:
        dvipa = plan.dvipa(mode)
        for target in plan.TARGETS:
            cluster.start_server(target, other)
        cluster.wait(cluster.serving, "the web servers do not listen on %s" % dvipa)

        def fetch(port, source):
            return cluster.network.inside(plan.CLIENT, [sys.executable, "-c", FETCH, dvipa, str(port), str(source)])

        expect(command(fetch(plan.PORT, denied_from)) in plan.TARGETS, "port %d was not answered" % plan.PORT)
        expect(command(fetch(other, allowed_from)) in plan.TARGETS, "port %d was not answered" % other)
        denied = spawn(fetch(other, denied_from), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            # The client's SYN is sent again, and stopped again.
            until(lambda: asking(cluster)["no-other"] >= 2, "the rule has not counted two packets")
            expect(denied.wait(2 * SECONDS) != 0 and not denied.stdout.read(), "the denied connection was answered")
        finally:
            stop(denied, seconds=2)
            denied.stdout.close()
        expect(not cluster.stop_nodes(), "not every member ended well")
        askers = [plan.ROUTER] if place == "router" else list(plan.TARGETS)
        verdicts = {node: status.get("verdicts", {}) for node, status in cluster.statuses().items()}
        for node in (plan.ROUTER, *plan.TARGETS):
            rules, drop = counts(cluster, node), verdicts[node].get("filtered", 0)
            expect((rules is not None) == (node in askers), "%s: filter is %s" % (node, rules))
            expect(drop == (rules or {}).get("no-other", 0), "%s filtered %d packets, its rules: %s" % (node, drop, rules))
        seen = asking(cluster)
        expect(seen["no-other"] >= 2 and seen["web"] > 0 and seen["default"] > 0, "the rules count %s" % dict(seen))
        good = "steered" if place == "router" else "delivered"
        passed = sum(verdicts[node].get(good, 0) for node in askers)
        expect(passed == seen["web"] + seen["default"], "%d %s, and the rules count %s" % (passed, good, dict(seen)))
    nothing_left()
    return "%s; counted by %s" % (", ".join("%s %d" % rule for rule in seen.items()), " ".join(askers))


# What the client's /whoami is answered, from a source port of its own.
# Whoever closes first keeps the source port for a minute, though only towards the same server.
FETCH = """\
import http.client, socket, sys
host, port, source = sys.argv[1:]
connection = http.client.HTTPConnection(host, int(port))
connection.sock = socket.socket()
connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
connection.sock.settimeout(5)
connection.sock.bind(("", int(source)))
connection.sock.connect((host, int(port)))
connection.request("GET", "/whoami")
print(connection.getresponse().read().decode(), end="")
"""

FILTERS = """\
filters:
  at: {place}
  rules:
    - {{name: no-other, action: deny, protocol: tcp, ports: {port}, sourcePorts: {source}}}
    - {{name: web, action: require-ipsec, protocol: tcp, ports: 80}}
"""

AF_XDP = "AF_XDP on client0, driver mode"
PACKET_SOCKET = "packet socket on client0"
# Root, but for the right to load BPF programs.
NO_BPF = ("setpriv", "--bounding-set", "-bpf,-sys_admin")

TESTS = {
    "tunnel-window-64": lambda viaduct: transfers(viaduct, AF_XDP, mode="tunnel", window=64),
    "tunnel-window-32": lambda viaduct: transfers(viaduct, AF_XDP, mode="tunnel", window=32),
    "transport": lambda viaduct: transfers(viaduct, AF_XDP, mode="transport", window=32),
    "packet-socket": lambda viaduct: transfers(viaduct, PACKET_SOCKET, mode="tunnel", window=32, port="packet_socket"),
    "automatic-fallback": lambda viaduct: transfers(viaduct, PACKET_SOCKET, "AF_XDP failed", router_under=NO_BPF),
    "ipv6-tunnel": lambda viaduct: transfers6(viaduct, AF_XDP),
    "ipv6-transport": lambda viaduct: transfers6(viaduct, AF_XDP, OUTSIDE, mode="transport"),
    "ipv4-in-ipv6": lambda viaduct: transfers6(viaduct, PACKET_SOCKET, OUTSIDE, port="packet_socket"),
    "ipv6-in-ipv4": lambda viaduct: transfers6(viaduct, AF_XDP, TRUSTED, INSIDE),
    "ipv6-strongswan": lambda viaduct: transfers6(viaduct, AF_XDP, client="strongswan", rekey_seconds=2),
    "verify-target": lambda viaduct: transfers(viaduct, AF_XDP, client="strongswan", amend=reading_only),
    "verify-target-replays": replays,
    "two-workers": lambda viaduct: two_workers(viaduct, window=32),
    "two-workers-rekeyed": lambda viaduct: two_workers(viaduct, window=64, client="strongswan", rekey_seconds=1),
    "targets-quiet": targets_quiet,
    "filter-at-router": lambda viaduct: filtered(viaduct, "router", "tunnel"),
    "filter-at-target": lambda viaduct: filtered(viaduct, "target", "transport"),
    "router-killed": router_killed,
    "demo-interrupted": lambda viaduct: demo_interrupted(viaduct, signal.SIGINT),
    "demo-terminated": lambda viaduct: demo_interrupted(viaduct, signal.SIGTERM),
    "demo-killed": demo_killed,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viaduct", required=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of: " + ", ".join(TESTS))
    options = parser.parse_args()
    if set(options.names) - set(TESTS):
        parser.error("there are: " + ", ".join(TESTS))
    if os.geteuid() != 0:
        sys.exit("these tests make network namespaces and load an XDP program: run them as root")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    passed = failed = 0
    for name in options.names or TESTS:
        try:
            print("ok      %s: %s" % (name, TESTS[name](options.viaduct)), flush=True)
            passed += 1
        except (Failed, Trouble, subprocess.TimeoutExpired) as why:
            print("FAILED  %s: %s" % (name, "\n          ".join(str(why).splitlines())), flush=True)
            failed += 1
    print("namespaces: %d passed, %d failed" % (passed, failed))
    if os.environ.get("VIADUCT_TALLY"):
        with open(os.environ["VIADUCT_TALLY"], "a") as tally:
            tally.write("namespaces %d %d\n" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
