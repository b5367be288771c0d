"""Who is not let in, and what is not taken: each refusal has a name, is counted, and changes nothing for the others."""
import shutil
import subprocess
import sys
import time

from checks import expect, until
from demo.process import run
from grounds import plan
from members.cluster import HERE
from scenarios.scenario import connection

BAD, GOOD = "t3", ("t1", "t2")


def knock(s, cluster, kind, folder=None, name="t2"):
    """Somebody at the link's port, from t3's place."""
    return run(s.network.inside(BAD, [sys.executable, HERE / "members/strangers.py", kind, plan.ROUTER_TRUSTED[plan.ROUTER],
                                      plan.LINK_PORT, folder or cluster.credentials, cluster.router, name])).strip()


def counted(s, cluster, kind, fault, what, **knocking):
    """The refusal is counted under its name."""
    before = cluster.link_counts().get(fault, 0)
    said = knock(s, cluster, kind, **knocking)
    until(lambda: cluster.link_counts().get(fault, 0) > before,
          lambda: "%s: %s is not counted (they heard: %s): %s" % (what, fault, said, cluster.link_counts()))
    s.passed("%s: %s; they: %s" % (what, fault, said))


def foreign_authority(s, cluster):
    """Files of another cluster with the same names."""
    folder = s.folder / "foreign"
    run([s.options.viaduct, "cluster", "init", "--config", cluster.folder / "cluster.yaml", "--directory", folder])
    return folder


def undisturbed(s, cluster, crowd, alice, *named):
    expect(all(cluster.in_service(t) for t in GOOD), lambda: "not in service any more: %s" % [cluster.target(t) for t in GOOD])
    s.ends_well(crowd)
    s.no_replays(alice)
    s.nothing_dropped(cluster, *named)


def two_of_three(s):
    """A small cluster in which t3 is not there yet."""
    return s.usual(missing=(BAD,))


def strangers(s):
    cluster, alice, crowd = two_of_three(s)
    counted(s, cluster, "plain", "notTLS", "plain bytes")
    counted(s, cluster, "bare", "noCertificate", "no certificate")
    counted(s, cluster, "foreign", "foreignAuthority", "a certificate of another authority", folder=foreign_authority(s, cluster))
    counted(s, cluster, "noise", "protocolFault", "noise through TLS")
    counted(s, cluster, "false", "nameDiffers", "t2's certificate, t1's name", name="t1")
    counted(s, cluster, "silent", "silent", "a connection without a word")
    undisturbed(s, cluster, crowd, alice)


def ends_by_name(s, cluster, credentials, words, what, **changes):
    """A member that finds its own files wrong ends before it touches anything."""
    member = cluster.member(BAD, cluster.write("%s.yaml" % BAD, credentials=credentials, **changes))
    member.start()
    try:
        status = member.wait_until_ended()
    except subprocess.TimeoutExpired:
        member.kill()
        expect(False, "%s: %s runs all the same%s" % (what, BAD, member.last_words()))
    expect(status != 0 and member.lines(words), lambda: "%s: it ended with %d and said:%s" % (what, status, member.last_words()))
    s.passed("%s: %s" % (what, member.lines(words)[0][1]))
    del cluster.nodes[BAD]


def own_files(s):
    cluster, alice, crowd = two_of_three(s)
    missing, other = s.folder / "missing", s.folder / "other"
    for folder in (missing, other):
        shutil.copytree(cluster.credentials, folder)
    key = cluster.credentials / "cluster.key"
    (missing / (BAD + ".pem")).unlink()
    ends_by_name(s, cluster, missing, BAD + r"\.pem", "no certificate", key=key)
    for ending in (".pem", ".key"):
        shutil.copy(other / ("t2" + ending), other / (BAD + ending))
    ends_by_name(s, cluster, other, "certificate of t2", "another member's certificate", key=key)
    undisturbed(s, cluster, crowd, alice)


def foreign_cluster_key(s):
    """Its certificate is right, and what keys are wrapped with is not: it gets no SA."""
    cluster, alice, crowd = two_of_three(s)
    key = s.folder / "foreign.key"
    key.touch(mode=0o600)
    key.write_text("c7" * 32 + "\n")
    member = cluster.member(BAD, cluster.write("%s.yaml" % BAD, key=key))
    member.start()
    until(lambda: member.lines("key") or cluster.nodes[plan.ROUTER].lines(BAD + ".*key"), lambda: "nobody says that the key is another%s" % member.last_words())
    expect(not cluster.in_service(BAD) and not member.status().get("link", {}).get("held"), lambda: "%s is taken in: %s" % (BAD, cluster.target(BAD)))
    s.passed("not in service: %s" % (member.lines("key") or cluster.nodes[plan.ROUTER].lines(BAD + ".*key"))[0][1])
    crowd.go_on()
    member.stop()
    undisturbed(s, cluster, crowd, alice)


def policy(s):
    """A file in which the service has another port, and one with a filter: refused, and both hashes are named."""
    cluster, alice, crowd = two_of_three(s)
    others = {
        "another port": {"dvipas": [{"address": cluster.dvipa, "services": [{"name": "web", "protocol": "tcp", "ports": [plan.PORT, 443]}]}]},
        "a filter": {"filters": {"at": "target", "rules": [{"action": "deny", "protocol": "udp"}]}},
    }
    for what, change in others.items():
        began = time.time()
        member = cluster.member(BAD, cluster.write("%s.yaml" % BAD, **change))
        member.start()
        hashes = r"[0-9a-f]{64}.*[0-9a-f]{64}"
        for who in (member, cluster.nodes[plan.ROUTER]):
            until(lambda: who.lines(hashes, began), lambda: "%s: %s does not name both hashes%s" % (what, who.name, who.last_words()))
        expect(not cluster.in_service(BAD), lambda: "%s: %s is taken in: %s" % (what, BAD, cluster.target(BAD)))
        s.passed("%s, refused: %s" % (what, member.lines(hashes, began)[0][1]))
        member.stop()
    cluster.add(BAD)
    cluster.wait_for_service([BAD])
    s.passed("with the cluster's file it is let in")
    undisturbed(s, cluster, crowd, alice)


def old_epoch(s):
    """A router whose state was put back from a copy: its epoch is over, and the targets know."""
    cluster = s.cluster(connection().of_other_end())
    state, copy = cluster.folder / "state", s.folder / "copy"
    cluster.nodes[plan.ROUTER].stop()
    shutil.copytree(state, copy)
    epochs = []
    for _ in range(2):
        cluster.member(plan.ROUTER, options=("--control", cluster.control)).start()
        cluster.nodes[plan.ROUTER].wait_until_ready(20)
        cluster.wait_for_service(cluster.targets)
        epochs.append(cluster.steering()["epoch"])
        cluster.nodes[plan.ROUTER].stop()
    expect(epochs[1] > epochs[0], "the epochs were %s" % epochs)
    shutil.rmtree(state)
    shutil.copytree(copy, state)
    router = cluster.member(plan.ROUTER, options=("--control", cluster.control))
    began = time.time()
    router.start()
    status = router.wait_until_ended()
    said = router.lines("took itself out.*%d" % epochs[1], began)
    expect(status and said, lambda: "the router ended with %s and does not say that its epoch is over%s" % (status, router.last_words()))
    s.passed("after epoch %d one with an older one is not believed, and ends: %s" % (epochs[1], said[0][1]))
    del cluster.nodes[plan.ROUTER]


SCENARIOS = {
    "link-strangers": strangers,
    "link-own-files": own_files,
    "link-foreign-cluster-key": foreign_cluster_key,
    "link-policy-differs": policy,
    "link-old-epoch": old_epoch,
}
