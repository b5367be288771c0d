"""A pair of SAs between the guest's kernel and the cluster: as `ip xfrm` is told of it, and as our configuration has it."""
import dataclasses
import secrets

from testbed import plan

# Our name of an integrity algorithm: the kernel's, bytes of its key, bits of its ICV.
INTEGRITY = {"sha256": ("hmac(sha256)", 32, 128), "sha384": ("hmac(sha384)", 48, 192), "sha512": ("hmac(sha512)", 64, 256),
             "sha1": ("hmac(sha1)", 20, 96)}
# The kernel's name, bytes of key and salt. An AEAD, or a cipher beside an integrity algorithm.
AEAD = {"aes128gcm16": ("rfc4106(gcm(aes))", 16, 4), "aes192gcm16": ("rfc4106(gcm(aes))", 24, 4),
        "aes256gcm16": ("rfc4106(gcm(aes))", 32, 4), "chacha20poly1305": ("rfc7539esp(chacha20,poly1305)", 32, 4),
        "aes128gmac": ("rfc4543(gcm(aes))", 16, 4), "aes192gmac": ("rfc4543(gcm(aes))", 24, 4),
        "aes256gmac": ("rfc4543(gcm(aes))", 32, 4)}
CIPHER = {"aes128": ("cbc(aes)", 16, 0), "aes256": ("cbc(aes)", 32, 0), "aes128ctr": ("rfc3686(ctr(aes))", 16, 4),
          "aes256ctr": ("rfc3686(ctr(aes))", 32, 4), "null": ("ecb(cipher_null)", 0, 0)}
ALGORITHMS = (*AEAD, *("%s-%s" % (cipher, integrity) for cipher in CIPHER for integrity in INTEGRITY))


@dataclasses.dataclass(frozen=True)
class Half:
    """One direction's SPI and keys."""
    spi: int
    key: str
    salt: str
    authentication: str

    @staticmethod
    def make(algorithm, spi):
        cipher, _, integrity = algorithm.partition("-")
        _, key, salt = (AEAD if cipher in AEAD else CIPHER)[cipher]
        authentication = INTEGRITY[integrity][1] if integrity else 0
        return Half(spi, secrets.token_hex(key), secrets.token_hex(salt), secrets.token_hex(authentication))

    def kernel(self, algorithm):
        """The words of `ip xfrm state add`."""
        cipher, _, integrity = algorithm.partition("-")
        if cipher in AEAD:
            return "aead %s 0x%s%s 128" % (AEAD[cipher][0], self.key, self.salt)
        name, _, bits = INTEGRITY[integrity]
        key = "0x" + self.key + self.salt if self.key else '""'
        return "enc %s %s auth-trunc %s 0x%s %d" % (CIPHER[cipher][0], key, name, self.authentication, bits)

    def ours(self):
        """Lines of an SA in the configuration."""
        named = (("key", self.key), ("salt", self.salt), ("authenticationKey", self.authentication))
        return ['    %s: "%s"' % pair for pair in named if pair[1]]


@dataclasses.dataclass(frozen=True)
class Pair:
    """`family`: of the outer addresses; `inside`: of the inner ones."""
    number: int
    algorithm: str
    mode: str = "tunnel"
    esn: bool = False
    family: int = 4
    inside: int = 4
    udp: bool = False
    into: Half = None
    out: Half = None

    @staticmethod
    def make(number, algorithm, **more):
        return Pair(number, algorithm, into=Half.make(algorithm, 0xC0000000 + number),
                    out=Half.make(algorithm, 0xD0000000 + number), **more)

    def __str__(self):
        words = [self.algorithm, self.mode, "IPv%d" % self.family]
        words += ["IPv%d inside" % self.inside] if self.inside != self.family else []
        return ", ".join(words + ["ESN"] * self.esn + ["in UDP"] * self.udp)

    @property
    def outer(self):
        return plan.outer(self.family, self.number)

    @property
    def source(self):
        """What the guest's sockets come from."""
        return plan.inner(self.inside, self.number) if self.mode == "tunnel" else self.outer

    @property
    def dvipa(self):
        return plan.DVIPA[self.mode, self.inside if self.mode == "tunnel" else self.family]

    @property
    def cluster(self):
        """The cluster's address outside."""
        return plan.GATEWAY[self.family] if self.mode == "tunnel" else self.dvipa

    @property
    def flags(self):
        """A tunnel of both families must not be told which one is inside."""
        words = ["esn"] * self.esn + ["af-unspec"] * (self.mode == "tunnel" and self.family != self.inside)
        return " flag " + " ".join(words) if words else ""

    def kernel(self):
        """Commands of `ip -batch` in the guest."""
        for address in sorted({self.outer, self.source}):
            yield "addr add %s dev lo%s" % (plan.single(address), " nodad" if ":" in address else "")
        for way, half, source, destination in (("out", self.into, self.outer, self.cluster), ("in", self.out, self.cluster, self.outer)):
            yield "xfrm state add src %s dst %s proto esp spi %#x reqid %d mode %s replay-window 64%s %s%s" % (
                source, destination, half.spi, self.number, self.mode, self.flags, half.kernel(self.algorithm),
                " encap espinudp 4500 4500 %s" % ("::" if self.family == 6 else "0.0.0.0") if self.udp else "")
            ends = (self.source, self.dvipa) if way == "out" else (self.dvipa, self.source)
            # TCP alone: ESP's own UDP datagrams are asked for IPsec otherwise.
            yield "xfrm policy add src %s dst %s proto 6 dir %s tmpl src %s dst %s proto esp reqid %d mode %s" % (
                *map(plan.single, ends), way, source, destination, self.number, self.mode)

    def ours(self):
        """Lines of the configuration's `securityAssociations`."""
        ways = (("inbound", self.into, self.outer, self.cluster), ("outbound", self.out, self.cluster, self.outer))
        for direction, half, source, destination in ways:
            yield "  - name: %s-%d" % (direction, self.number)
            yield "    spi: %#x" % half.spi
            yield "    direction: " + direction
            yield "    mode: " + self.mode
            yield '    source: "%s"' % source
            yield '    destination: "%s"' % destination
            yield "    algorithm: " + self.algorithm
            yield from half.ours()
            if self.esn:
                yield "    extendedSequenceNumbers: true"
            if self.udp:
                yield "    udpEncapsulation: {remotePort: 4500}"
            yield "    replayWindow: 64"
            yield '    selectors: {remote: ["%s"], local: ["%s"]}' % (plan.single(self.source), plan.single(self.dvipa))
