"""The router under test, with its three targets: `viaduct run` in each of their namespaces."""
from demo.node import Node
from testbed import plan
from testbed.servers import Servers

READY_SECONDS = 20


class OurRouter:
    answers_pings = False
    kind = "viaduct"

    def __init__(self, network, folder, viaduct, mode="tunnel"):
        self.network, self.folder, self.viaduct, self.mode = network, folder, viaduct, mode
        self.nodes, self.servers = {}, Servers(network, folder)

    def start(self, connections):
        raise NotImplementedError("viaduct run does not speak IKE yet")

    def stop(self):
        self.servers.stop()
        for name in (*plan.TARGETS, plan.ROUTER):
            if name in self.nodes:
                self.nodes.pop(name).stop()

    def status(self):
        return self.nodes[plan.ROUTER].status()
