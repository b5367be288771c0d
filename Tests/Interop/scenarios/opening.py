"""IKE_SA_INIT and IKE_AUTH: who begins, and under which proposals."""
import dataclasses

from checks import Failed, until
from demo.process import Trouble
from peers.connection import SharedKey
from scenarios.rekeying import new_child
from scenarios.scenario import connection

PROPOSALS = (
    ("aes128gcm16-prfsha256-x25519", "aes128gcm16"),
    ("aes256gcm16-prfsha384-ecp384", "aes256gcm16-ecp384"),
    ("aes256-sha512-modp2048", "aes256gcm16-modp2048"),
    ("chacha20poly1305-prfsha512-ecp521", "aes256gcm16-ecp521"),
    ("aes128-sha256-modp3072", "aes128gcm16-modp3072"),
    ("aes256-sha384-ecp256", "aes128gcm16-ecp256"),
)


def they_start(s):
    theirs = connection()
    us, alice = s.us(theirs.of_other_end()), s.strongswan(theirs)
    alice.initiate(theirs.name)
    s.agreed(us, alice, theirs.name)
    s.passed("one IKE SA, one Child SA, and both ends say the same")
    s.ends_well(s.traffic())
    s.protected()
    alice.terminate(theirs.name)
    both_gone(s, us, alice)


def we_start(s):
    theirs = connection()
    alice, us = s.strongswan(theirs), s.us(theirs.of_other_end(start="start"))
    s.agreed(us, alice, theirs.name)
    s.passed("one IKE SA, one Child SA, and both ends say the same")
    s.ends_well(s.traffic())
    s.protected()
    us.terminate(theirs.name)
    both_gone(s, us, alice)


def both_gone(s, us, peer):
    until(lambda: not us.associations() and not peer.associations(),
          lambda: "after the DELETE there is left: %s %s" % (us.associations(), peer.associations()))
    s.passed("a DELETE ends it at both ends")


def proposals(s):
    """Each proposal on its own, a connection to us per proposal, one after the other."""
    each = [connection(name="proposal%d" % n, ike=(ike,), esp=(esp,)) for n, (ike, esp) in enumerate(PROPOSALS)]
    every = connection(name="any", ike=tuple(ike for ike, _ in PROPOSALS), esp=tuple(esp for _, esp in PROPOSALS))
    us, alice = s.us(every.of_other_end()), s.strongswan(*each)
    for theirs in each:
        alice.initiate(theirs.name)
        there = s.one_tunnel(alice, theirs.name)
        traffic = s.traffic(workers=3)
        alice.rekey_child(theirs.name)
        new_child(s, alice, there, theirs.name)
        traffic.go_on()
        s.ends_well(traffic, "%s / %s, with a rekey" % (theirs.ike[0], theirs.esp[0]))
        alice.terminate(theirs.name)
    s.protected()


def refused(s):
    """Nothing in common, and a wrong secret: the peer is told, and keeps nothing."""
    right = connection()
    us = s.us(right.of_other_end())
    wrong = dataclasses.replace(right, name="weak", ike=("aes128-sha256-modp1536",))
    alice = s.strongswan(wrong)
    for theirs, words in ((wrong, "NO_PROPOSAL_CHOSEN"), (connection(name="secret", authentication=SharedKey("wrong")), "AUTHENTICATION_FAILED")):
        if theirs is not wrong:
            s.stop(alice)
            alice = s.strongswan(theirs)
        try:
            alice.initiate(theirs.name, seconds=10)
        except Trouble:
            s.expect(words in alice.text(), "%s is answered with %s" % (theirs.name, words),
                     "%s was not answered with %s%s" % (theirs.name, words, alice.last_words()))
        else:
            raise Failed("%s: it came up" % theirs.name)
        s.expect(not us.associations() and not alice.associations(), "nothing is left of it")


SCENARIOS = {
    "psk-they-start": they_start,
    "psk-we-start": we_start,
    "proposals": proposals,
    "refused": refused,
}
