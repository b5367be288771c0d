"""Three namespaces: initiators, and a responder of each kind. Addresses of 10.99.0.0/16 are the initiators', all of them."""
import os

from demo.network import SETTINGS, WHOLE, sweep
from demo.process import run

PREFIX = "viaduct-bench-%d-" % os.getpid()
INITIATORS, OURS, CHARON = "init", "ours", "charon"
ADDRESS = {OURS: "10.98.1.1", CHARON: "10.98.2.1"}
TRUSTED = "10.98.3.1"
LINK = {OURS: "client0", CHARON: "peer0"}


class Network:
    def namespace(self, node):
        return PREFIX + node

    def inside(self, node, command):
        return ["ip", "netns", "exec", self.namespace(node), *command]

    def ip(self, node, *commands):
        run(["ip", "-n", self.namespace(node), "-batch", "-"], input="\n".join(commands) + "\n")

    def __enter__(self):
        for node in (INITIATORS, OURS, CHARON):
            run(["ip", "netns", "add", self.namespace(node)])
            run(self.inside(node, ["sh", "-e"]), input=SETTINGS)
            self.ip(node, "link set lo up")
        # Any address of the network is the initiators' own.
        self.ip(INITIATORS, "route add local 10.99.0.0/16 dev lo")
        for node, far in ((OURS, "to-ours"), (CHARON, "to-charon")):
            self.join(far, node, LINK[node])
            near = ADDRESS[node].rsplit(".", 1)[0] + ".2"
            self.ip(INITIATORS, "addr add %s/24 dev %s" % (near, far), "link set %s up" % far)
            self.ip(node, "addr add %s/24 dev %s" % (ADDRESS[node], LINK[node]), "link set %s up" % LINK[node],
                    # The spoofed addresses of the flood lead somewhere, too.
                    "route add default via %s" % near)
        # charon wants an address of what its peers reach.
        self.ip(CHARON, "addr add 10.2.0.1/32 dev lo")
        # The router's other side, where nobody is.
        self.join("nobody", OURS, "trusted0")
        self.ip(INITIATORS, "link set nobody up")
        self.ip(OURS, "addr add %s/24 dev trusted0" % TRUSTED, "link set trusted0 up")
        return self

    def join(self, far, node, near):
        run(["ip", "link", "add", far, "netns", self.namespace(INITIATORS), "numrxqueues", "1", "numtxqueues", "1", "type",
             "veth", "peer", "name", near, "netns", self.namespace(node), "numrxqueues", "1", "numtxqueues", "1"])
        run(self.inside(INITIATORS, ["sh", "-e"]), input=WHOLE % far)
        run(self.inside(node, ["sh", "-e"]), input=WHOLE % near)

    def __exit__(self, *_):
        sweep(PREFIX)
