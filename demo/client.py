"""The client: python3 -m demo.client --address DVIPA --port N --connections N ...

Opens that many TCP connections, `--concurrency` at a time, one transfer each, and checks every byte. Prints a JSON line a
transfer: {"number", "kind", "bytes", "seconds", "target", "error"}; `error` is null when all was right. Nothing is tried twice."""
import argparse
import concurrent.futures
import hashlib
import http.client
import json
import random
import socket
import time

from demo.content import content, digest

CHUNK = 64 * 1024
SILENCE_SECONDS = 30
MEGABYTE = 1000 * 1000


def plan(number, seed, large):
    """What connection `number` does: (kind, bytes). One in ten fetches `large` bytes or up to twice that, one in twenty sends."""
    dice = random.Random(seed * 1000003 + number)
    if number % 10 == 0:
        return "download", dice.randint(large, 2 * large)
    if number % 20 == 5:
        return "upload", dice.randint(MEGABYTE // 4, MEGABYTE)
    if number % 4 == 1:
        return "whoami", 0
    return "small", dice.randint(1, 32 * 1024)


def transfer(connection, kind, size, seed, met):
    """One exchange; `met` is called with the target's name. Raises what it finds wrong."""
    if kind == "upload":
        body = content(seed, size)
        wanted = digest(body)
        connection.request("POST", "/upload", body)
    elif kind == "whoami":
        connection.request("GET", "/whoami")
    else:
        wanted = digest(content(seed, size))
        connection.request("GET", "/data?bytes=%d&seed=%d" % (size, seed))
    answer = connection.getresponse()
    if answer.status != 200:
        raise ValueError("status %d" % answer.status)
    target, seen, kept = answer.headers["X-Target"], hashlib.sha256(), b""
    met(target)
    while piece := answer.read(CHUNK):
        seen.update(piece)
        kept = (kept + piece)[:256]
    if kind == "upload":
        right = kept.decode() == wanted
    elif kind == "whoami":
        right = kept.decode() == target
    else:
        right = seen.hexdigest() == wanted
    if not right:
        raise ValueError("wrong hash")


def connect(connection):
    """Who only waits finds out soon that the other end has forgotten him."""
    connection.connect()
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1)):
        connection.sock.setsockopt(socket.IPPROTO_TCP, option, value)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def once(number, options):
    kind, size = plan(number, options.seed, options.large)
    started, met, error = time.monotonic(), [], None
    connection = http.client.HTTPConnection(options.address, options.port, timeout=SILENCE_SECONDS)
    try:
        connect(connection)
        transfer(connection, kind, size, options.seed * 1000 + number, met.append)
    except (OSError, http.client.HTTPException, ValueError) as x:
        error = "%s: %s" % (type(x).__name__, x)
    finally:
        connection.close()
    return {"number": number, "kind": kind, "bytes": size, "seconds": round(time.monotonic() - started, 3),
            "target": met[0] if met else None, "error": error}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--concurrency", type=int, default=40)
    parser.add_argument("--large", type=int, default=2 * MEGABYTE, help="least bytes of a large transfer")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with concurrent.futures.ThreadPoolExecutor(options.concurrency) as pool:
        runs = [pool.submit(once, number, options) for number in range(options.connections)]
        for run in concurrent.futures.as_completed(runs):
            print(json.dumps(run.result()), flush=True)


if __name__ == "__main__":
    main()
