"""First messages of nobody against our router, while peers that are there want in."""
import pathlib
import subprocess
import sys
import time

from demo.process import Trouble, spawn, stop
from ike.network import ADDRESS, INITIATORS, OURS, Network
from ike.responders import OurRouter
from ike.sockets import load

COUNT, RATE = 50_000, 20_000
PEERS = 40


def settled(router):
    """What its status says when it has stopped to change."""
    counts, deadline = None, time.monotonic() + 20
    while (now := router.status().get("ike", {}).get("counts")) != counts or not now:
        if time.monotonic() > deadline:
            raise Trouble("the router's counts do not come to rest")
        counts = now
        time.sleep(1.2)
    return counts


def measure(options, figures, folder):
    opening = subprocess.run([options.bench, "opening"], capture_output=True, text=True, check=True).stdout.strip()
    with Network() as network:
        network.ip(INITIATORS, "route add blackhole 11.0.0.0/8")
        router = OurRouter(network, folder)
        try:
            router.start(options.viaduct)
            spoof = pathlib.Path(__file__).with_name("spoof.py")
            command = network.inside(INITIATORS, [sys.executable, str(spoof), opening, ADDRESS[OURS], str(COUNT), str(RATE)])
            # Alone, for what one costs.
            before = router.processor_seconds()
            subprocess.run(command, check=True, capture_output=True)
            counts = settled(router)
            seconds = sum(router.processor_seconds()) - sum(before)
            seen = counts.get("cookieAsked", 0) + counts.get("begun", 0)
            # And with peers that want in.
            flood = spawn(command, stdout=subprocess.PIPE, text=True)
            try:
                report = load(options, network, OURS, "psk-x25519", None, PEERS, slots=4)
                is_under_way = flood.poll() is None
                flooding = float(flood.communicate(timeout=60)[0])
            finally:
                stop(flood, seconds=5)
        finally:
            router.stop()
    figures.note("ike/flood/cpu", seconds / max(1, seen) * 1e6, "µs/message")
    figures.note("ike/flood/handshake", report["median"], "ms", highest=round(report["slowest"], 3))
    print("  %d of %d reached it: %d cookies asked, %.1f µs each" % (seen, COUNT, counts.get("cookieAsked", 0), seconds / max(1, seen) * 1e6))
    print("  %d peers established during %d more (%.0f a second%s): median %.1f ms, slowest %.0f ms, %d messages sent again" % (
        PEERS, COUNT, COUNT / flooding, "" if is_under_way else "; it had ended before the last peer was done",
        report["median"], report["slowest"], report["repeated"]))
