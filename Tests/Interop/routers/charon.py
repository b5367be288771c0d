"""A charon in the router's place: its kernel forwards what comes out of the tunnels to the targets, connection by connection."""
from demo.process import run
from peers.strongswan import StrongSwan
from testbed import plan
from testbed.servers import Servers

# A connection stays with its target: the ports count, too. charon wants the DVIPA to be an address of its host; what is for it goes on to
# the targets all the same.
FORWARD = """
cd /proc/sys/net/ipv4
echo 1 > ip_forward
echo 1 > fib_multipath_hash_policy
echo 1 > conf/all/accept_local
ip rule add pref 10 lookup local
ip rule add pref 5 to %(dvipa)s lookup 100
ip rule del pref 0
ip addr add %(dvipa)s/32 dev lo
ip route add %(dvipa)s/32 table 100 %(hops)s
"""


class CharonRouter:
    """Answers pings at the DVIPA, and returns everything by itself."""
    answers_pings = True
    counts_drops = False
    kind = "charon"

    def __init__(self, network, folder, kernel="libipsec", mode="tunnel", **settings):
        self.network, self.mode, self.kernel = network, mode, kernel
        self.charon = StrongSwan(network, plan.ROUTER, folder, kernel, **settings)
        self.servers = Servers(network, folder)

    def start(self, connections):
        if self.mode == "tunnel":
            self.spread()
            self.servers.start(plan.DVIPA)
        else:
            self.servers.start(plan.DVIPA_OUTSIDE, nodes=[plan.ROUTER])
        self.charon.start()
        for connection in connections:
            self.charon.load(connection)
        return self

    def spread(self):
        """The DVIPA is each target's own, and the router has three ways to it."""
        for target in plan.TARGETS:
            self.network.ip(["addr replace %s/32 dev lo" % plan.DVIPA, "route replace %s via %s" % (
                plan.INNER_NETWORK, plan.ROUTER_TRUSTED)], target)
        hops = " ".join("nexthop via %s" % plan.trusted_address(target) for target in plan.TARGETS)
        if not run(["ip", "-n", self.network.namespace(plan.ROUTER), "rule", "show", "pref", "5"]):
            self.network.shell(plan.ROUTER, FORWARD % {"dvipa": plan.DVIPA, "hops": hops})

    def stop(self):
        self.servers.stop()
        self.charon.stop()

    def __getattr__(self, name):
        # What a router is asked and told is what a charon is.
        return getattr(self.charon, name)
