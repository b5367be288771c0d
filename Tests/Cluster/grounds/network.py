"""The namespaces of `plan`, connected as the demonstration's are."""
from demo import network
from grounds import plan


class Network(network.Network):
    def __init__(self, prefix):
        super().__init__(prefix, "tunnel", plan)

    def mend(self):
        """What a scenario that failed may have left: a link that is down."""
        for node in (*plan.TARGETS, *plan.ROUTERS, plan.STORE):
            self.ip(["link set trusted0 up"], node)
