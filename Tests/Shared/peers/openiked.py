"""OpenBSD's iked, with the shim for a kernel (by PF_KEY): raw ESP with AES-CBC and SHA-1, SHA-384 or SHA-512, no ESN. It has no
command to rekey: it rekeys when lifetimes say so, and its peer may."""
import dataclasses
import re

from demo.process import run
from peers.association import IKE, Child
from peers.daemon import Daemon
from peers.shim import Shim

POLICY = ('ikev2 "{name}" {start} {mode} esp from {left} to {right} local {local} peer {peer} ikesa enc aes-256 prf hmac-sha2-256 '
          'auth hmac-sha2-256 group {group} childsa enc aes-256 auth {auth} noesn srcid {leftid} dstid {rightid} {lifetimes} psk "{secret}"\n')
GROUPS = {"x25519": "curve25519", "ecp256": "ecp256", "modp2048": "modp2048"}
INTEGRITY = {"sha1": "hmac-sha1", "sha384": "hmac-sha2-384", "sha512": "hmac-sha2-512"}
IKE_SA = re.compile(r"^iked_sas: \S+ rspi 0x(\w+) ispi 0x(\w+) .*\] (\w+) ([ir]) ")
CHILD_SA = re.compile(r"^  sa_childsas: \S+ ESP 0x(\w+) (in|out) ")


class OpenIKED(Daemon):
    def __init__(self, network, node, folder):
        super().__init__(network, node, folder)
        self.shim = Shim(network, node, self.folder)
        self.socket, self.configuration = self.folder / "iked.sock", self.folder / "iked.conf"
        self.name = None

    def start(self):
        """It starts with its configuration: `load` does it."""
        self.shim.start()
        return self

    def load(self, connection):
        self.name = connection.name
        tunnel = connection.mode == "tunnel"
        local, remote = connection.local, connection.remote
        self.configuration.touch(mode=0o600)
        self.configuration.write_text(POLICY.format(
            name=connection.name, start="active" if connection.start else "passive", mode=connection.mode,
            left=local.selectors[0] if tunnel else local.addresses[0], right=remote.selectors[0] if tunnel else remote.addresses[0],
            local=local.addresses[0], peer=remote.addresses[0], group=GROUPS[connection.ike[0].split("-")[-1]],
            auth=INTEGRITY[connection.esp[0].split("-")[1]], leftid=local.identity, rightid=remote.identity,
            lifetimes="lifetime %d" % connection.child_rekey_seconds if connection.child_rekey_seconds else "",
            secret=local.authentication.secret))
        self.run(["env", *self.shim.variables(), "/usr/sbin/iked", "-dvv", "-f", self.configuration, "-s", self.socket],
                 self.socket.exists, "iked")

    def terminate(self, name):
        self.ikectl("reset", "sa")

    def stop(self):
        super().stop()
        self.shim.stop()

    def ikectl(self, *arguments):
        return run(self.network.inside(self.node, ["ikectl", "-s", self.socket, *arguments]))

    def associations(self):
        found = []
        for line in self.ikectl("show", "sa").splitlines():
            if ike := IKE_SA.match(line):
                responder, initiator, state, role = ike.groups()
                found.append((IKE(self.name, initiator, responder, role == "i", state == "ESTABLISHED"), {"in": [], "out": []}))
            elif child := CHILD_SA.match(line):
                found[-1][1][child[2]].append(child[1])
        # It lists SAs one by one; which belong together shows only while there is one each way.
        return [dataclasses.replace(ike, children=tuple(Child(self.name, *pair) for pair in zip(spis["in"], spis["out"])))
                for ike, spis in found if ike.established]
