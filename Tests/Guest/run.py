#!/usr/bin/env python3
"""run.py [NAME ...]: tests with a real Linux, which has ESP and GRE in its kernel, in a guest under emulation. Root; Python's
standard library only. Without names, all; `--list` names them. Exit: 0 all passed, 1 one failed."""
import pathlib
import platform
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "Tests/Shared"), str(ROOT)]
sys.dont_write_bytecode = True

import playing
from scenarios import ALL
from scenarios.scenario import Scenario
from testbed.network import Network

PREFIX = "viaduct-vm-"


def main():
    options = playing.parser(__doc__, PREFIX).parse_args()
    if platform.machine() != "x86_64":
        sys.exit("the guest is an x86-64 machine with programs of this one, which is not")
    names = playing.chosen("guest", ALL, options.names)
    with tempfile.TemporaryDirectory(prefix="viaduct-guest-") as folder:
        playing.run("guest", names, ALL, Network(options.prefix, pathlib.Path(folder), options.viaduct),
                    lambda name, network, folder: Scenario(name, network, folder, options), options)


if __name__ == "__main__":
    main()
