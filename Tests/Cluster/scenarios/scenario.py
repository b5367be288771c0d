"""What every scenario is given: clusters, etcd, peers, crowds of connections, and a place to say what was checked."""
import contextlib

from checks import expect, until
from crowd.crowd import Crowd
from demo.etcd import Etcd
from grounds import plan
from members.cluster import Cluster
from peers.connection import Connection, End, SharedKey
from peers.strongswan import StrongSwan

US = "gateway.example"
LEASE_SECONDS = 2
# A lease of numbers ran out between sealing and sending, or there was none in time: this machine has few processors, and TCP sends again.
LATE = ("noSequenceNumber",)


def connection(client=plan.ALICE, router=plan.ROUTER, **options):
    """The usual connection of a client to a cluster, as the client sees it."""
    return Connection(
        name=client, local=End("%s.example" % client, (plan.OUTER[client],), ("%s/32" % plan.INNER[client],), SharedKey()),
        remote=End(US, (plan.GATEWAY[router],), ("%s/32" % plan.DVIPA[router],), SharedKey()), **options)


class Scenario:
    """Use it in a `with`: all that a scenario started is stopped when it ends."""

    def __init__(self, name, network, folder, options, say):
        self.name, self.network, self.folder, self.options, self.say = name, network, folder, options, say
        self.ends, self.checked, self.stack = [], 0, contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    # Who takes part.

    def cluster(self, *connections, start=True, targets=plan.TARGETS[:3], **file):
        """A router with these connections, as its own side sees them, and its targets."""
        cluster = Cluster(self.network, self.folder, self.options.viaduct, connections, targets=targets, **file)
        self.stack.callback(cluster.stop)
        self.ends.append(cluster)
        return cluster.start() if start else cluster

    def etcd(self, members=1, certificates=None):
        store = Etcd(self.network, plan.STORE, self.folder, plan.STORES[:members], certificates)
        self.stack.callback(store.stop)
        store.start()
        return store

    def coupling(self, store, **more):
        """The configuration's words for it."""
        return {"kind": "etcd", "endpoints": store.endpoints, "leaseSeconds": LEASE_SECONDS, **more}

    def strongswan(self, *connections, node=plan.ALICE):
        """A peer with its connections up."""
        peer = StrongSwan(self.network, node, self.folder)
        self.stack.callback(peer.stop)
        self.ends.append(peer)
        peer.start()
        for each in connections:
            peer.load(each)
            peer.initiate(each.name)
        return peer

    def crowd(self, cluster, count, client=plan.ALICE, name="crowd", **options):
        """Connections; returns when all are served."""
        cluster.wait_until_distributed()
        crowd = Crowd(self.network, client, self.folder, cluster.dvipa, plan.PORT, name)
        self.stack.callback(crowd.stop)
        crowd.open(count, **options)
        crowd.wait_for(count)
        return crowd

    def usual(self, count=60, **file):
        """A small cluster, alice's tunnel and her connections: (cluster, alice, crowd)."""
        theirs = connection()
        cluster = self.cluster(theirs.of_other_end(), **file)
        alice = self.strongswan(theirs)
        return cluster, alice, self.crowd(cluster, count, gap=1)

    # What was checked.

    def passed(self, what):
        self.checked += 1
        self.say("ok      %s: %s" % (self.name, what))

    def expect(self, condition, what, otherwise=None):
        expect(condition, otherwise or what)
        self.passed(what)

    def window_drops(self, peer):
        """Packets that the peer's window refused, by its log."""
        return peer.text().count("sequence number verification failed")

    def no_replays(self, *peers):
        drops = {peer.node: self.window_drops(peer) for peer in peers}
        self.expect(not any(drops.values()), "no packet refused by the replay window of %s" % " or ".join(drops), "replay drops: %s" % drops)

    def nothing_dropped(self, cluster, *named):
        """Nothing but these verdicts: what the scenario makes happen."""
        found = {(node, verdict): n for node, verdicts in cluster.dropped().items() for verdict, n in verdicts.items()}
        strange = {where: n for where, n in found.items() if where[1] not in (*LATE, *named)}
        self.expect(not strange, "nothing dropped%s" % (": " + ", ".join("%s %s %d" % (*w, n) for w, n in found.items()) if found else ""),
                    "dropped: %s" % strange)

    def ends_well(self, crowd, allowed=()):
        """Every connection that was not reset with its target has the right hashes to the end."""
        crowd.again()
        state = crowd.end()
        wrong = crowd.wrong(allowed)
        self.expect(not wrong, "%d connections, %d exchanges, %.1f MB, every hash right%s" % (
            sum(state["open"].values()), state["exchanges"], state["bytes"] / 1e6,
            "; %d reset with their targets" % len(crowd.ended) if crowd.ended else ""), lambda: "connections ended: %s" % wrong[:5])
        return state

    def adds_up(self, cluster, peer, name):
        """At rest, the router's count of what came under the Child SA is the peer's count of what it sent. Bytes: the peer counts what
        is inside, we count ESP: header and IV of 16, ICV of 16, two bytes and up to three of padding."""
        def agree():
            theirs = {c.spi_out: c for ike in peer.associations() if ike.name == name for c in ike.children}
            ours = {c.spi_in: c for ike in cluster.associations() if ike.name == name for c in ike.children}
            self.counts = "peer: %s\n    us: %s" % (
                {s: (c.packets_out, c.bytes_out) for s, c in theirs.items()}, {s: (c.packets_in, c.bytes_in) for s, c in ours.items()})
            shared = theirs.keys() & ours.keys()
            return shared if shared == theirs.keys() and sum(c.packets_out for c in theirs.values()) and all(
                ours[s].packets_in == theirs[s].packets_out
                and 0 <= ours[s].bytes_in - theirs[s].bytes_out - 34 * theirs[s].packets_out <= 3 * theirs[s].packets_out for s in shared) else None
        shared = until(agree, lambda: "lifecounts and what %s sent differ\n    %s" % (peer.node, self.counts), 15)
        self.passed("%s: the lifecount of %s is what the peer sent" % (name, ", ".join(sorted(shared))))

    def last_words(self):
        return "".join(end.last_words() for end in self.ends)
