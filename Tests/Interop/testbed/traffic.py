"""TCP with hashes, and pings, in a client's namespace, while something else happens."""
import json
import pathlib
import signal
import subprocess
import sys
import time

from checks import Failed, until
from demo.process import spawn, stop
from testbed import plan

HERE = pathlib.Path(__file__).resolve().parent
WORKERS, SILENCE_SECONDS = 6, 6


class Traffic:
    """Transfers from `client` to the DVIPA, several at a time, without a pause until `end`."""

    def __init__(self, network, client, folder, address=plan.DVIPA, workers=WORKERS, silence=SILENCE_SECONDS, seed=1):
        self.network, self.client, self.workers, self.silence = network, client, workers, silence
        self.file = folder / ("%s.transfers.%d" % (client, time.monotonic_ns()))
        with open(self.file, "wb") as output:
            self.process = spawn(
                network.inside(client, [sys.executable, HERE / "stream.py", address, plan.PORT, workers, silence, seed]),
                stdin=subprocess.PIPE, stdout=output, stderr=output)

    def lines(self):
        return [json.loads(line) for line in self.file.read_text().split("\n")[:-1]]

    def failures(self):
        return [line for line in self.lines() if line["error"]]

    def go_on(self, rounds=1, seconds=30):
        """Waits until each worker has ended `rounds` more transfers well: those under way now, and then new ones."""
        before = self.done()
        def enough():
            if wrong := self.failures():
                raise Failed("transfers failed: " + describe(wrong))
            now = self.done()
            return all(now.get(w, 0) >= before.get(w, 0) + rounds for w in range(self.workers))
        until(enough, lambda: "after %d s not every worker had ended %d more transfers: %s, before %s" % (
            seconds, rounds, self.done(), before), seconds)

    def done(self):
        """worker -> transfers that ended well"""
        count = {}
        for line in self.lines():
            if not line["error"]:
                count[line["worker"]] = count.get(line["worker"], 0) + 1
        return count

    def end(self):
        """Lets every transfer end; what they came to, in words. All must have gone well."""
        if self.process.stdin:
            self.process.stdin.close()
            self.process.stdin = None
        try:
            self.process.wait(self.silence + 30)
        except subprocess.TimeoutExpired:
            raise Failed("the transfers of %s do not end" % self.client)
        if wrong := self.failures():
            raise Failed("%d of %d transfers failed: %s" % (len(wrong), len(self.lines()), describe(wrong)))
        lines = self.lines()
        if not lines or self.process.returncode:
            raise Failed("the transfers of %s ended with %d" % (self.client, self.process.returncode))
        return "%d transfers, %.1f MB, from %s" % (
            len(lines), sum(l["bytes"] for l in lines if l["kind"] != "whoami") / 1e6, " ".join(sorted({l["target"] for l in lines})))

    def stop(self):
        stop(self.process, seconds=1)


def describe(wrong):
    return "; ".join("%s of %d bytes: %s" % (w["kind"], w["bytes"], w["error"]) for w in wrong[:4])


class Pings:
    """Pings from `client` to the DVIPA, `milliseconds` apart, until `end`."""

    def __init__(self, network, client, folder, address=plan.DVIPA, milliseconds=20):
        self.file = folder / ("%s.pings.%d" % (client, time.monotonic_ns()))
        with open(self.file, "wb") as output:
            self.process = spawn(
                network.inside(client, ["ping", "-n", "-i", milliseconds / 1000, address]), stdout=output, stderr=output)

    def seen(self):
        text = self.file.read_text(errors="replace")
        return {int(line.split("icmp_seq=")[1].split()[0]) for line in text.splitlines() if "bytes from" in line and "icmp_seq=" in line}

    def lost(self):
        """(pings lost before the last that was answered, pings sent until then)"""
        seen = self.seen()
        last = max(seen, default=0)
        return last - len(seen), last

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(5)
        return self.lost()

    def stop(self):
        stop(self.process, seconds=1)
