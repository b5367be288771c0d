"""strongSwan's control protocol (its README.vici), as much of it as we use. Values are text; keys may be bytes."""
import socket
import struct

COMMAND, RESPONSE, UNKNOWN, REGISTER, UNREGISTER, CONFIRM, NO_SUCH_EVENT, EVENT = range(8)
SECTION, END_SECTION, VALUE, LIST, ITEM, END_LIST = range(1, 7)
LARGEST = 512 * 1024


class Refused(Exception):
    """What the daemon said about a command."""


def name(text):
    return struct.pack("!B", len(text)) + text.encode()


def value(data):
    data = data if isinstance(data, bytes) else str(data).encode()
    return struct.pack("!H", len(data)) + data


def encode(message):
    out = b""
    for key, item in message.items():
        if isinstance(item, dict):
            out += struct.pack("!B", SECTION) + name(key) + encode(item) + struct.pack("!B", END_SECTION)
        elif isinstance(item, (list, tuple)):
            items = b"".join(struct.pack("!B", ITEM) + value(x) for x in item)
            out += struct.pack("!B", LIST) + name(key) + items + struct.pack("!B", END_LIST)
        else:
            out += struct.pack("!B", VALUE) + name(key) + value(item)
    return out


def decode(data):
    """The message as dictionaries, lists and text."""
    at, stack, items = 0, [{}], None
    def take(form):
        nonlocal at
        length, = struct.unpack_from(form, data, at)
        at += struct.calcsize(form) + length
        return data[at - length:at].decode(errors="replace")
    while at < len(data):
        kind = data[at]
        at += 1
        if kind == SECTION:
            stack.append(stack[-1].setdefault(take("!B"), {}))
        elif kind == END_SECTION:
            stack.pop()
        elif kind == VALUE:
            key = take("!B")
            stack[-1][key] = take("!H")
        elif kind == LIST:
            items = stack[-1].setdefault(take("!B"), [])
        elif kind == ITEM:
            items.append(take("!H"))
    return stack[0]


class Control:
    """One conversation with a daemon. Use it in a `with`; one thread at a time."""

    def __init__(self, path, seconds=40):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, label, message=b""):
        body = struct.pack("!B", kind) + name(label) + message
        self.socket.sendall(struct.pack("!I", len(body)) + body)

    def receive(self):
        length, = struct.unpack("!I", self.exactly(4))
        if not 0 < length <= LARGEST:
            raise Refused("a message of %d bytes" % length)
        data = self.exactly(length)
        if data[0] == EVENT:
            return EVENT, decode(data[2 + data[1]:])
        return data[0], decode(data[1:]) if data[0] == RESPONSE else {}

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise Refused("the daemon closed the conversation")
            data += piece
        return data

    def command(self, label, message=None):
        """What the daemon answers; `Refused` when it says no."""
        self.send(COMMAND, label, encode(message or {}))
        kind, answer = self.receive()
        if kind != RESPONSE or answer.get("success", "yes") != "yes":
            raise Refused("%s: %s" % (label, answer.get("errmsg", "unknown command")))
        return answer

    def events(self, label, event, message=None):
        """All events that the command makes before it is answered."""
        self.send(REGISTER, event)
        self.receive()
        self.send(COMMAND, label, encode(message or {}))
        found = []
        while (said := self.receive())[0] == EVENT:
            found.append(said[1])
        self.send(UNREGISTER, event)
        self.receive()
        return found
