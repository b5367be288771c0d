"""What crosses the client's links: python3 -m demo.wire INTERFACE...

Counts IP packets by direction and kind until its input ends, then prints {"INTERFACE": {"sent": {"esp": n, "tcp": n},
"received": ...}}. The kernel counts: each number is a packet socket whose filter takes one kind, read through
PACKET_STATISTICS, which counts what the socket had no room for as well. So no packet costs us anything, and none is missed."""
import ctypes
import json
import socket
import struct
import sys

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_ATTACH_FILTER = 26
PACKET_OUTGOING = 4
PROTOCOLS = {"esp": 50, "tcp": 6}
UDP, IKE_PORT = 17, 4500

# Classic BPF: operation, jump if true, jump if false, operand.
LOAD_WORD, LOAD_HALF, LOAD_BYTE, JUMP_EQUAL, RETURN = 0x20, 0x28, 0x30, 0x15, 0x06
LOAD_INDEX, SET_INDEX, LOAD_HALF_INDEXED, LOAD_WORD_INDEXED = 0xB1, 0x01, 0x48, 0x40
PACKET_TYPE = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
TYPE_AT, PROTOCOL_AT, IP_AT = 12, {ETH_P_IP: 23, ETH_P_IPV6: 20}, 14


def program(sent, protocol, version=ETH_P_IP):
    """Takes (one byte of) IP packets of this protocol that we sent, or that we received; IPv6 without extension headers."""
    outgoing = (JUMP_EQUAL, 0, 5, PACKET_OUTGOING) if sent else (JUMP_EQUAL, 5, 0, PACKET_OUTGOING)
    return [
        (LOAD_WORD, 0, 0, PACKET_TYPE),
        outgoing,
        (LOAD_HALF, 0, 0, TYPE_AT),
        (JUMP_EQUAL, 0, 3, version),
        (LOAD_BYTE, 0, 0, PROTOCOL_AT[version]),
        (JUMP_EQUAL, 0, 1, protocol),
        (RETURN, 0, 0, 1),
        (RETURN, 0, 0, 0),
    ]


def encapsulated(sent, version=ETH_P_IP):
    """Takes (one byte of) IP packets with ESP in UDP that we sent, or received: from or to port 4500, and no marker of IKE's."""
    outgoing = (JUMP_EQUAL, 0, 11, PACKET_OUTGOING) if sent else (JUMP_EQUAL, 11, 0, PACKET_OUTGOING)
    return [
        (LOAD_WORD, 0, 0, PACKET_TYPE),
        outgoing,
        (LOAD_HALF, 0, 0, TYPE_AT),
        (JUMP_EQUAL, 0, 9, version),
        (LOAD_BYTE, 0, 0, PROTOCOL_AT[version]),
        (JUMP_EQUAL, 0, 7, UDP),
        (LOAD_INDEX, 0, 0, IP_AT) if version == ETH_P_IP else (SET_INDEX, 0, 0, 40),
        (LOAD_HALF_INDEXED, 0, 0, IP_AT),
        (JUMP_EQUAL, 2, 0, IKE_PORT),
        (LOAD_HALF_INDEXED, 0, 0, IP_AT + 2),
        (JUMP_EQUAL, 0, 2, IKE_PORT),
        (LOAD_WORD_INDEXED, 0, 0, IP_AT + 8),
        (JUMP_EQUAL, 0, 1, 0),
        (RETURN, 0, 0, 0),
        (RETURN, 0, 0, 1),
    ]


def programs(sent):
    """What each kind is: ESP by itself or in UDP, TCP in clear."""
    for version in ETH_P_IP, ETH_P_IPV6:
        yield "esp", program(sent, PROTOCOLS["esp"], version)
        yield "tcp", program(sent, PROTOCOLS["tcp"], version)
        yield "esp", encapsulated(sent, version)


def counter(interface, program):
    """A socket that counts. The filter is there before the interface is: it never sees a packet it does not want."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    steps = b"".join(struct.pack("HBBI", *step) for step in program)
    memory = ctypes.create_string_buffer(steps)
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(steps) // 8, ctypes.addressof(memory)))
    s.bind((interface, ETH_P_ALL))
    return s


def count(s):
    return struct.unpack("II", s.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[0]


def main():
    sockets = [
        (interface, way, kind, counter(interface, steps))
        for interface in sys.argv[1:] for way in ("sent", "received") for kind, steps in programs(way == "sent")
    ]
    print("counting", flush=True)
    sys.stdin.read()
    counts = {i: {way: dict.fromkeys(PROTOCOLS, 0) for way in ("sent", "received")} for i in sys.argv[1:]}
    for interface, way, kind, each in sockets:
        counts[interface][way][kind] += count(each)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
