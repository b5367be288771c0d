"""The namespaces of `plan`, connected: the demonstration's network with an internet and a NAT in it."""
from checks import until
from demo import network
from demo.process import run
from testbed import plan
from testbed.internet import Internet

FORWARD = "echo 1 > /proc/sys/net/ipv4/ip_forward"
# What the internet sends towards a peer must not be turned into "redirect" advice: clients and router share no link.
QUIET = "for name in all default; do echo 0 > /proc/sys/net/ipv4/conf/$name/send_redirects; done"
MASQUERADE = """
table ip nat {
    chain out {
        type nat hook postrouting priority 100
        oifname "uplink0" masquerade
    }
}
"""


class Network(network.Network):
    """Made once for all scenarios; nothing of a scenario stays in it but what the kernel learned."""

    def __init__(self, prefix):
        super().__init__(prefix, "tunnel")
        self.internet = Internet(self)

    def make(self):
        for node in plan.NAMESPACES:
            run(["ip", "netns", "add", self.namespace(node)])
            self.shell(node, network.SETTINGS + QUIET)
        self.ip("link add %s netns %s mtu 1500 numrxqueues 1 numtxqueues 1 type veth "
                "peer name %s netns %s mtu 1500 numrxqueues 1 numtxqueues 1" % (
                    a, self.namespace(here), b, self.namespace(there)) for (here, a), (there, b) in plan.links())
        for node in plan.NAMESPACES:
            self.configure(node)
        for node in (plan.INTERNET, plan.NAT):
            self.shell(node, FORWARD)
        for node in plan.CLIENTS:
            self.rules(node, plan.GUARD)
        self.translate()
        self.internet.count()
        self.wait_until_up()

    def translate(self):
        self.rules(plan.NAT, "flush ruleset\n" + MASQUERADE)

    def rules(self, node, text):
        run(self.inside(node, ["nft", "-f", "-"]), input=text)

    def wait_until_up(self, seconds=10):
        for node in plan.NAMESPACES:
            until(lambda: not self.idle_links(node), lambda: "%s: %s do not come up" % (node, self.idle_links(node)), seconds)

    def configure(self, node):
        links = [name for pair in plan.links() for where, name in pair if where == node]
        steps = ["link set lo up"]
        if node in plan.SWITCHES:
            steps += ["link add switch0 type bridge", "link set switch0 up"]
            steps += ["link set %s master switch0" % name for name in links]
        steps += ["addr add %s dev %s" % (address, name) for where, name, address in plan.addresses() if where == node]
        steps += ["link set %s up" % name for name in links]
        steps += ["route add %s via %s" % (destination, hop) for where, destination, hop in plan.routes() if where == node]
        self.ip(steps, node)
        self.shell(node, network.WHOLE % " ".join(links))

    # What happens to the clients.

    def move(self, client, gone, come):
        """The client loses an address and its way out by it. Each is (address, link)."""
        self.ip(["addr replace %s/24 dev %s" % come, "route replace default via %s" % plan.beyond(come[0]),
                 "addr del %s/24 dev %s" % gone], client)

    def settle(self, client):
        """Back to the addresses and routes of the plan."""
        self.ip(["addr replace %s dev %s" % (address, name) for where, name, address in plan.addresses() if where == client]
                + ["route replace %s via %s" % (destination, hop) for where, destination, hop in plan.routes() if where == client], client)

    def mend(self):
        """What a scenario that failed may have left: a cut, other ports, a client away from home."""
        self.internet.heal()
        self.translate()
        self.settle(plan.ALICE)

    def rebind(self):
        """The NAT forgets what it translated, and uses other ports from now on, until `translate`."""
        self.rules(plan.NAT, "flush ruleset\n" + MASQUERADE.replace("masquerade", "ip protocol udp masquerade to :20000-30000"))
        run(self.inside(plan.NAT, ["conntrack", "-F"]))
