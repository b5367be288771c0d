"""One run: the client's connections through a cluster that is ready, and what came of them."""
import dataclasses
import json
import os
import selectors
import subprocess
import sys
import time

from demo import plan
from demo.cluster import HERE
from demo.process import Trouble, spawn, stop

LOOK_SECONDS = 0.2
LINKS = ("uplink0", "return0")


@dataclasses.dataclass
class Outcome:
    connections: int
    transfers: list = dataclasses.field(default_factory=list)  # the client's lines, in order of their end
    seconds: float = 0
    statuses: dict = dataclasses.field(default_factory=dict)   # node -> what it wrote at its end
    wire: dict = dataclasses.field(default_factory=dict)       # interface of the client -> way -> kind -> packets
    peak: float = 0                                            # the router's highest packets per second
    unclean: list = dataclasses.field(default_factory=list)    # nodes that did not end well
    negotiates: bool = False                                   # whether the client speaks IKE
    killed: str = ""                                           # the target that was killed meanwhile, and came back
    rekey_seconds: float = 0                                   # how often its Child SA is rekeyed; 0 for never

    @property
    def failed(self):
        return [t for t in self.transfers if t["error"]]

    @property
    def byte_count(self):
        return sum(t["bytes"] for t in self.transfers if not t["error"])

    def served(self):
        """target -> its right answers"""
        return {t: sum(1 for x in self.transfers if x["target"] == t and not x["error"]) for t in plan.TARGETS}

    def verdicts(self, node):
        return self.statuses.get(node, {}).get("verdicts", {})


class Lines:
    """The lines of a pipe, as they come, without waiting for more than asked."""

    def __init__(self, pipe):
        self.pipe, self.rest, self.ended = pipe, b"", False
        self.selector = selectors.DefaultSelector()
        self.selector.register(pipe, selectors.EVENT_READ)

    def read(self, seconds):
        if not self.ended and self.selector.select(seconds):
            piece = os.read(self.pipe.fileno(), 65536)
            self.ended = not piece
            *lines, self.rest = (self.rest + piece).split(b"\n")
            return lines
        return []


def run(cluster, connections, large, watch, deadline_seconds=300):
    """Runs the client; `watch(outcome, seconds, packets per second)` is called several times a second. Stops the members."""
    outcome = Outcome(connections, negotiates=cluster.client == "strongswan", rekey_seconds=cluster.rekey_seconds)
    wire = spawn(cluster.network.inside(plan.CLIENT, [sys.executable, "-m", "demo.wire", *LINKS]),
                 cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    client = None
    try:
        if wire.stdout.readline() != "counting\n":
            raise Trouble("the packets on the client's links cannot be counted")
        client = spawn(cluster.network.inside(plan.CLIENT, [
            sys.executable, "-m", "demo.client", "--address", cluster.dvipa, "--port", plan.PORT,
            "--connections", connections, "--large", large]), cwd=HERE, stdout=subprocess.PIPE)
        follow(cluster, client, outcome, watch, deadline_seconds)
        counted, _ = wire.communicate("", timeout=10)
        outcome.wire = json.loads(counted)
        outcome.unclean = cluster.stop_nodes()
        outcome.statuses = cluster.statuses()
    finally:
        for process in filter(None, (client, wire)):
            stop(process, seconds=2)
    return outcome


def follow(cluster, client, outcome, watch, deadline_seconds):
    lines, started = Lines(client.stdout), time.monotonic()
    while not lines.ended:
        for line in lines.read(LOOK_SECONDS):
            outcome.transfers.append(json.loads(line))
        cluster.check_alive()
        rate = cluster.nodes[plan.ROUTER].status().get("rates", {}).get("packetsPerSecond", 0)
        outcome.peak = max(outcome.peak, rate)
        outcome.seconds = time.monotonic() - started
        watch(outcome, rate)
        if outcome.seconds > deadline_seconds:
            raise Trouble("the client was not done within %d s" % deadline_seconds)
