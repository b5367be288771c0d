"""Our router and charon under the same load, in turns: initiators of ours over UDP, each from an address of its own."""
import json
import statistics
import subprocess

from demo.process import Trouble
from ike.network import ADDRESS, CHARON, INITIATORS, OURS, Network
from ike.responders import Charon, OurRouter

SLOTS = 32


def load(options, network, node, proof, pki, handshakes, **more):
    words = ["proof=" + proof, "responder=" + ADDRESS[node], "handshakes=%d" % handshakes, "slots=%s" % more.pop("slots", SLOTS)]
    if pki:
        words += ["folder=%s" % pki, "clients=8"]
    words += ["%s=%s" % pair for pair in more.items()]
    done = subprocess.run(network.inside(INITIATORS, [str(options.bench), "load", *words]), capture_output=True, text=True)
    if done.returncode:
        raise Trouble("the load on %s: %s" % (node, done.stderr))
    report = json.loads(done.stdout)
    if report["established"] != handshakes:
        raise Trouble("%d of %d handshakes with %s: %s" % (report["established"], handshakes, node, report["failures"]))
    return report


def round_of(options, network, responder, proof, pki):
    """Microseconds a handshake of a process that was just started, in all and in the kernel. What it holds makes charon slower."""
    try:
        if responder.node == OURS:
            responder.start(options.viaduct, pki)
        else:
            responder.start(pki)
        load(options, network, responder.node, proof, pki, 100)
        before = responder.processor_seconds()
        report = load(options, network, responder.node, proof, pki, options.handshakes)
        user, kernel = ((b - a) / options.handshakes * 1e6 for a, b in zip(before, responder.processor_seconds()))
    finally:
        responder.stop()
    print("  %s %s: %d in %.2f s, %.0f µs each (%.0f of it in the kernel), %d sent again" % (
        proof, responder.node, report["established"], report["seconds"], user + kernel, kernel, report["repeated"]), flush=True)
    return user + kernel, kernel


def measure(options, figures, folder, proof, pki):
    rounds = {OURS: [], CHARON: []}
    with Network() as network:
        for _ in range(options.rounds):
            for responder in (OurRouter(network, folder), Charon(network, folder)):
                rounds[responder.node].append(round_of(options, network, responder, proof, pki))
    names = {OURS: "ike/responder/%s" % proof, CHARON: "charon/%s" % proof}
    ratio = statistics.median(theirs[0] / ours[0] for ours, theirs in zip(rounds[OURS], rounds[CHARON]))
    for node, name in names.items():
        rates = [1e6 / cost for cost, _ in rounds[node]]
        more = {"peer": names[CHARON], "ratio": round(ratio, 3)} if node == OURS else {}
        figures.note(name, statistics.median(rates), "handshakes/s/core", lowest=round(min(rates), 1),
                     highest=round(max(rates), 1), **more)
        figures.note(name + "/cpu", statistics.median(cost for cost, _ in rounds[node]), "µs/handshake",
                     kernel=round(statistics.median(kernel for _, kernel in rounds[node]), 1))
    print("  %s: %.2f times charon's handshakes a second and core" % (proof, ratio), flush=True)
