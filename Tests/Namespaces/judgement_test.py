#!/usr/bin/env python3
"""What the demo calls a loss. Each test spoils one thing of a good run, and the judgement must name it."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))
sys.dont_write_bytecode = True

from demo import plan
from demo.judgement import drops, problems
from demo.scenario import Outcome


def good():
    transfers = [{"number": n, "kind": "small", "bytes": 10, "seconds": 0.1, "target": t, "error": None}
                 for n, t in enumerate(plan.TARGETS * 2)]
    packets = {"sent": {"esp": 0, "tcp": 0}, "received": {"esp": 0, "tcp": 0}}
    return Outcome(
        connections=6, transfers=transfers, seconds=1.0,
        statuses={plan.ROUTER: {"verdicts": {"steered": 60, "passed": 3},
                                "targets": {t: {"connectionsMade": 2, "packets": 20} for t in plan.TARGETS}},
                  **{t: {"verdicts": {"delivered": 20, "sealed": 30}} for t in plan.TARGETS},
                  plan.CLIENT: {"verdicts": {"sealed": 60, "delivered": 90}}},
        wire={"uplink0": {**packets, "sent": {"esp": 60, "tcp": 0}}, "return0": {**packets, "received": {"esp": 90, "tcp": 0}}})


class Judgement(unittest.TestCase):
    def setUp(self):
        self.outcome = good()

    def verdict(self, words):
        found = list(problems(self.outcome))
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_a_good_run(self):
        self.assertEqual(list(problems(self.outcome)), [])
        self.assertEqual(drops(self.outcome, plan.ROUTER), {})

    def test_a_transfer_that_failed(self):
        self.outcome.transfers[0]["error"] = "ValueError: wrong hash"
        self.verdict("connection 0 (small, 10 bytes): ValueError: wrong hash")

    def test_a_transfer_that_never_ended(self):
        self.outcome.connections = 7
        self.verdict("1 of 7 transfers never ended")

    def test_a_target_that_served_nothing(self):
        self.outcome.transfers = [t for t in self.outcome.transfers if t["target"] != "t2"]
        self.outcome.connections = 4
        self.outcome.statuses[plan.ROUTER]["targets"]["t2"]["connectionsMade"] = 0
        self.verdict("t2 served nothing")

    def test_a_count_that_the_router_does_not_share(self):
        self.outcome.statuses[plan.ROUTER]["targets"]["t3"]["connectionsMade"] = 1
        self.verdict("t3 answered 2 connections, the router says it got 1")

    def test_a_status_that_is_missing(self):
        del self.outcome.statuses[plan.CLIENT]
        self.verdict("client says nothing about its packets")

    def test_packets_in_clear(self):
        self.outcome.wire["return0"]["received"]["tcp"] = 2
        self.verdict("2 TCP packets crossed the client's links in clear")

    def test_answers_through_the_router(self):
        self.outcome.wire["uplink0"]["received"]["esp"] = 4
        self.verdict("4 answers came through the router")

    def test_nothing_sealed_on_the_way_out(self):
        self.outcome.wire["uplink0"]["sent"]["esp"] = 0
        self.verdict("no ESP left the client")

    def test_nothing_counted(self):
        self.outcome.wire = {}
        self.verdict("nothing was counted")

    def test_a_window_that_dropped(self):
        for verdict in ("replayed", "tooOld"):
            self.outcome = good()
            self.outcome.statuses[plan.CLIENT]["verdicts"][verdict] = 1
            self.verdict("the client's replay window dropped 1 packets: " + verdict)

    def test_a_member_that_had_to_be_killed(self):
        self.outcome.unclean = ["t1"]
        self.verdict("t1 did not end well")

    def test_a_killed_target_resets_its_own(self):
        self.outcome.killed = "t2"
        self.outcome.transfers[0] |= {"error": "ConnectionResetError: reset", "target": "t2"}
        self.assertEqual(list(problems(self.outcome)), [])
        for excuse in ({"target": "t1"}, {"error": "TimeoutError: timed out"}, {"error": "ValueError: wrong hash"}):
            self.outcome.transfers[0] |= {"error": "ConnectionResetError: reset", "target": "t2"} | excuse
            self.verdict("connection 0 (small, 10 bytes): " + self.outcome.transfers[0]["error"])

    def test_a_drop_has_a_name(self):
        self.outcome.statuses[plan.ROUTER]["verdicts"]["badICV"] = 5
        self.assertEqual(drops(self.outcome, plan.ROUTER), {"badICV": 5})


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    if os.environ.get("VIADUCT_TALLY"):
        with open(os.environ["VIADUCT_TALLY"], "a") as tally:
            tally.write("judgement %d %d\n" % (result.testsRun - bad, bad))
    sys.exit(1 if bad or not result.testsRun else 0)
