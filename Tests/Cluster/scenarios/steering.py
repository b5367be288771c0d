"""Who gets which connections: drained, quiesced, weighed, deaf."""
from checks import expect, until
from scenarios.scenario import connection

MORE = 60


def more(s, crowd, count=MORE, **options):
    """More connections; how many each target got of them."""
    before, all_before = crowd.served(), crowd.count()
    crowd.open(count, **{"gap": 1, **options})
    crowd.wait_for(all_before + count)
    return {t: n - before.get(t, 0) for t, n in crowd.served().items()}


def drain(s):
    cluster, alice, crowd = s.usual()
    own = crowd.served()["t2"]
    cluster.order("drain", "t2")
    cluster.wait_for("t2", "draining")
    got = more(s, crowd)
    s.expect(not got.get("t2") and crowd.served()["t2"] == own, "drained: its %d connections live, the %d new ones are elsewhere" % (own, MORE), lambda: "%s" % got)
    crowd.go_on()
    cluster.order("resume", "t2")
    cluster.wait_for("t2", "serving")
    got = more(s, crowd)
    s.expect(got.get("t2"), "resumed: %d of %d new connections" % (got.get("t2", 0), MORE))
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster)


def quiesce(s):
    """Its connections wait and lose nothing; everybody else's go on."""
    cluster, alice, crowd = s.usual()
    cluster.order("quiesce", "t2")
    cluster.wait_for("t2", "quiesced")
    held = lambda: cluster.status()["verdicts"].get("targetQuiesced", 0)
    until(held, "no packet was held back")
    got = more(s, crowd)
    s.expect(not got.get("t2"), "quiesced: new connections are elsewhere", lambda: "%s" % got)
    expect(not crowd.wrong(), lambda: "connections ended: %s" % crowd.wrong()[:5])
    cluster.order("resume", "t2")
    cluster.wait_for("t2", "serving")
    s.passed("resumed after %d packets that were held back" % held())
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster, "targetQuiesced")


def weights(s):
    theirs = connection()
    cluster = s.cluster(theirs.of_other_end(), targets=("t1", "t2"), weights={"t1": 3, "t2": 1})
    alice = s.strongswan(theirs)
    crowd = s.crowd(cluster, 200, gap=2)
    got = crowd.served()
    s.expect(abs(got.get("t1", 0) - 150) <= 4, "weights 3 and 1: %d and %d connections" % (got.get("t1", 0), got.get("t2", 0)), lambda: "%s" % got)
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster)


def led_weights(s):
    """Both ask for the room of the machine they share: far more than the 2 (twice 1) of who has not asked yet."""
    theirs = connection()
    cluster = s.cluster(theirs.of_other_end(), targets=("t1", "t2"), weights={"t1": "led", "t2": "led"})
    def asked():
        weights = [cluster.target(name).get("weight", 0) for name in cluster.targets]
        return weights if min(weights) > 2 else None
    s.passed("the targets ask for %s" % until(asked, lambda: "the targets ask for nothing: %s" % cluster.steering()["targets"]))
    alice = s.strongswan(theirs)
    crowd = s.crowd(cluster, 60, gap=2)
    got = crowd.served()
    s.expect(min(got.get(name, 0) for name in cluster.targets) > 0, "%s connections" % got)
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster)


def deaf(s):
    """Nobody listens on t2 any more; what it has it keeps."""
    cluster, alice, crowd = s.usual()
    own = crowd.served()["t2"]
    cluster.deafen("t2")
    cluster.wait_for("t2", "draining")
    s.passed("the router knows: %s" % "; ".join(cluster.target("t2")["why"]))
    got = more(s, crowd)
    s.expect(not got.get("t2") and crowd.served()["t2"] == own, "its %d connections live, the %d new ones are elsewhere" % (own, MORE), lambda: "%s" % got)
    cluster.listen("t2")
    cluster.wait_for("t2", "serving")
    got = more(s, crowd)
    s.expect(got.get("t2"), "it listens again: %d of %d new connections" % (got.get("t2", 0), MORE))
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster)


def own_associations(s):
    """The peer accepts a Child SA for each target (RFC 9611): each then numbers its own, and asks nobody."""
    theirs = connection(per_target=True)
    cluster = s.cluster(theirs.of_other_end(per_target=True))
    alice = s.strongswan(theirs)
    def children():
        return [c for ike in alice.associations() for c in ike.children]
    until(lambda: len(children()) == 1 + len(cluster.targets), lambda: "the peer has %s" % children())
    crowd = s.crowd(cluster, 90, gap=1)
    crowd.go_on(share=2)
    crowd.quiet()
    used = [c for c in children() if c.packets_in]
    s.expect(len(used) >= len(cluster.targets), "%d Child SAs, %d of them used by one target each" % (len(children()), len(used)), lambda: "%s" % children())
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster)


SCENARIOS = {"drain": drain, "quiesce": quiesce, "weights": weights, "led-weights": led_weights, "deaf-service": deaf, "own-associations": own_associations}
