"""libreswan's pluto, with the shim for a kernel: raw ESP, tunnel and transport mode. Its package conflicts with strongSwan's, so it
is run from the unpacked package, laid over /usr in a mount namespace of its own."""
import re
import subprocess

from demo.process import Trouble, run
from peers.association import IKE, Child
from peers.daemon import Daemon
from peers.shim import BUILD, Shim

UNPACKED = BUILD / "libreswan"
OVERLAY = 'mount -t overlay overlay -o lowerdir=%s/usr:/usr /usr; exec "$@"' % UNPACKED
LIBEXEC = "/usr/libexec/ipsec"
SETUP = """config setup
    protostack=xfrm

"""
# A retransmission after 500 ms, and after 10 s it is given up: pluto's own patience is a minute.
CONNECTION = """conn {name}
    left={left}
    leftid=@{leftid}
    {leftsubnet}
    right={right}
    rightid=@{rightid}
    {rightsubnet}
    authby=secret
    ikev2=insist
    ike={ike}
    esp={esp}
    type={mode}
    esn=no
    rekey=yes
    fragmentation={fragmentation}
    retransmit-interval=500
    retransmit-timeout=10s
    leftupdown=%disabled
    auto=ignore
"""
# Our proposals' words, as pluto says them; what pluto says otherwise than we do.
WORDS = {"aes128gcm16": "aes_gcm128", "aes256gcm16": "aes_gcm256", "aes128": "aes128", "aes256": "aes256",
         "prfsha256": "sha2_256", "prfsha384": "sha2_384", "prfsha512": "sha2_512", "sha256": "sha2_256", "sha384": "sha2_384", "sha512": "sha2_512",
         "x25519": "dh31", "ecp256": "dh19", "ecp384": "dh20", "ecp521": "dh21", "modp2048": "dh14", "modp3072": "dh15"}
ESTABLISHED_IKE = re.compile(r'#(\d+): "([^"]+)"[^ ]* STATE_V2_ESTABLISHED_IKE_SA')
ESTABLISHED_CHILD = re.compile(r'#(\d+): "([^"]+)"[^ ]* STATE_V2_ESTABLISHED_CHILD_SA.*?IKE SA #(\d+)')
SPIS = re.compile(r'#(\d+): "[^"]+" esp\.([0-9a-f]+)@\S+ esp\.([0-9a-f]+)@')


def words(proposal, child=False):
    said = [WORDS[word] for word in proposal.split("-")]
    if child and "gcm" in said[0]:
        said.insert(1, "null")
    return "-".join(said)


class Libreswan(Daemon):
    knows_ike_spis = False

    def __init__(self, network, node, folder):
        super().__init__(network, node, folder)
        self.shim = Shim(network, node, self.folder)
        self.control = self.folder / "run/pluto.ctl"
        self.configuration, self.secrets = self.folder / "ipsec.conf", self.folder / "ipsec.secrets"

    def start(self):
        for name in ("run", "nss", "d"):
            (self.folder / name).mkdir()
        run(["certutil", "-N", "-d", "sql:%s" % (self.folder / "nss"), "--empty-password"])
        self.configuration.write_text(SETUP)
        self.secrets.write_text("")
        self.shim.start()
        self.run(self.within("env", *self.shim.variables(), LIBEXEC + "/pluto", "--config", self.configuration, "--nofork", "--stderrlog",
                             "--rundir", self.folder / "run", "--nssdir", self.folder / "nss", "--secretsfile", self.secrets,
                             "--ipsecdir", self.folder / "d", "--use-xfrm", "--no-dnssec"),
                 self.answers, "pluto")
        return self

    def within(self, *command):
        return ["unshare", "-m", "sh", "-ec", OVERLAY, "sh", *command]

    def answers(self):
        """It takes commands only when it listens; before, it has no orders to."""
        return self.control.exists() and not self.whack("--listen").returncode

    def whack(self, *arguments, seconds=30):
        command = self.network.inside(self.node, self.within(LIBEXEC + "/whack", "--ctlsocket", self.control, *arguments))
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds)

    def tell(self, *arguments):
        done = self.whack(*arguments)
        if done.returncode:
            raise Trouble("%s: whack %s: %s" % (self.folder.name, " ".join(arguments), (done.stdout + done.stderr).strip()[-400:]))
        return done.stdout

    def stop(self):
        super().stop()
        self.shim.stop()

    # What it is to do.

    def load(self, connection):
        local, remote = connection.local, connection.remote
        if connection.mode == "transport":
            left = right = ""
        else:
            left, right = "leftsubnet=" + local.selectors[0], "rightsubnet=" + remote.selectors[0]
        with open(self.configuration, "a") as file:
            file.write(CONNECTION.format(
                name=connection.name, left=local.addresses[0], leftid=local.identity, leftsubnet=left,
                right=remote.addresses[0], rightid=remote.identity, rightsubnet=right, mode=connection.mode,
                ike=",".join(words(p) for p in connection.ike), esp=",".join(words(p, child=True) for p in connection.esp),
                fragmentation="yes" if connection.fragmentation else "no"))
        with open(self.secrets, "a") as file:
            file.write('@%s @%s : PSK "%s"\n' % (local.identity, remote.identity, local.authentication.secret))
        self.tell("--rereadsecrets")
        self.add(connection.name)

    def add(self, name):
        run(self.network.inside(self.node, self.within(
            LIBEXEC + "/addconn", "--ctlsocket", self.control, "--config", self.configuration, name)))

    def reload(self, name):
        """Forgets the connection and all that came of it, and learns it anew."""
        self.tell("--name", name, "--delete")
        self.add(name)

    def initiate(self, name):
        self.tell("--name", name, "--initiate")

    def terminate(self, name):
        self.whack("--name", name, "--terminate")

    def rekey_child(self, name):
        self.tell("--name", name, "--rekey-ipsec")

    def rekey_ike(self, name):
        self.tell("--name", name, "--rekey-ike")

    def impair(self, what):
        """A fault that pluto makes from now on; "none": no more."""
        self.tell("--impair", what)

    # What it says.

    def associations(self):
        shown = self.whack("--showstates").stdout
        spis = {number: (into.zfill(8), out.zfill(8)) for number, out, into in SPIS.findall(shown)}
        children = {}
        for number, name, ike in ESTABLISHED_CHILD.findall(shown):
            if number in spis:
                children.setdefault(ike, []).append(Child(name, *spis[number]))
        return [IKE(name=name, spi_initiator="#" + number, spi_responder="", initiator=False, established=True,
                    children=tuple(children.get(number, ()))) for number, name in ESTABLISHED_IKE.findall(shown)]
