"""One member of the cluster: `viaduct run` in a namespace."""
import json
import time

from demo.process import Trouble, spawn, stop

READY = "ready: "


class Node:
    def __init__(self, name, network, viaduct, config, folder, under=(), options=()):
        """`under`: a command that runs the member, such as one that takes rights away. `options`: more of `viaduct run`."""
        self.name, self.network, self.viaduct, self.config = name, network, viaduct, config
        self.under, self.options = under, options
        self.status_file = folder / ("%s.status.json" % name)
        self.output = folder / ("%s.out" % name)
        self.log = folder / ("%s.log" % name)
        self.process = None
        self.summary, self.killed = "", False

    def start(self):
        """Also again, after it was killed."""
        self.summary, self.killed = "", False
        self.status_file.unlink(missing_ok=True)
        command = [*self.under, self.viaduct, "run", "--config", self.config, "--node", self.name, "--status", self.status_file, *self.options]
        with open(self.output, "wb") as output, open(self.log, "wb") as log:
            self.process = spawn(self.network.inside(self.name, command), stdout=output, stderr=log)

    def wait_until_ready(self, seconds):
        deadline = time.monotonic() + seconds
        while not self.summary:
            for line in self.output.read_text(errors="replace").splitlines():
                if line.startswith(READY):
                    self.summary = line[len(READY):]
            self.check_alive()
            if time.monotonic() > deadline:
                raise Trouble("%s was not ready within %d s%s" % (self.name, seconds, self.last_words()))
            time.sleep(0.02)

    def check_alive(self):
        if not self.killed and self.process.poll() is not None:
            raise Trouble("%s ended with %d%s" % (self.name, self.process.returncode, self.last_words()))

    def last_words(self):
        lines = self.log.read_text(errors="replace").splitlines()[-8:]
        return "".join("\n    " + line for line in lines)

    def status(self):
        """What the node last wrote about itself; empty before it first did."""
        try:
            return json.loads(self.status_file.read_text())
        except FileNotFoundError:
            return {}

    def stop(self):
        """True when it ended by itself, and well."""
        return stop(self.process, seconds=10) and self.process.returncode == 0

    def kill(self):
        """As a crash would end it."""
        self.killed = True
        self.process.kill()
        self.process.wait()
