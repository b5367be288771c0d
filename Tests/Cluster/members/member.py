"""A router or a target. What it says is written down with the time at which it was said."""
import re
import subprocess
import threading
import time

from demo.node import Node
from demo.process import spawn


class Member(Node):
    def start(self):
        """Also again, after it ended: its log goes on, and its old status is gone."""
        self.summary, self.killed, self.said = "", False, getattr(self, "said", [])
        self.status_file.unlink(missing_ok=True)
        command = [*self.under, self.viaduct, "run", "--config", self.config, "--node", self.name,
                   "--status", self.status_file, *self.options]
        with open(self.output, "wb") as output:
            self.process = spawn(self.network.inside(self.name, command), stdout=output, stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self.listen, args=(self.process.stderr, open(self.log, "ab")), daemon=True)
        self.reader.start()

    def listen(self, pipe, log):
        with pipe, log:
            for line in iter(pipe.readline, b""):
                at = time.time()
                self.said.append((at, line.decode(errors="replace").rstrip("\n")))
                log.write(b"%.3f %s" % (at, line))
                log.flush()

    def lines(self, pattern, since=0.0):
        """(time, line) of what it said since then that the pattern is found in."""
        found = re.compile(pattern)
        return [(at, line) for at, line in list(self.said) if at >= since and found.search(line)]

    def last_words(self):
        self.reader.join(0.2)
        return "".join("\n    %s| %.3f %s" % (self.name, at, line) for at, line in list(self.said)[-8:])

    def wait_until_ended(self, seconds=15):
        """Its exit status."""
        self.process.wait(seconds)
        self.reader.join(2)
        return self.process.returncode

    def stop(self):
        well = super().stop()
        self.reader.join(2)
        return well
