"""A peer that breaks the rules: pluto, told to (its `--impair`). What RFC 7296 wants ignored is ignored, what it wants refused is
refused, and a good attempt afterwards succeeds."""
from checks import expect, until
from peers.libreswan import Libreswan
from scenarios.rekeying import new_child
from scenarios.scenario import connection
from testbed import plan

# Comes up all the same.
SURVIVED = {
    "send-nonzero-reserved": "reserved bytes in proposals",
    "send-bogus-payload-flag": "reserved flags in payload headers",
    "send-bogus-isakmp-flag": "reserved flags in the IKE header",
    "minor-version-bump": "a minor version we do not know",
    "add-unknown-v2-payload-to:IKE_SA_INIT": "an unknown payload in IKE_SA_INIT",
    "add-unknown-v2-payload-to:IKE_AUTH": "an unknown payload beside the encrypted one of IKE_AUTH",
    "add-unknown-v2-payload-to-sk:IKE_AUTH": "an unknown payload inside IKE_AUTH",
    "jacob-two-two": "every message twice",
    "send-nonzero-reserved-id": "reserved bytes in ID payloads, which AUTH covers as they are (RFC 7296 section 2.15)",
    "send-no-idr": "no IDr",
    "drop-incoming:1": "a lost IKE_SA_INIT response",
    "drop-incoming:2": "a lost IKE_AUTH response",
}
# (faults, words) of which one must come: what pluto says it received, or that it waits in vain.
WAITING = "retransmission; will wait"
REFUSED = {
    ("major-version-bump",): ("INVALID_MAJOR_VERSION", WAITING),
    ("add-unknown-v2-payload-to-sk:IKE_AUTH", "unknown-v2-payload-critical"): ("UNSUPPORTED_CRITICAL_PAYLOAD",),
    ("add-unknown-v2-payload-to:IKE_SA_INIT", "unknown-v2-payload-critical"): ("UNSUPPORTED_CRITICAL_PAYLOAD",),
    ("ke-payload:OMIT",): ("INVALID_SYNTAX", "INVALID_KE_PAYLOAD", "NO_PROPOSAL_CHOSEN", WAITING),
    ("ke-payload:EMPTY",): ("INVALID_SYNTAX", "INVALID_KE_PAYLOAD", WAITING),
    ("ke-payload:16",): ("INVALID_SYNTAX", "INVALID_KE_PAYLOAD", WAITING),
    ("ike-key-length-attribute:OMIT",): ("NO_PROPOSAL_CHOSEN", "INVALID_SYNTAX", WAITING),
    ("ike-key-length-attribute:0",): ("NO_PROPOSAL_CHOSEN", "INVALID_SYNTAX", WAITING),
    ("child-key-length-attribute:OMIT",): ("NO_PROPOSAL_CHOSEN", "INVALID_SYNTAX"),
    ("child-key-length-attribute:0",): ("NO_PROPOSAL_CHOSEN", "INVALID_SYNTAX"),
    ("force-v2-auth-method:NULL",): ("AUTHENTICATION_FAILED",),
}


def begun(s, **ours):
    theirs = connection()
    us = s.us(theirs.of_other_end(**ours), kernel="shim")
    return us, s.peer(Libreswan(s.network, plan.ALICE, s.folder), [theirs]), theirs.name


def over(us, alice, name):
    """Back to where nothing was."""
    alice.impair("none")
    alice.terminate(name)
    until(lambda: not us.associations() and not alice.associations(), lambda: "there is left: %s %s" % (us.associations(), alice.associations()))


def survived(s):
    us, alice, name = begun(s)
    for fault, what in SURVIVED.items():
        alice.impair(fault)
        alice.initiate(name)
        s.agreed(us, alice, name)
        s.passed("%s: up all the same" % what)
        over(us, alice, name)
    good_afterwards(s, us, alice, name)


def refused(s):
    us, alice, name = begun(s)
    for faults, words in REFUSED.items():
        for fault in faults:
            alice.impair(fault)
        before = len(alice.text())
        alice.tell("--name", name, "--initiate", "--asynchronous")
        said = until(lambda: [w for w in words if w in alice.text()[before:]],
                     lambda: "%s: none of %s came:\n%s" % (faults, words, alice.text()[before:]), 20)
        expect(not any(i.children for i in us.associations()), lambda: "%s: we have %s" % (faults, us.associations()))
        s.passed("%s: %s" % (" and ".join(faults), "no answer" if said[0] == WAITING else said[0]))
        alice.impair("none")
        alice.terminate(name)
        alice.reload(name)
    good_afterwards(s, us, alice, name)


def other_selectors(s):
    """Rekeys that ask for everything, or for less: whatever comes of it, what was agreed at first stays in force."""
    us, alice, name = begun(s)
    alice.initiate(name)
    s.agreed(us, alice, name)
    traffic = s.traffic(workers=2, silence=15)
    for fault in ("rekey-initiate-supernet", "rekey-initiate-subnet"):
        before = s.agreed(us, alice, name)
        alice.impair(fault)
        alice.rekey_child(name)
        new_child(s, alice, before, name)
        s.agreed(us, alice, name)
        alice.impair("none")
        s.passed("%s: one Child SA" % fault)
        traffic.go_on()
    s.ends_well(traffic)
    s.protected("rawEsp")


def silent_leave(s):
    """A peer that goes without a DELETE and comes back: DPD ends the old, when not the peer's identity does."""
    us, alice, name = begun(s, dpd_seconds=1)
    alice.initiate(name)
    s.agreed(us, alice, name)
    alice.impair("send-no-delete")
    alice.terminate(name)
    alice.impair("none")
    expect(us.associations(), "the peer said DELETE after all")
    alice.initiate(name)
    s.agreed(us, alice, name, 30)
    s.passed("it came back, and the old SAs are gone")


def good_afterwards(s, us, alice, name):
    alice.initiate(name)
    s.agreed(us, alice, name)
    s.ends_well(s.traffic(workers=2, silence=15), "after all that, TCP")
    s.protected("rawEsp")


SCENARIOS = {
    "libreswan-faults-survived": survived,
    "libreswan-faults-refused": refused,
    "libreswan-other-selectors": other_selectors,
    "libreswan-silent-leave": silent_leave,
}
