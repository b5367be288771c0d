#!/usr/bin/env python3
"""run.py [NAME ...]: tests with IKEv2 daemons that others wrote, in network namespaces. Root; Python's standard library only.

Without names, all; `--list` names them. A name's beginning stands for all that begin so. `--router charon` puts strongSwan in our
place: what fails then is the scenario's fault, or the daemon's. Exit: 0 all passed, 1 one failed."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "Tests/Shared"), str(ROOT)]
sys.dont_write_bytecode = True

import playing
from scenarios import ALL
from scenarios.scenario import Scenario
from testbed.network import Network


def arguments():
    parser = playing.parser(__doc__, "viaduct-ike-")
    parser.add_argument("--router", choices=("viaduct", "charon"), default="viaduct", help="who stands at the gateway")
    return parser.parse_args()


def main():
    options = arguments()
    names = playing.chosen("interop", ALL, options.names)
    playing.run("interop", names, ALL, Network(options.prefix),
                lambda name, network, folder: Scenario(name, network, folder, options, playing.say), options,
                ", %s at the gateway" % options.router)


if __name__ == "__main__":
    main()
