"""The router under test, with its three targets: `viaduct run` in each of their namespaces."""
from checks import Failed, until
from demo.cluster import GOOD
from demo.node import Node
from demo.process import run
from peers.ours import association
from routers.configuration import configuration
from testbed import plan
from testbed.servers import Servers

READY_SECONDS = 20


class OurRouter:
    answers_pings = False
    counts_drops = True
    knows_ike_spis = True
    kind = "viaduct"

    def __init__(self, network, folder, viaduct, mode="tunnel", transforms=(), verify="router"):
        self.network, self.viaduct, self.mode, self.transforms, self.verify = network, viaduct, mode, transforms, verify
        self.folder = folder / "cluster"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.control = self.folder / "control"
        self.nodes, self.servers = {}, Servers(network, folder)

    def start(self, connections):
        file = self.folder / "cluster.yaml"
        file.touch(mode=0o600)
        file.write_text(configuration(connections, self.mode, self.folder, self.transforms, self.verify))
        if not (self.folder / "link").exists():
            run([self.viaduct, "cluster", "init", "--config", file, "--directory", self.folder / "link"])
        for name in (plan.ROUTER, *plan.TARGETS):
            options = ("--control", self.control) if name == plan.ROUTER else ()
            self.nodes[name] = Node(name, self.network, self.viaduct, file, self.folder, options=options)
            self.nodes[name].start()
        for node in self.nodes.values():
            node.wait_until_ready(READY_SECONDS)
        self.servers.start(plan.dvipa(self.mode))
        until(self.in_service, lambda: "not every target is in service: %s" % self.status(), READY_SECONDS)
        return self

    def in_service(self):
        status = self.status()
        return (all(status.get("targets", {}).get(t, {}).get("neighbour") for t in plan.TARGETS)
                and sum(t["isInService"] for t in status.get("control", {}).get("targets", [])) == len(plan.TARGETS))

    def stop(self):
        self.servers.stop()
        unclean = [name for name in (*plan.TARGETS, plan.ROUTER) if name in self.nodes and not self.nodes.pop(name).stop()]
        if unclean:
            raise Failed("%s did not end well when asked to" % ", ".join(unclean))

    # What it is to do.

    def order(self, verb, name):
        run([self.viaduct, "ike", "--control", self.control, verb, name])

    def initiate(self, name):
        self.order("initiate", name)

    def terminate(self, name):
        self.order("terminate", name)

    def rekey_child(self, name):
        self.order("rekey-children", name)

    def rekey_ike(self, name):
        self.order("rekey", name)

    # What it says.

    def status(self):
        return self.nodes[plan.ROUTER].status()

    def dropped(self):
        """Packets that ended anywhere in the cluster: node -> verdict -> count, by files written from now on."""
        before = {name: node.status().get("uptimeSeconds") for name, node in self.nodes.items()}
        def fresh():
            return all(node.status().get("uptimeSeconds") != before[name] for name, node in self.nodes.items())
        for _ in range(2):
            until(fresh, "no new status")
            before = {name: node.status().get("uptimeSeconds") for name, node in self.nodes.items()}
        counts = {name: {v: n for v, n in node.status().get("verdicts", {}).items() if v not in GOOD and n} for name, node in self.nodes.items()}
        return {name: verdicts for name, verdicts in counts.items() if verdicts}

    def associations(self):
        """The file is written twice a second: what it says may be that old."""
        for node in self.nodes.values():
            node.check_alive()
        return [association(session) for session in self.status().get("ike", {}).get("sessions", []) if session["state"] != "closed"]

    def last_words(self, count=12):
        said = ""
        for name, node in self.nodes.items():
            lines = node.log.read_text(errors="replace").splitlines()[-count:] if node.log.exists() else []
            said += "".join("\n    %s| %s" % (name, line) for line in lines)
        status = self.status() if plan.ROUTER in self.nodes else {}
        return said + "\n    router1 counted: %s; packets: %s" % (status.get("ike", {}).get("counts"), status.get("verdicts"))
