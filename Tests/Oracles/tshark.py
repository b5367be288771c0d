"""tshark as a reader of ESP: its table of SAs, and what it decrypts."""
import re
import subprocess

# Nothing of the user's own settings, and nothing guessed.
OPTIONS = ["-n", "-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE",
           "-o", "esp.enable_null_encryption_decode_heuristic:FALSE", "-o", "ip.defragment:FALSE",
           # It says of the ICV behind what it finds inside, and forgets to where that makes no sense to it.
           "-d", "tcp.port==80,data", "-d", "udp.port==53,data"]


def knows(sa):
    """tshark 4.0 has neither ChaCha20-Poly1305 nor AES-GMAC, and of ESN no upper half."""
    return sa.transform.tshark_cipher is not None and not sa.esn


def table_row(sa, direction):
    key, salt, auth_key = (b.hex() for b in sa.keys[direction])
    ends = (sa.peer, sa.here) if direction == "in" else (sa.here, sa.peer)
    fields = ["IPv%d" % sa.outer, ends[0], ends[1], "0x%08x" % sa.spi, sa.transform.tshark_cipher,
              "0x" + key + salt if key else "", sa.transform.tshark_integrity, "0x" + auth_key if auth_key else ""]
    return "uat:esp_sa:" + ",".join('"%s"' % f for f in fields)


def read(path, sas, direction, wanted):
    """tshark's output over a capture, with these SAs in its table."""
    command = ["tshark", "-r", path, *OPTIONS, *wanted]
    for sa in sas:
        command += ["-o", table_row(sa, direction)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError("tshark: " + done.stderr.strip())
    return done.stdout


def decrypted(path, sas, direction):
    """By frame: what tshark decrypted (None: nothing), and whether it found the ICV right."""
    good = [line == "1" for line in read(path, sas, direction, ["-T", "fields", "-e", "esp.icv_good"]).splitlines()]
    texts = []
    for frame in read(path, sas, direction, ["-x"]).rstrip("\n").split("\n\n"):
        parts = re.split(r"(?m)^([A-Z][^\n]*) \(\d+ bytes\):\n", frame)
        lines = dict(zip(parts[1::2], parts[2::2])).get("Decrypted Data", "").splitlines()
        texts.append(bytes.fromhex("".join(line[6:53] for line in lines)) if lines else None)
    return list(zip(texts, good))
