"""Raw ESP and transport mode, by daemons that believe they have a kernel with ESP."""
import dataclasses

from checks import until
from peers.libreswan import Libreswan
from peers.openiked import OpenIKED
from scenarios.rekeying import new_child, new_ike
from scenarios.scenario import connection
from testbed import plan

# The shim does some hundred packets a second.
GENTLY = {"workers": 2, "silence": 15}


def carried(s, us, peer, theirs, esp="rawEsp"):
    """TCP while both ends rekey."""
    traffic = s.traffic(address=plan.dvipa(theirs.mode), **GENTLY)
    for end, who in ((peer, "the peer"), (us, "us")):
        before = s.agreed(us, peer, theirs.name)
        end.rekey_child(theirs.name)
        new_child(s, peer, before, theirs.name)
        s.agreed(us, peer, theirs.name)
        s.passed("Child SA rekeyed by %s" % who)
        before = s.agreed(us, peer, theirs.name)
        end.rekey_ike(theirs.name)
        new_ike(s, peer, before, theirs.name)
        s.agreed(us, peer, theirs.name)
        s.passed("IKE SA rekeyed by %s" % who)
        traffic.go_on()
    s.ends_well(traffic)
    s.protected(esp)


def strongswan(s, transforms=(), **options):
    theirs = connection(**options)
    us = s.us(theirs.of_other_end(), kernel="shim", mode=theirs.mode, transforms=transforms)
    alice = s.strongswan(theirs, kernel="shim")
    alice.initiate(theirs.name)
    there = s.agreed(us, alice, theirs.name)
    child = there.children[0]
    s.expect(child.mode == theirs.mode and child.encapsulated == theirs.encapsulate, "%s mode, %s" % (
        child.mode, "in UDP" if child.encapsulated else "raw ESP"))
    carried(s, us, alice, theirs, "udpEsp" if theirs.encapsulate else "rawEsp")
    both_counted(s, alice)
    return us


def esn(s, esp):
    """Numbers of 64 bits in both directions. The client's begin so high that the lower half wraps while TCP goes on: before and
    after it every target infers the right upper half, of which most packets went to others."""
    ahead = 1500
    theirs = connection(esp=(esp,))
    us = s.us(theirs.of_other_end(), kernel="shim")
    alice = s.strongswan(theirs, kernel="shim", used=(1 << 32) - ahead)
    alice.initiate(theirs.name)
    s.agreed(us, alice, theirs.name)
    said = alice.shim.associations()
    s.expect(said and all(sa["esn"] for sa in said), "%s: the peer has extended sequence numbers in both directions" % esp)
    traffic = s.traffic(**GENTLY)
    until(lambda: alice.shim.tell("stat")["tx"] > 2 * ahead, lambda: "the peer sent too little: %s" % alice.shim.tell("stat"), 60)
    s.passed("the peer's numbers crossed 2^32")
    traffic.go_on()
    for end, who in ((alice, "the peer"), (us, "us")):
        before = s.agreed(us, alice, theirs.name)
        end.rekey_child(theirs.name)
        new_child(s, alice, before, theirs.name)
        s.agreed(us, alice, theirs.name)
        s.passed("Child SA rekeyed by %s" % who)
        traffic.go_on()
    s.ends_well(traffic)
    s.protected("rawEsp")
    both_counted(s, alice)
    if us.counts_drops:
        # The shim goes on for a moment under an SA that a rekey has ended.
        dropped = {name: {v: n for v, n in counts.items() if v != "unknownSPI"} for name, counts in us.dropped().items()}
        s.expect(not any(dropped.values()), "every number was inferred right, by the router and by the targets", "dropped: %s" % dropped)


def relayed(s, **options):
    """Only t1 can do the SA's AES-128: for the others the router does it (docs/relay.md)."""
    us = strongswan(s, transforms={"t2": ("aes256gcm16",), "t3": ("aes256gcm16",)}, **options)
    if us.counts_drops:
        us.dropped()
        relay = us.status()["relay"]["verdicts"]
        s.expect(relay.get("relayed") and relay.get("sealed"), "the router opened %d packets and sealed %d" % (
            relay.get("relayed", 0), relay.get("sealed", 0)))


def both_counted(s, peer):
    """The shim's own opinion of what it received."""
    stat = peer.shim.tell("stat")
    s.expect(not stat["rx_bad"] and not stat["rx_replay"], "%d packets came in, none bad, none twice" % stat["rx"], "the shim counted %s" % stat)


def libreswan(s, who="they", **options):
    theirs = connection(**options)
    us = s.us(theirs.of_other_end(), kernel="shim", mode=theirs.mode)
    alice = s.peer(Libreswan(s.network, plan.ALICE, s.folder), [theirs])
    (alice if who == "they" else us).initiate(theirs.name)
    s.agreed(us, alice, theirs.name)
    s.passed("one IKE SA, one Child SA, and both ends say the same")
    carried(s, us, alice, theirs)
    both_counted(s, alice)
    (alice if who == "they" else us).terminate(theirs.name)
    until(lambda: not us.associations(), lambda: "after the DELETE we have %s" % (us.associations(),))
    s.passed("a DELETE ends it")


def openiked(s, who="they"):
    """It always tunnels with AES-CBC and SHA-2, stays on port 500, and rekeys when a lifetime says so."""
    theirs = connection(ike=("aes256-sha256-x25519",), esp=("aes256-sha512-x25519",), start="start" if who == "they" else "",
                        child_rekey_seconds=15 if who == "they" else 0)
    # Its first Child SA is made without a key exchange of its own, and so it offers none.
    ours = dataclasses.replace(theirs.of_other_end(), esp=("aes256-sha512-x25519", "aes256-sha512"))
    us = s.us(ours, kernel="shim")
    alice = s.peer(OpenIKED(s.network, plan.ALICE, s.folder), [theirs])
    if who == "we":
        us.initiate(theirs.name)
    before = s.agreed(us, alice, theirs.name)
    s.passed("one IKE SA, one Child SA, and both ends say the same")
    traffic = s.traffic(**GENTLY)
    if who == "they":
        new_child(s, alice, before, theirs.name, 30)
        s.passed("Child SA rekeyed by the peer's lifetime")
        before = s.agreed(us, alice, theirs.name)
    for rekey, changed, what in ((us.rekey_child, new_child, "Child"), (us.rekey_ike, new_ike, "IKE")):
        rekey(theirs.name)
        changed(s, alice, before, theirs.name)
        before = s.agreed(us, alice, theirs.name)
        s.passed("%s SA rekeyed by us" % what)
        traffic.go_on()
    s.ends_well(traffic)
    s.protected("rawEsp")
    both_counted(s, alice)
    (alice if who == "they" else us).terminate(theirs.name)
    until(lambda: not us.associations(), lambda: "after the DELETE we have %s" % (us.associations(),))
    s.passed("a DELETE ends it")


SCENARIOS = {
    "raw-esp-tunnel": lambda s: strongswan(s),
    "raw-esp-transport": lambda s: strongswan(s, mode="transport"),
    "udp-transport": lambda s: strongswan(s, mode="transport", encapsulate=True),
    "esn-gcm": lambda s: esn(s, "aes128gcm16-esn"),
    "esn-cbc-hmac": lambda s: esn(s, "aes128-sha256-esn"),
    "esn-chacha": lambda s: esn(s, "chacha20poly1305-esn"),
    "relay-transport": lambda s: relayed(s, mode="transport"),
    "relay-udp-transport": lambda s: relayed(s, mode="transport", encapsulate=True),
    "libreswan-they-start": lambda s: libreswan(s, "they"),
    "libreswan-we-start": lambda s: libreswan(s, "we"),
    "libreswan-transport": lambda s: libreswan(s, "they", mode="transport"),
    "openiked-they-start": lambda s: openiked(s, "they"),
    "openiked-we-start": lambda s: openiked(s, "we"),
}
