#!/usr/bin/env python3
"""What scripts/flamegraph.py makes of samples: a picture that is well-formed, with each function's share."""
import os
import pathlib
import subprocess
import sys
import unittest
import xml.dom.minidom

TOOL = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "flamegraph.py"
SAMPLE = """\
viaduct 1 0.1: 1 cpu-clock:
\t 10 $s8FastPath6RouterV7accountyyAA11PacketBatchVF+0x10 (/bin/viaduct)
\t 20 main+0x1 (/bin/viaduct)

viaduct 1 0.2: 1 cpu-clock:
\t 30 [unknown] (/lib/libstrange.so)
\t 20 main+0x1 (/bin/viaduct)

viaduct 1 0.3: 1 cpu-clock:
\t 20 main+0x1 (/bin/viaduct)

"""


def titles(text):
    done = subprocess.run([TOOL, "--title", "a < b"], input=text, capture_output=True, text=True, check=True)
    picture = xml.dom.minidom.parseString(done.stdout)
    return {title.firstChild.data for title in picture.getElementsByTagName("title")}


class FlameGraph(unittest.TestCase):
    def test_shares(self):
        self.assertEqual(titles(SAMPLE), {
            "all (100.0 %, 3 samples)", "main (100.0 %, 3 samples)", "[libstrange.so] (33.3 %, 1 samples)",
            "Router.account(_:) (33.3 %, 1 samples)"})

    def test_nothing_to_draw(self):
        done = subprocess.run([TOOL], input="", capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no samples", done.stderr)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    if os.environ.get("VIADUCT_TALLY"):
        with open(os.environ["VIADUCT_TALLY"], "a") as tally:
            tally.write("scripts %d %d\n" % (result.testsRun - bad, bad))
    sys.exit(1 if bad or not result.testsRun else 0)
