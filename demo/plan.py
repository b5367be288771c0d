"""Who is where.

                 198.51.100.0/24             192.0.2.0/24
    client ----------------------- router1 -------+------ t1, t2, t3
      .10                         .1      .1   trusted      .11 .12 .13
       |                                       (switch)      |   |   |
       |                     203.0.113.0/24                  |   |   |
       +----------------------- return (switch) -------------+---+---+
      .10                                                   .11 .12 .13

What the client sends goes to the router; what the targets answer does not cross it.
"""

ROUTER, CLIENT = "router1", "client"
TARGETS = ("t1", "t2", "t3")
TRUSTED, RETURN = "trusted", "return"
NAMESPACES = (CLIENT, ROUTER, *TARGETS, TRUSTED, RETURN)
SWITCHES = (TRUSTED, RETURN)

GATEWAY = "198.51.100.1"
CLIENT_OUTER = "198.51.100.10"
CLIENT_RETURN = "203.0.113.10"
ROUTER_TRUSTED = "192.0.2.1"
STORE = "192.0.2.201"
CLIENT_INNER = "10.71.0.1"
PORT = 80


def host_number(target):
    return 11 + TARGETS.index(target)


def trusted_address(target):
    return "192.0.2.%d" % host_number(target)


def return_address(target):
    return "203.0.113.%d" % host_number(target)


def text(text):
    """A configuration with the addresses of this plan, which are those it was written with."""
    return text


def dvipa(mode):
    """The virtual address: inside the tunnel, or in transport mode the one on the outside."""
    return {"tunnel": "10.72.0.10", "transport": "198.51.100.100"}[mode]


def links():
    """Every veth pair: (namespace, interface), (namespace, interface). The client's link to the router is not its first:
    its kernel would choose the other network's address by itself."""
    yield (CLIENT, "return0"), (RETURN, CLIENT)
    yield (CLIENT, "uplink0"), (ROUTER, "client0")
    yield (ROUTER, "trusted0"), (TRUSTED, ROUTER)
    for target in TARGETS:
        yield (target, "trusted0"), (TRUSTED, target)
        yield (target, "return0"), (RETURN, target)


def addresses(mode):
    """namespace, interface, address with prefix length."""
    yield CLIENT, "return0", CLIENT_RETURN + "/24"
    yield CLIENT, "uplink0", CLIENT_OUTER + "/24"
    yield ROUTER, "client0", GATEWAY + "/24"
    if mode == "transport":
        # The client asks the link for it: the router must answer.
        yield ROUTER, "client0", dvipa(mode) + "/32"
    yield ROUTER, "trusted0", ROUTER_TRUSTED + "/24"
    for target in TARGETS:
        yield target, "trusted0", trusted_address(target) + "/24"
        yield target, "return0", return_address(target) + "/24"


def routes():
    """namespace, destination, next hop."""
    for target in TARGETS:
        yield target, CLIENT_OUTER + "/32", CLIENT_RETURN
