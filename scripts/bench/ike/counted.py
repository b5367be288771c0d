"""What a handshake costs our responder in instructions and allocations, whatever the machine does besides: callgrind over n and
2n handshakes, the difference over n. With shared keys; signatures are OpenSSL's own business."""
import os
import subprocess
import tempfile

import callgrind
from demo.process import Trouble

HANDSHAKES = 25


def count(probe, batch, folder):
    out = os.path.join(folder, "out")
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, "--collect-atstart=no",
               "--toggle-collect=*8IKEBench9ResponderV6answer*", probe, "handshakes", "passes=1", "batch=%d" % batch]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or "handshakes established" not in done.stdout:
        raise Trouble("%s: %s" % (" ".join(command), done.stdout + done.stderr[-3000:]))
    total, calls = callgrind.parse(out)
    if not total:
        raise Trouble("callgrind counted nothing: no function of the probe is the responder's")
    # malloc alone: what Swift and OpenSSL ask for ends there.
    return total, calls["malloc"] + calls["posix_memalign"]


def measure(bench, figures):
    with tempfile.TemporaryDirectory() as folder:
        # Valgrind 3.19 gives up on DWARF 5, which it would not need.
        probe = os.path.join(folder, "IKEBench")
        subprocess.run(["strip", "--strip-debug", "-o", probe, str(bench)], check=True)
        one, two = count(probe, HANDSHAKES, folder), count(probe, 2 * HANDSHAKES, folder)
    # Each run makes two passes.
    instructions, allocations = ((b - a) / (2 * HANDSHAKES) for a, b in zip(one, two))
    figures.note("ike/responder/psk-x25519/instructions", instructions, "instructions/handshake")
    figures.note("ike/responder/psk-x25519/allocations", allocations, "allocations/handshake")
    print("  psk-x25519: %.0f instructions, %.0f allocations" % (instructions, allocations))
