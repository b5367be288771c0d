"""X.509: each kind of key, over IKE fragments, with an intermediate authority, and with revocation."""
import dataclasses
import re

from checks import Failed, expect
from demo.process import Trouble
from peers.pki import KINDS, Authority
from scenarios.scenario import US, connection

FRAGMENTS = re.compile(r"splitting IKE message \(\d+ bytes\) into (\d+) fragments")


def with_certificates(authority, **options):
    return connection(authentication=authority.certificates("alice.example"), ours=authority.certificates(US), **options)


def key_kinds(s):
    """One after the other; the certificate and its intermediate go in fragments."""
    for kind in KINDS:
        theirs = with_certificates(Authority(s.folder, kind), name=kind)
        us, alice = s.us(theirs.of_other_end()), s.strongswan(theirs, fragment_size=600)
        alice.initiate(kind)
        s.agreed(us, alice, kind)
        seen = FRAGMENTS.findall(alice.text())
        s.expect(seen, "%s: both authenticated, IKE_AUTH in %s fragments" % (kind, "+".join(seen)), "%s: no fragments" % kind)
        if kind.startswith("rsa"):
            s.expect("received fragment #" in alice.text(), "%s: and fragments in answer" % kind)
        s.ends_well(s.traffic(workers=3), "%s: TCP" % kind)
        s.stop(alice, us)
    s.protected()


def we_start(s):
    theirs = with_certificates(Authority(s.folder, "ecdsa256"))
    alice, us = s.strongswan(theirs), s.us(theirs.of_other_end(start="start"))
    s.agreed(us, alice, theirs.name)
    s.passed("both authenticated, we began")
    s.ends_well(s.traffic(workers=3))


def unfragmented(s):
    """A peer that does not do RFC 7383: IP carries the fragments."""
    theirs = with_certificates(Authority(s.folder, "rsa2048"), fragmentation=False)
    us, alice = s.us(theirs.of_other_end(fragmentation=True)), s.strongswan(theirs)
    alice.initiate(theirs.name)
    s.agreed(us, alice, theirs.name)
    s.expect(not FRAGMENTS.search(alice.text()), "both authenticated, without IKE fragments")
    s.ends_well(s.traffic(workers=3))


def revoked(s):
    """With lists that revoke nothing it comes up; with one that revokes the peer's certificate we refuse it."""
    authority = Authority(s.folder, "ecdsa256")
    theirs = with_certificates(authority)
    leaf = theirs.local.authentication.own[0]
    for lists, good in ((authority.revocations(), True), (authority.revocations(leaf), False)):
        ours = theirs.of_other_end(check_revocation=True)
        ours = dataclasses.replace(ours, local=dataclasses.replace(
            ours.local, authentication=dataclasses.replace(ours.local.authentication, revoked=lists)))
        us, alice = s.us(ours), s.strongswan(theirs)
        try:
            alice.initiate(theirs.name, seconds=10)
            came_up = True
        except Trouble:
            came_up = False
        expect(came_up == good, "with %s list it %s" % ("an empty" if good else "the other", "came up" if came_up else "did not come up"))
        if good:
            s.passed("a list that does not name the certificate lets it in")
        else:
            s.expect("AUTHENTICATION_FAILED" in alice.text() and not us.associations(), "a list that names it keeps it out, AUTHENTICATION_FAILED")
        s.stop(alice, us)


def untrusted(s):
    """An authority we do not know."""
    good, other = Authority(s.folder, "ecdsa256"), Authority(s.folder / "other", "ecdsa256")
    theirs = with_certificates(good)
    stranger = other.certificates("alice.example")
    theirs = dataclasses.replace(theirs, local=dataclasses.replace(theirs.local, authentication=stranger))
    us = s.us(with_certificates(good).of_other_end())
    alice = s.strongswan(theirs)
    try:
        alice.initiate(theirs.name, seconds=10)
    except Trouble:
        s.expect("AUTHENTICATION_FAILED" in alice.text() and not us.associations(), "a stranger's certificate: AUTHENTICATION_FAILED, and nothing is left")
    else:
        raise Failed("a stranger's certificate was taken")


SCENARIOS = {
    "certificates": key_kinds,
    "certificates-we-start": we_start,
    "certificates-unfragmented": unfragmented,
    "certificates-revoked": revoked,
    "certificates-untrusted": untrusted,
}
