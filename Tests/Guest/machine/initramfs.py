"""A guest's file system, in memory: what it needs of the host's programs and Python modules, and of the kernel's modules."""
import lzma
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

from demo.process import Trouble, run

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
# What the agent imports only when it needs it.
PYTHON = "import demo.client, demo.server, tty, json, subprocess, threading, encodings.idna, encodings.latin_1, stringprep"
INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
while read module; do
    insmod /modules/$module || echo "guest: $module does not load"
done < /modules/order
ulimit -l unlimited
cd /project
echo "guest: $(uname -r)"
%s -B /agent.py /dev/ttyS1
poweroff -f
"""


class Initramfs:
    """An archive in cpio's "newc" format, uncompressed: an emulated processor would take longer to unpack it than to read it."""

    def __init__(self, file):
        self.file, self.seen, self.number = file, set(), 0

    def add(self, name, mode, data=b"", device=(0, 0)):
        name = str(name).lstrip("/")
        if name in self.seen:
            return
        self.seen.add(name)
        parent = os.path.dirname(name)
        if parent:
            self.add(parent, stat.S_IFDIR | 0o755)
        self.write(name, mode, data, device)

    def write(self, name, mode, data, device):
        self.number += 1
        encoded = name.encode() + b"\0"
        fields = (self.number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        for piece in (header + encoded, data):
            self.file.write(piece + b"\0" * (-len(piece) % 4))

    def end(self):
        self.write("TRAILER!!!", 0, b"", (0, 0))

    def copy(self, source, name=None):
        """A file of the host, at the same place unless told otherwise."""
        source = pathlib.Path(source)
        self.add(name or source, stat.S_IFREG | 0o755, source.read_bytes())

    def program(self, source, name=None):
        """With the libraries it is linked with."""
        source = pathlib.Path(source).resolve()
        self.copy(source, name)
        said = subprocess.run(["ldd", source], capture_output=True, text=True).stdout
        for library in re.findall(r"(/\S+) \(0x", said):
            self.copy(library)


def python_files():
    """The interpreter's modules that the agent needs, as this interpreter finds them."""
    said = run([sys.executable, "-c", "import sys; sys.path.insert(0, %r); %s\n"
                "print('\\n'.join(m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)))" % (str(ROOT), PYTHON)])
    return [pathlib.Path(line) for line in said.split() if not line.startswith(str(ROOT))]


def module_files(kernel, names):
    """The modules and those they need, in the order in which they load. A name without a module is built into the kernel."""
    modules = kernel.modules
    if not (modules / "modules.dep").exists():
        depmod = shutil.which("depmod") or "/usr/sbin/depmod"
        run([depmod, "-b", modules.parent.parent.parent, kernel.release])
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        file, _, others = line.partition(":")
        needs[stem(file)] = (file, others.split())
    order = []

    def take(name):
        if name not in needs:
            return
        file, others = needs[name]
        for other in reversed(others):
            if other not in order:
                order.append(other)
        if file not in order:
            order.append(file)

    for name in names:
        take(name.replace("-", "_"))
    return [modules / file for file in order]


def stem(file):
    return os.path.basename(file).split(".ko")[0].replace("-", "_")


def make(place, kernel, modules, programs):
    """Writes it to the file `place`. `programs`: {where in the guest: the host's file}."""
    busybox = shutil.which("busybox")
    if not busybox:
        raise Trouble("there is no busybox: scripts/install-dependencies.sh guest")
    with open(place, "wb") as file:
        archive = Initramfs(file)
        for name in ("proc", "sys", "dev", "tmp", "run", "root", "var/run", "etc"):
            archive.add(name, stat.S_IFDIR | 0o755)
        archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        archive.copy(busybox, "bin/busybox")
        interpreter = pathlib.Path(sys.executable).resolve()
        archive.program(interpreter)
        archive.add("init", stat.S_IFREG | 0o755, (INIT % interpreter).encode())
        for source in python_files():
            if source.suffix == ".so":
                archive.program(source, source)
            else:
                archive.copy(source)
        # By these files an interpreter knows where its modules are.
        archive.add(pathlib.Path(os.__file__).parent / "lib-dynload", stat.S_IFDIR | 0o755)
        for source in sorted((ROOT / "demo").glob("*.py")):
            archive.copy(source, "project/demo/" + source.name)
        archive.copy(HERE / "agent.py", "agent.py")
        for name, source in programs.items():
            archive.program(source, name)
        order = []
        for source in module_files(kernel, modules):
            data = source.read_bytes()
            if source.suffix == ".xz":
                data = lzma.decompress(data)
            order.append(source.name.removesuffix(".xz"))
            archive.add("modules/" + order[-1], stat.S_IFREG | 0o644, data)
        archive.add("modules/order", stat.S_IFREG | 0o644, "".join(name + "\n" for name in order).encode())
        archive.end()
