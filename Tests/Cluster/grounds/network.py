"""The namespaces of `plan`, connected as the demonstration's are."""
from demo import network
from grounds import plan


class Network(network.Network):
    def __init__(self, prefix):
        super().__init__(prefix, "tunnel", plan)

    def mend(self):
        """Everything anew. Connections whose programs are gone live on in a kernel, and would speak up in the next scenario."""
        self.remove()
        self.make()
