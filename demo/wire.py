"""What crosses the client's links: python3 -m demo.wire INTERFACE...

Counts IPv4 packets by direction and kind until its input ends, then prints {"INTERFACE": {"sent": {"esp": n, "tcp": n},
"received": ...}}. The kernel counts: each number is a packet socket whose filter takes one kind, read through
PACKET_STATISTICS, which counts what the socket had no room for as well. So no packet costs us anything, and none is missed."""
import ctypes
import json
import socket
import struct
import sys

ETH_P_ALL, ETH_P_IP = 0x0003, 0x0800
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_ATTACH_FILTER = 26
PACKET_OUTGOING = 4
PROTOCOLS = {"esp": 50, "tcp": 6}

# Classic BPF: operation, jump if true, jump if false, operand.
LOAD_WORD, LOAD_HALF, LOAD_BYTE, JUMP_EQUAL, RETURN = 0x20, 0x28, 0x30, 0x15, 0x06
PACKET_TYPE = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
TYPE_AT, PROTOCOL_AT = 12, 23


def program(sent, protocol):
    """Takes (one byte of) IPv4 packets of this protocol that we sent, or that we received."""
    outgoing = (JUMP_EQUAL, 0, 5, PACKET_OUTGOING) if sent else (JUMP_EQUAL, 5, 0, PACKET_OUTGOING)
    return [
        (LOAD_WORD, 0, 0, PACKET_TYPE),
        outgoing,
        (LOAD_HALF, 0, 0, TYPE_AT),
        (JUMP_EQUAL, 0, 3, ETH_P_IP),
        (LOAD_BYTE, 0, 0, PROTOCOL_AT),
        (JUMP_EQUAL, 0, 1, protocol),
        (RETURN, 0, 0, 1),
        (RETURN, 0, 0, 0),
    ]


def counter(interface, sent, protocol):
    """A socket that counts. The filter is there before the interface is: it never sees a packet it does not want."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    steps = b"".join(struct.pack("HBBI", *step) for step in program(sent, protocol))
    memory = ctypes.create_string_buffer(steps)
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(steps) // 8, ctypes.addressof(memory)))
    s.bind((interface, ETH_P_ALL))
    return s


def count(s):
    return struct.unpack("II", s.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[0]


def main():
    sockets = {
        interface: {
            way: {kind: counter(interface, way == "sent", number) for kind, number in PROTOCOLS.items()}
            for way in ("sent", "received")
        }
        for interface in sys.argv[1:]
    }
    print("counting", flush=True)
    sys.stdin.read()
    print(json.dumps({
        interface: {way: {kind: count(s) for kind, s in kinds.items()} for way, kinds in ways.items()}
        for interface, ways in sockets.items()
    }))


if __name__ == "__main__":
    main()
