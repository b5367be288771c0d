"""The client: strongSwan's charon with its ESP in user space (kernel-libipsec), which always travels in UDP."""
import re
import time

from demo import plan
from demo.process import Trouble, run, spawn, stop

STRONGSWAN = """\
charon-systemd {{
  load = random nonce openssl pem pkcs1 pkcs8 pubkey x509 revocation constraints hmac kdf aes sha1 sha2 gcm chapoly curve25519 drbg kernel-libipsec kernel-netlink socket-default vici counters
  retransmit_timeout = 0.5
  retransmit_base = 1.5
  retransmit_tries = 5
  delete_rekeyed_delay = 1
  filelog {{
    f {{
      path = {folder}/charon.log
      flush_line = yes
      default = 1
    }}
  }}
  journal {{
    default = -1
  }}
  plugins {{
    vici {{
      socket = unix://{folder}/vici
    }}
  }}
}}
swanctl {{
  load = random openssl pem pkcs1 pkcs8 pubkey x509
  socket = unix://{folder}/vici
}}
"""
SWANCTL = """\
connections {{
  demo {{
    version = 2
    local_addrs = {outer}
    remote_addrs = {gateway}
    proposals = aes256gcm16-prfsha384-x25519
    rekey_time = 0
    local {{
      auth = psk
      id = client.example
    }}
    remote {{
      auth = psk
      id = gateway.example
    }}
    children {{
      web {{
        local_ts = {inner}/32
        remote_ts = {dvipa}/32
        esp_proposals = aes256gcm16-x25519
        rekey_time = {rekey}
        life_time = {life}
        rand_time = 0
      }}
    }}
  }}
}}
secrets {{
  ike-demo {{
    secret = "{secret}"
    id-1 = client.example
    id-2 = gateway.example
  }}
}}
"""
# swanctl wants all of them, empty or not.
FOLDERS = "x509 x509ca x509ocsp x509aa x509ac x509crl pubkey private rsa ecdsa pkcs8 pkcs12 bliss".split()


class StrongSwan:
    """Looks like a `Node` to the cluster: started, stopped, and asked what it counted."""

    def __init__(self, name, network, folder, secret, rekey_seconds):
        self.name, self.network, self.secret, self.rekey_seconds = name, network, secret, rekey_seconds
        self.folder = folder / "strongswan"
        self.process, self.summary, self.last = None, "", {}

    def start(self):
        self.folder.mkdir(mode=0o700)
        for name in FOLDERS:
            (self.folder / name).mkdir()
        (self.folder / "strongswan.conf").write_text(STRONGSWAN.format(folder=self.folder))
        (self.folder / "swanctl.conf").write_text(self.network.plan.text(SWANCTL.format(
            outer=plan.CLIENT_OUTER, gateway=plan.GATEWAY, inner=plan.CLIENT_INNER, dvipa=plan.dvipa("tunnel"),
            secret=self.secret, rekey=self.rekey_seconds, life=10 * self.rekey_seconds)))
        self.network.ip(["addr add %s dev lo" % self.network.plan.text(plan.CLIENT_INNER + "/32")], self.name)
        with open(self.folder / "output", "wb") as output:
            self.process = spawn(self.inside("/usr/sbin/charon-systemd"), stdout=output, stderr=output)

    def inside(self, *command):
        return self.network.inside(self.name, [
            "env", "STRONGSWAN_CONF=%s/strongswan.conf" % self.folder, "SWANCTL_DIR=%s" % self.folder, *command])

    def swanctl(self, *command):
        return run(self.inside("swanctl", *command, "--uri", "unix://%s/vici" % self.folder))

    def wait_until_ready(self, seconds):
        deadline = time.monotonic() + seconds
        while not (self.folder / "vici").exists():
            self.check_alive()
            if time.monotonic() > deadline:
                raise Trouble("charon was not ready within %d s%s" % (seconds, self.last_words()))
            time.sleep(0.02)
        self.swanctl("--load-all", "--noprompt")
        version = re.search(r"strongSwan \S+|charon-systemd \S+", self.swanctl("--version", "--daemon"))
        self.summary = "%s %s, ESP in user space" % (self.name, version.group() if version else "strongSwan")

    def initiate(self):
        """Returns when the Child SA is up; what was agreed, in a line."""
        self.swanctl("--initiate", "--child", "web", "--timeout", "15")
        said = self.swanctl("--list-sas")
        ike = re.search(r"^\s+(AES\S+/\S+.*)$", said, re.M)
        child = re.search(r"INSTALLED, (\S+), (\S+)", said)
        return "%s; Child SA %s" % (ike.group(1) if ike else "?", ", ".join(child.groups()) if child else "?")

    def check_alive(self):
        if self.process.poll() is not None:
            raise Trouble("charon ended with %d%s" % (self.process.returncode, self.last_words()))

    def last_words(self):
        log = self.folder / "charon.log"
        lines = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
        return "".join("\n    " + line for line in lines)

    def rekeys(self):
        """Child SAs that took another's place."""
        log = self.folder / "charon.log"
        return log.read_text(errors="replace").count("outbound CHILD_SA web{") if log.exists() else 0

    def status(self):
        """What it said last about its SAs and their counters."""
        if self.process and self.process.poll() is None:
            try:
                said = self.swanctl("--list-sas")
            except Trouble:
                return self.last
            counted = {way: sum(map(int, re.findall(r"\b%s\s+\S+,\s+\d+ bytes,\s+(\d+) packets" % way, said))) for way in ("in", "out")}
            self.last = {"node": self.name, "role": "strongSwan", "packets": counted, "rekeys": self.rekeys(),
                         "windowDrops": self.window_drops(), "verdicts": {}}
        return self.last

    def window_drops(self):
        """Packets that its own window refused, by its log."""
        log = self.folder / "charon.log"
        return log.read_text(errors="replace").count("sequence number verification failed") if log.exists() else 0

    def stop(self):
        self.status()
        return stop(self.process, seconds=10)

    def kill(self):
        self.process.kill()
        self.process.wait()
