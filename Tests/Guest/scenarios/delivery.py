"""Linux as a target's ESP: `delivery: xfrm` in the guest, whose kernel opens what comes under the SAs that our program gives it."""
import json
import subprocess
import sys

from checks import until
from scenarios.peer import SETTINGS, batch
from testbed import plan
from testbed.cluster import Cluster, drops
from testbed.linux import Pair
from testbed.network import ROOT

BYTES = 60_000
TARGET = "t3"
DEVICE = "viaduct-gre0"
CLIENT_CODE = """\
import json, sys
from machine.agent import Agent
print(json.dumps(Agent().transfer(json.load(sys.stdin))))
"""
CLEAN = """\
ip() { /usr/sbin/ip "$@"; }
ip xfrm state flush
ip xfrm policy flush
ip addr flush dev lo scope global
ip addr flush dev eth0 scope global
"""


class ClientPair(Pair):
    """A pair whose other end is our endpoint in the client's namespace."""

    @property
    def outer(self):
        return plan.CLIENT_OUTER[self.family]

    @property
    def source(self):
        return plan.inner(self.inside, 0x900 + self.number) if self.mode == "tunnel" else self.outer

    def ours(self):
        for line in super().ours():
            yield line
            if line.startswith("    selectors"):
                yield "    endpoint: " + plan.CLIENT

    @staticmethod
    def all():
        wanted = [("aes256gcm16", {}), ("aes128gcm16", {}), ("chacha20poly1305", {}), ("aes256-sha256", {}),
                  ("aes128ctr-sha512", {}), ("null-sha384", {}), ("aes192gmac", {}), ("aes128gcm16", {"family": 6, "inside": 6}),
                  ("aes256gcm16", {"inside": 6}), ("aes256gcm16", {"family": 6})]
        made = [Pair.make(number + 1, algorithm, **more) for number, (algorithm, more) in enumerate(wanted)]
        return [ClientPair(**vars(pair)) for pair in made]


def start(s, cluster, delivery="xfrm"):
    """Our target in the guest: its process, and the line with which it is ready."""
    text = cluster.config.read_text().replace("delivery: xfrm", "delivery: " + delivery)
    s.guest.shell("umask 077\ncat > /run/cluster.yaml <<'END'\n%s\nEND\n" % text)
    pid = s.guest.ask(start=TARGET, command=[
        "/usr/bin/viaduct", "run", "--config", "/run/cluster.yaml", "--node", TARGET, "--status", "/run/%s.json" % TARGET])["pid"]
    return pid, until(lambda: read(s, "out"), lambda: "%s is not ready: %s" % (TARGET, read(s, "log")), 60)


def read(s, kind):
    return s.guest.ask(read="/run/%s.%s" % (TARGET, kind))["text"]


def states(s):
    return s.guest.shell("/usr/sbin/ip xfrm state").count("proto esp spi")


def serve(s):
    for number, address in enumerate(plan.DVIPA.values()):
        name = "server%d" % number
        s.guest.ask(start=name, command=["python", "-m", "demo.server", "--address", address, "--port", str(plan.PORT), "--name", TARGET])
        until(lambda: "listening" in s.guest.ask(read="/run/%s.out" % name)["text"],
              lambda: "no web server on %s: %s" % (address, s.guest.ask(read="/run/%s.log" % name)["text"]), 30)


def transfer(s, pairs):
    """Six of each, which the targets share. What went wrong."""
    wanted = [{"kind": kind, "seed": 10 * pair.number + turn, "address": pair.dvipa, "port": plan.PORT, "source": pair.source, "size": BYTES}
              for pair in pairs for turn, kind in enumerate(("download", "upload") * 3)]
    done = subprocess.run(s.network.inside(plan.CLIENT, [
        "env", "PYTHONPATH=%s:%s" % (ROOT, ROOT / "Tests/Guest"), sys.executable, "-B", "-c", CLIENT_CODE]),
        input=json.dumps(wanted), capture_output=True, text=True, timeout=150)
    results = json.loads(done.stdout)["results"] if done.returncode == 0 else [done.stderr] * len(wanted)
    s.checked += results.count(None)
    return ["%s from %s: %s" % (each["kind"], each["source"], result) for each, result in zip(wanted, results) if result]


def nodes(inner):
    """Lines of the guest and the client in the configuration."""
    return ["  %s: {role: target, trustedAddress: %s, delivery: xfrm}" % (TARGET, plan.GUEST_TRUSTED),
            "  %s: {role: endpoint, addresses: [%s]}" % (plan.CLIENT, ", ".join('"%s"' % address for address in inner))]


def kernel_opens(s):
    """TCP both ways through a target whose kernel opens ESP; a killed run is cleaned up by the next, and nothing stays behind it."""
    pairs, guest = ClientPair.all(), s.guest
    guest.shell(CLEAN + SETTINGS)
    batch(guest, ["link set eth0 up", "link set eth1 up", "addr add %s/24 dev eth1" % plan.GUEST_TRUSTED]
          + ["addr add %s dev eth0%s" % (plan.GUEST_OUTER[family], quiet) for family, quiet in ((4, ""), (6, " nodad"))])
    with Cluster(s.network, s.folder, s.options.viaduct, pairs, nodes(pair.source for pair in pairs), [plan.CLIENT]) as cluster:
        pid, _ = start(s, cluster)
        guest.shell("kill -9 %d" % pid)
        guest.ask(stop=TARGET)
        s.check(states(s) == len(pairs), lambda: "a killed target left %d SAs" % states(s))
        _, ready = start(s, cluster)
        s.check("the kernel opens" in ready, ready)
        s.check(states(s) == len(pairs), lambda: "the kernel has %d SAs, not %d" % (states(s), len(pairs)))
        serve(s)
        until(lambda: cluster.nodes[plan.ROUTER].status().get("targets", {}).get(TARGET, {}).get("neighbour"),
              "the router does not know the guest's link-layer address")
        wrong = transfer(s, pairs)
        ended = guest.ask(stop=TARGET)
        status = json.loads(read_status(s))
        verdicts = cluster.stop()
        s.check(not wrong, lambda: "\n".join([*wrong, str(status), str(verdicts), guest.shell("cat /proc/net/xfrm_stat")]))
        s.check(ended["status"] == 0, lambda: "%s ended with %s: %s" % (TARGET, ended["status"], read(s, "log")))
    kernel, counted = status["kernel"], status["verdicts"]
    s.check(kernel["opened"] > 100 and not kernel["badICV"] and not kernel["replayed"], "the kernel: %s" % kernel)
    s.check(counted.get("sealed", 0) > 100 and not counted.get("delivered"), "%s: %s" % (TARGET, counted))
    # An emulated machine is slower than a lease of numbers: packets that waited too long for one are sent again by TCP.
    counted.pop("noSequenceNumber", None)
    for node, counts in {**verdicts, TARGET: counted}.items():
        s.check(not drops(counts), "%s dropped %s" % (node, drops(counts)))
    left = guest.shell("/usr/sbin/ip xfrm state; /usr/sbin/ip xfrm policy; /usr/sbin/ip -o link")
    s.check("proto esp" not in left and DEVICE not in left, "something is left in the kernel:\n" + left)


def read_status(s):
    return s.guest.ask(read="/run/%s.json" % TARGET)["text"]


def kernel_refuses(s):
    """A kernel without ESP: refused in one line that says what to do; `auto` takes the TUN device."""
    s.guest.shell("rmmod esp4")
    pairs = ClientPair.all()[:1]
    cluster = Cluster(s.network, s.folder, s.options.viaduct, pairs, nodes([pairs[0].source]))
    s.guest.shell("umask 077\ncat > /run/cluster.yaml <<'END'\n%s\nEND\n" % cluster.config.read_text())
    said = s.guest.ask(run="/usr/bin/viaduct run --config /run/cluster.yaml --node " + TARGET)
    line = said["output"].strip().splitlines()[-1]
    s.check(said["status"] != 0 and "has no ESP with aes256gcm16" in line and "delivery: tun" in line, "it said: %s" % said)
    _, ready = start(s, cluster, "auto")
    s.check("the kernel opens" not in ready, ready)
    s.guest.ask(stop=TARGET)


SCENARIOS = {"kernel-opens": kernel_opens, "kernel-refuses": kernel_refuses}
