"""The coupling facility is slow, gone, full, or shared; the router is killed and comes back."""
import hmac
import secrets
import time

from checks import expect, until
from demo.process import Trouble, run
from grounds import plan
from scenarios.scenario import LEASE_SECONDS, connection

SMALL_BYTES = 1 << 20


def etcd_gone(s):
    """Longer than the router's lease: traffic goes on, IKE waits, nothing is lost, and status says so."""
    store = s.etcd(3)
    theirs = connection()
    cluster = s.cluster(theirs.of_other_end(), coupling=s.coupling(store))
    alice = s.strongswan(theirs)
    crowd = s.crowd(cluster, 60, gap=1)
    before = alice.associations()[0].children[0].spi_out
    store.kill_all()
    until(lambda: cluster.coupling().get("isConnected") is False, lambda: "status does not say that etcd is gone: %s" % cluster.coupling())
    s.passed("status says that etcd is gone: %s" % cluster.coupling())
    gone = time.monotonic()
    alice.rekey_child(theirs.name)
    while time.monotonic() < gone + 2 * LEASE_SECONDS:
        crowd.go_on()
    expect(not crowd.wrong(), lambda: "connections ended: %s" % crowd.wrong()[:3])
    known = [c.spi_out for ike in alice.associations() for c in ike.children]
    s.expect(known == [before], "for %d s, the lease is of %d: traffic goes on, the rekey waits" % (time.monotonic() - gone, LEASE_SECONDS), lambda: "SAs meanwhile: %s" % known)
    for number in range(3):
        store.start_member(number)
    store.wait_until_ready()
    until(lambda: cluster.coupling().get("isConnected") and cluster.coupling().get("isOwner"), lambda: "not back: %s" % cluster.coupling(), 20)
    try:
        alice.rekey_child(theirs.name)
    except Trouble:
        pass  # The one that waited is under way, or done.
    until(lambda: [c.spi_out for ike in alice.associations() for c in ike.children] not in ([], [before]), "no rekey", 30)
    s.passed("etcd is back, and the rekey with it")
    crowd.go_on()
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster)


def full_disk(s):
    """Under the embedded store: what there is goes on, what is new is refused, and with room it is taken again."""
    state = s.folder / "small"
    state.mkdir(mode=0o700)
    run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=0700" % SMALL_BYTES, "tmpfs", state])
    s.stack.callback(lambda: run(["umount", "-l", state]))
    theirs = connection()
    cluster = s.cluster(theirs.of_other_end(), state=state)
    alice = s.strongswan(theirs)
    crowd = s.crowd(cluster, 60, gap=1)
    before = alice.associations()[0].children[0].spi_out
    fill(state / "filler")
    router = cluster.nodes[plan.ROUTER]
    alice.rekey_child(theirs.name)
    said = until(lambda: router.lines("full|space|FULL"), lambda: "nobody says that the disk is full%s" % router.last_words(), 30)
    crowd.go_on()
    expect(not crowd.wrong(), lambda: "connections ended: %s" % crowd.wrong()[:3])
    s.passed("the disk is full, traffic goes on: %s" % said[0][1])
    (state / "filler").unlink()
    def rekeyed():
        try:
            alice.rekey_child(theirs.name)
        except Trouble:
            pass
        until_time = time.monotonic() + 2
        while time.monotonic() < until_time:
            if [c.spi_out for ike in alice.associations() for c in ike.children] not in ([], [before]):
                return True
            time.sleep(0.1)
        return False
    until(rekeyed, lambda: "no rekey though there is room again%s" % router.last_words(), 30)
    s.passed("with room on the disk there is a new Child SA")
    crowd.go_on()
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster)


def fill(file):
    """To the last byte."""
    with open(file, "wb", buffering=0) as out:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                pass


def router_restarted(s):
    """A new epoch; the targets keep what they have until they are told otherwise; traffic resumes when the peer has noticed."""
    theirs = connection(dpd_seconds=2, dpd_action="restart")
    cluster = s.cluster(theirs.of_other_end())
    alice = s.strongswan(theirs)
    crowd = s.crowd(cluster, 60, gap=1)
    epoch = cluster.steering()["epoch"]
    held = {t: cluster.status(t)["link"]["held"] for t in cluster.targets}
    expect(all(held.values()), "targets hold no SA: %s" % held)
    router = cluster.nodes[plan.ROUTER]
    router.kill()
    until(lambda: not any(cluster.status(t)["link"]["isLinked"] for t in cluster.targets), "targets do not notice")
    now = {t: cluster.status(t)["link"]["held"] for t in cluster.targets}
    s.expect(now == held, "the router is gone, the targets keep their SAs: %s" % now, "they hold %s, before %s" % (now, held))
    cluster.member(plan.ROUTER, options=("--control", cluster.control)).start()
    cluster.nodes[plan.ROUTER].wait_until_ready(20)
    cluster.wait_for_service(cluster.targets)
    s.expect(cluster.steering()["epoch"] > epoch, "it is back, in epoch %d after %d" % (cluster.steering()["epoch"], epoch))
    until(lambda: all(cluster.status(t)["link"]["epoch"] > epoch for t in cluster.targets), "targets know no new epoch")
    until(lambda: alice.associations() and cluster.associations() and alice.associations()[0].spis == cluster.associations()[0].spis,
          lambda: "the peer is not back: %s" % alice.associations(), 60)
    s.passed("the peer has noticed and is back")
    crowd.tell(reopen=True)
    crowd.go_on(share=1)
    crowd.go_on(share=1)
    crowd.end()
    s.expect(all(e["error"] == "reset" for e in crowd.ended), "traffic goes on: %d connections lived on, %d were reset" % (
        60 - len({e["number"] for e in crowd.ended if e["number"] <= 60}), len(crowd.ended)), lambda: "ended: %s" % crowd.ended[:5])
    s.no_replays(alice)


def two_clusters(s):
    """On one etcd, side by side: neither sees the other."""
    store = s.etcd()
    first, second = connection(), connection(plan.BOB, plan.SECOND_ROUTER)
    coupling = s.coupling(store)
    one = s.cluster(first.of_other_end(), targets=("t1", "t2"), name="one", coupling=coupling)
    two = s.cluster(second.of_other_end(), targets=("t3", "t4"), name="two", router=plan.SECOND_ROUTER, coupling=coupling)
    alice, bob = s.strongswan(first), s.strongswan(second, node=plan.BOB)
    crowd, others = s.crowd(one, 30, gap=1), s.crowd(two, 30, client=plan.BOB, gap=1)
    keys = store.keys()
    expect(any(k.startswith("/viaduct/one/sa/") for k in keys) and any(k.startswith("/viaduct/two/sa/") for k in keys), "etcd has %s" % keys)
    strange = [k for k in keys if not k.startswith(("/viaduct/one/", "/viaduct/two/"))]
    s.expect(not strange, "each has its keys in etcd, %d in all" % len(keys), "etcd has %s" % strange)
    two.restart_router()
    two.wait_for_service(two.targets)
    crowd.go_on()
    s.expect(one.steering()["epoch"] == 1 and two.steering()["epoch"] == 2, "one's router was killed: its epoch is 2, the other's still 1",
             lambda: "epochs %s and %s" % (one.steering()["epoch"], two.steering()["epoch"]))
    s.expect(set(crowd.served()) == {"t1", "t2"} and not crowd.wrong(), "and the other's connections noticed nothing")
    others.stop()
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(one)


def key_rotated(s):
    """Another cluster key while all runs: every value lies under it, and traffic goes on."""
    store = s.etcd()
    theirs = connection()
    cluster = s.cluster(theirs.of_other_end(), coupling=s.coupling(store))
    alice = s.strongswan(theirs)
    crowd = s.crowd(cluster, 30, gap=1)
    key, former = cluster.credentials / "cluster.key", cluster.credentials / "former.key"

    def wrapped():
        return {k: v[:8] for k, v in store.values("/viaduct/cluster/").items() if "/sa/" in k or "/sequence/" in k}

    old, before = key_id(key), wrapped()
    expect(before and set(before.values()) == {old}, lambda: "under other keys than the file's from the beginning: %s" % before)
    key.rename(former)
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32) + "\n")
    # Without the former key it is refused, and nothing changes.
    try:
        said = cluster.rotate_key()
    except Trouble as trouble:
        said = str(trouble)
    s.expect("neither clusterKey nor among formerClusterKeys" in said, "a key that would lose the others is refused", said)
    cluster.write(formerClusterKeys=[str(former)])
    said = cluster.rotate_key()
    new, after = key_id(key), wrapped()
    s.expect(set(after.values()) == {new} and set(after) == set(before), "%d values lie under the new key: %s" % (len(after), said.strip()),
             lambda: "%s said %r, and etcd has %s" % (new.hex(), said, after))
    expect(new.hex() in said and "%d values" % len(before) in said, lambda: "it says %r" % said)
    alice.rekey_child(theirs.name)
    until(lambda: set(wrapped()) != set(before) and set(wrapped().values()) == {new}, lambda: "after a rekey: %s" % wrapped(), 20)
    s.passed("what is written later, too")
    crowd.go_on()
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster)


def key_id(file):
    """The first eight bytes of each value that is wrapped under it."""
    return hmac.digest(bytes.fromhex(file.read_text().strip()), b"viaduct cluster key 1, key id", "sha256")[:8]


SCENARIOS = {
    "etcd-gone": etcd_gone,
    "full-disk": full_disk,
    "key-rotated": key_rotated,
    "router-restarted": router_restarted,
    "two-clusters": two_clusters,
}
