"""Peers that are cut off, behind a NAT, or on the move."""
import dataclasses

from checks import expect, until
from scenarios.scenario import connection
from scenarios.rekeying import new_child, new_ike, opened
from testbed import plan


def dead_peer(s):
    """The link is cut: both ends find out and forget. It heals: the peer is back, and TCP, too."""
    theirs = connection(dpd_seconds=1, dpd_action="restart")
    us, alice, name = opened(s, theirs, theirs.of_other_end(dpd_seconds=1))
    traffic = s.traffic()
    before = s.agreed(us, alice, name)
    s.ends_well(traffic, "TCP before")
    s.network.internet.cut()
    until(lambda: not us.associations(), lambda: "we still have %s" % (us.associations(),), 30)
    s.passed("cut off, we forget the peer")
    until(lambda: not any(i.established for i in alice.associations()), lambda: "the peer still has %s" % (alice.associations(),), 30)
    s.passed("cut off, the peer forgets us")
    s.network.internet.heal()
    new_ike(s, alice, before, name)
    s.agreed(us, alice, name, 30)
    s.passed("healed, one IKE SA and one Child SA by themselves")
    s.ends_well(s.traffic(), "TCP after")
    s.protected()


def short_cut(s):
    """A cut that is shorter than the patience of DPD: nothing is given up, and the transfers under way go on."""
    theirs = connection(dpd_seconds=1)
    us, alice, name = opened(s, theirs, theirs.of_other_end(dpd_seconds=1))
    traffic = s.traffic(silence=20)
    before = s.agreed(us, alice, name)
    probes = s.network.internet.counts()["ike"]
    s.network.internet.cut()
    # Retransmissions show that both ends asked whether the other is there.
    until(lambda: s.network.internet.counts()["ike"] >= probes + 3, "nobody asked whether the other is there")
    s.network.internet.heal()
    traffic.go_on(2)
    s.expect(s.agreed(us, alice, name).spis == before.spis, "the same IKE SA as before the cut")
    s.ends_well(traffic, "TCP over the cut")
    s.protected()


def nat(s):
    """Two peers with one address outside, told apart by their ports; each carries TCP while the other's SAs change."""
    peers = {}
    both = [connection(node) for node in plan.BEHIND_NAT]
    ours = [c.of_other_end() for c in both]
    # We see neither's own address.
    us = s.us(*[dataclasses.replace(c, remote=dataclasses.replace(c.remote, addresses=())) for c in ours])
    for theirs in both:
        peers[theirs.name] = s.strongswan(theirs, node=theirs.name)
        peers[theirs.name].initiate(theirs.name)
    seen = {s.one_tunnel(us, c.name).peer for c in both}
    s.expect(len(seen) == 2 and {p.rsplit(":", 1)[0] for p in seen} == {plan.NAT_OUTER}, "two peers: %s" % ", ".join(sorted(seen)),
             "we see the peers at %s" % seen)
    traffics = [s.traffic(c.name) for c in both]
    pings = [s.pings(us, c.name) for c in both]
    for theirs in both:
        peer = peers[theirs.name]
        before = s.agreed(us, peer, theirs.name)
        peer.rekey_child(theirs.name)
        new_child(s, peer, before, theirs.name)
        before = s.agreed(us, peer, theirs.name)
        us.rekey_child(theirs.name)
        new_child(s, peer, before, theirs.name)
        before = s.agreed(us, peer, theirs.name)
        us.rekey_ike(theirs.name)
        new_ike(s, peer, before, theirs.name)
        s.agreed(us, peer, theirs.name)
        s.passed("%s: rekeys by it and by us" % theirs.name)
        for traffic in traffics:
            traffic.go_on()
    for each in pings:
        s.nothing_lost(us, each)
    for theirs, traffic in zip(both, traffics):
        s.ends_well(traffic, "%s: TCP" % theirs.name)
    s.protected()


def nat_forgets(s):
    """The NAT gives the peer another port in the middle: what the peer sends, authenticated, shows us where it is now."""
    theirs = connection(plan.DORA, dpd_seconds=1, mobike=False)
    ours = theirs.of_other_end()
    us = s.us(dataclasses.replace(ours, remote=dataclasses.replace(ours.remote, addresses=())))
    dora = s.strongswan(theirs, node=plan.DORA)
    dora.initiate(theirs.name)
    before = s.one_tunnel(us, theirs.name)
    traffic = s.traffic(plan.DORA, silence=20)
    s.stack.callback(s.network.translate)
    s.network.rebind()
    after = until(lambda: [i for i in us.associations() if i.peer != before.peer], lambda: "we still see the peer at %s" % before.peer)[0]
    s.expect(after.spis == before.spis, "the same IKE SA, %s and then %s" % (before.peer, after.peer))
    traffic.go_on(2)
    s.ends_well(traffic, "TCP over the change")
    s.protected()


def nat_rebinds(s, verify="router"):
    """The NAT gives the peer another port, and IKE is silent: the peer's ESP, authenticated, shows us where it is now."""
    theirs = connection(plan.DORA, mobike=False)
    ours = theirs.of_other_end()
    us = s.us(dataclasses.replace(ours, remote=dataclasses.replace(ours.remote, addresses=())), verify=verify)
    dora = s.strongswan(theirs, node=plan.DORA)
    dora.initiate(theirs.name)
    before = s.one_tunnel(us, theirs.name)
    s.stack.callback(s.network.translate)
    traffic = s.traffic(plan.DORA, silence=20)
    ike = s.network.internet.counts()["ike"]
    s.network.rebind()
    after = until(lambda: [i for i in us.associations() if i.peer != before.peer], lambda: "we still see the peer at %s" % before.peer)[0]
    s.expect(after.spis == before.spis, "the same IKE SA, %s and then %s" % (before.peer, after.peer))
    followed = us.status()["ike"]["counts"].get("followed")
    s.expect(followed, "ESP showed it, %s times" % followed, "it was not ESP that showed it: %s" % us.status()["ike"]["counts"])
    traffic.go_on(2)
    s.expect(s.network.internet.counts()["ike"] == ike, "no word of IKE meanwhile")
    s.ends_well(traffic, "TCP over the change")
    s.protected()


def nat_rebinds_unseen(s):
    """The same where the router only reads: the targets see it."""
    nat_rebinds(s, verify="target")


def mobike(s):
    """The peer's address goes and another comes: the same IKE SA, and the transfers under way go on."""
    theirs = connection()
    theirs = dataclasses.replace(theirs, local=dataclasses.replace(theirs.local, addresses=()))
    ours = theirs.of_other_end()
    us, alice = s.us(ours), s.strongswan(theirs)
    alice.initiate(theirs.name)
    before = s.agreed(us, alice, theirs.name)
    traffic = s.traffic(silence=20)
    try:
        home, abroad = (plan.OUTER[plan.ALICE], "uplink0"), (plan.ALICE_MOVED, "uplink1")
        for gone, come in ((home, abroad), (abroad, home)):
            s.network.move(plan.ALICE, gone, come)
            until(lambda: s.one_tunnel(us, theirs.name).peer.startswith(come[0] + ":"),
                  lambda: "we see the peer at %s, not at %s" % (s.one_tunnel(us, theirs.name).peer, come[0]), 30)
            after = s.agreed(us, alice, theirs.name)
            expect(after.spis == before.spis, "a new IKE SA: %s" % (after,))
            traffic.go_on(2)
            s.passed("the peer is at %s, the IKE SA the same, TCP goes on" % come[0])
    finally:
        s.network.settle(plan.ALICE)
    s.ends_well(traffic, "TCP over both moves")
    s.protected()


SCENARIOS = {
    "dead-peer": dead_peer,
    "short-cut": short_cut,
    "nat": nat,
    "nat-forgets": nat_forgets,
    "nat-rebinds": nat_rebinds,
    "nat-rebinds-verify-target": nat_rebinds_unseen,
    "mobike": mobike,
}
