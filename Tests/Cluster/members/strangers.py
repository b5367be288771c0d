#!/usr/bin/env python3
"""Who knocks at the link's port and is not to be let in: strangers.py KIND ADDRESS PORT FOLDER ROUTER [NAME]

    plain    bytes that are no TLS
    silent   a connection on which nothing comes
    bare     TLS, without a certificate
    foreign  TLS, with a certificate of somebody else's authority
    noise    TLS with a member's certificate, and then no HTTP/2
    false    a member's certificate, and the hello of another one: NAME's

Certificates are FOLDER's, member t2's. Prints a line: what came of it. HTTP/2 (RFC 9113) by hand: as little of it as gRPC wants, and
none of our own code."""
import os
import pathlib
import socket
import ssl
import struct
import sys

MEMBER, PATIENCE_SECONDS = "t2", 8
DATA, HEADERS, SETTINGS, GOAWAY, PING = 0, 1, 4, 7, 6
ACK, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, body):
    return struct.pack("!I", len(body))[1:] + struct.pack("!BBI", kind, flags, stream) + body


def literal(name, value):
    """A header field without indexing (RFC 7541 section 6.2.2), texts as they are."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def field(number, value):
    """A protobuf field: text, bytes or a message behind its length; or a small number."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    value = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(value)]) + value


def hello(name):
    said = field(1, 1) + field(2, name) + bytes([3 << 3 | 1]) + os.urandom(8) + field(4, 1) + field(5, bytes(32)) + field(6, "aes128gcm16")
    message = field(1, said)
    headers = b"".join(literal(*each) for each in (
        (":method", "POST"), (":scheme", "https"), (":path", "/viaduct.xcf.v1.Member/Join"), (":authority", "router"),
        ("te", "trailers"), ("content-type", "application/grpc")))
    return (PREFACE + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS, 1, headers)
            + frame(DATA, 0, 1, struct.pack("!BI", 0, len(message)) + message))


def context(folder, name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Whom we speak to is not what is asked here.
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_alpn_protocols(["h2"])
    if name:
        made.load_cert_chain(folder / (name + ".pem"), folder / (name + ".key"))
    return made


def hear(link):
    """What comes until the other end closes: byte count, and how it ended."""
    count = 0
    try:
        while piece := link.recv(65536):
            count += len(piece)
    except TimeoutError:
        return "%d bytes, and still open" % count
    except (OSError, ssl.SSLError) as error:
        return "%d bytes, then %s" % (count, getattr(error, "reason", None) or error.strerror or error)
    return "%d bytes, then closed" % count


def knock(kind, address, port, folder, router, name):
    link = socket.create_connection((address, port), PATIENCE_SECONDS)
    if kind in ("plain", "silent"):
        if kind == "plain":
            link.sendall(b"GET / HTTP/1.0\r\n\r\n" + os.urandom(512))
        return hear(link)
    try:
        link = context(folder, None if kind == "bare" else MEMBER).wrap_socket(link, server_hostname=router)
        if kind == "noise":
            link.sendall(os.urandom(1024))
        else:
            link.sendall(hello(name))
    except (OSError, ssl.SSLError) as error:
        return "refused: %s" % (getattr(error, "reason", None) or error.strerror or error)
    return hear(link)


if __name__ == "__main__":
    print(knock(sys.argv[1], sys.argv[2], int(sys.argv[3]), pathlib.Path(sys.argv[4]), sys.argv[5], (sys.argv[6:] or [MEMBER])[0]))
