"""The transforms by their names in a configuration, and how scapy and tshark call them."""
import itertools

CIPHERS = {  # ours: scapy's, tshark's (None: it has none), key bytes, salt bytes, IV bytes, alignment
    "aes128gcm16": ("AES-GCM", "AES-GCM with 16 octet ICV [RFC4106]", 16, 4, 8, 4),
    "aes192gcm16": ("AES-GCM", "AES-GCM with 16 octet ICV [RFC4106]", 24, 4, 8, 4),
    "aes256gcm16": ("AES-GCM", "AES-GCM with 16 octet ICV [RFC4106]", 32, 4, 8, 4),
    "chacha20poly1305": ("CHACHA20-POLY1305", None, 32, 4, 8, 4),
    "aes128gmac": ("AES-NULL-GMAC", None, 16, 4, 8, 4),
    "aes192gmac": ("AES-NULL-GMAC", None, 24, 4, 8, 4),
    "aes256gmac": ("AES-NULL-GMAC", None, 32, 4, 8, 4),
    "aes128": ("AES-CBC", "AES-CBC [RFC3602]", 16, 0, 16, 16),
    "aes256": ("AES-CBC", "AES-CBC [RFC3602]", 32, 0, 16, 16),
    "aes128ctr": ("AES-CTR", "AES-CTR [RFC3686]", 16, 4, 8, 4),
    "aes256ctr": ("AES-CTR", "AES-CTR [RFC3686]", 32, 4, 8, 4),
    "null": ("NULL", "NULL", 0, 0, 0, 4),
}
INTEGRITIES = {  # ours: scapy's, tshark's, key bytes, ICV bytes
    "sha256": ("SHA2-256-128", "HMAC-SHA-256-128 [RFC4868]", 32, 16),
    "sha384": ("SHA2-384-192", "HMAC-SHA-384-192 [RFC4868]", 48, 24),
    "sha512": ("SHA2-512-256", "HMAC-SHA-512-256 [RFC4868]", 64, 32),
    "sha1": ("HMAC-SHA1-96", "HMAC-SHA-1-96 [RFC2404]", 20, 12),
}
# An AEAD checks by itself.
TSHARK_AEAD = "NULL"


class Transform:
    def __init__(self, cipher, integrity=None):
        self.name = cipher + ("-" + integrity if integrity else "")
        self.scapy_cipher, self.tshark_cipher, self.key, self.salt, self.iv, self.alignment = CIPHERS[cipher]
        self.scapy_integrity, self.tshark_integrity, self.auth_key, self.icv = (
            INTEGRITIES[integrity] if integrity else (None, TSHARK_AEAD, 0, 16))


ALL = [Transform(c) for c in CIPHERS if c.endswith(("gcm16", "gmac", "1305"))] + [
    Transform(c, i) for c, i in itertools.product(["aes128", "aes256", "aes128ctr", "aes256ctr", "null"], INTEGRITIES)]
