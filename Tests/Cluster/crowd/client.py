#!/usr/bin/env python3
"""client.py ADDRESS PORT: keeps TCP connections open and in use, and checks every byte.

Takes JSON lines: {"open": N, "perSecond": R, "gap": S, "up": B, "down": B} more connections that exchange something every S seconds,
{"reopen": true}: what ends is begun anew, {"pause": true}, {"end": true}. Prints JSON lines: what ended {"number", "target", "error",
"silent", "at"}, twice a second how things stand {"at", "open": {target: N}, "waiting": N, "exchanges", "bytes"}, and at the end
{"ended": ...} with the same. `error` is "reset" or "silence", or in other words what was wrong; times are of the machine's clock."""
import errno
import hashlib
import heapq
import json
import os
import random
import resource
import selectors
import socket
import sys
import time

from protocol import ANSWER, REQUEST, content

SILENCE_SECONDS, KEEPALIVE_SECONDS, SAY_SECONDS = 30, 5, 0.5
RESETS = (errno.ECONNRESET, errno.EPIPE)


class Wrong(Exception):
    pass


class Connection:
    """One socket, in turns asking and hearing."""

    def __init__(self, number, address, order):
        self.number, self.order, self.target, self.exchanges, self.bytes = number, order, None, 0, 0
        self.dice, self.sent, self.awaited = random.Random(number), hashlib.sha256(), None
        self.out, self.heard = b"", bytearray()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Who only waits finds out that the other end has forgotten him.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        self.socket.connect_ex(address)
        self.since = time.monotonic()
        self.ask()

    def ask(self):
        seed, up, down = self.dice.getrandbits(32), self.dice.randint(1, self.order["up"]), self.dice.randint(1, self.order["down"])
        body = content(seed + 1, up)
        self.sent.update(body)
        self.awaited = (self.exchanges, down, seed)
        self.out = REQUEST.pack(self.exchanges, up, down, seed) + body
        self.bytes += up + down
        self.since = time.monotonic()

    def push(self):
        """True when all is out."""
        if self.out:
            self.out = self.out[self.socket.send(self.out):]
        return not self.out

    def hear(self):
        """True when the answer is whole, and right."""
        piece = self.socket.recv(1 << 17)
        if not piece:
            raise Wrong("closed by the other end")
        self.heard += piece
        if self.awaited is None or len(self.heard) < ANSWER.size + self.awaited[1]:
            if self.awaited is None:
                raise Wrong("bytes that nobody asked for")
            return False
        number, down, seed = self.awaited
        said_number, said_down, name, digest = ANSWER.unpack_from(self.heard)
        name = name.rstrip(b"\0").decode(errors="replace")
        if digest != self.sent.digest():
            raise Wrong("wrong hash at %s" % name)
        if (said_number, said_down, bytes(self.heard[ANSWER.size:])) != (number, down, content(seed, down)):
            raise Wrong("wrong bytes from %s" % name)
        if self.target not in (None, name):
            raise Wrong("%s went on where %s was" % (name, self.target))
        self.target, self.awaited = name, None
        self.exchanges += 1
        self.heard.clear()
        return True

    def pause(self):
        return self.order["gap"] * self.dice.uniform(0.5, 1.5)


class Crowd:
    def __init__(self, address):
        self.address, self.selector = address, selectors.DefaultSelector()
        self.open, self.due = {}, []
        self.made = self.ended = self.exchanges = self.bytes = 0
        self.reopen = self.paused = self.ending = False
        self.orders = b""
        self.selector.register(sys.stdin, selectors.EVENT_READ)

    # Connections.

    def begin(self, order):
        self.made += 1
        connection = Connection(self.made, self.address, order)
        self.open[connection.number] = connection
        self.selector.register(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)

    def end(self, connection, error):
        self.selector.unregister(connection.socket)
        connection.socket.close()
        del self.open[connection.number]
        self.ended += 1
        say(number=connection.number, target=connection.target, error=error, at=time.time(),
            silent=round(time.monotonic() - connection.since, 3))
        if self.reopen:
            heapq.heappush(self.due, (time.monotonic() + 0.5, -connection.number, connection.order))

    def ready(self, connection, events):
        try:
            if connection.out and events & selectors.EVENT_WRITE and connection.push():
                self.selector.modify(connection.socket, selectors.EVENT_READ, connection)
            if events & selectors.EVENT_READ and connection.hear():
                self.exchanges += 1
                heapq.heappush(self.due, (time.monotonic() + connection.pause(), connection.number, None))
        except BlockingIOError:
            pass
        except OSError as error:
            self.end(connection, "reset" if error.errno in RESETS else error.strerror)
        except Wrong as wrong:
            self.end(connection, str(wrong))

    def next(self):
        """Those whose pause is over ask again."""
        now = time.monotonic()
        while self.due and self.due[0][0] <= now and not self.paused:
            _, number, order = heapq.heappop(self.due)
            if order:
                self.begin(order)
            elif connection := self.open.get(number):
                connection.ask()
                self.selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)

    # What a scenario says, and what it hears.

    def obey(self, line):
        order = json.loads(line)
        for at in range(order.get("open", 0)):
            heapq.heappush(self.due, (time.monotonic() + at / order["perSecond"], -(self.made + at + 1), order))
        self.reopen = order.get("reopen", self.reopen)
        if "pause" in order:
            self.paused = order["pause"]
            for connection in self.open.values():
                # Who is at rest sends nothing at all, so that counts can be compared.
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, not self.paused)
        self.ending = self.ending or "end" in order

    def look(self):
        """What waited too long has failed."""
        now = time.monotonic()
        for connection in [c for c in self.open.values() if c.awaited and now - c.since > SILENCE_SECONDS]:
            self.end(connection, "silence")
        say(**self.state())

    def state(self):
        served = {}
        for connection in self.open.values():
            served[connection.target or ""] = served.get(connection.target or "", 0) + 1
        return {"at": time.time(), "open": served, "waiting": sum(1 for c in self.open.values() if c.awaited),
                "exchanges": self.exchanges, "bytes": sum(c.bytes for c in self.open.values()), "ended": self.ended}

    def run(self):
        said = 0.0
        while not (self.ending and not any(c.awaited for c in self.open.values())):
            if not self.ending:
                self.next()
            wait = min(self.due[0][0] - time.monotonic(), 0.1) if self.due and not self.paused else 0.1
            for key, events in self.selector.select(max(wait, 0)):
                if key.data:
                    if key.data.number in self.open:
                        self.ready(key.data, events)
                else:
                    self.listen()
            if time.monotonic() - said >= SAY_SECONDS:
                said = time.monotonic()
                self.look()
        say(final=True, **self.state())

    def listen(self):
        piece = os.read(sys.stdin.fileno(), 65536)
        *lines, self.orders = (self.orders + piece).split(b"\n")
        for line in lines:
            self.obey(line)
        if not piece:
            self.selector.unregister(sys.stdin)
            self.ending = True


def say(**what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    Crowd((sys.argv[1], int(sys.argv[2]))).run()
