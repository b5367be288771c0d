"""The kernel's half of IPsec in user space (shim/): an unmodified daemon believes it has a kernel with ESP."""
import json
import pathlib
import socket
import subprocess

from checks import until
from demo.process import Trouble, run, spawn, stop

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
SOURCES = ROOT / "Tests/Interop/shim"
BUILD = ROOT / ".build-interop"
PYTHON, LIBRARY = BUILD / "venv/bin/python", BUILD / "fakexfrm.so"


def build():
    """The library, and a Python with scapy; once."""
    BUILD.mkdir(exist_ok=True)
    source = SOURCES / "fakexfrm.c"
    if not LIBRARY.exists() or LIBRARY.stat().st_mtime < source.stat().st_mtime:
        run(["cc", "-shared", "-fPIC", "-O2", "-o", LIBRARY, source, "-ldl"])


class Shim:
    def __init__(self, network, node, folder, used=0):
        """`used`: the number behind which those of every SA begin; with ESN they may cross 2^32."""
        self.network, self.node, self.folder, self.used = network, node, folder, used
        self.socket, self.control, self.state = folder / "xfrm", folder / "xfrm.ctl", folder / "xfrm.json"
        self.process = None

    def start(self):
        build()
        with open(self.folder / "xfrm.log", "wb") as output:
            self.process = spawn(self.network.inside(self.node, [
                PYTHON, SOURCES / "fakexfrm.py", self.socket, "--state", self.state, "--ctl", self.control, "-v",
                "--seq", self.used]),
                stdout=output, stderr=output)
        def there():
            if self.process.poll() is not None:
                raise Trouble("the shim in %s ended: %s" % (self.node, (self.folder / "xfrm.log").read_text()[-600:]))
            return self.control.exists()
        until(there, "the shim in %s does not start" % self.node)

    def variables(self):
        return ["FAKEXFRM=%s" % self.socket, "LD_PRELOAD=%s" % LIBRARY]

    def tell(self, words):
        """loss P, dup P, reorder P, corrupt P, hold, release, stat; what it has counted."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            own = self.folder / "xfrm.asker"
            own.unlink(missing_ok=True)
            s.bind(str(own))
            s.settimeout(5)
            s.connect(str(self.control))
            s.send(words.encode())
            return json.loads(s.recv(65536))

    def associations(self):
        """The SAs as the kernel would list them."""
        return json.loads(self.state.read_text())["sas"] if self.state.exists() else []

    def stop(self):
        if not self.process:
            return
        stop(self.process, seconds=3)
        self.process = None
        for family in "-4", "-6":
            subprocess.run(["ip", "-n", self.network.namespace(self.node), family, "rule", "del", "pref", "219"], capture_output=True)
