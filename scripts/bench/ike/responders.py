"""Who answers: a router of ours without targets, and Debian's charon. Each has one connection for any number of peers."""
import json
import os
import secrets
import time

from demo.process import Trouble, spawn, stop
from ike.network import ADDRESS, CHARON, OURS, TRUSTED
from peers.vici import Control

GATEWAY = "gateway.example"
SECRET = "benchmark preshared key"
PROPOSAL = "aes128gcm16-prfsha256-x25519"
TICK = os.sysconf("SC_CLK_TCK")
READY_SECONDS = 20


class Responder:
    def __init__(self, network, folder):
        self.network, self.folder, self.process = network, folder, None
        self.log = folder / ("%s.log" % self.node)

    def run(self, command, is_ready):
        with open(self.log, "ab") as log:
            self.process = spawn(self.network.inside(self.node, command), stdout=log, stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Trouble("%s does not run: %s" % (self.node, self.log.read_text(errors="replace")[-2000:]))
            time.sleep(0.02)
        return self

    def processor_seconds(self):
        """In the process itself and in the kernel for it."""
        fields = open("/proc/%d/stat" % self.process.pid).read().rsplit(")", 1)[1].split()
        return int(fields[11]) / TICK, int(fields[12]) / TICK

    def stop(self):
        if self.process:
            stop(self.process, seconds=10)
            self.process = None


class OurRouter(Responder):
    """`viaduct run`, as it comes: with its packet path, sequencers and status file."""
    node = OURS

    def start(self, viaduct, pki=None, limits={}):
        key = self.folder / "cluster.key"
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32) + "\n")
        connection = {
            "name": "clients", "localID": GATEWAY, "remoteID": "*.clients.example", "proposals": [PROPOSAL],
            "deadPeerSeconds": 0, "rekeySeconds": 0,
            "child": {"mode": "tunnel", "proposals": ["aes128gcm16"], "local": ["10.2.0.0/16"], "remote": ["10.64.0.0/10"],
                      "rekeySeconds": 0},
        }
        if pki:
            connection |= {"certificate": str(pki / "gateway.pem"), "privateKey": str(pki / "gateway.key"),
                           "authorities": [str(pki / "root.pem")], "revocation": "ignore"}
        else:
            connection["presharedKey"] = SECRET
        file = self.folder / "cluster.yaml"
        file.touch(mode=0o600)
        file.write_text(json.dumps({
            "cluster": "bench", "stateDirectory": str(self.folder / "state"), "clusterKey": str(key),
            "nodes": {"router": {"role": "router", "clientInterface": "client0", "trustedInterface": "trusted0",
                                 "trustedAddress": TRUSTED}},
            "gateways": [ADDRESS[OURS]], "dvipas": [{"address": "10.2.0.1", "services": []}],
            "ike": {"listen": [ADDRESS[OURS]], "connections": [connection], **limits},
        }))
        self.status_file = self.folder / "status.json"
        before = len(self.text())
        return self.run([viaduct, "run", "--config", file, "--node", "router", "--status", self.status_file],
                        lambda: "ready: " in self.text()[before:])

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def status(self):
        try:
            return json.loads(self.status_file.read_text())
        except FileNotFoundError:
            return {}


PLUGINS = ("random nonce openssl pem pkcs1 pkcs8 pubkey x509 constraints hmac kdf aes sha1 sha2 gcm curve25519 drbg "
           "kernel-libipsec kernel-netlink socket-default vici")
# No cookies and no bound on half-open IKE SAs, a table for many of them, no log: nothing that we do not ask of ours.
CONFIGURATION = """
charon-systemd {
  load = %(plugins)s
  threads = 16
  dos_protection = no
  ikesa_table_size = 4096
  ikesa_table_segments = 16
  half_open_timeout = 120
  filelog {
    f {
      path = %(log)s
      flush_line = no
      default = 0
    }
  }
  journal {
    default = -1
  }
  plugins {
    vici {
      socket = unix://%(vici)s
    }
  }
}
"""


class Charon(Responder):
    """Its Child SAs go to its own ESP in user space (kernel-libipsec), as ours to the packet path of the router."""
    node = CHARON

    def start(self, pki=None):
        vici = self.folder / "vici"
        vici.unlink(missing_ok=True)
        file = self.folder / "strongswan.conf"
        file.write_text(CONFIGURATION % {"plugins": PLUGINS, "log": self.folder / "charon.txt", "vici": vici})
        self.run(["env", "STRONGSWAN_CONF=%s" % file, "/usr/sbin/charon-systemd"], vici.exists)
        local, remote = {"id": GATEWAY}, {"id": "*.clients.example"}
        with Control(vici) as control:
            if pki:
                local |= {"auth": "pubkey", "certs": [(pki / "gateway.pem").read_text()]}
                remote |= {"auth": "pubkey", "cacerts": [(pki / "root.pem").read_text()], "revocation": "relaxed"}
                control.command("load-key", {"type": "any", "data": (pki / "gateway.key").read_text()})
            else:
                local["auth"] = remote["auth"] = "psk"
                control.command("load-shared", {"id": "all", "type": "IKE", "data": SECRET,
                                                "owners": [GATEWAY, "*.clients.example"]})
            child = {"mode": "tunnel", "esp_proposals": ["aes128gcm16"], "local_ts": ["10.2.0.0/16"],
                     "remote_ts": ["10.64.0.0/10"], "rekey_time": 0}
            control.command("load-conn", {"clients": {
                "version": 2, "local_addrs": [ADDRESS[CHARON]], "remote_addrs": ["%any"], "proposals": [PROPOSAL],
                "unique": "never", "dpd_delay": 0, "rekey_time": 0, "mobike": "no", "send_certreq": "yes",
                "local": local, "remote": remote, "children": {"net": child}}})
        return self
