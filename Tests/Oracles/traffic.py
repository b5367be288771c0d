"""Traffic made by seed: for a transform every mode, family, ESN and NAT-T; inner packets of all sizes, ESP by scapy."""
import itertools
import random
import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.layers.l2 import Ether
from scapy.packet import Raw

DVIPA = {4: "203.0.113.80", 6: "2001:db8:80::80"}
GATEWAY = {4: "203.0.113.1", 6: "2001:db8:80::1"}
TARGETS = ["192.0.2.11", "192.0.2.12", "192.0.2.13"]
SIZES = (0, 1, 2, 3, 13, 14, 15, 16, 17, 31, 32, 33, 64, 100, 255, 256, 511, 1000, 1200)
# Where an ESN's upper half changes.
WRAP = 1 << 32


def class_of(version):
    return IP if version == 4 else IPv6


class Association:
    """One SA in both directions, under one SPI and two keys, with a peer of its own."""

    def __init__(self, rng, transform, index, mode, outer, inner, esn, natt):
        self.transform, self.mode, self.outer, self.inner, self.esn = transform, mode, outer, inner, esn
        self.spi = 0xC0000000 + index
        self.name = "%s %s %d in %d%s%s" % (
            transform.name, mode, inner, outer, " ESN" * esn, " in UDP" * natt)
        self.peer = "198.18.%d.%d" % divmod(index, 256) if outer == 4 else "2001:db8:18::%x" % index
        self.inside = self.peer if mode == "transport" else (
            "10.18.%d.%d" % divmod(index, 256) if inner == 4 else "fd00:18::%x" % index)
        self.here = DVIPA[outer] if mode == "transport" else GATEWAY[outer]
        self.port = rng.randrange(1025, 65536) if natt else None
        self.keys = {d: (rng.randbytes(transform.key), rng.randbytes(transform.salt), rng.randbytes(transform.auth_key))
                     for d in ("in", "out")}

    def described(self, direction):
        """As in the description of a capture (Tests/Captures)."""
        key, salt, auth_key = self.keys[direction]
        ends = (self.peer, self.here) if direction == "in" else (self.here, self.peer)
        ports = {"sport": self.port, "dport": 4500} if direction == "in" else {"sport": 4500, "dport": self.port}
        width = "/32" if self.inner == 4 else "/128"
        return {"name": "%s %s" % (self.name, direction), "spi": hex(self.spi), "direction": direction, "mode": self.mode,
                "src": ends[0], "dst": ends[1], "algorithm": self.transform.name, "key": key.hex(), "salt": salt.hex(),
                "authKey": auth_key.hex(), "esn": self.esn, "replayWindow": 64,
                "udpEncapsulation": ports if self.port else None,
                "selectors": {"remote": [self.inside + width], "local": [DVIPA[self.inner] + width], "protocol": None}}

    def scapy(self, direction):
        key, salt, auth_key = self.keys[direction]
        ends = (self.peer, self.here) if direction == "in" else (self.here, self.peer)
        ports = (self.port, 4500) if direction == "in" else (4500, self.port)
        tunnel = class_of(self.outer)(src=ends[0], dst=ends[1]) if self.mode == "tunnel" else None
        return SecurityAssociation(
            ESP, spi=self.spi, crypt_algo=self.transform.scapy_cipher, crypt_key=key + salt or None,
            auth_algo=self.transform.scapy_integrity, auth_key=auth_key or None, tunnel_header=tunnel,
            nat_t_header=UDP(sport=ports[0], dport=ports[1]) if self.port else None, esn_en=self.esn)

    def packet(self, rng, direction, size):
        """An inner packet as bytes, complete with its checksums, and its tuple as check.py writes it."""
        theirs = rng.randrange(1024, 65536)
        kind = rng.choices(["tcp", "udp", "echo"], [6, 3, 1])[0]
        ours = 53 if kind == "udp" else 80
        source, destination = (self.inside, DVIPA[self.inner]), (theirs, ours)
        if direction == "out":
            source, destination = source[::-1], destination[::-1]
        names = [kind, self.inside, theirs, DVIPA[self.inner], ours]
        if kind == "tcp":
            header = TCP(sport=destination[0], dport=destination[1], seq=rng.getrandbits(32), ack=rng.getrandbits(32),
                         flags="S" if direction == "in" else "A")
        elif kind == "udp":
            header = UDP(sport=destination[0], dport=destination[1])
        else:
            # Asked by the peer, answered by the target.
            six = ICMPv6EchoRequest if direction == "in" else ICMPv6EchoReply
            header = ICMP(type=8 if direction == "in" else 0, id=theirs) if self.inner == 4 else six(id=theirs)
            names = ["icmp" if self.inner == 4 else "ipv6-icmp", self.inside, None, DVIPA[self.inner], None]
        ip = class_of(self.inner)(src=source[0], dst=source[1])
        if self.inner == 4:
            ip.id, ip.ttl, ip.tos = rng.getrandbits(16), rng.randrange(2, 256), 0
        else:
            ip.hlim, ip.fl = rng.randrange(2, 256), rng.getrandbits(20)
        return bytes(ip / header / Raw(rng.randbytes(size))), names

    def sealed(self, rng, inner, number):
        """Inner bytes as scapy seals them, the outer IP packet."""
        sa = self.scapy("in")
        outer = sa.encrypt(class_of(self.inner)(inner), seq_num=number % WRAP, esn=number // WRAP,
                           iv=rng.randbytes(self.transform.iv))
        if self.port and self.outer == 6:
            # scapy leaves it 0, which IPv6 does not allow here.
            del outer[UDP].chksum
        return bytes(outer)

    def numbers(self, count):
        """In order; with ESN across the end of a lower half."""
        if not self.esn:
            return list(range(1, count + 1))
        return [100] + [WRAP - 2 + i for i in range(count - 1)]

    def esp_offset(self):
        return (20 if self.outer == 4 else 40) + (8 if self.port else 0)


def associations(rng, transform, first):
    kinds = [("tunnel", o, i) for o, i in itertools.product((4, 6), (4, 6))] + [("transport", v, v) for v in (4, 6)]
    combined = itertools.product(kinds, (False, True), (False, True))
    return [Association(rng, transform, first + n, *kind, esn, natt) for n, (kind, esn, natt) in enumerate(combined)]


def framed(packet):
    return b"\x02\0\0\x0a\0\x01\x02\0\0\x0a\0\x02" + (b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet


def restored(packet, outer):
    """An outer UDP checksum of IPv6 made right again, so that the damage under it reaches ESP."""
    if outer == 6 and packet[6] == 17:
        ip = IPv6(packet)
        del ip[UDP].chksum
        return bytes(ip)
    return packet


def damaged(rng, sa, packet):
    """(what is wrong, the packet, its fate): one bit anywhere behind the SPI, or in it."""
    at = sa.esp_offset()
    places = {"number": (at + 4, at + 8), "IV or text": (at + 8, len(packet) - sa.transform.icv),
              "ICV": (len(packet) - sa.transform.icv, len(packet)), "SPI": (at, at + 2)}
    for what, (first, end) in places.items():
        bytes_ = bytearray(packet)
        # The number's top bit: no number that was there before, nor one that ESN takes for another.
        bytes_[at + 4 if what == "number" else rng.randrange(first, end)] ^= 0x40 if what == "number" else 1 << rng.randrange(8)
        yield what, restored(bytes(bytes_), sa.outer), "unknownSPI" if what == "SPI" else "badICV"


class Case:
    """A transform's SAs, the frames that come in with their fates, and what goes out."""

    def __init__(self, seed, transform, first):
        rng = random.Random("%d %s" % (seed, transform.name))
        self.transform = transform
        self.associations = associations(rng, transform, first)
        self.frames, self.rows, self.inner = [], {}, []
        # Frames whose number another half has by the end.
        self.past = set()
        sizes = itertools.cycle(rng.sample(SIZES, len(SIZES)))
        for sa in self.associations:
            for number in sa.numbers(4):
                self.arrive(rng, sa, number, next(sizes))
        # What was taken is taken once. With ESN the first number is one of the next lower half by now.
        for n in rng.sample(sorted(n for n, row in self.rows.items() if row["fate"] == "steer"), 24):
            self.add(self.frames[n - 1], {"fate": "badICV" if n in self.past else "replayed"})
        self.leaving = [(sa,) + sa.packet(rng, "out", next(sizes))[:1] for sa in self.associations for _ in range(4)]

    def add(self, frame, row):
        self.frames.append(frame)
        self.rows[len(self.frames)] = row

    def arrive(self, rng, sa, number, size):
        inner, names = sa.packet(rng, "in", size)
        packet = sa.sealed(rng, inner, number)
        if number == sa.numbers(4)[-1]:
            # Before the good one, which they must not keep out.
            for what, bad, fate in damaged(rng, sa, packet):
                self.add(framed(bad), {"fate": fate, "note": "%s: %s" % (sa.name, what)})
        self.add(framed(packet), {"fate": "steer", "inner": names, "note": "%s, number %d" % (sa.name, number)})
        self.inner.append((sa, inner))
        if sa.esn and number == 100:
            self.past.add(len(self.frames))

    def description(self):
        """As Tests/Captures describes a capture."""
        services = [{"dvipa": d, "protocol": p, "ports": ports} for d in DVIPA.values()
                    for p, ports in (("tcp", [80]), ("udp", [53]))]
        return {"format": 1, "name": self.transform.name, "files": [self.transform.name + ".pcap"], "needs": [],
                "router": {"mac": "02:00:00:0a:00:01", "gateways": list(GATEWAY.values())}, "dvipas": list(DVIPA.values()),
                "services": services, "targets": [{"name": "t%d" % (i + 1), "address": a} for i, a in enumerate(TARGETS)],
                "sas": [sa.described(d) for sa in self.associations for d in ("in", "out")],
                "frames": {str(n): row for n, row in self.rows.items()}}


def write(path, frames):
    """A pcap file of Ethernet frames, a millisecond apart."""
    now = 1_700_000_000_000
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for i, frame in enumerate(frames):
            seconds, milliseconds = divmod(now + i, 1000)
            f.write(struct.pack("<IIII", seconds, milliseconds * 1000, len(frame), len(frame)) + frame)
