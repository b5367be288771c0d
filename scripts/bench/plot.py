#!/usr/bin/env python3
"""Draws docs/speed-*.svg from Benchmarks/latest.json: cycles a packet by size, Swift beside C. Standard library only."""
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = ["40B", "512B", "1400B"]
SPREADS = {
    "1sa-64conn": "1 SA, 64 connections",
    "256sa-4096conn": "256 SAs, 4,096 connections",
    "1000sa-100000conn": "1,000 SAs, 100,000 connections",
}
KINDS = {"verified": "ICV verified", "peek": "peek only"}
SWIFT, C, INK, RULE = "#d9572b", "#5b7fa6", "#333", "#ddd"
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 330, 56, 64, 56


def text(x, y, content, size=12, anchor="middle", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-family="Helvetica, Arial, sans-serif" font-size="{size}" '
            f'text-anchor="{anchor}" font-weight="{weight}" fill="{INK}">{content}</text>')


def bar(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def draw(kind, values, machine, date):
    top = max(max(pair) for pair in values.values())
    step = next(s for s in (10, 20, 25, 50, 100, 200, 250, 500, 1000) if top / s <= 6)
    limit = step * (int(top / step) + 1)
    room = HEIGHT - TOP - BOTTOM
    height = lambda value: value / limit * room
    base = HEIGHT - BOTTOM
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(LEFT, 24, f"Cycles a packet in memory, {KINDS[kind]}: Swift beside C", 15, "start", "bold"),
           bar(LEFT, 35, 11, 11, SWIFT), text(LEFT + 16, 45, "Swift (the router)", 12, "start"),
           bar(LEFT + 140, 35, 11, 11, C), text(LEFT + 156, 45, "C (the same path, Benchmarks/Sources/CTwin)", 12, "start")]
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
            for value, colour, x in ((pair[0], SWIFT, middle - 31), (pair[1], C, middle + 1)):
                out += [bar(x, base - height(value), 30, height(value), colour),
                        text(x + 15, base - height(value) - 4, round(value), 11)]
            out.append(text(middle, base + 15, size.replace("B", " B"), 11))
        out.append(text(LEFT + group * (i + 0.5), base + 33, title, 12))
    out += [text(LEFT, HEIGHT - 6, f"{machine}; {date[:10]}", 10, "start"), "</svg>"]
    return "\n".join(out) + "\n"


def main():
    latest = json.loads((ROOT / "Benchmarks/latest.json").read_text())
    figures = {figure["name"]: figure["value"] for figure in latest["figures"]}
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


main()
