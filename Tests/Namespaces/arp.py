#!/usr/bin/env python3
"""arp.py INTERFACE ADDRESS ...: asks the link who has each address, and prints one line for every answer: ADDRESS MAC.
Asks three times and listens for a second in all; a neighbour in the next namespace answers within a millisecond."""
import socket
import struct
import sys
import time

ARP, BROADCAST = 0x0806, b"\xff" * 6


def request(mac, address):
    """A question of somebody without an address of his own (RFC 5227 section 2.1.1)."""
    body = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, bytes(4), bytes(6), socket.inet_aton(address))
    return BROADCAST + mac + struct.pack("!H", ARP) + body


def answers(interface, addresses, seconds=1.0, rounds=3):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP))
    link.bind((interface, ARP))
    mac = link.getsockname()[4]
    found = set()
    for _ in range(rounds):
        for address in addresses:
            link.send(request(mac, address))
        end = time.monotonic() + seconds / rounds
        while (left := end - time.monotonic()) > 0:
            link.settimeout(left)
            try:
                frame = link.recv(2048)
            except TimeoutError:
                break
            if len(frame) >= 42 and frame[20:22] == b"\0\2" and socket.inet_ntoa(frame[28:32]) in addresses:
                found.add((socket.inet_ntoa(frame[28:32]), frame[22:28].hex(":")))
    return sorted(found)


if __name__ == "__main__":
    for answer in answers(sys.argv[1], sys.argv[2:]):
        print(*answer)
