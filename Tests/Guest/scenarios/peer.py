"""Linux as the peer: its ESP, for every transform that it has and we have, speaks with the cluster's."""
import re

from testbed import plan
from testbed.cluster import Cluster, drops
from testbed.linux import ALGORITHMS, Pair

BYTES = 60_000
SETTINGS = """\
ip link set lo up
for name in all default eth0; do
    echo 0 > /proc/sys/net/ipv4/conf/$name/rp_filter
    echo 0 > /proc/sys/net/ipv6/conf/$name/accept_dad
    echo 0 > /proc/sys/net/ipv6/conf/$name/accept_ra
done
"""


def pairs():
    """Every transform in each mode and with and without ESN, over either family in turns; then what only some need to show."""
    made = []

    def add(algorithm, **more):
        made.append(Pair.make(len(made) + 1, algorithm, **more))

    for algorithm in ALGORITHMS:
        add(algorithm)
        add(algorithm, esn=True, family=6, inside=6)
        add(algorithm, mode="transport", esn=True)
        add(algorithm, mode="transport", family=6, inside=6)
    for algorithm in ("aes128gcm16", "chacha20poly1305", "aes256-sha256", "null-sha512"):
        add(algorithm, udp=True, esn=True)
        add(algorithm, udp=True, mode="transport")
        add(algorithm, family=6, inside=4)
        add(algorithm, family=4, inside=6)
    add("aes256gcm16", udp=True, family=6, inside=6)
    return made


def network_of(guest):
    commands = ["link set eth0 up"]
    for family in (4, 6):
        length, quiet = GUEST_LENGTHS[family]
        commands += ["addr add %s dev eth0%s" % (plan.GUEST_OUTER[family], quiet),
                     "addr add %s%s dev eth0%s" % (plan.GUEST_RETURN[family], length, quiet),
                     "route add %s via %s" % (plan.single(plan.DVIPA["tunnel", family]), plan.GATEWAY[family])]
    batch(guest, commands)


GUEST_LENGTHS = {4: ("/24", ""), 6: ("/64", " nodad")}


def batch(guest, commands):
    guest.shell("/usr/sbin/ip -batch - <<'END'\n%s\nEND\n" % "\n".join(commands))


def transfers(pair):
    common = {"address": pair.dvipa, "port": plan.PORT, "source": pair.source, "size": BYTES}
    return [{"kind": "download", "seed": pair.number, **common}, {"kind": "upload", "seed": 1000 + pair.number, **common}]


def every_transform(s):
    """TCP both ways with checked hashes under each pair of SAs, through the router and a target, and nobody drops a packet."""
    guest, all_pairs = s.guest, pairs()
    guest.shell(SETTINGS)
    network_of(guest)
    guest.ask(take=4500)
    for pair in all_pairs:
        batch(guest, pair.kernel())
    with Cluster(s.network, s.folder, s.options.viaduct, all_pairs, link=True) as cluster:
        wrong = []
        for pair in all_pairs:
            results = guest.ask(transfer=transfers(pair))["results"]
            for kind, result in zip(("down", "up"), results):
                if result is None:
                    s.checked += 1
                else:
                    wrong.append("%s, %s: %s" % (pair, kind, result))
        verdicts = cluster.stop()
        s.check(not wrong, lambda: "\n".join([*wrong, str(verdicts), guest.shell("cat /proc/net/xfrm_stat")]))
    for node, counted in verdicts.items():
        s.check(not drops(counted), "%s dropped %s" % (node, drops(counted)))
    faults = [line for line in guest.shell("cat /proc/net/xfrm_stat").splitlines() if not line.rstrip().endswith("\t0")]
    s.check(not faults, "the guest's kernel refused packets:\n" + "\n".join(faults))
    # 60,000 bytes took 40 packets or more each way: what the kernel's own SAs counted.
    used = re.findall(r"(\d+)\(bytes\), (\d+)\(packets\)", guest.shell("/usr/sbin/ip -s xfrm state"))
    s.check(sum(int(count) >= 40 for _, count in used) == 2 * len(all_pairs), "not every SA of the kernel was used: %s" % used)
    s.check(all(verdicts[target].get("delivered") for target in plan.TARGETS), "not every target served: %s" % verdicts)


SCENARIOS = {"every-transform": every_transform}
