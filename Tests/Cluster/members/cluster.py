"""A router, its targets and their servers, as scenarios see them."""
import pathlib
import signal
import sys
import time

from checks import Failed, until
from demo.cluster import GOOD
from demo.process import run, spawn, stop
from grounds import plan
from members.configuration import configuration
from members.member import Member
from peers.ours import association

HERE = pathlib.Path(__file__).resolve().parent.parent
READY_SECONDS = 30
# How an SA may be at a target that is to serve it.
USED_AT_ROUTER = "not distributed, used at the router"
THERE = ("distributed", USED_AT_ROUTER)


class Cluster:
    """`targets` are in the file; `missing` are not started at first."""

    def __init__(self, network, folder, viaduct, connections, router=plan.ROUTER, targets=plan.TARGETS, missing=(), name="cluster", **file):
        self.network, self.viaduct, self.connections = network, viaduct, connections
        self.router, self.targets, self.missing, self.name, self.file = router, tuple(targets), tuple(missing), name, file
        self.folder = folder / name
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.control, self.credentials = self.folder / "control", self.folder / "credentials"
        self.dvipa = plan.DVIPA[router]
        self.nodes, self.servers = {}, {}

    # Starting and stopping.

    def write(self, name="cluster.yaml", **changes):
        """A file of the cluster's; `changes` as `configuration` takes them."""
        file = self.folder / name
        file.touch(mode=0o600)
        given = {"credentials": self.credentials, "cluster": self.name, **self.file, **changes}
        file.write_text(configuration(self.connections, self.folder, self.router, self.targets, **given))
        return file

    def initialise(self):
        """The files of the link, as `viaduct cluster init` makes them."""
        if not self.credentials.exists():
            run([self.viaduct, "cluster", "init", "--config", self.write(), "--directory", self.credentials])

    def member(self, name, file=None, **options):
        made = Member(name, self.network, self.viaduct, file or self.folder / "cluster.yaml", self.folder, **options)
        if name in self.nodes:
            made.said = self.nodes[name].said
        self.nodes[name] = made
        return made

    def start(self):
        self.initialise()
        self.write()
        there = [t for t in self.targets if t not in self.missing]
        for name in (self.router, *there):
            self.member(name, options=("--control", self.control) if name == self.router else ()).start()
        for node in self.nodes.values():
            node.wait_until_ready(READY_SECONDS)
        for target in there:
            self.start_server(target)
        self.wait_for_service(there)
        return self

    def start_server(self, target):
        output = self.folder / ("%s.server" % target)
        with open(output, "ab") as file:
            self.servers[target] = spawn(self.network.inside(target, [
                sys.executable, HERE / "crowd/server.py", self.dvipa, plan.PORT, target]), stdout=file, stderr=file)

    def deafen(self, target):
        """Its server listens no longer, and keeps its connections."""
        self.servers[target].send_signal(signal.SIGUSR1)

    def listen(self, target):
        self.servers[target].send_signal(signal.SIGUSR2)

    def add(self, target):
        """One that was not there, or is there again."""
        self.member(target).start()
        self.nodes[target].wait_until_ready(READY_SECONDS)
        self.start_server(target)

    def kill(self, target):
        """As a host that loses its power. When."""
        at = time.time()
        self.nodes[target].kill()
        if target in self.servers:
            server = self.servers.pop(target)
            server.kill()
            server.wait()
        return at

    def restart_router(self, file=None, wait=True):
        """Killed, and there again."""
        self.nodes[self.router].kill()
        self.member(self.router, file, options=("--control", self.control)).start()
        if wait:
            self.nodes[self.router].wait_until_ready(READY_SECONDS)

    def stop(self):
        for server in self.servers.values():
            stop(server, seconds=2)
        self.servers = {}
        unclean = [name for name in (*self.targets, self.router)
                   if name in self.nodes and self.nodes[name].process.poll() is None and not self.nodes[name].stop()]
        if unclean:
            raise Failed("%s did not end well when asked to" % ", ".join(unclean))

    # What it is to do.

    def order(self, *words):
        """Of `viaduct target`: drain, quiesce, resume."""
        run([self.viaduct, "target", "--control", self.control, *words])

    def ike(self, verb, name):
        run([self.viaduct, "ike", "--control", self.control, verb, name])

    def rotate_key(self):
        """What the command printed."""
        return run([self.viaduct, "cluster", "rotate-key", "--control", self.control])

    # What it says.

    def status(self, name=None):
        return self.nodes[name or self.router].status()

    def steering(self):
        """The control plane's part of the router's status."""
        return self.status().get("control", {})

    def target(self, name):
        return next((t for t in self.steering().get("targets", []) if t["name"] == name), {})

    def coupling(self):
        return self.steering().get("coupling", {})

    def link_counts(self):
        return self.steering().get("link", {})

    def standing(self, name):
        return self.target(name).get("state")

    def in_service(self, name):
        return bool(self.target(name).get("isInService")) and self.standing(name) == "serving"

    def wait_for_service(self, targets, seconds=READY_SECONDS):
        def ready():
            self.check_alive()
            neighbours = self.status().get("targets", {})
            return all(self.in_service(t) and neighbours.get(t, {}).get("neighbour") for t in targets)
        until(ready, lambda: "not in service: %s" % {t: self.target(t) or "?" for t in targets if not self.in_service(t)}, seconds)

    def wait_for(self, target, state, seconds=15):
        until(lambda: self.standing(target) == state, lambda: "%s is not %s: %s" % (target, state, self.target(target)), seconds)

    def check_alive(self):
        for node in self.nodes.values():
            node.check_alive()

    def running(self):
        return {name: node for name, node in self.nodes.items() if node.process.poll() is None}

    def fresh(self):
        """Waits until every member has written a status that was begun after now."""
        for _ in range(2):
            before = {name: node.status().get("uptimeSeconds") for name, node in self.running().items()}
            until(lambda: all(node.status().get("uptimeSeconds") != before.get(name) for name, node in self.running().items()), "no new status")

    def dropped(self):
        """Packets that ended anywhere in the cluster: node -> verdict -> count."""
        self.fresh()
        found = {name: {v: n for v, n in node.status().get("verdicts", {}).items() if v not in GOOD and n} for name, node in self.running().items()}
        return {name: verdicts for name, verdicts in found.items() if verdicts}

    def verdict(self, name):
        """Packets of all members."""
        return sum(node.status().get("verdicts", {}).get(name, 0) for node in self.running().values())

    def associations(self):
        return [association(s) for s in self.status().get("ike", {}).get("sessions", []) if s["state"] != "closed"]

    def wait_until_distributed(self):
        """Every target in service has both halves of what is there. A peer may send before targets have what they answer under: that
        half goes out with the last message of the handshake, and who is so quick is answered on
        the second try."""
        def all_there():
            shadows = self.steering().get("shadows", [])
            return {x["direction"] for x in shadows} == {"inbound", "outbound"} and all(
                state in THERE for x in shadows for target, state in x["targets"].items() if self.target(target).get("isInService"))
        until(all_there, lambda: "not distributed: %s" % self.steering().get("shadows"))

    def last_words(self):
        said = "".join(node.last_words() for node in self.nodes.values())
        status = self.status() if self.router in self.nodes else {}
        return said + "\n    %s: %s\n    ike %s; packets %s" % (self.router, status.get("control"), status.get("ike", {}).get("counts"), status.get("verdicts"))
