"""Who is where.

    alice, bob  100.64.1.10, 100.64.2.10 -----+                                             192.0.2.0/24
       alice's second link 100.64.3.10 -------+             198.51.100.0/24                 (switch)
    dora, emil  10.9.0.10, .11 -- nat .9.10 --+-- internet ----------------- router1 -------+------ t1, t2, t3
                       (switch)  100.64.9.0/24       |       .254        .1            .1   |        .11 .12 .13
                                                     |                                              |
                                                     +---- 203.0.113.0/24 (switch) -----------------+
                                                       .1                                 .11 .12 .13

What the clients send goes to the router; what the targets answer goes straight to the internet.
"""
from demo.plan import RETURN, ROUTER, TARGETS, TRUSTED, ROUTER_TRUSTED, GATEWAY, PORT, return_address, trusted_address

INTERNET, NAT, INSIDE = "internet", "nat", "inside"
ALICE, BOB, DORA, EMIL = "alice", "bob", "dora", "emil"
CLIENTS = (ALICE, BOB, DORA, EMIL)
BEHIND_NAT = (DORA, EMIL)
NAMESPACES = (*CLIENTS, NAT, INSIDE, INTERNET, ROUTER, *TARGETS, TRUSTED, RETURN)
SWITCHES = (INSIDE, TRUSTED, RETURN)

# The link's address of each client; alice has a second link, to move to.
OUTER = {ALICE: "100.64.1.10", BOB: "100.64.2.10", DORA: "10.9.0.10", EMIL: "10.9.0.11"}
ALICE_MOVED = "100.64.3.10"
INNER = {name: "10.71.%d.1" % (1 + CLIENTS.index(name)) for name in CLIENTS}
NAT_OUTER, NAT_INNER = "100.64.9.10", "10.9.0.1"
INTERNET_ROUTER, INTERNET_RETURN = "198.51.100.254", "203.0.113.1"
INNER_NETWORK, OUTER_NETWORK = "10.71.0.0/16", "100.64.0.0/16"

# Inside the tunnel; in transport mode, the address outside.
DVIPA, DVIPA_NETWORK, DVIPA_OUTSIDE = "10.72.0.10", "10.72.0.0/24", "198.51.100.100"

# What is for the tunnel never leaves a client in clear, whatever its daemon thinks of that.
GUARD = """
flush ruleset
table ip guard {
    chain out {
        type filter hook postrouting priority 0
        oifname "uplink*" ip daddr %s drop
    }
}
""" % DVIPA_NETWORK


def dvipa(mode):
    return DVIPA if mode == "tunnel" else DVIPA_OUTSIDE


def beyond(address):
    """The internet's address on the /24 of a client's address."""
    return address.rsplit(".", 1)[0] + ".1"


def links():
    """Every veth pair: (namespace, interface), (namespace, interface)."""
    yield (ALICE, "uplink0"), (INTERNET, ALICE)
    yield (ALICE, "uplink1"), (INTERNET, ALICE + "1")
    yield (BOB, "uplink0"), (INTERNET, BOB)
    yield (NAT, "uplink0"), (INTERNET, NAT)
    yield (NAT, "inside0"), (INSIDE, NAT)
    for name in BEHIND_NAT:
        yield (name, "uplink0"), (INSIDE, name)
    yield (INTERNET, "router0"), (ROUTER, "client0")
    yield (INTERNET, "return0"), (RETURN, INTERNET)
    yield (ROUTER, "trusted0"), (TRUSTED, ROUTER)
    for target in TARGETS:
        yield (target, "trusted0"), (TRUSTED, target)
        yield (target, "return0"), (RETURN, target)


def addresses():
    """namespace, interface, address with prefix length."""
    for name in CLIENTS:
        yield name, "uplink0", OUTER[name] + "/24"
        yield name, "lo", INNER[name] + "/32"
    yield ALICE, "uplink1", ALICE_MOVED + "/24"
    yield NAT, "uplink0", NAT_OUTER + "/24"
    yield NAT, "inside0", NAT_INNER + "/24"
    yield INTERNET, ALICE, beyond(OUTER[ALICE]) + "/24"
    yield INTERNET, ALICE + "1", beyond(ALICE_MOVED) + "/24"
    yield INTERNET, BOB, beyond(OUTER[BOB]) + "/24"
    yield INTERNET, NAT, beyond(NAT_OUTER) + "/24"
    yield INTERNET, "router0", INTERNET_ROUTER + "/24"
    yield INTERNET, "return0", INTERNET_RETURN + "/24"
    yield ROUTER, "client0", GATEWAY + "/24"
    yield ROUTER, "client0", DVIPA_OUTSIDE + "/32"
    yield ROUTER, "trusted0", ROUTER_TRUSTED + "/24"
    for target in TARGETS:
        yield target, "trusted0", trusted_address(target) + "/24"
        yield target, "return0", return_address(target) + "/24"


def routes():
    """namespace, destination, next hop."""
    for name in CLIENTS:
        hop = NAT_INNER if name in BEHIND_NAT else beyond(OUTER[name])
        yield name, "default", hop
        # Without a tunnel: a connection begun then is right when there is one. It gets no further than `GUARD`.
        yield name, DVIPA_NETWORK, "%s src %s" % (hop, INNER[name])
    yield NAT, "default", beyond(NAT_OUTER)
    yield ROUTER, OUTER_NETWORK, INTERNET_ROUTER
    for target in TARGETS:
        yield target, OUTER_NETWORK, INTERNET_RETURN
