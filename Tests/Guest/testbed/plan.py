"""Who is where.

    outside (switch)   198.51.100.0/24, 203.0.113.0/24, 2001:db8:c633:64::/64, 2001:db8:cb00:71::/64
      guest   .10      the real Linux: the peer of every SA, with an address outside and one inside for each
      router1 .1
      t1, t2           203.0.113.11, .12: what they send does not cross the router
      client  198.51.100.20: the peer where the guest is a target
    trusted (switch)   192.0.2.0/24: router1 .1, t1 .11, t2 .12, guest .13
"""
from demo.plan import PORT, ROUTER, ROUTER_TRUSTED, TRUSTED, host_number, trusted_address

GUEST, OUTSIDE, CLIENT = "guest", "outside", "client"
TARGETS = ("t1", "t2")
NAMESPACES = (OUTSIDE, CLIENT, ROUTER, *TARGETS, TRUSTED)
SWITCHES = (OUTSIDE, TRUSTED)

GATEWAY = {4: "198.51.100.1", 6: "2001:db8:c633:64::1"}
# Inside a tunnel, and in transport mode.
DVIPA = {("tunnel", 4): "10.72.0.10", ("tunnel", 6): "2001:db8:a48::10",
         ("transport", 4): "198.51.100.100", ("transport", 6): "2001:db8:c633:64::100"}
GUEST_OUTER = {4: "198.51.100.10/24", 6: "2001:db8:c633:64::10/64"}
GUEST_RETURN = {4: "203.0.113.10", 6: "2001:db8:cb00:71::10"}
GUEST_TRUSTED = "192.0.2.13"
CLIENT_OUTER = {4: "198.51.100.20", 6: "2001:db8:c633:64::20"}
CLIENT_RETURN = {4: "203.0.113.20", 6: "2001:db8:cb00:71::20"}
OUTER_NETWORK = {4: "100.64.0.0/16", 6: "2001:db8:6440::/64"}


def outer(family, number):
    """The guest's end of an SA, outside."""
    return {4: "100.64.%d.%d" % divmod(number, 256), 6: "2001:db8:6440::%x" % number}[family]


def inner(family, number):
    return {4: "10.71.%d.%d" % divmod(number, 256), 6: "2001:db8:a47::%x" % number}[family]


def single(address):
    """With the length of its prefix."""
    return address + ("/128" if ":" in address else "/32")


def dvipa(_):
    """One of IPv6 shows that namespaces need it."""
    return DVIPA["tunnel", 6]


def links():
    yield (CLIENT, "uplink0"), (OUTSIDE, CLIENT)
    yield (ROUTER, "client0"), (OUTSIDE, ROUTER)
    yield (ROUTER, "trusted0"), (TRUSTED, ROUTER)
    for target in TARGETS:
        yield (target, "trusted0"), (TRUSTED, target)
        yield (target, "return0"), (OUTSIDE, target)


def addresses(_):
    for family, length in ((4, "/24"), (6, "/64 nodad")):
        yield ROUTER, "client0", GATEWAY[family] + length
        yield CLIENT, "uplink0", CLIENT_OUTER[family] + length
        yield CLIENT, "uplink0", CLIENT_RETURN[family] + length
    for family in (4, 6):
        yield ROUTER, "client0", single(DVIPA["transport", family]) + (" nodad" if family == 6 else "")
    yield ROUTER, "trusted0", ROUTER_TRUSTED + "/24"
    for target in TARGETS:
        yield target, "trusted0", trusted_address(target) + "/24"
        yield target, "return0", "203.0.113.%d/24" % host_number(target)
        yield target, "return0", "2001:db8:cb00:71::%d/64 nodad" % host_number(target)


def routes():
    for target in TARGETS:
        for family in (4, 6):
            yield target, OUTER_NETWORK[family], GUEST_RETURN[family]
            yield target, single(CLIENT_OUTER[family]), CLIENT_RETURN[family]
