"""A daemon in a namespace: started, and stopped by its process."""
import pathlib
import shutil

from checks import until
from demo.process import Trouble, spawn, stop


class Daemon:
    """Its files are in `folder`; what it writes is in `log`."""
    knows_ike_spis = True

    def __init__(self, network, node, folder):
        self.network, self.node = network, node
        self.folder = pathlib.Path(folder) / ("%s.%s" % (type(self).__name__.lower(), node))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        self.log = self.folder / "log"
        self.process = None

    def run(self, command, ready, what, seconds=15):
        """Starts it and waits for `ready()`."""
        with open(self.folder / "output", "wb") as output:
            self.process = spawn(self.network.inside(self.node, command), stdout=output, stderr=output)
        def there():
            self.check_alive()
            return ready()
        until(there, lambda: "%s in %s is not ready\n%s" % (what, self.node, self.last_words()), seconds)

    def check_alive(self):
        if self.process.poll() is not None:
            raise Trouble("%s ended with %d%s" % (self.folder.name, self.process.returncode, self.last_words()))

    def text(self):
        """All that it wrote."""
        return "".join(f.read_text(errors="replace") for f in (self.folder / "output", self.log) if f.exists())

    def last_words(self, count=12):
        return "".join("\n    %s| %s" % (self.folder.name, line) for line in self.text().splitlines()[-count:])

    def stop(self):
        if self.process:
            stop(self.process, seconds=5)
            self.process = None
