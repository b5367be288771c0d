"""What every scenario is given: the network, an end of each kind, traffic, and a place to say what was checked."""
import contextlib
import threading

from checks import expect, until
from peers.connection import Connection, End, SharedKey
from peers.strongswan import StrongSwan
from routers.charon import CharonRouter
from routers.viaduct import OurRouter
from testbed import plan
from testbed.traffic import Pings, Traffic

US = "gateway.example"


def connection(client=plan.ALICE, name=None, authentication=SharedKey(), ours=None, **options):
    """The usual connection of a client to us, as the client sees it. `ours`: how we prove ourselves, when not like the client."""
    tunnel = options.get("mode", "tunnel") == "tunnel"
    return Connection(
        name=name or client,
        local=End("%s.example" % client, (plan.OUTER[client],), ("%s/32" % plan.INNER[client],) if tunnel else (), authentication),
        remote=End(US, (plan.GATEWAY if tunnel else plan.DVIPA_OUTSIDE,), ("%s/32" % plan.DVIPA,) if tunnel else (), ours or authentication),
        **options)


class Scenario:
    """Use it in a `with`: all that a scenario started is stopped when it ends."""

    def __init__(self, name, network, folder, options, say):
        self.name, self.network, self.folder, self.options, self.say = name, network, folder, options, say
        self.ends, self.checked, self.stack = [], 0, contextlib.ExitStack()

    def __enter__(self):
        self.before = self.network.internet.counts()
        return self

    def __exit__(self, *_):
        self.stack.close()

    # The ends.

    def us(self, *connections, kernel="libipsec", mode="tunnel", transforms=(), verify="router", **settings):
        """Our side of these connections, which are given as our own side sees them. `transforms`: of targets that lack some. `verify`: who authenticates."""
        if self.options.router == "viaduct":
            router = OurRouter(self.network, self.folder, self.options.viaduct, mode, transforms, verify)
        else:
            router = CharonRouter(self.network, self.folder, kernel, mode, **settings)
        self.stack.callback(router.stop)
        self.ends.append(router)
        router.start(connections)
        return router

    def strongswan(self, *connections, node=plan.ALICE, kernel="libipsec", **settings):
        peer = StrongSwan(self.network, node, self.folder, kernel, **settings)
        return self.peer(peer, connections)

    def peer(self, peer, connections):
        self.stack.callback(peer.stop)
        self.ends.append(peer)
        peer.start()
        for connection in connections:
            peer.load(connection)
        return peer

    def stop(self, *ends):
        for end in ends:
            end.stop()
            self.ends.remove(end)

    # What travels.

    def traffic(self, node=plan.ALICE, address=plan.DVIPA, **options):
        """Begins; returns when every worker has ended a transfer."""
        traffic = Traffic(self.network, node, self.folder, address, **options)
        self.stack.callback(traffic.stop)
        traffic.go_on()
        return traffic

    def pings(self, us, node=plan.ALICE):
        """None where pings are not answered."""
        if not us.answers_pings:
            return None
        pings = Pings(self.network, node, self.folder)
        self.stack.callback(pings.stop)
        return pings

    def at_once(self, *actions):
        """Does them at the same time; the first trouble there was."""
        troubles = []
        def attempt(action):
            try:
                action()
            except Exception as trouble:
                troubles.append(trouble)
        threads = [threading.Thread(target=attempt, args=(action,)) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if troubles:
            raise troubles[0]

    # What was checked.

    def passed(self, what):
        self.checked += 1
        self.say("ok      %s: %s" % (self.name, what))

    def expect(self, condition, what, otherwise=None):
        expect(condition, otherwise or what)
        self.passed(what)

    def one_tunnel(self, end, name, seconds=15):
        """The end has one established IKE SA with one Child SA by this name; that IKE SA."""
        def found():
            ours = [ike for ike in end.associations() if ike.name == name]
            return ours[0] if len(ours) == 1 and ours[0].established and len(ours[0].children) == 1 else None
        return until(found, lambda: "%s: not one IKE SA with one Child SA: %s" % (name, end.associations()), seconds)

    def agreed(self, us, peer, name, seconds=15):
        """Both ends have the same one IKE SA, and the same one Child SA in it; that, as the peer sees it."""
        def found():
            theirs, ours = ([i for i in end.associations() if i.name == name and i.established] for end in (peer, us))
            if len(theirs) != 1 or len(ours) != 1 or peer.knows_ike_spis and us.knows_ike_spis and theirs[0].spis != ours[0].spis:
                return None
            inside = [{(c.spi_in, c.spi_out) for c in theirs[0].children}, {(c.spi_out, c.spi_in) for c in ours[0].children}]
            return theirs[0] if len(inside[0]) == 1 and inside[0] == inside[1] else None
        return until(found, lambda: "%s: the ends do not agree\n    peer: %s\n    us:   %s" % (
            name, peer.associations(), us.associations()), seconds)

    def ends_well(self, traffic, what="TCP all the while"):
        self.passed("%s: %s, every hash right" % (what, traffic.end()))

    def nothing_lost(self, us, pings):
        """Every ping was answered; where none is, no packet was dropped on the way."""
        if us.counts_drops:
            dropped = us.dropped()
            self.expect(not dropped, "no packet dropped by router or targets", "dropped: %s" % dropped)
        if pings:
            lost, sent = pings.end()
            self.expect(sent and not lost, "no ping lost of %d" % sent, "%d of %d pings lost" % (lost, sent))

    def protected(self, kind="udpEsp", least=20):
        """Everything that crossed the internet since the scenario began was IKE or ESP of this kind."""
        now = self.network.internet.counts()
        seen = {name: now[name] - self.before[name] for name in now}
        expect(not seen["clear"], "%d packets crossed the internet in clear" % seen["clear"])
        self.expect(seen[kind] >= least, "%d packets of ESP%s, none in clear" % (seen[kind], " in UDP" if kind == "udpEsp" else ""),
                    "%d packets of kind %s crossed the internet: %s" % (seen[kind], kind, seen))

    def address(self, node, *steps):
        self.network.ip(steps, node)

    def last_words(self):
        return "".join(end.last_words() for end in self.ends)
