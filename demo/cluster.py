"""The whole cluster: its network, its members, and the web server of each target."""
import pathlib
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time

from demo import plan
from demo.configuration import configuration, negotiating
from demo.etcd import Etcd
from demo.network import Network, sweep
from demo.node import Node
from demo.process import Trouble, run, spawn, stop
from demo.strongswan import StrongSwan

HERE = pathlib.Path(__file__).resolve().parent.parent
READY_SECONDS = 20
# What says that a packet went on its way, and says nothing about a loss.
GOOD = {"steered", "steeredWithOptions", "relayed", "delivered", "sealed", "deliveredInClear", "sentInClear", "passed", "keepalive", "probed",
        "handedOver"}


def claim(prefix):
    """A name that only one run can hold, and that goes when the run does, however it ends."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind("\0" + prefix + "run")
    except OSError:
        raise Trouble("another run with the namespaces %s* goes on" % prefix)
    return name


class Cluster:
    """Use it in a `with`: nothing of it is left afterwards, whatever happened in between."""

    def __init__(self, viaduct, prefix, mode="tunnel", window=64, port="auto", keep_logs=None,
                 router_under=(), say=lambda text: None, client="viaduct", rekey_seconds=0, coupling="embedded",
                 amend=lambda text: text, addresses=plan, queues=1):
        """`client`: "viaduct" for our own endpoint with manual SAs, "strongswan" for one that negotiates and rekeys. `coupling`:
        "embedded" in the router, or "etcd", which then runs on the trusted link. `amend`: makes
        another text of the configuration. `addresses`: the plan, or one of `demo.families`. `queues`:
        of the router's links, at both ends."""
        self.viaduct = pathlib.Path(viaduct).resolve()
        self.client, self.rekey_seconds = client, rekey_seconds
        self.prefix, self.mode, self.window, self.port = prefix, mode, window, port
        self.logs, self.router_under, self.say = keep_logs, router_under, say
        self.network = Network(prefix, mode, addresses, queues)
        self.coupling, self.amend = coupling, amend
        self.dvipa = addresses.dvipa(mode)
        self.nodes, self.servers, self.claimed, self.folder, self.etcd = {}, {}, None, None, None

    def __enter__(self):
        self.claimed = claim(self.prefix)
        try:
            sweep(self.prefix)
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def start(self):
        # /run is memory: the keys never reach a disk. Its owner alone may look inside.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=self.prefix, dir="/run"))
        config = self.folder / "cluster.yaml"
        config.touch(mode=0o600)
        secret = secrets.token_hex(24)
        if self.client == "strongswan":
            if self.coupling == "etcd":
                self.etcd = Etcd(self.network, plan.TRUSTED, self.folder, [plan.STORE])
            endpoints = self.etcd.endpoints if self.etcd else ()
            text = negotiating(self.window, self.port, self.folder, secret, endpoints)
            config.write_text(self.amend(self.network.plan.text(text)))
            run([self.viaduct, "cluster", "init", "--config", config, "--directory", self.folder / "link"])
        else:
            text = configuration(self.mode, self.window, self.port, self.folder / "state")
            config.write_text(self.amend(self.network.plan.text(text)))
        self.say("network: %d namespaces %s*" % (len(plan.NAMESPACES), self.prefix))
        self.network.make()
        if self.etcd:
            self.start_etcd()
        for name in (plan.ROUTER, *plan.TARGETS, plan.CLIENT):
            under = self.router_under if name == plan.ROUTER else ()
            if name == plan.CLIENT and self.client == "strongswan":
                self.nodes[name] = StrongSwan(name, self.network, self.folder, secret, self.rekey_seconds)
            else:
                self.nodes[name] = Node(name, self.network, self.viaduct, config, self.folder, under)
            self.nodes[name].start()
        for node in self.nodes.values():
            node.wait_until_ready(READY_SECONDS)
            self.say(node.summary)
        for target in plan.TARGETS:
            self.start_server(target)
        self.wait(self.serving, "the web servers do not listen on %s" % self.dvipa)
        self.wait(self.neighbours_known, "the router does not know the link-layer address of every target")
        if self.client == "strongswan":
            self.wait(self.links_joined, "not every target has joined the link")
            self.say("IKE: " + self.nodes[plan.CLIENT].initiate())

    def start_etcd(self):
        self.network.ip(["addr add %s/24 dev switch0" % plan.STORE], plan.TRUSTED)
        self.etcd.start()
        self.say("etcd at %s" % self.etcd.endpoints[0])

    def kill(self, target):
        """As a host that loses its power."""
        self.nodes[target].kill()
        server = self.servers.pop(target)
        server.kill()
        server.wait()

    def restart(self, target):
        self.nodes[target].start()
        self.start_server(target)

    def start_server(self, target, port=plan.PORT):
        command = [sys.executable, "-m", "demo.server", "--address", self.dvipa, "--port", port, "--name", target]
        name = target if port == plan.PORT else "%s-%d" % (target, port)
        with open(self.folder / ("%s.server" % name), "wb") as output:
            self.servers[name] = spawn(self.network.inside(target, command), cwd=HERE, stdout=output, stderr=output)

    def serving(self):
        for target, server in self.servers.items():
            said = (self.folder / ("%s.server" % target)).read_text(errors="replace")
            if server.poll() is not None:
                raise Trouble("the web server of %s ended: %s" % (target, said.strip()))
            if "listening" not in said:
                return False
        return True

    def neighbours_known(self):
        targets = self.nodes[plan.ROUTER].status().get("targets", {})
        return all(targets.get(t, {}).get("neighbour") for t in plan.TARGETS)

    def links_joined(self):
        targets = self.nodes[plan.ROUTER].status().get("control", {}).get("targets", [])
        # In service, and answered the router's probes: before that no packet goes there.
        return len(targets) == len(plan.TARGETS) and all(t["isInService"] and t.get("state") == "serving" for t in targets)

    def wait(self, condition, otherwise):
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            self.check_alive()
            if time.monotonic() > deadline:
                raise Trouble(otherwise)
            time.sleep(0.05)

    def check_alive(self):
        for node in self.nodes.values():
            node.check_alive()

    def statuses(self):
        return {name: node.status() for name, node in self.nodes.items()}

    def stop_nodes(self):
        """Stops the members in order; the names of those that did not end well."""
        return [name for name in (plan.CLIENT, *plan.TARGETS, plan.ROUTER) if not self.nodes[name].stop()]

    def keep_logs(self):
        """Copies what the members wrote, without the configuration: it holds keys."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for pattern in ("*.log", "*.out", "*.server", "*.status.json", "strongswan/*.log"):
            for file in self.folder.glob(pattern):
                shutil.copy(file, self.logs)

    def remove(self):
        # What interrupts us waits until all is gone.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        try:
            self.remove_all()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def remove_all(self):
        for server in self.servers.values():
            stop(server, seconds=2)
        for node in self.nodes.values():
            if node.process and node.process.poll() is None:
                node.stop()
        if self.etcd:
            self.etcd.stop()
        if self.logs and self.folder:
            self.keep_logs()
        self.network.remove()
        self.claimed.close()
