"""The web server of a target: python3 -m demo.server --address DVIPA --port N --name TARGET

    GET /whoami                 the target's name
    GET /data?bytes=N&seed=S    bytes that the client can make, too
    POST /upload                the SHA-256 of what was sent

Every answer names the target in X-Target. Prints "listening" once it is bound to the DVIPA."""
import argparse
import errno
import hashlib
import http.server
import socket
import socketserver
import sys
import time
import urllib.parse

from demo.content import content

CHUNK = 64 * 1024


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 60

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/whoami":
            self.answer(self.server.target.encode())
        elif url.path == "/data":
            self.answer(content(int(query["seed"]), int(query["bytes"])))
        else:
            self.send_error(404)

    def do_POST(self):
        left, seen = int(self.headers["Content-Length"]), hashlib.sha256()
        while left:
            piece = self.rfile.read(min(CHUNK, left))
            if not piece:
                return
            seen.update(piece)
            left -= len(piece)
        self.answer(seen.hexdigest().encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("X-Target", self.server.target)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for at in range(0, len(body), CHUNK):
            self.wfile.write(body[at:at + CHUNK])

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    # Not HTTPServer: that looks its own name up, and there is no name server here.
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address, target):
        self.target = target
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)


def bind(address, target, seconds):
    """The server, as soon as the address is on one of the host's interfaces."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return Server(address, target)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            if time.monotonic() > deadline:
                sys.exit("%s is not on any interface of %s" % (address[0], target))
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", required=True)
    options = parser.parse_args()
    server = bind((options.address, options.port), options.name, seconds=15)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
