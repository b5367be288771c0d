"""The run when it is over, as tables."""
from demo import plan
from demo.judgement import drops


def table(rows):
    """Columns as wide as they must be: the first to the left, the others to the right."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [str(row[0]).ljust(widths[0])] + [str(c).rjust(w) for c, w in zip(row[1:], widths[1:])]
        yield "  " + "  ".join(cells).rstrip()


def number(n):
    return format(round(n), ",") if isinstance(n, (int, float)) else str(n)


def flat(value, name=""):
    """(name, value) of every leaf of a JSON object, names joined with a dot."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, "%s.%s" % (name, key) if name else key)
    else:
        yield name, value


def pairs(value):
    return ", ".join("%s %s" % (k, number(v) if not isinstance(v, bool) else str(v).lower()) for k, v in flat(value)) or "none"


def served(outcome):
    router = outcome.statuses.get(plan.ROUTER, {}).get("targets", {})
    yield "Which target served how many connections of the one SA"
    rows = [("target", "answers", "MB", "as the router saw it", "packets")]
    for target, count in outcome.served().items():
        byte_count = sum(t["bytes"] for t in outcome.transfers if t["target"] == target and not t["error"])
        seen = router.get(target, {})
        rows.append((target, count, "%.1f" % (byte_count / 1e6), seen.get("connectionsMade", "?"), number(seen.get("packets", "?"))))
    yield from table(rows)


def verdicts(outcome):
    yield "Verdicts: what became of the packets"
    for node in outcome.statuses:
        yield "  %-8s %s" % (node, pairs(outcome.verdicts(node)))
    lost = ["%s: %s" % (node, pairs(drops(outcome, node))) for node in outcome.statuses if drops(outcome, node)]
    yield "  dropped  %s" % ("; ".join(lost) or "nothing, by anybody")


def link(outcome):
    yield "On the client's links"
    rows = [("", "ESP", "TCP in clear")]
    for interface, peer in (("uplink0", "router"), ("return0", "targets")):
        for way, word in (("sent", "to"), ("received", "from")):
            counts = outcome.wire.get(interface, {}).get(way, {})
            rows.append(("%s the %s" % (word, peer), number(counts.get("esp", "?")), number(counts.get("tcp", "?"))))
    yield from table(rows)


def speed(outcome):
    router = outcome.statuses.get(plan.ROUTER, {})
    steered = sum(t.get("packets", 0) for t in router.get("targets", {}).values())
    yield "Router"
    yield "  port     %s" % router.get("port", "?")
    yield "  xdp      %s" % pairs(router.get("xdp") or {})
    yield "  packets  %s in %.1f s: %s a second, %s at the most" % (
        number(steered), outcome.seconds, number(steered / max(outcome.seconds, 0.001)), number(outcome.peak))


def leases(outcome):
    yield "Sequence numbers of the shared SA"
    for node, status in outcome.statuses.items():
        if status.get("leases"):
            yield "  %-8s %s" % (node, pairs(status["leases"]))


def client(outcome):
    verdicts = outcome.verdicts(plan.CLIENT)
    right = len(outcome.transfers) - len(outcome.failed)
    yield "Client"
    yield "  %d of %d transfers right, by SHA-256; %.1f MB in %.1f s" % (
        right, outcome.connections, outcome.byte_count / 1e6, outcome.seconds)
    if outcome.negotiates:
        said = outcome.statuses.get(plan.CLIENT, {})
        yield "  dropped by its replay window: %d" % said.get("windowDrops", 0)
        yield "  Child SA rekeyed %d times meanwhile" % said.get("rekeys", 0)
        return
    yield "  dropped by its replay window: %d replayed, %d too old" % (verdicts.get("replayed", 0), verdicts.get("tooOld", 0))


def report(outcome):
    for section in (served, client, link, speed, leases, verdicts):
        yield ""
        yield from section(outcome)
