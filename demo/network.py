"""Network namespaces, the links between them, and their removal. Nothing is made outside namespaces of our own prefix."""
import glob
import json
import os
import shutil
import signal
import time

from demo import plan
from demo.process import Trouble, run

# IPv6 would speak up by itself, and does where a plan has it. Reverse path filtering would refuse the answers, which come in by another link than the
# one that leads to their source.
SETTINGS = """
for name in all default; do
    [ ! -e /proc/sys/net/ipv6/conf/$name/disable_ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6
    echo 0 > /proc/sys/net/ipv4/conf/$name/rp_filter
done
"""
WITH_IPV6 = """
for name in all default; do
    echo 0 > /proc/sys/net/ipv6/conf/$name/disable_ipv6
    echo 0 > /proc/sys/net/ipv6/conf/$name/accept_ra
    echo 0 > /proc/sys/net/ipv6/conf/$name/accept_dad
done
"""
# A packet must be whole when it leaves the host: AF_XDP takes it as it is, with its checksums.
WHOLE = "for link in %s; do ethtool -K $link tx off >/dev/null; done"


def namespaces(prefix):
    """The namespaces of this prefix that exist."""
    return [line.split()[0] for line in run(["ip", "netns", "list"]).splitlines() if line.startswith(prefix)]


def folders(prefix):
    return glob.glob("/run/%s*" % prefix)


def sweep(prefix):
    """Removes what a run of this prefix left behind: processes in its namespaces, the namespaces, its folder in /run."""
    for name in namespaces(prefix):
        end_processes(name)
        run(["ip", "netns", "del", name])
    for folder in folders(prefix):
        shutil.rmtree(folder, ignore_errors=True)


def end_processes(namespace, seconds=5):
    """Kills whoever is still in the namespace: a namespace with a process in it lives on without its name."""
    deadline = time.monotonic() + seconds
    while pids := run(["ip", "netns", "pids", namespace]).split():
        if time.monotonic() > deadline:
            raise Trouble("%s: processes %s do not end" % (namespace, ", ".join(pids)))
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


class Network:
    """The namespaces of a plan, the demonstration's or one like it, connected."""

    def __init__(self, prefix, mode, plan=plan, queues=1):
        self.prefix, self.mode, self.plan, self.queues = prefix, mode, plan, queues

    def namespace(self, node):
        return self.prefix + node

    def inside(self, node, command):
        """The command, as it runs in the node's namespace."""
        return ["ip", "netns", "exec", self.namespace(node), *command]

    def shell(self, node, script):
        return run(self.inside(node, ["sh", "-ec", script]))

    def make(self):
        for node in self.plan.NAMESPACES:
            run(["ip", "netns", "add", self.namespace(node)])
            self.shell(node, SETTINGS)
            if any(":" in address for _, _, address in self.plan.addresses(self.mode)) or ":" in self.plan.dvipa(self.mode):
                self.shell(node, WITH_IPV6)
        self.ip(self.link(*ends) for ends in self.plan.links())
        for node in self.plan.NAMESPACES:
            self.configure(node)
        self.wait_until_up()

    def link(self, one, other):
        queues = self.queues if self.plan.ROUTER in (one[0], other[0]) else 1
        several = "numrxqueues %d numtxqueues %d" % (queues, queues)
        return "link add %s netns %s mtu 1500 %s type veth peer name %s netns %s mtu 1500 %s" % (
            one[1], self.namespace(one[0]), several, other[1], self.namespace(other[0]), several)

    def wait_until_up(self, seconds=10):
        """The kernel may take up to a second to put a link with a carrier to work, and drops what is sent until then. A
        lost ARP request is a second in which packets wait: theirs would be old sequence numbers."""
        deadline = time.monotonic() + seconds
        for node in self.plan.NAMESPACES:
            while idle := self.idle_links(node):
                if time.monotonic() > deadline:
                    raise Trouble("%s: %s does not come up" % (self.namespace(node), ", ".join(idle)))
                time.sleep(0.02)

    def idle_links(self, node):
        links = json.loads(run(["ip", "-n", self.namespace(node), "-j", "link", "show"]))
        return [link["ifname"] for link in links if link["ifname"] != "lo" and link["operstate"] != "UP"]

    def configure(self, node):
        links = [name for pair in self.plan.links() for where, name in pair if where == node]
        steps = ["link set lo up"]
        if node in self.plan.SWITCHES:
            steps += ["link add switch0 type bridge", "link set switch0 up"]
            steps += ["link set %s master switch0" % name for name in links]
        steps += ["addr add %s dev %s" % (address, name) for where, name, address in self.plan.addresses(self.mode) if where == node]
        steps += ["link set %s up" % name for name in links]
        steps += ["route add %s via %s" % (destination, hop) for where, destination, hop in self.plan.routes() if where == node]
        self.ip(steps, node)
        self.shell(node, WHOLE % " ".join(links))

    def ip(self, steps, node=None):
        run(["ip", *(["-n", self.namespace(node)] if node else []), "-batch", "-"], input="\n".join(steps) + "\n")

    def remove(self):
        sweep(self.prefix)
