"""All at once: eight targets, etcd, two peers, 2,000 connections inside one SA; and everything that may happen happens."""
import re

from checks import expect, until
from grounds import plan
from scenarios.scenario import connection

CONNECTIONS, EXTRA, BOBS = 2000, 160, 40
LATE, DRAINED, KILLED = "t8", "t2", "t5"
OUT_OF_ROTATION_SECONDS, SILENCE_MILLISECONDS = 1.0, 800
REKEY_SECONDS, REKEY_BYTES = 7, 3_000_000


def whole(s):
    store = s.etcd(3)
    alices, bobs = connection(child_rekey_seconds=REKEY_SECONDS), connection(plan.BOB)
    cluster = s.cluster(alices.of_other_end(), bobs.of_other_end(child_rekey_bytes=REKEY_BYTES),
                        targets=plan.TARGETS, missing=(LATE,), coupling=s.coupling(store),
                        health={"silenceMilliseconds": SILENCE_MILLISECONDS})
    s.expect(cluster.coupling().get("isOwner"), "seven targets serve, the router owns epoch %s by etcd" % cluster.steering()["epoch"])
    alice = s.strongswan(alices)
    bob = s.strongswan(bobs, node=plan.BOB)
    crowd = s.crowd(cluster, CONNECTIONS, gap=12)
    others = s.crowd(cluster, BOBS, client=plan.BOB, gap=1, up=8_000, down=16_000)
    s.passed("%d connections of alice in one SA, %d of bob: %s" % (crowd.count(), others.count(), words(crowd)))
    added(s, cluster, crowd)
    drained(s, cluster, crowd)
    killed_and_returned(s, cluster, crowd, others)
    leader_killed(s, cluster, store, crowd, others)
    rekeyed(s, alice, bob)
    for each, peer, name in ((crowd, alice, alices.name), (others, bob, bobs.name)):
        at_rest(s, cluster, each, peer, name)
    s.ends_well(crowd, allowed=(KILLED,))
    s.ends_well(others, allowed=(KILLED,))
    s.no_replays(alice, bob)
    # Probes of t5 while it is gone. And what would have passed bob's SA: eight targets share what is left of it, by shares that
    # become smaller only when one was used up (A18), and without etcd's leader nobody makes a successor.
    s.nothing_dropped(cluster, "noTarget", "lifetimeExhausted")
    refused, sent = cluster.verdict("lifetimeExhausted"), cluster.verdict("sealed")
    s.expect(refused * 20 < sent, "%d of %d packets refused at the end of an SA's grants" % (refused, refused + sent),
             "%d refused, %d sent" % (refused, sent))


def words(crowd):
    return " ".join("%s %d" % each for each in sorted(crowd.served().items()))


def more(crowd, count):
    """That many more connections; how many each target got of them."""
    before, all_before = crowd.served(), crowd.count()
    crowd.open(count, per_second=100, gap=12)
    crowd.wait_for(all_before + count)
    return {t: n - before.get(t, 0) for t, n in crowd.served().items()}


def added(s, cluster, crowd):
    cluster.add(LATE)
    cluster.wait_for_service([LATE])
    got = more(crowd, EXTRA)
    s.expect(got.get(LATE), "%s comes and gets %d of %d new connections" % (LATE, got.get(LATE, 0), EXTRA))


def drained(s, cluster, crowd):
    cluster.order("drain", DRAINED)
    cluster.wait_for(DRAINED, "draining")
    got = more(crowd, EXTRA)
    s.expect(not got.get(DRAINED), "%s is drained: none of %d new connections, its own %d stay" % (DRAINED, EXTRA, crowd.served()[DRAINED]),
             lambda: "%s is draining and got %s of the new connections" % (DRAINED, got))
    cluster.order("resume", DRAINED)
    cluster.wait_for(DRAINED, "serving")


def killed_and_returned(s, cluster, crowd, others):
    served = crowd.served()[KILLED]
    at = cluster.kill(KILLED)
    said = until(lambda: cluster.nodes[plan.ROUTER].lines(r"target %s: out of service" % KILLED, at), "the router does not say that %s is lost" % KILLED)
    after = said[0][0] - at
    s.expect(after < OUT_OF_ROTATION_SECONDS, "%s is killed and out of rotation after %.0f ms, by the router's own word" % (KILLED, 1000 * after),
             "%s was out of rotation only %.2f s after it was killed" % (KILLED, after))
    cluster.wait_for(KILLED, "lost")
    until(lambda: KILLED not in crowd.served(), lambda: "connections of %s live on: %s" % (KILLED, words(crowd)), 40)
    expect(not crowd.wrong((KILLED,)), lambda: "ended: %s" % crowd.wrong((KILLED,))[:5])
    s.passed("its %d connections were reset, no other was" % served)
    cluster.add(KILLED)
    cluster.wait_for_service([KILLED])
    got = more(crowd, EXTRA)
    s.expect(got.get(KILLED), "%s returns and gets %d of %d new connections" % (KILLED, got.get(KILLED, 0), EXTRA))
    expect(not others.wrong((KILLED,)), lambda: "of bob's connections ended: %s" % others.wrong((KILLED,))[:5])


def leader_killed(s, cluster, store, crowd, others):
    leader = store.leader()
    store.kill(leader)
    after = store.wait_until_ready()
    for each in (crowd, others):
        each.go_on(share=0.3)
    def known():
        coupling = cluster.coupling()
        return coupling.get("isConnected") and coupling.get("isOwner") and not coupling.get("queued")
    until(known, lambda: "the router has not come back to etcd: %s" % cluster.coupling())
    store.start_member(leader)
    s.passed("etcd's leader m%d is killed, m%d leads, the router goes on as owner" % (leader, after))


def rekeyed(s, alice, bob):
    """By the peer's clock, and by our count of bytes."""
    def made(peer):
        return len(set(re.findall(r"CHILD_SA \w+\{\d+\} established with SPIs (\S+) ", peer.text())))
    for peer, what in ((alice, "by time"), (bob, "by bytes")):
        before = made(peer)
        until(lambda: made(peer) >= max(3, before + 1), lambda: "%s has had %d Child SAs" % (peer.node, made(peer)), 30)
        s.passed("%d Child SAs of %s so far, one after the other, %s" % (made(peer), peer.node, what))


def at_rest(s, cluster, crowd, peer, name):
    """Right after a rekey, so that the SA whose count is looked at has the time to come to rest."""
    def newest():
        return {c.spi_out for ike in peer.associations() for c in ike.children}
    before = newest()
    until(lambda: newest() - before, "no new Child SA", 30)
    crowd.go_on(share=0.05)
    crowd.quiet()
    s.adds_up(cluster, peer, name)
    crowd.again()


SCENARIOS = {"whole": whole}
