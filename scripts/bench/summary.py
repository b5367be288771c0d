#!/usr/bin/env python3
"""Makes Benchmarks/latest.json of measured figures (a line of JSON each) and prints them as a table.

    summary.py [--ticks RATE] --out FILE FIGURES
"""
import argparse
import datetime
import json
import os
import pathlib


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return os.uname().machine


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--ticks", type=float, help="ticks of the time stamp counter in a second")
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("figures", type=pathlib.Path)
    options = arguments.parse_args()

    kernel = os.uname()
    machine = f"{processor()}, {os.cpu_count()} CPUs, {kernel.sysname} {kernel.release}"
    if options.ticks:
        machine += f", TSC {options.ticks / 1e9:.2f} GHz"
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    figures = {}
    for line in options.figures.read_text().splitlines():
        figure = json.loads(line)
        figures[figure["name"]] = {key: value for key, value in figure.items() if value is not None}
    for figure in figures.values():
        figure |= {"machine": machine, "date": date}
    options.out.write_text(json.dumps({"machine": machine, "date": date, "figures": list(figures.values())}, indent=2) + "\n")

    print(f"\n{machine}\n{date}\n")
    width = max((len(name) for name in figures), default=0)
    for figure in figures.values():
        if figure.get("value") == 0 and figure["unit"].endswith("/packet"):
            continue  # Said in one line below.
        if figure["name"].startswith(("c-twin/", "forwarder/", "charon/")) and any(f.get("peer") == figure["name"] for f in figures.values()):
            continue  # Stands beside its peer.
        line = f"{figure['name']:<{width}}  {figure['value']:>10,.1f} {figure['unit']:<20}"
        if "peer" in figure:
            peer = figures.get(figure["peer"], {}).get("value")
            line += f"  {figure['ratio']:.2f} x {figure['peer'].split('/')[0]}" + (f" ({peer:,.1f})" if peer else "")
        print(line)
    zero = sorted({f["unit"] for f in figures.values() if f["value"] == 0 and f["unit"].endswith("/packet")})
    if zero:
        print(f"none in any scenario counted: {', '.join(zero)}")
    print(f"\nwritten to {options.out}")


main()
