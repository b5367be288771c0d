"""The client's program, as a scenario sees it."""
import json
import pathlib
import subprocess
import sys
import time

from checks import Failed, expect, until
from demo.process import spawn, stop

HERE = pathlib.Path(__file__).resolve().parent


class Crowd:
    """TCP connections from a client to the service. What they say is in a file, read from where we were."""

    def __init__(self, network, client, folder, address, port, name="crowd"):
        self.client, self.file = client, folder / ("%s.%s.log" % (client, name))
        with open(self.file, "wb") as output:
            self.process = spawn(network.inside(client, [sys.executable, HERE / "client.py", address, port]),
                                 stdin=subprocess.PIPE, stdout=output, stderr=output, text=True)
        self.at, self.rest, self.ended, self.state, self.final = 0, b"", [], None, None

    def tell(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def open(self, count, per_second=200, gap=10, up=400, down=1200):
        self.tell(open=count, perSecond=per_second, gap=gap, up=up, down=down)

    def read(self):
        """Everything said since it was last read; how things stand."""
        with open(self.file, "rb") as file:
            file.seek(self.at)
            said = file.read()
        self.at += len(said)
        *lines, self.rest = (self.rest + said).split(b"\n")
        for line in lines:
            try:
                told = json.loads(line)
            except ValueError:
                raise Failed("the crowd of %s broke down: %s" % (self.client, self.file.read_text()[-600:]))
            if "error" in told:
                self.ended.append(told)
            else:
                self.state = told
                self.final = self.final or told.get("final")
        return self.state

    def served(self):
        """target -> connections that it serves now; those that have not heard from any are not among them."""
        return {t: n for t, n in ((self.read() or {}).get("open", {})).items() if t}

    def count(self):
        return sum(self.served().values())

    def wait_for(self, count, seconds=40):
        """That many have been served."""
        until(lambda: self.count() >= count, lambda: "%d of %d connections are served; ended: %s" % (
            self.count(), count, self.ended[-3:]), seconds)

    def go_on(self, seconds=40, share=0.5):
        """Waits until as many exchanges have come to an end as `share` of the connections."""
        before = self.read()["exchanges"]
        want = before + max(1, share * self.count())
        until(lambda: self.read()["exchanges"] >= want, lambda: "only %d exchanges of %d" % (self.read()["exchanges"] - before, want - before), seconds)

    def quiet(self, seconds=20):
        """Nobody asks, and nobody waits for an answer any more."""
        self.tell(pause=True)
        said = time.time()
        until(lambda: (self.read() or {}).get("at", 0) > said + 0.2 and not self.state["waiting"],
              lambda: "%d connections still wait for an answer" % self.state["waiting"], seconds)

    def again(self):
        self.tell(pause=False)

    def end(self, seconds=40):
        """Lets every exchange end; what they came to."""
        self.tell(end=True)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed("the connections of %s do not end" % self.client)
        self.read()
        expect(self.final and not self.process.returncode, "the crowd of %s ended with %s" % (self.client, self.process.returncode))
        return self.state

    def wrong(self, allowed=()):
        """What ended and had no reason to: a reset of a connection of one of `allowed` is one."""
        self.read()
        return [e for e in self.ended if not (e["error"] == "reset" and e["target"] in allowed)]

    def stop(self):
        stop(self.process, seconds=1)
