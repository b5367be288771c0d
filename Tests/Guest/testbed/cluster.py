"""The cluster beside the guest: one router, its targets, a web server at each for every DVIPA."""
import sys

from checks import expect, until
from demo.node import Node
from demo.process import run, spawn, stop
from testbed import plan
from testbed.network import ROOT

READY_SECONDS = 20
# What says that a packet went on its way.
GOOD = {"steered", "steeredWithOptions", "delivered", "sealed", "passed", "keepalive", "probed"}


def configuration(folder, pairs, more=(), link=False):
    """`more`: lines of further nodes. `link`: with one, which SAs with ESN need."""
    lines = ["cluster: guest", "stateDirectory: %s/state" % folder]
    if link:
        lines += ["clusterKey: %s/link/cluster.key" % folder, "link: {credentials: %s/link}" % folder]
    lines += ["nodes:", "  router1:", "    role: router",
             "    clientInterface: client0", "    trustedInterface: trusted0", "    trustedAddress: " + plan.ROUTER_TRUSTED]
    for target in plan.TARGETS:
        lines += ["  %s:" % target, "    role: target", "    trustedAddress: " + plan.trusted_address(target)]
    lines += more
    lines += ["gateways: [%s]" % ", ".join('"%s"' % address for address in plan.GATEWAY.values()), "dvipas:"]
    for address in plan.DVIPA.values():
        lines += ['  - address: "%s"' % address, "    services:", "      - {protocol: tcp, ports: [%d]}" % plan.PORT]
    lines += ["securityAssociations:"]
    for pair in pairs:
        lines += pair.ours()
    return "\n".join(lines) + "\n"


class Cluster:
    """Use it in a `with`."""

    def __init__(self, network, folder, viaduct, pairs, more=(), others=(), link=False):
        """`more`: lines of further nodes in the configuration. `others`: those of them that run in namespaces. `link`:
        router and targets have one, which SAs with ESN need."""
        self.network, self.folder, self.viaduct = network, folder, viaduct
        self.config = folder / "cluster.yaml"
        self.config.touch(mode=0o600)
        self.config.write_text(configuration(folder, pairs, more, link))
        if link:
            run([viaduct, "cluster", "init", "--config", self.config, "--directory", folder / "link"])
        self.others, self.link = others, link
        self.nodes, self.servers = {}, []

    def __enter__(self):
        for name in (plan.ROUTER, *plan.TARGETS, *self.others):
            self.nodes[name] = Node(name, self.network, self.viaduct, self.config, self.folder)
            self.nodes[name].start()
        for node in self.nodes.values():
            node.wait_until_ready(READY_SECONDS)
        for target in plan.TARGETS:
            for address in plan.DVIPA.values():
                self.serve(target, address)
        until(self.neighbours_known, "the router does not know the link-layer address of every target")
        if self.link:
            until(self.in_rotation, "not every target has joined the link and answers")
        return self

    def serve(self, target, address):
        output = self.folder / ("%s-%d.server" % (target, len(self.servers)))
        with open(output, "wb") as file:
            server = spawn(self.network.inside(target, [
                sys.executable, "-m", "demo.server", "--address", address, "--port", plan.PORT, "--name", target]),
                cwd=ROOT, stdout=file, stderr=file)
        self.servers.append(server)
        until(lambda: "listening" in output.read_text(), "%s: no web server on %s" % (target, address))

    def neighbours_known(self):
        targets = self.nodes[plan.ROUTER].status().get("targets", {})
        return all(targets.get(name, {}).get("neighbour") for name in plan.TARGETS)

    def in_rotation(self):
        targets = self.nodes[plan.ROUTER].status().get("control", {}).get("targets", [])
        return len(targets) == len(plan.TARGETS) and all(t["isInService"] and t.get("state") == "serving" for t in targets)

    def stop(self):
        """Ends its members in order; what each counted."""
        for node in reversed(self.nodes.values()):
            expect(node.stop(), "%s did not end well%s" % (node.name, node.last_words()))
        return {name: node.status().get("verdicts", {}) for name, node in self.nodes.items()}

    def __exit__(self, *_):
        for server in self.servers:
            stop(server, seconds=2)
        for node in self.nodes.values():
            if node.process and node.process.poll() is None:
                node.stop()


def drops(verdicts):
    return {name: count for name, count in verdicts.items() if count and name not in GOOD}
