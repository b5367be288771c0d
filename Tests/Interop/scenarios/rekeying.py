"""CREATE_CHILD_SA for what is there already, while TCP runs over it."""
from checks import until
from scenarios.scenario import connection

TIMES = 3


def new_child(s, end, before, name, seconds=15):
    """Waits for a Child SA with other SPIs than `before` had, alone; the IKE SA it is in."""
    old = {c.spi_in for c in before.children}
    def found():
        ikes = [i for i in end.associations() if i.name == name]
        return ikes[0] if len(ikes) == 1 and len(ikes[0].children) == 1 and ikes[0].children[0].spi_in not in old else None
    return until(found, lambda: "%s: no new Child SA in place of %s: %s" % (name, old, end.associations()), seconds)


def new_ike(s, end, before, name):
    """Waits for an IKE SA with other SPIs than `before` had, alone, with one Child SA."""
    def found():
        ikes = [i for i in end.associations() if i.name == name]
        return ikes[0] if len(ikes) == 1 and ikes[0].spis != before.spis and ikes[0].established and len(ikes[0].children) == 1 else None
    return until(found, lambda: "%s: no new IKE SA in place of %s: %s" % (name, before.spis, end.associations()))


def opened(s, theirs=None, ours=None, **settings):
    theirs = theirs or connection()
    us, alice = s.us(ours or theirs.of_other_end(), **settings), s.strongswan(theirs, **settings)
    alice.initiate(theirs.name)
    s.agreed(us, alice, theirs.name)
    return us, alice, theirs.name


def rekeys(s, who, what):
    """TIMES rekeys of a kind, by one end, under transfers and pings."""
    us, alice, name = opened(s)
    end = {"they": alice, "we": us}[who]
    traffic, pings = s.traffic(), s.pings(us)
    for _ in range(TIMES):
        before = s.agreed(us, alice, name)
        (end.rekey_child if what == "child" else end.rekey_ike)(name)
        (new_child if what == "child" else new_ike)(s, alice, before, name)
        after = s.agreed(us, alice, name)
        if what == "ike":
            s.expect({c.spi_in for c in after.children} == {c.spi_in for c in before.children},
                     "a new IKE SA, with the Child SA it had", "the Child SA did not move: %s, %s" % (before, after))
        else:
            s.expect(after.spis == before.spis, "a new Child SA in the same IKE SA", "the IKE SA went: %s, %s" % (before, after))
        traffic.go_on()
    s.ends_well(traffic)
    s.nothing_lost(us, pings)
    s.protected()


def collide(s, order, settled):
    """Lets both ends ask for something before either has heard the other; they settle, and nothing is lost.
    `order(end)` asks; `settled(before)` waits."""
    us, alice, name = opened(s)
    traffic, pings = s.traffic(), s.pings(us)
    for _ in range(TIMES):
        before = s.agreed(us, alice, name)
        s.network.internet.hold_ike()
        s.at_once(lambda: order(alice, name), lambda: order(us, name))
        until(lambda: all(s.network.internet.held()), lambda: "not both ends asked: %s" % (s.network.internet.held(),))
        s.network.internet.heal()
        settled(s, alice, before, name)
        after = s.agreed(us, alice, name)
        s.passed("both asked at once, and one IKE SA with one Child SA is left (%s)" % (
            "new Child SA" if after.spis == before.spis else "new IKE SA"))
        traffic.go_on()
    s.ends_well(traffic)
    s.nothing_lost(us, pings)
    s.protected()


def by_bytes(s):
    """Their limit is reached several times over, ours never: the rekeys are theirs."""
    theirs = connection(child_rekey_bytes=300_000)
    us, alice, name = opened(s, theirs)
    traffic, pings, seen = s.traffic(), s.pings(us), set()
    def several():
        seen.update(c.spi_in for ike in alice.associations() for c in ike.children)
        return len(seen) > TIMES
    until(several, lambda: "only %d Child SAs so far" % len(seen), 40)
    s.passed("the byte limit made %d Child SAs, one after the other" % len(seen))
    traffic.go_on()
    s.ends_well(traffic)
    s.nothing_lost(us, pings)
    s.protected()


def by_time_at_both(s):
    """Both ends rekey every few seconds by themselves: who comes first is chance, and collisions are frequent."""
    theirs = connection(child_rekey_seconds=3, ike_rekey_seconds=5)
    us, alice, name = opened(s, theirs, theirs.of_other_end(child_rekey_seconds=3, ike_rekey_seconds=5))
    traffic, pings, children, ikes = s.traffic(), s.pings(us), set(), set()
    def several():
        for ike in alice.associations():
            ikes.add(ike.spis)
            children.update(c.spi_in for c in ike.children)
        return len(children) > 4 and len(ikes) > 2
    until(several, lambda: "only %d Child SAs and %d IKE SAs so far" % (len(children), len(ikes)), 40)
    s.passed("%d Child SAs and %d IKE SAs, one after the other" % (len(children), len(ikes)))
    traffic.go_on()
    s.ends_well(traffic)
    s.nothing_lost(us, pings)
    s.protected()


def reauthentication(s, make_before_break):
    """All SAs anew. With make-before-break nothing is lost; without, TCP gets over the gap."""
    us, alice, name = opened(s, make_before_break="yes" if make_before_break else "no")
    traffic, pings = s.traffic(), s.pings(us) if make_before_break else None
    for _ in range(TIMES):
        before = s.agreed(us, alice, name)
        alice.reauthenticate(name)
        after = new_ike(s, alice, before, name)
        s.agreed(us, alice, name)
        s.expect({c.spi_in for c in after.children}.isdisjoint({c.spi_in for c in before.children}), "a new IKE SA with a new Child SA")
        traffic.go_on()
    s.ends_well(traffic)
    # Between an old SA that is gone and a new one that is not there yet, an answer finds no SA.
    if make_before_break:
        s.nothing_lost(us, pings)
    s.protected()


SCENARIOS = {
    "child-rekey-by-them": lambda s: rekeys(s, "they", "child"),
    "child-rekey-by-us": lambda s: rekeys(s, "we", "child"),
    "child-rekey-colliding": lambda s: collide(s, lambda end, name: end.rekey_child(name), new_child),
    "ike-rekey-by-them": lambda s: rekeys(s, "they", "ike"),
    "ike-rekey-by-us": lambda s: rekeys(s, "we", "ike"),
    "ike-rekey-colliding": lambda s: collide(s, lambda end, name: end.rekey_ike(name), new_ike),
    "rekey-by-bytes": by_bytes,
    "rekey-by-time-at-both": by_time_at_both,
    "reauthentication": lambda s: reauthentication(s, make_before_break=False),
    "reauthentication-make-before-break": lambda s: reauthentication(s, make_before_break=True),
}
