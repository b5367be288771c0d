"""strongSwan's charon. On a kernel without ESP it does ESP in user space: in UDP, tunnel mode, no ESN ("libipsec"); or it takes
the shim for a kernel and does raw ESP and transport mode, too ("shim")."""
from demo.process import Trouble
from peers.association import IKE, Child
from peers.connection import Certificates
from peers.daemon import Daemon
from peers.shim import Shim
from peers.vici import Control, Refused

PLUGINS = ("random nonce openssl pem pkcs1 pkcs8 pubkey x509 revocation constraints hmac kdf aes sha1 sha2 gcm chapoly "
           "curve25519 drbg socket-default vici counters")
# The first plugin that can takes the IPsec role; netlink keeps addresses and routes.
KERNELS = {"libipsec": "kernel-libipsec kernel-netlink", "shim": "kernel-netlink"}
CHARON = """
charon-systemd {
  load = %(plugins)s
  filelog {
    f {
      path = %(log)s
      flush_line = yes
      time_format = %%H:%%M:%%S
      time_add_ms = yes
      default = 1
      enc = 1
    }
  }
  journal {
    default = -1
  }
  plugins {
    vici {
      socket = unix://%(vici)s
    }
%(marks)s
  }
%(settings)s
}
"""
# What the shim sends is marked, and marked packets do not come back to it; so must IKE's be.
MARKS = """    socket-default {
      fwmark = 0x42
    }"""
# Seconds, and tries: a peer that is gone is given up after some six seconds.
PATIENCE = {"retransmit_timeout": 0.5, "retransmit_base": 1.5, "retransmit_tries": 5, "delete_rekeyed_delay": 1}

# From when a rekey is due to when the SA ends without one.
GRACE_SECONDS = 60


class StrongSwan(Daemon):
    def __init__(self, network, node, folder, kernel="libipsec", used=0, **settings):
        super().__init__(network, node, folder)
        self.socket, self.shim = self.folder / "vici", None
        self.settings = {**PATIENCE, **settings}
        if kernel == "shim":
            self.shim = Shim(network, node, self.folder, used)
            self.settings["install_routes"] = "no"
        self.kernel = kernel

    def start(self):
        configuration = self.folder / "strongswan.conf"
        configuration.write_text(CHARON % {
            "plugins": PLUGINS + " " + KERNELS[self.kernel], "log": self.log, "vici": self.socket,
            "marks": MARKS if self.shim else "",
            "settings": "\n".join("  %s = %s" % setting for setting in self.settings.items())})
        variables = ["STRONGSWAN_CONF=%s" % configuration]
        if self.shim:
            self.shim.start()
            variables += self.shim.variables()
        self.run(["env", *variables, "/usr/sbin/charon-systemd"], self.socket.exists, "charon")
        return self

    def stop(self):
        super().stop()
        if self.shim:
            self.shim.stop()

    def control(self):
        return Control(self.socket)

    def tell(self, command, **message):
        with self.control() as control:
            try:
                return control.command(command, message)
            except Refused as no:
                raise Trouble("%s: %s" % (self.folder.name, no))

    # What it is to do.

    def load(self, connection):
        for end in (connection.local, connection.remote):
            self.load_credentials(end.authentication, connection)
        self.tell("load-conn", **{connection.name: described(connection)})

    def load_credentials(self, authentication, connection):
        if not isinstance(authentication, Certificates):
            owners = [connection.local.identity, connection.remote.identity]
            self.tell("load-shared", id=connection.name, type="IKE", data=authentication.secret, owners=owners)
            return
        for file in authentication.own[1:]:
            self.tell("load-cert", type="X509", flag="CA", data=file.read_text())
        for file in authentication.trusted:
            self.tell("load-cert", type="X509", flag="CA", data=file.read_text())
        for file in authentication.revoked:
            self.tell("load-cert", type="X509_CRL", flag="NONE", data=file.read_text())
        if authentication is connection.local.authentication:
            self.tell("load-key", type="any", data=authentication.key.read_text())

    def initiate(self, name, seconds=20, childless=False):
        """Returns when it is up; `Trouble` when it does not come up."""
        what = {"ike": name} if childless else {"child": name}
        self.tell("initiate", timeout=seconds * 1000, **what)

    def terminate(self, name):
        self.tell("terminate", ike=name, timeout=10_000)

    def terminate_child(self, name):
        self.tell("terminate", child=name, timeout=10_000)

    def rekey_child(self, name):
        self.tell("rekey", child=name)

    def rekey_ike(self, name):
        self.tell("rekey", ike=name)

    def reauthenticate(self, name):
        self.tell("rekey", ike=name, reauth="yes")

    # What it says.

    def associations(self):
        """Every IKE SA that is not on its way out."""
        with self.control() as control:
            listed = control.events("list-sas", "list-sa", {"noblock": "yes"})
        return [ike(name, said) for each in listed for name, said in each.items()
                if said["state"] not in ("DELETING", "REKEYED", "DESTROYING")]

    def counters(self):
        return {name: int(count) for name, count in self.tell("get-counters")["counters"][""].items()}


def described(connection):
    """The connection as load-conn wants it."""
    child = {
        "mode": connection.mode, "esp_proposals": connection.esp,
        "rekey_time": connection.child_rekey_seconds, "rekey_bytes": connection.child_rekey_bytes,
        "rekey_packets": connection.child_rekey_packets, "dpd_action": connection.dpd_action,
        "start_action": connection.start or "none",
        # Rekeys come when they are due, so that a scenario knows how many to expect.
        "rand_time": 0, "rand_bytes": 0, "rand_packets": 0, "life_time": hard_limit(connection.child_rekey_seconds),
    }
    for side, end in (("local", connection.local), ("remote", connection.remote)):
        if end.selectors:
            child[side + "_ts"] = end.selectors
    return {
        "version": 2, "proposals": connection.ike, "encap": yes(connection.encapsulate),
        "local_addrs": connection.local.addresses or ["%any"], "remote_addrs": connection.remote.addresses or ["%any"],
        "rekey_time": connection.ike_rekey_seconds, "reauth_time": connection.reauthenticate_seconds, "rand_time": 0,
        "over_time": GRACE_SECONDS, "dpd_delay": connection.dpd_seconds, "keyingtries": 0 if connection.dpd_action == "restart" else 1, "mobike": yes(connection.mobike), "fragmentation": yes(connection.fragmentation),
        "childless": "force" if connection.childless else "allow", "unique": "replace",
        "local": authenticated(connection.local, own=True),
        "remote": {**authenticated(connection.remote, own=False),
                   **({"revocation": "strict"} if connection.check_revocation else {})},
        "children": {} if connection.childless else {connection.name: child},
    }


def hard_limit(seconds):
    return seconds + GRACE_SECONDS if seconds else 0


def authenticated(end, own):
    if not isinstance(end.authentication, Certificates):
        return {"auth": "psk", "id": end.identity}
    if not own:
        return {"auth": "pubkey", "id": end.identity, "cacerts": [f.read_text() for f in end.authentication.trusted]}
    return {"auth": "pubkey", "id": end.identity, "certs": [end.authentication.own[0].read_text()]}


def yes(condition):
    return "yes" if condition else "no"


def ike(name, said):
    children = [child for child in said.get("child-sas", {}).values() if child["state"] in ("INSTALLED", "REKEYING", "UPDATING")]
    return IKE(
        name=name, spi_initiator=said["initiator-spi"], spi_responder=said["responder-spi"],
        initiator=said.get("initiator") == "yes", established=said["state"] in ("ESTABLISHED", "REKEYING"),
        peer="%s:%s" % (said.get("remote-host"), said.get("remote-port")),
        algorithms="-".join(filter(None, (said.get(k) for k in ("encr-alg", "encr-keysize", "integ-alg", "prf-alg", "dh-group")))),
        children=tuple(Child(
            name=c["name"], spi_in=c["spi-in"], spi_out=c["spi-out"], bytes_in=int(c.get("bytes-in", 0)),
            bytes_out=int(c.get("bytes-out", 0)), packets_in=int(c.get("packets-in", 0)), packets_out=int(c.get("packets-out", 0)),
            mode=c["mode"].lower(), encapsulated=c.get("encap") == "yes",
            algorithms="-".join(filter(None, (c.get(k) for k in ("encr-alg", "encr-keysize", "integ-alg", "dh-group"))))) for c in children))
