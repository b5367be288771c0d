#!/usr/bin/env python3
"""Writes credentials.json beside it: throwaway keys, certificates and revocation lists of every kind that the tests need.

Needs the package `cryptography`, and openssl for what it refuses to make. Keys are new each time; the tests know names
and times only. Certificates hold from 2020 to 2120 where nothing else is said.
"""
import datetime as dt
import ipaddress
import json
import pathlib
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as EKU, NameOID, ObjectIdentifier as OID

out, keys, issued = {}, {}, {}
IKE_INTERMEDIATE = OID("1.3.6.1.5.5.8.2.2")


def day(text):
    return dt.datetime.fromisoformat(text)


def new_key(kind):
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}[kind]())


def key(name, kind):
    """A key by its name, made when first asked for."""
    if name not in keys:
        keys[name] = new_key(kind)
        out[name + ".key"] = keys[name].private_bytes(
            s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode()
    return keys[name]


def digest(signer):
    return None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def pem(thing):
    return thing.public_bytes(s.Encoding.PEM).decode()


def subject(name):
    return x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Viaduct tests"),
        x509.NameAttribute(NameOID.COMMON_NAME, name)])


def usage(*on):
    names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: name in on for name in names})


def certificate(name, issuer=None, kind="p256", ca=False, path=None, begin="2020-01-01", end="2120-01-01", names=None,
                use=None, purposes=None, extra=(), key_name=None, cn=None, pss=None, san_critical=False):
    """Signs and keeps a certificate. `issuer` is the name of another; None signs itself."""
    own = key(key_name or name, kind)
    signer = keys[issued[issuer][1]] if issuer else own
    builder = (x509.CertificateBuilder().subject_name(subject(cn or name))
               .issuer_name(issued[issuer][0].subject if issuer else subject(cn or name))
               .public_key(own.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(day(begin)).not_valid_after(day(end)))
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(True, path), True)
    if use is None:
        use = ("key_cert_sign", "crl_sign") if ca else ("digital_signature",)
    if use:
        builder = builder.add_extension(usage(*use), True)
    if names is None and not ca:
        names = [x509.DNSName("a.example"), x509.RFC822Name("Operator@A.example"),
                 x509.IPAddress(ipaddress.ip_address("10.0.0.1")), x509.IPAddress(ipaddress.ip_address("2001:db8::1"))]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), san_critical)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    made = builder.sign(signer, digest(signer), rsa_padding=pss)
    issued[name] = (made, key_name or name)
    out[name + ".pem"] = pem(made)
    return made


def revocations(name, issuer, revoked=(), begin="2020-01-01", end="2120-01-01", signer=None, extra=()):
    owner, owner_key = issued[issuer]
    signer = keys[signer or owner_key]
    builder = (x509.CertificateRevocationListBuilder().issuer_name(owner.subject)
               .last_update(day(begin)).next_update(day(end)))
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(issued[one][0].serial_number)
            .revocation_date(day("2025-06-01")).build())
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    out[name + ".crl"] = pem(builder.sign(signer, digest(signer)))


# Authorities.
certificate("root", ca=True)
certificate("other-root", ca=True)
certificate("rsa-root", ca=True, kind="rsa2048")
certificate("ed25519-root", ca=True, kind="ed25519")
certificate("expired-root", ca=True, end="2026-01-01")
certificate("intermediate", "root", ca=True, path=0)
certificate("expired-intermediate", "root", ca=True, end="2026-01-01")

# Good ones, of every kind of key.
KINDS = {"rsa2048": "rsa2048", "rsa3072": "rsa3072", "ecdsa256": "p256", "ecdsa384": "p384", "ecdsa521": "p521",
         "ed25519": "ed25519"}
for kind, made in KINDS.items():
    certificate("a-" + kind, "intermediate", kind=made)
    certificate("b-" + kind, "intermediate", kind=made, names=[x509.DNSName("b.example")])
certificate("under-rsa", "rsa-root")
certificate("under-ed25519", "ed25519-root")
certificate("pinned", use=())
certificate("ike-intermediate-purpose", "root", purposes=[IKE_INTERMEDIATE])
certificate("ipsec-ike-purpose", "root", purposes=[OID("1.3.6.1.5.5.7.3.17")])
certificate("server-purpose", "root", purposes=[EKU.SERVER_AUTH])
certificate("client-purpose", "root", purposes=[EKU.CLIENT_AUTH])
certificate("any-purpose", "root", purposes=[EKU.CODE_SIGNING, EKU.ANY_EXTENDED_KEY_USAGE])
certificate("commitment-usage", "root", use=("content_commitment",))
certificate("no-usage", "root", use=())
certificate("critical-names", "root", san_critical=True)

# Ones with a fault.
certificate("other", "other-root")
certificate("expired", "root", end="2026-01-01")
certificate("not-yet", "root", begin="2100-01-01")
certificate("under-expired", "expired-intermediate")
certificate("under-expired-root", "expired-root")
certificate("revoked", "intermediate")
certificate("revoked-intermediate", "root", ca=True)
certificate("under-revoked", "revoked-intermediate")
certificate("no-authority", "root")
certificate("under-no-authority", "no-authority")
certificate("no-cert-sign", "root", ca=True, use=("crl_sign",))
certificate("under-no-cert-sign", "no-cert-sign")
certificate("too-deep", "intermediate", ca=True)
certificate("under-too-deep", "too-deep")
certificate("wrong-usage", "root", use=("key_encipherment",))
certificate("wrong-purpose", "root", purposes=[EKU.CODE_SIGNING])
certificate("weak", "root", kind="rsa1024")
certificate("weak-authority", ca=True, kind="rsa1024")
certificate("unknown-critical", "root", extra=[(x509.UnrecognizedExtension(OID("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True)])
certificate("wildcard", "root", names=[x509.DNSName("*.example")])
certificate("no-names", "root", names=[], cn="a.example")
certificate("pss-signed", "rsa-root", pss=padding.PSS(padding.MGF1(hashes.SHA256()), 32))
certificate("forged", "root", cn="forged")
certificate("impostor-root", ca=True, cn="root")
certificate("by-impostor", "impostor-root")

# Name constraints.
certificate("constrained", "root", ca=True, extra=[
    (x509.NameConstraints([x509.DNSName("inside.example")], [x509.DNSName("not.inside.example")]), True)])
for name in ["inside.example", "a.inside.example", "outside.example", "x.not.inside.example"]:
    certificate("constrained-" + name, "constrained", names=[x509.DNSName(name)])

# One intermediate key under two roots; and authorities of one name, each signed by the next.
certificate("crossed", "other-root", ca=True, cn="crossed")
certificate("crossed-again", "root", ca=True, key_name="crossed", cn="crossed")
certificate("under-crossed", "crossed")
for one in "7654321":
    certificate("maze-" + one, None if one == "7" else "maze-" + str(int(one) + 1), ca=True, cn="maze")
certificate("in-maze", "maze-1")

# Revocation lists.
revocations("root", "root", ["revoked-intermediate"])
revocations("intermediate", "intermediate", ["revoked"])
revocations("empty-intermediate", "intermediate")
revocations("rsa-root", "rsa-root")
revocations("expired-intermediate-list", "intermediate", ["revoked"], end="2026-01-01")
revocations("future-intermediate-list", "intermediate", begin="2100-01-01")
revocations("forged-intermediate-list", "intermediate", ["a-ecdsa256"], signer="other-root")
revocations("delta", "intermediate", extra=[(x509.DeltaCRLIndicator(1), True)])
revocations("indirect", "intermediate", extra=[(x509.IssuingDistributionPoint(
    None, None, False, False, None, True, False), True)])

# Other forms of keys.
out["sec1.key"] = keys["a-ecdsa256"].private_bytes(
    s.Encoding.PEM, s.PrivateFormat.TraditionalOpenSSL, s.NoEncryption()).decode()
out["pkcs1.key"] = keys["a-rsa2048"].private_bytes(
    s.Encoding.PEM, s.PrivateFormat.TraditionalOpenSSL, s.NoEncryption()).decode()
out["locked.key"] = keys["a-ecdsa256"].private_bytes(
    s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"secret")).decode()
out["parameters.key"] = subprocess.run(
    ["openssl", "ecparam", "-name", "prime256v1"], check=True, capture_output=True, text=True).stdout + out["sec1.key"]

# SHA-1, which `cryptography` does not sign with.
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    (folder / "ca.pem").write_text(out["rsa-root.pem"])
    (folder / "ca.key").write_text(out["rsa-root.key"])
    (folder / "own.key").write_text(key("sha1-signed", "rsa2048").private_bytes(
        s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode())
    (folder / "ext").write_text("subjectAltName=DNS:a.example\n")
    run = lambda *words: subprocess.run(["openssl", *words], check=True, cwd=folder, capture_output=True, text=True).stdout
    run("req", "-new", "-key", "own.key", "-subj", "/CN=sha1-signed", "-out", "own.csr")
    out["sha1-signed.pem"] = run(
        "x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-sha1", "-days", "30000", "-extfile", "ext")

# A certificate of version 1, without any constraints, that signs another.
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    (folder / "ca.pem").write_text(out["root.pem"])
    (folder / "ca.key").write_text(out["root.key"])
    (folder / "old.key").write_text(key("old", "p256").private_bytes(
        s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode())
    run = lambda *words: subprocess.run(["openssl", *words], check=True, cwd=folder, capture_output=True, text=True).stdout
    run("req", "-new", "-key", "old.key", "-subj", "/CN=old", "-out", "old.csr")
    out["old.pem"] = run("x509", "-req", "-in", "old.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "30000")
    issued["old"] = (x509.load_pem_x509_certificate(out["old.pem"].encode()), "old")
    assert issued["old"][0].version == x509.Version.v1
certificate("under-old", "old")

unused = [name for name in out if name.endswith(".key") and not (
    name[:2] in ("a-", "b-") or name in ("sec1.key", "pkcs1.key", "locked.key", "parameters.key", "other.key"))]
for name in unused:
    del out[name]
path = pathlib.Path(__file__).with_name("credentials.json")
path.write_text(json.dumps(out, indent=1, sort_keys=True) + "\n")
print(len(out), "things in", path)
