"""What was wrong with a run. An empty list is a good run."""
from demo import plan
from demo.cluster import GOOD
from demo.incident import excused

# The client's window refused what a target sent: two targets sent under numbers too far apart, or under the same one.
WINDOW = ("replayed", "tooOld")


def problems(outcome):
    yield from silent(outcome)
    yield from lost(outcome)
    yield from unserved(outcome)
    yield from unprotected(outcome)
    yield from unnegotiated(outcome)
    for verdict in WINDOW:
        if outcome.verdicts(plan.CLIENT).get(verdict):
            yield "the client's replay window dropped %d packets: %s" % (outcome.verdicts(plan.CLIENT)[verdict], verdict)
    for name in outcome.unclean:
        yield "%s did not end well when it was asked to" % name


def unnegotiated(outcome):
    """Of a client that speaks IKE: SAs rekeyed while it worked, none of its own drops, none of ours."""
    if not outcome.negotiates:
        return
    client = outcome.statuses.get(plan.CLIENT, {})
    if client.get("windowDrops"):
        yield "strongSwan's replay window dropped %d packets" % client["windowDrops"]
    if outcome.seconds > 2 * outcome.rekey_seconds > 0 and not client.get("rekeys"):
        yield "no Child SA was rekeyed in %.1f s" % outcome.seconds
    for node in (plan.ROUTER, *plan.TARGETS):
        for verdict, count in drops(outcome, node).items():
            # A machine with too few processors for nine hosts lets a lease run out between sealing and sending.
            if verdict != "noSequenceNumber":
                yield "%s dropped %d packets: %s" % (node, count, verdict)


def silent(outcome):
    """A member that counted nothing says nothing about its losses either."""
    for node in (plan.ROUTER, *plan.TARGETS, *(() if outcome.negotiates else (plan.CLIENT,))):
        if not outcome.verdicts(node):
            yield "%s says nothing about its packets" % node


def lost(outcome):
    if len(outcome.transfers) != outcome.connections:
        yield "%d of %d transfers never ended" % (outcome.connections - len(outcome.transfers), outcome.connections)
    failed = [t for t in outcome.failed if not excused(t, outcome.killed)]
    for t in failed[:5]:
        yield "connection %d (%s, %d bytes): %s" % (t["number"], t["kind"], t["bytes"], t["error"])
    if len(failed) > 5:
        yield "and %d more transfers failed" % (len(failed) - 5)


def unserved(outcome):
    router = outcome.statuses.get(plan.ROUTER, {}).get("targets", {})
    for target, count in outcome.served().items():
        if not count:
            yield "%s served nothing" % target
        steered = router.get(target, {}).get("connectionsMade")
        if steered != count and not outcome.failed and not outcome.killed:
            yield "%s answered %d connections, the router says it got %s" % (target, count, steered)


def unprotected(outcome):
    """ESP out by the link to the router, ESP in by the return link, and TCP in clear on neither."""
    if not outcome.wire:
        yield "nothing was counted on the client's links"
        return
    uplink, back = outcome.wire["uplink0"], outcome.wire["return0"]
    if not uplink["sent"]["esp"]:
        yield "no ESP left the client towards the router"
    if not back["received"]["esp"]:
        yield "no ESP came back by the return link"
    if uplink["received"]["esp"]:
        yield "%d answers came through the router" % uplink["received"]["esp"]
    clear = sum(counts["tcp"] for ways in (uplink, back) for counts in ways.values())
    if clear:
        yield "%d TCP packets crossed the client's links in clear" % clear


def drops(outcome, node):
    """verdict -> packets that did not go on"""
    return {v: n for v, n in outcome.verdicts(node).items() if n and v not in GOOD}
