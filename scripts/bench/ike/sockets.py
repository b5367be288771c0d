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


def measure(options, figures, folder, proof, pki):
    with Network() as network:
        responders = {OURS: OurRouter(network, folder), CHARON: Charon(network, folder)}
        try:
            responders[OURS].start(options.viaduct, pki)
            responders[CHARON].start(pki)
            costs = {node: [] for node in responders}
            kernel = {node: [] for node in responders}
            for node in responders:
                load(options, network, node, proof, pki, 100)
            for _ in range(options.rounds):
                for node, responder in responders.items():
                    before = responder.processor_seconds()
                    report = load(options, network, node, proof, pki, options.handshakes)
                    after = responder.processor_seconds()
                    costs[node].append((sum(after) - sum(before)) / options.handshakes * 1e6)
                    kernel[node].append((after[1] - before[1]) / options.handshakes * 1e6)
                    print("  %s %s: %d in %.2f s, %.0f µs each (%.0f of it in the kernel), %d sent again" % (
                        proof, node, report["established"], report["seconds"], costs[node][-1], kernel[node][-1],
                        report["repeated"]), flush=True)
        finally:
            for responder in responders.values():
                responder.stop()
    names = {OURS: "ike/responder/%s" % proof, CHARON: "charon/%s" % proof}
    rates = {node: [1e6 / cost for cost in costs[node]] for node in costs}
    ratio = statistics.median(a / b for a, b in zip(rates[OURS], rates[CHARON]))
    for node, name in names.items():
        more = {"peer": names[CHARON], "ratio": round(ratio, 3)} if node == OURS else {}
        figures.note(name, statistics.median(rates[node]), "handshakes/s/core", lowest=round(min(rates[node]), 1),
                     highest=round(max(rates[node]), 1), **more)
        figures.note(name + "/cpu", statistics.median(costs[node]), "µs/handshake", kernel=round(statistics.median(kernel[node]), 1))
    print("  %s: %.2f times charon's handshakes a second and core" % (proof, ratio), flush=True)
