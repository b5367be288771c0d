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

# What needs something of the gateway that Viaduct has not, in words; charon in its place runs them.
NOT_YET = {
    "openiked-they-start": "its ESP on Linux is AES-CBC with HMAC, which the packet path does not do yet",
    "openiked-we-start": "its ESP on Linux is AES-CBC with HMAC, which the packet path does not do yet",
}


def arguments():
    parser = playing.parser(__doc__, "viaduct-ike-")
    parser.add_argument("--router", choices=("viaduct", "charon"), default="viaduct", help="who stands at the gateway")
    return parser.parse_args()


def main():
    options = arguments()
    # Scenarios that nobody named and that cannot be played.
    left_out = NOT_YET if options.router == "viaduct" and not options.names else {}
    names = playing.chosen("interop", ALL, options.names, left_out)
    playing.run("interop", names, ALL, Network(options.prefix),
                lambda name, network, folder: Scenario(name, network, folder, options, playing.say), options,
                ", %s at the gateway" % options.router + "".join("\nLEFT OUT %s: %s" % each for each in left_out.items()))


if __name__ == "__main__":
    main()
