"""Authorities, certificates and revocations, made by openssl for one run: a root, an intermediate, a leaf for each end."""
import pathlib

from demo.process import run
from peers.connection import Certificates

KINDS = {
    "rsa2048": ["rsa_keygen_bits:2048"], "rsa4096": ["rsa_keygen_bits:4096"],
    "ecdsa256": ["ec_paramgen_curve:P-256"], "ecdsa384": ["ec_paramgen_curve:P-384"], "ecdsa521": ["ec_paramgen_curve:P-521"],
    "ed25519": [],
}
SECTIONS = """
[req]
distinguished_name = name
prompt = no
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:${ENV::IDENTITY}
[ca]
default_ca = revocations
[revocations]
database = ${ENV::DATABASE}
default_crl_days = 30
default_md = sha256
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid
"""


class Authority:
    """A root and an intermediate below it; everything of one key kind."""

    def __init__(self, folder, kind):
        self.folder, self.kind = pathlib.Path(folder) / kind, kind
        self.folder.mkdir(mode=0o700, parents=True)
        self.file("openssl.cnf").write_text(SECTIONS)
        self.serial = 0
        self.root = self.issue("root", "root", None, "authority")
        self.intermediate = self.issue("intermediate", "intermediate", "root", "authority")

    def file(self, name):
        return self.folder / name

    def openssl(self, *arguments, identity=""):
        return run(["env", "IDENTITY=%s" % identity, "DATABASE=%s" % self.file("database"), "openssl", *arguments])

    def key(self, name):
        algorithm = "RSA" if self.kind.startswith("rsa") else "EC" if self.kind.startswith("ecdsa") else "ED25519"
        options = [word for option in KINDS[self.kind] for word in ("-pkeyopt", option)]
        self.openssl("genpkey", "-algorithm", algorithm, *options, "-out", self.file(name + ".key"))

    def issue(self, name, subject, issuer, section):
        """A key, and a certificate for it; the certificate's file. Without an issuer, by itself."""
        self.key(name)
        self.serial += 1
        request, certificate = self.file(name + ".req"), self.file(name + ".pem")
        self.openssl("req", "-new", "-config", self.file("openssl.cnf"), "-key", self.file(name + ".key"),
                     "-subj", "/C=CH/O=viaduct/CN=%s" % subject, "-out", request, identity=subject)
        signer = ["-CA", self.file(issuer + ".pem"), "-CAkey", self.file(issuer + ".key")] if issuer else ["-signkey", self.file(name + ".key")]
        self.openssl("x509", "-req", "-in", request, *signer, "-set_serial", self.serial, "-days", 30,
                     "-extfile", self.file("openssl.cnf"), "-extensions", section, "-out", certificate, identity=subject)
        return certificate

    def certificates(self, identity):
        """What an end of this name needs."""
        leaf = self.issue(identity, identity, "intermediate", "leaf")
        return Certificates((leaf, self.intermediate), leaf.with_suffix(".key"), (self.root,))

    def revocations(self, *certificates):
        """Lists by the intermediate, which revokes these, and by the root, which revokes none; their files."""
        return self.list("intermediate", certificates), self.list("root", ())

    def list(self, issuer, certificates):
        self.file("database").write_text("")
        signer = ["-config", self.file("openssl.cnf"), "-cert", self.file(issuer + ".pem"), "-keyfile", self.file(issuer + ".key")]
        for certificate in certificates:
            self.openssl("ca", *signer, "-revoke", certificate)
        out = self.file("%s.%d.crl.pem" % (issuer, len(certificates)))
        self.openssl("ca", *signer, "-gencrl", "-out", out)
        return out
