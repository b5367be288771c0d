"""An authority, the gateway and eight clients below it, for one run."""
import shutil

from peers.pki import Authority

KINDS = {"ecdsa-p256": "ecdsa256", "rsa-2048": "rsa2048"}
CLIENTS = 8


def make(folder, proof):
    """A folder with root.pem, gateway.pem and .key, client0.pem and .key, and so on."""
    authority = Authority(folder / "pki", KINDS[proof])
    out = folder / ("pki-" + proof)
    out.mkdir(mode=0o700)
    shutil.copy(authority.root, out / "root.pem")
    names = {"gateway": "gateway.example"} | {"client%d" % n: "client%d.clients.example" % n for n in range(CLIENTS)}
    for name, identity in names.items():
        leaf = authority.issue(identity, identity, "root", "leaf")
        shutil.copy(leaf, out / (name + ".pem"))
        shutil.copy(leaf.with_suffix(".key"), out / (name + ".key"))
    return out
