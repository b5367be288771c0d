#!/usr/bin/env python3
"""Questions and answers in UDP, each with bytes that either end can make, and their SHA-256.

datagrams.py serve ADDRESS PORT NAME: a target's end; waits for the address to be there, says "listening".
datagrams.py ask ADDRESS PORT FLOWS: a client with as many sockets. For every line that comes in it asks once on each, again
where no answer comes, and writes who answered, in their order: ["t1", "t2", ...]. What is wrong ends it."""
import errno
import hashlib
import json
import os
import selectors
import socket
import struct
import sys
import time

QUESTION = struct.Struct("!QI")
PATIENCE_SECONDS, TRY_SECONDS, TRIES = 60, 0.4, 25
SIZES = (0, 1, 64, 512, 1100)


def answer(name, question):
    return hashlib.sha256(question).digest() + name.encode()


def serve(address, port, name):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            server.bind((address, port))
            break
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    print("listening", flush=True)
    while True:
        question, client = server.recvfrom(65536)
        server.sendto(answer(name, question), client)


class Flow:
    """One socket, and the question it waits to have answered."""

    def __init__(self, address, port, number):
        self.number, self.asked, self.question = number, 0, b""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((address, port))
        self.socket.setblocking(False)

    def begin(self):
        self.asked += 1
        size = SIZES[(self.number + self.asked) % len(SIZES)]
        self.question = QUESTION.pack(self.number, self.asked) + os.urandom(size)

    def send(self):
        try:
            self.socket.send(self.question)
        except ConnectionRefusedError:
            pass  # A target that has no server yet said so of an earlier question.

    def take(self):
        """The name of who answered; None of an answer to an earlier question, which was sent twice."""
        try:
            said = self.socket.recv(65536)
        except (BlockingIOError, ConnectionRefusedError):
            return None
        return said[32:].decode() if said[:32] == hashlib.sha256(self.question).digest() else None


def ask_all(flows):
    names = {}
    for flow in flows:
        flow.begin()
    with selectors.DefaultSelector() as selector:
        for flow in flows:
            selector.register(flow.socket, selectors.EVENT_READ, flow)
        for _ in range(TRIES):
            for flow in flows:
                if flow.number not in names:
                    flow.send()
            until = time.monotonic() + TRY_SECONDS
            while len(names) < len(flows) and (left := until - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    name = key.data.take()
                    if name:
                        names[key.data.number] = name
            if len(names) == len(flows):
                return [names[flow.number] for flow in flows]
    sys.exit("no answer on flows %s" % sorted({f.number for f in flows} - set(names)))


def ask(address, port, count):
    flows = [Flow(address, port, number) for number in range(count)]
    for _ in sys.stdin:
        print(json.dumps(ask_all(flows)), flush=True)


if __name__ == "__main__":
    role, host, at, last = sys.argv[1:]
    if role == "serve":
        serve(host, int(at), last)
    else:
        ask(host, int(at), int(last))
