#!/usr/bin/env python3
"""Draws docs/speed-*.svg from Benchmarks/latest.json: cycles a packet by size, Swift beside C, medians of the passes
with the lowest marked; cycles over the number of SAs and connections; handshakes beside charon; what one SA carries by
leases. Standard library only."""
import json
import math
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = ["40B", "512B", "1400B"]
SPREADS = {
    "1sa-64conn": "1 SA, 64 connections",
    "256sa-4096conn": "256 SAs, 4,096 connections",
    "1000sa-100000conn": "1,000 SAs, 100,000 connections",
}
# What the router shall not be above.
AIMS = {
    ("verified", "1sa-64conn", "40B"): 120, ("verified", "256sa-4096conn", "40B"): 140,
    ("verified", "1000sa-100000conn", "40B"): 200, ("verified", "1sa-64conn", "1400B"): 300,
}
PROOFS = {"psk-x25519": "shared key", "ecdsa-p256": "ECDSA P-256 both ways", "rsa-2048": "RSA-2048 both ways"}
KINDS = {"verified": "ICV verified", "peek": "peek only"}
SWIFT, C, INK, RULE = "#d9572b", "#5b7fa6", "#333", "#ddd"
LEASE_WINDOWS = {32: "#5b7fa6", 64: "#d9572b", 128: "#6a9a5b", 1024: "#8a6bb0"}
LEASE_SENDERS = [2, 4, 8, 16]
COUNTS = [1, 1_000, 10_000, 100_000, 1_000_000]
# What grows, by how a figure's name begins and what its line is called.
CURVES = {
    ("curve", "sa"): ("as many SAs, a connection each", SWIFT), ("c-twin/curve", "sa"): ("the same in C", C),
    ("curve", "conn"): ("as many connections of one SA", "#e9a98a"), ("c-twin/curve", "conn"): ("the same in C", "#a9bdd3"),
}
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 330, 56, 64, 56


def text(x, y, content, size=12, anchor="middle", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-family="Helvetica, Arial, sans-serif" font-size="{size}" '
            f'text-anchor="{anchor}" font-weight="{weight}" fill="{INK}">{content}</text>')


def bar(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def rule(x1, x2, y, dashed=False):
    dashes = ' stroke-dasharray="5 3"' if dashed else ""
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{INK}" stroke-width="1.5"{dashes}/>'


def draw(kind, values, machine, date):
    top = max(figure["value"] for pair in values.values() for figure in pair)
    step = next(s for s in (10, 20, 25, 50, 100, 200, 250, 500, 1000) if top / s <= 6)
    limit = step * (int(top / step) + 1)
    room = HEIGHT - TOP - BOTTOM
    height = lambda value: value / limit * room
    base = HEIGHT - BOTTOM
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(LEFT, 24, f"Cycles a packet in memory, {KINDS[kind]}: Swift beside C", 15, "start", "bold"),
           bar(LEFT, 35, 11, 11, SWIFT), text(LEFT + 16, 45, "Swift (the router)", 12, "start"),
           bar(LEFT + 140, 35, 11, 11, C), text(LEFT + 156, 45, "C (the same path)", 12, "start"),
           rule(LEFT + 274, LEFT + 292, 41), text(LEFT + 298, 45, "the quietest pass", 12, "start")]
    if any(aim[0] == kind for aim in AIMS):
        out += [rule(LEFT + 416, LEFT + 440, 41, dashed=True), text(LEFT + 446, 45, "aim", 12, "start")]
    for line in range(0, limit + 1, step):
        y = base - height(line)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y:.1f}" y2="{y:.1f}" stroke="{RULE}"/>')
        out.append(text(LEFT - 8, y + 4, line, 11, "end"))
    group = (WIDTH - 16 - LEFT) / len(SPREADS)
    for i, (spread, title) in enumerate(SPREADS.items()):
        for j, size in enumerate(SIZES):
            pair = values.get((spread, size))
            if not pair:
                continue
            middle = LEFT + group * (i + (j + 0.5) / len(SIZES) * 0.92 + 0.04)
            for figure, colour, x in ((pair[0], SWIFT, middle - 31), (pair[1], C, middle + 1)):
                tall = height(figure["value"])
                out += [bar(x, base - tall, 30, tall, colour), text(x + 15, base - tall - 4, round(figure["value"]), 11),
                        rule(x, x + 30, base - height(figure["lowest"]))]
            aim = AIMS.get((kind, spread, size))
            if aim:
                out.append(rule(middle - 37, middle + 37, base - height(aim), dashed=True))
            out.append(text(middle, base + 15, size.replace("B", " B"), 11))
        out.append(text(LEFT + group * (i + 0.5), base + 33, title, 12))
    out += [text(LEFT, HEIGHT - 6, f"{machine}; {date[:10]}", 10, "start"), "</svg>"]
    return "\n".join(out) + "\n"


def draw_handshakes(pairs, machine, date):
    """Handshakes a second and core of both responders, by what they prove themselves with."""
    top = max(figure["value"] for pair in pairs.values() for figure in pair)
    step = next(s for s in (100, 200, 250, 500, 1000, 2000, 5000) if top / s <= 6)
    limit, room, base = step * (int(top / step) + 1), HEIGHT - TOP - BOTTOM, HEIGHT - BOTTOM
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(LEFT, 24, "IKE: handshakes a second and core as responder, over sockets", 15, "start", "bold"),
           bar(LEFT, 35, 11, 11, SWIFT), text(LEFT + 16, 45, "viaduct", 12, "start"),
           bar(LEFT + 140, 35, 11, 11, C), text(LEFT + 156, 45, "charon (strongSwan 5.9.8)", 12, "start")]
    for line in range(0, limit + 1, step):
        y = base - line / limit * room
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y:.1f}" y2="{y:.1f}" stroke="{RULE}"/>')
        out.append(text(LEFT - 8, y + 4, line, 11, "end"))
    group = (WIDTH - 16 - LEFT) / len(pairs)
    for i, (proof, pair) in enumerate(pairs.items()):
        middle = LEFT + group * (i + 0.5)
        for figure, colour, x in ((pair[0], SWIFT, middle - 62), (pair[1], C, middle + 2)):
            tall = figure["value"] / limit * room
            out += [bar(x, base - tall, 60, tall, colour), text(x + 30, base - tall - 4, round(figure["value"]), 11)]
        out.append(text(middle, base + 18, PROOFS[proof], 12))
    out += [text(LEFT, HEIGHT - 6, f"{machine}; {date[:10]}", 10, "start"), "</svg>"]
    return "\n".join(out) + "\n"


def draw_leases(values, machine, date):
    """Mb/s under one SA by senders, a line for each of the peer's windows; both scales logarithmic."""
    low, high = 100, 10 ** math.ceil(math.log10(max(figure["value"] for figure in values.values())))
    room, base = HEIGHT - TOP - BOTTOM, HEIGHT - BOTTOM
    y = lambda value: base - room * (math.log10(max(value, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
    x = lambda count: LEFT + 40 + (WIDTH - 180 - LEFT) * LEASE_SENDERS.index(count) / (len(LEASE_SENDERS) - 1)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(LEFT, 24, "Mb/s of 1400-byte packets under one SA by leases", 15, "start", "bold"),
           text(LEFT, 45, "real service over UDP on loopback, messages sealed; the ring is the aim", 12, "start")]
    decade = low
    while decade <= high:
        for step in (1, 2, 5):
            if decade * step <= high:
                out.append(f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y(decade * step):.1f}" y2="{y(decade * step):.1f}" stroke="{RULE}"/>')
                out.append(text(LEFT - 8, y(decade * step) + 4, f"{decade * step:,}", 11, "end"))
        decade *= 10
    for window, colour in LEASE_WINDOWS.items():
        points = [(count, values[count, window]["value"]) for count in LEASE_SENDERS if (count, window) in values]
        if not points:
            continue
        way = " ".join(f"{x(count):.1f},{y(value):.1f}" for count, value in points)
        out.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x(count):.1f}" cy="{y(value):.1f}" r="3.5" fill="{colour}"/>' for count, value in points]
        out.append(text(x(points[-1][0]) + 10, y(points[-1][1]) + 4, f"window {window}", 12, "start"))
    out.append(f'<circle cx="{x(4):.1f}" cy="{y(1000):.1f}" r="7" fill="none" stroke="{INK}" stroke-width="1.5"/>')
    out += [text(x(count), base + 18, f"{count} senders", 12) for count in LEASE_SENDERS]
    out += [text(LEFT, HEIGHT - 6, f"{machine}; {date[:10]}", 10, "start"), "</svg>"]
    return "\n".join(out) + "\n"


def curve_name(who, grows, count):
    return f"{who}/{count if grows == 'sa' or count == 1 else 1}sa-{count}conn/40B"


def draw_curves(lines, machine, date):
    """Cycles a packet over the number of SAs or connections, the latter on a logarithmic scale."""
    top = max(value for points in lines.values() for _, value in points)
    limit = 200 * (int(top / 200) + 1)
    room, base = HEIGHT - TOP - BOTTOM, HEIGHT - BOTTOM
    y = lambda value: base - room * value / limit
    x = lambda count: LEFT + 40 + (WIDTH - 320 - LEFT) * math.log10(count) / math.log10(COUNTS[-1])
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(LEFT, 24, "Cycles a packet over what there is to look up, every packet another's", 15, "start", "bold"),
           text(LEFT, 45, "ICV verified, 40 B inside; all that the path does, in memory", 12, "start")]
    for line in range(0, limit + 1, 200):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y(line):.1f}" y2="{y(line):.1f}" stroke="{RULE}"/>')
        out.append(text(LEFT - 8, y(line) + 4, f"{line:,}", 11, "end"))
    # From the top down, each a line below the one before at least.
    below = 0
    for place, points in sorted(lines.items(), key=lambda line: -line[1][-1][1]):
        label, colour = CURVES[place]
        below = max(y(points[-1][1]), below + 15)
        way = " ".join(f"{x(count):.1f},{y(value):.1f}" for count, value in points)
        out.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x(count):.1f}" cy="{y(value):.1f}" r="3.5" fill="{colour}"/>' for count, value in points]
        out.append(text(x(points[-1][0]) + 10, below + 4, f"{label}: {points[-1][1]:,.0f}", 12, "start"))
    out += [text(x(count), base + 18, f"{count:,}", 12) for count in COUNTS]
    out += [text(LEFT, HEIGHT - 6, f"{machine}; {date[:10]}", 10, "start"), "</svg>"]
    return "\n".join(out) + "\n"


def main():
    latest = json.loads((ROOT / "Benchmarks/latest.json").read_text())
    figures = {figure["name"]: figure for figure in latest["figures"]}
    for kind in KINDS:
        values = {}
        for spread in SPREADS:
            for size in SIZES:
                pair = [figures.get(f"{who}/{kind}/{spread}/{size}") for who in ("router", "c-twin")]
                if None not in pair:
                    values[spread, size] = pair
        if values:
            file = ROOT / f"docs/speed-{kind}.svg"
            file.write_text(draw(kind, values, latest["machine"], latest["date"]))
            print(f"wrote {file.relative_to(ROOT)}")
    lines = {(who, grows): [(count, figures[curve_name(who, grows, count)]["value"]) for count in COUNTS
                            if curve_name(who, grows, count) in figures] for who, grows in CURVES}
    if all(lines.values()):
        (ROOT / "docs/speed-curve.svg").write_text(draw_curves(lines, latest["machine"], latest["date"]))
        print("wrote docs/speed-curve.svg")
    pairs = {proof: [figures.get(f"{who}/{proof}") for who in ("ike/responder", "charon")] for proof in PROOFS}
    pairs = {proof: pair for proof, pair in pairs.items() if None not in pair}
    if pairs:
        (ROOT / "docs/speed-ike.svg").write_text(draw_handshakes(pairs, latest["machine"], latest["date"]))
        print("wrote docs/speed-ike.svg")
    leases = {(count, window): figures.get(f"leases/throughput/{count}senders/window{window}")
              for count in LEASE_SENDERS for window in LEASE_WINDOWS}
    leases = {place: figure for place, figure in leases.items() if figure}
    if leases:
        (ROOT / "docs/speed-leases.svg").write_text(draw_leases(leases, latest["machine"], latest["date"]))
        print("wrote docs/speed-leases.svg")


main()
