#!/usr/bin/env python3
"""run.py [NAME ...]: whole clusters with etcd and strongSwan peers, in network namespaces. Root; Python's standard library only.

Without names, all; `--list` names them. A name's beginning stands for all that begin so. Exit: 0 all passed, 1 one failed."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "Tests/Shared"), str(ROOT)]
sys.dont_write_bytecode = True

import playing
from grounds.network import Network
from scenarios import ALL
from scenarios.scenario import Scenario


def main():
    options = playing.parser(__doc__, "viaduct-cluster-").parse_args()
    names = playing.chosen("cluster", ALL, options.names)
    playing.run("cluster", names, ALL, Network(options.prefix),
                lambda name, network, folder: Scenario(name, network, folder, options, playing.say), options)


if __name__ == "__main__":
    main()
