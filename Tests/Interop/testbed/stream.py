#!/usr/bin/env python3
"""stream.py ADDRESS PORT [WORKERS SILENCE SEED]: TCP transfers, one after the other in each worker, until the input ends.

Every byte is checked by hash. Each transfer is paced to last a second or so: something is always under way. A transfer that
hears nothing for SILENCE seconds has failed. Prints a JSON line each, {"worker", "kind", "bytes", "target", "error"}, in the order
of their ends."""
import hashlib
import http.client
import json
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent.parent))
sys.dont_write_bytecode = True

from demo.content import content, digest

BYTES_PER_SECOND = 150_000
PIECE = 8 * 1024
KINDS = ("download", "upload", "whoami")


def pace(started, done):
    ahead = done / BYTES_PER_SECOND - (time.monotonic() - started)
    if ahead > 0:
        time.sleep(ahead)


def pieces(body):
    started = time.monotonic()
    for at in range(0, len(body), PIECE):
        pace(started, at)
        yield body[at:at + PIECE]


def transfer(connection, kind, size, seed):
    """One exchange; the target's name. Raises what it finds wrong."""
    if kind == "upload":
        body = content(seed, size)
        wanted = digest(body)
        connection.request("POST", "/upload", pieces(body), {"Content-Length": str(size)})
    elif kind == "download":
        wanted = digest(content(seed, size))
        connection.request("GET", "/data?bytes=%d&seed=%d" % (size, seed))
    else:
        connection.request("GET", "/whoami")
    answer = connection.getresponse()
    if answer.status != 200:
        raise ValueError("status %d" % answer.status)
    target, started, done = answer.headers["X-Target"], time.monotonic(), 0
    seen, kept = hashlib.sha256(), b""
    while piece := answer.read(PIECE):
        seen.update(piece)
        kept = (kept + piece)[:64]
        done += len(piece)
        pace(started, done)
    if seen.hexdigest() != wanted if kind == "download" else kept.decode() != (wanted if kind == "upload" else target):
        raise ValueError("wrong hash after %d bytes" % done)
    return target


def once(address, port, silence, kind, size, seed):
    connection = http.client.HTTPConnection(address, port, timeout=silence)
    try:
        return transfer(connection, kind, size, seed), None
    except (OSError, http.client.HTTPException, ValueError) as x:
        return None, "%s: %s" % (type(x).__name__, x)
    finally:
        connection.close()


def work(worker, address, port, silence, seed, ended, say):
    dice, number = random.Random(seed * 1009 + worker), 0
    while not ended.is_set():
        kind = KINDS[(worker + number) % len(KINDS)]
        size = dice.randint(50_000, 250_000)
        target, error = once(address, port, silence, kind, size, seed * 1_000_000 + worker * 10_000 + number)
        say({"worker": worker, "kind": kind, "bytes": size, "target": target, "error": error})
        number += 1
        if error:
            ended.wait(0.2)


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    workers, silence, seed = (int(x) for x in (sys.argv[3:] + ["6", "6", "1"][len(sys.argv) - 3:]))
    ended, lock = threading.Event(), threading.Lock()

    def say(line):
        with lock:
            print(json.dumps(line), flush=True)

    threads = [threading.Thread(target=work, args=(n, address, port, silence, seed, ended, say)) for n in range(workers)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
