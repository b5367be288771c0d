"""The targets' web servers: the demonstration's."""
import pathlib
import sys

from checks import until
from demo.process import Trouble, spawn, stop
from testbed import plan

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent


class Servers:
    def __init__(self, network, folder):
        self.network, self.folder, self.running = network, folder, {}

    def start(self, address, nodes=plan.TARGETS):
        for node in nodes:
            output = self.folder / ("%s.server" % node)
            with open(output, "wb") as file:
                self.running[node] = spawn(self.network.inside(node, [
                    sys.executable, "-m", "demo.server", "--address", address, "--port", plan.PORT, "--name", node]),
                    cwd=ROOT, stdout=file, stderr=file)
        for node in nodes:
            until(lambda: self.listening(node), "%s: no web server on %s" % (node, address))

    def listening(self, node):
        said = (self.folder / ("%s.server" % node)).read_text(errors="replace")
        if self.running[node].poll() is not None:
            raise Trouble("the web server of %s ended: %s" % (node, said.strip()))
        return "listening" in said

    def stop(self):
        for server in self.running.values():
            stop(server, seconds=2)
        self.running = {}
