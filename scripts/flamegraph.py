#!/usr/bin/env python3
"""Draws where a program spent its time: reads what `perf script` prints, writes an SVG that a browser shows and searches.

    perf script -i perf.data | flamegraph.py --title TEXT > flame.svg

Each box is a function, as wide as its share of the samples; what it called stands above it. A click widens a box to the
whole picture, a click on the ground goes back. Swift's names are shown in Swift (`swift demangle`).
"""
import argparse
import collections
import html
import re
import subprocess
import sys

WIDTH, LINE, MARGIN = 1400, 17, 34
# Boxes narrower than this many pixels are left out.
LEAST = 0.3


def stacks(lines):
    """The samples: tuples of function names from the outermost, with how often each was seen."""
    counts = collections.Counter()
    frames = None
    for line in lines:
        if not line.strip():
            if frames:
                counts[tuple(reversed(frames))] += 1
            frames = None
        elif not line[0].isspace():
            frames = []
        elif frames is not None:
            # "    address symbol+0xoffset (object)"
            match = re.match(r"\s+([0-9a-f]+) (.+?)(?:\+0x[0-9a-f]+)? \((.*)\)$", line.rstrip())
            if match:
                _, name, place = match.groups()
                frames.append(f"[{place.rsplit('/', 1)[-1]}]" if name == "[unknown]" else name)
    if frames:
        counts[tuple(reversed(frames))] += 1
    return counts


def demangled(names):
    """Names as people write them, by the names in the symbol table."""
    swift = sorted(n for n in names if n.startswith(("$s", "$S")))
    if not swift:
        return {}
    try:
        done = subprocess.run(["swift", "demangle", "--simplified", "--compact"], input="\n".join(swift) + "\n",
                              capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"flamegraph.py: names stay as they are: {error}", file=sys.stderr)
        return {}
    return dict(zip(swift, done.stdout.splitlines()))


def short(name):
    """Without the types of the parameters, which nobody reads in a box."""
    return re.sub(r"\(.*", lambda m: "(…)" if len(m[0]) > 30 else m[0], name)


def cut(name, width):
    """As much of it as a box has room for; the picture's own script does the same."""
    room = int((width - 6) / 6.2)
    return "" if room < 3 else name if len(name) <= room else name[:room - 1] + "…"


class Box:
    def __init__(self, name):
        self.name, self.count, self.children = name, 0, {}


def tree(counts, names):
    ground = Box("all")
    for frames, count in counts.items():
        at = ground
        at.count += count
        for frame in frames:
            name = names.get(frame, frame)
            at = at.children.setdefault(name, Box(name))
            at.count += count
    return ground


def depth(box):
    return 1 + max((depth(child) for child in box.children.values()), default=0)


def color(name):
    """The same for the same name: warm for Swift, cool for what is not ours."""
    number = sum(ord(c) * (i + 7) for i, c in enumerate(name))
    if "." in name or "(" in name:
        return f"hsl({20 + number % 30},{70 + number % 20}%,{62 + number % 10}%)"
    return f"hsl({200 + number % 25},{35 + number % 20}%,{70 + number % 8}%)"


def draw(ground, title):
    levels = depth(ground)
    height = levels * LINE + 2 * MARGIN
    boxes = []

    def place(box, x, level):
        width = WIDTH * box.count / ground.count
        if width < LEAST:
            return
        share = 100 * box.count / ground.count
        y = height - MARGIN - (level + 1) * LINE
        label = html.escape(f"{box.name} ({share:.1f} %, {box.count} samples)")
        boxes.append(
            f'<g class="b" data-x="{x:.2f}" data-w="{width:.2f}"><title>{label}</title>'
            f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{LINE - 1}" fill="{color(box.name)}" rx="2"/>'
            f'<text x="{x + 3:.2f}" y="{y + 12}" data-t="{html.escape(short(box.name), quote=True)}">'
            f"{html.escape(cut(short(box.name), width))}</text></g>")
        for child in sorted(box.children.values(), key=lambda c: c.name):
            place(child, x, level + 1)
            x += WIDTH * child.count / ground.count

    place(ground, 0, 0)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">
<style>text {{ font: 11px sans-serif; pointer-events: none }} .b {{ cursor: pointer }} .b:hover rect {{ stroke: black }}</style>
<rect width="100%" height="100%" fill="white"/>
<text x="{WIDTH / 2}" y="22" text-anchor="middle" style="font-size: 15px">{html.escape(title)}: {ground.count} samples</text>
{chr(10).join(boxes)}
<script><![CDATA[
const all = [...document.querySelectorAll(".b")], width = {WIDTH};
function show(from, span) {{
  for (const box of all) {{
    const x = (box.dataset.x - from) / span * width, w = box.dataset.w / span * width;
    const isSeen = x + w > 0.01 && x < width - 0.01;
    box.style.display = isSeen ? "" : "none";
    if (!isSeen) continue;
    const left = Math.max(x, 0), right = Math.min(x + w, width);
    const [rect, text] = [box.querySelector("rect"), box.querySelector("text")];
    rect.setAttribute("x", left); rect.setAttribute("width", right - left);
    text.setAttribute("x", left + 3);
    const room = Math.floor((right - left - 6) / 6.2), name = text.dataset.t;
    text.textContent = room < 3 ? "" : name.length <= room ? name : name.slice(0, room - 1) + "…";
  }}
}}
for (const box of all) box.addEventListener("click", () => show(+box.dataset.x, +box.dataset.w));
show(0, width);
]]></script>
</svg>
"""


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--title", default="where the time went")
    options = arguments.parse_args()
    counts = stacks(sys.stdin)
    if not counts:
        sys.exit("flamegraph.py: no samples: is this what perf script prints?")
    names = demangled({frame for frames in counts for frame in frames})
    sys.stdout.write(draw(tree(counts, names), options.title))


if __name__ == "__main__":
    main()
