"""etcd, in one member or several, as the coupling facility."""
import base64
import json
import secrets
import time

from demo.process import Trouble, run, spawn, stop

READY_SECONDS = 15
CLIENT_PORT, PEER_PORT = 2379, 2380


class Etcd:
    """A member at each of the node's addresses. Its data is in `folder`; what the members write in `etcd.N.log` there."""

    def __init__(self, network, node, folder, addresses, certificates=None):
        """`certificates`: (authority, certificate, key) files; with them etcd speaks TLS and asks for a client's certificate."""
        self.network, self.node, self.folder, self.addresses = network, node, folder, list(addresses)
        self.certificates = certificates
        self.scheme = "https" if certificates else "http"
        self.token, self.running = secrets.token_hex(8), {}

    @property
    def endpoints(self):
        return ["%s://%s:%d" % (self.scheme, address, CLIENT_PORT) for address in self.addresses]

    def start(self):
        for number in range(len(self.addresses)):
            self.start_member(number)
        self.wait_until_ready()

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while (leader := self.leader()) is None:
            for number, process in self.running.items():
                if process.poll() is not None:
                    raise Trouble("etcd %d ended with %d\n%s" % (number, process.returncode, self.last_words(number)))
            if time.monotonic() > deadline:
                raise Trouble("etcd has no leader")
            time.sleep(0.1)
        return leader

    def start_member(self, number):
        """Also one that was killed: it goes on with its data."""
        address, url = self.addresses[number], lambda at, port: "%s://%s:%d" % (self.scheme, at, port)
        options = {
            "name": "m%d" % number, "data-dir": self.folder / ("etcd.%d" % number),
            "listen-client-urls": url(address, CLIENT_PORT), "advertise-client-urls": url(address, CLIENT_PORT),
            "listen-peer-urls": "http://%s:%d" % (address, PEER_PORT), "initial-advertise-peer-urls": "http://%s:%d" % (address, PEER_PORT),
            "initial-cluster": ",".join("m%d=http://%s:%d" % (n, a, PEER_PORT) for n, a in enumerate(self.addresses)),
            "initial-cluster-token": self.token, "initial-cluster-state": "new",
            # Short: a test waits for an election.
            "heartbeat-interval": 100, "election-timeout": 1000, "logger": "zap", "log-level": "warn",
        }
        if self.certificates:
            authority, certificate, key = self.certificates
            options |= {"trusted-ca-file": authority, "cert-file": certificate, "key-file": key}
        command = ["etcd", *("--%s=%s" % option for option in options.items())]
        if self.certificates:
            command.append("--client-cert-auth")
        with open(self.folder / ("etcd.%d.log" % number), "ab") as log:
            self.running[number] = spawn(self.network.inside(self.node, command), stdout=log, stderr=log)

    def last_words(self, number=0):
        log = self.folder / ("etcd.%d.log" % number)
        return "\n".join(log.read_text(errors="replace").splitlines()[-6:]) if log.exists() else ""

    def control(self, *command, endpoints=None):
        """What etcdctl says."""
        files = zip(("cacert", "cert", "key"), self.certificates or ())
        return run(self.network.inside(self.node, [
            "env", "ETCDCTL_API=3", "etcdctl", "--dial-timeout=1s", "--command-timeout=2s", "--endpoints", ",".join(endpoints or self.endpoints),
            *("--%s=%s" % each for each in files), *command]))

    def leader(self):
        """The number of the member that leads; None while there is none."""
        for number, endpoint in enumerate(self.endpoints):
            if number not in self.running:
                continue
            try:
                said, = json.loads(self.control("endpoint", "status", "-w", "json", endpoints=[endpoint]))
            except (Trouble, ValueError):
                continue
            if said["Status"].get("leader") == said["Status"]["header"]["member_id"]:
                return number
        return None

    def keys(self, prefix="/"):
        return self.control("get", "--prefix", "--keys-only", prefix).split()

    def values(self, prefix="/"):
        """key -> bytes."""
        said = json.loads(self.control("get", "--prefix", "-w", "json", prefix))
        return {base64.b64decode(e["key"]).decode(): base64.b64decode(e.get("value", "")) for e in said.get("kvs", [])}

    def kill(self, number):
        """As a crash would end it."""
        process = self.running.pop(number)
        process.kill()
        process.wait()

    def kill_all(self):
        for number in list(self.running):
            self.kill(number)

    def stop(self):
        for process in self.running.values():
            stop(process, seconds=2)
        self.running = {}
