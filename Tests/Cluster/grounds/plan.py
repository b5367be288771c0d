"""Who is where.

                  198.51.100.0/24                192.0.2.0/24
    alice .10 --+                +-- .1 router1 .1 --+------ t1 ... t8    .11 ... .18
    bob   .11 --+-- outside -----+                   |
      |         |   (switch)     +-- .2 router2 .2 --+------ store        .201 .202 .203
      |         |                                trusted       |
      |         |                                (switch)    t1 ... t8
      +---------+------- return (switch) ----------------------+
      203.0.113.0/24                                        .11 ... .18

What clients send goes to a router; what targets answer does not cross it. router2 is there for a second cluster beside the first.
"""
ROUTER, SECOND_ROUTER = "router1", "router2"
ROUTERS = (ROUTER, SECOND_ROUTER)
TARGETS = tuple("t%d" % n for n in range(1, 9))
ALICE, BOB = "alice", "bob"
CLIENTS = (ALICE, BOB)
STORE, OUTSIDE, TRUSTED, RETURN = "store", "outside", "trusted", "return"
NAMESPACES = (*CLIENTS, *ROUTERS, *TARGETS, STORE, OUTSIDE, TRUSTED, RETURN)
SWITCHES = (OUTSIDE, TRUSTED, RETURN)

GATEWAY = {ROUTER: "198.51.100.1", SECOND_ROUTER: "198.51.100.2"}
ROUTER_TRUSTED = {ROUTER: "192.0.2.1", SECOND_ROUTER: "192.0.2.2"}
OUTER = {ALICE: "198.51.100.10", BOB: "198.51.100.11"}
INNER = {ALICE: "10.71.0.1", BOB: "10.71.0.2"}
STORES = ("192.0.2.201", "192.0.2.202", "192.0.2.203")
DVIPA = {ROUTER: "10.72.0.10", SECOND_ROUTER: "10.72.0.20"}
PORT, LINK_PORT = 80, 4520


def dvipa(_mode):
    """One of them: all are of one family, which is what is asked."""
    return DVIPA[ROUTER]



def trusted_address(target):
    return "192.0.2.%d" % (11 + TARGETS.index(target))


def return_address(host):
    return "203.0.113.%d" % (11 + TARGETS.index(host) if host in TARGETS else 101 + CLIENTS.index(host))


def links():
    """Every veth pair: (namespace, interface), (namespace, interface)."""
    for host in (*CLIENTS, *TARGETS):
        yield (host, "return0"), (RETURN, host)
    for client in CLIENTS:
        yield (client, "uplink0"), (OUTSIDE, client)
    for router in ROUTERS:
        yield (router, "client0"), (OUTSIDE, router)
        yield (router, "trusted0"), (TRUSTED, router)
    for host in (*TARGETS, STORE):
        yield (host, "trusted0"), (TRUSTED, host)


def addresses(_):
    """namespace, interface, address with prefix length."""
    for client in CLIENTS:
        yield client, "uplink0", OUTER[client] + "/24"
        yield client, "lo", INNER[client] + "/32"
    for host in (*CLIENTS, *TARGETS):
        yield host, "return0", return_address(host) + "/24"
    for router in ROUTERS:
        yield router, "client0", GATEWAY[router] + "/24"
        yield router, "trusted0", ROUTER_TRUSTED[router] + "/24"
    for target in TARGETS:
        yield target, "trusted0", trusted_address(target) + "/24"
    for address in STORES:
        yield STORE, "trusted0", address + "/24"


def routes():
    """namespace, destination, next hop."""
    for target in TARGETS:
        for client in CLIENTS:
            yield target, OUTER[client] + "/32", return_address(client)
    for client in CLIENTS:
        # Without a tunnel: a connection begun then is right when there is one. It gets no further than the router.
        for router in ROUTERS:
            yield client, DVIPA[router] + "/32", "%s src %s" % (GATEWAY[router], INNER[client])
