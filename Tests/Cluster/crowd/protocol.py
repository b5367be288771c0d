"""What goes over a connection: requests and answers in turns, each with bytes that both ends can make, and a hash of all so far.

    request:  number, bytes that follow, bytes wanted, seed | bytes
    answer:   number, bytes that follow, the target's name, SHA-256 of all requests' bytes on this connection | bytes
"""
import hashlib
import struct

REQUEST, ANSWER = struct.Struct("!IIII"), struct.Struct("!II16s32s")


def content(seed, size):
    return hashlib.shake_128(b"cluster %d" % seed).digest(size)
