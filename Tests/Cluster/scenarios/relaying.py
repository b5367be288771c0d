"""A target that lacks a transform: the router's relay does the IPsec in its place."""
from checks import until
from members.cluster import USED_AT_ROUTER
from scenarios.scenario import connection

ESP, MORE = "aes256gcm16-x25519", 40


def states(cluster, target):
    return {x["targets"].get(target) for x in cluster.steering().get("shadows", [])}


def all_relayed(cluster):
    return states(cluster, "t2") == {USED_AT_ROUTER}


def without_transform(s):
    """t1 can do all, t2 no AES-256: connections of one SA at both, through a rekey, and the peer notices nothing."""
    theirs = connection(esp=(ESP,))
    cluster = s.cluster(theirs.of_other_end(), targets=("t1", "t2"), transforms={"t2": ("aes128gcm16",)})
    alice = s.strongswan(theirs)
    crowd = s.crowd(cluster, 60, gap=2)
    s.expect(states(cluster, "t1") == {"distributed"} and states(cluster, "t2") == {USED_AT_ROUTER},
             "t1: distributed; t2: %s" % USED_AT_ROUTER, lambda: "%s" % cluster.steering().get("shadows"))
    served = crowd.served()
    s.expect(served.get("t1") == served.get("t2") == 30, "connections at both: %s" % served, lambda: "%s" % served)
    before = {c.spi_in for ike in cluster.associations() for c in ike.children}
    cluster.ike("rekey-children", theirs.name)
    until(lambda: {c.spi_in for ike in cluster.associations() for c in ike.children} - before, "no rekey")
    cluster.wait_until_distributed()
    crowd.go_on()
    crowd.open(MORE, gap=2)
    crowd.wait_for(60 + MORE)
    s.expect(all_relayed(cluster), "rekeyed; t2: still %s" % USED_AT_ROUTER, lambda: "%s" % cluster.steering().get("shadows"))
    s.ends_well(crowd)
    s.no_replays(alice)
    cluster.fresh()
    router, t1, t2 = (cluster.status(name) for name in ("router1", "t1", "t2"))
    relay = router.get("relay", {}).get("verdicts", {})
    handed = router["targets"]["t2"]["relayed"]
    s.expect(handed and not router["targets"]["t1"]["relayed"] and relay.get("relayed") == handed == t2["verdicts"].get("deliveredInClear"),
             "%d packets opened at the router, all of them delivered by t2" % handed, lambda: "%s %s %s" % (router, relay, t2))
    sent = t2["verdicts"].get("sentInClear")
    s.expect(sent and sent == relay.get("sealed") and not t2["verdicts"].get("sealed") and t1["verdicts"].get("sealed"),
             "%d packets of t2 sealed at the router" % sent, lambda: "%s %s %s" % (relay, t1, t2))
    s.nothing_dropped(cluster)
    s.adds_up(cluster, alice, theirs.name)


SCENARIOS = {"relay-tunnel": without_transform}
