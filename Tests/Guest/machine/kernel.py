"""Debian's kernel and its modules, downloaded by apt and unpacked into a folder of the clone. Nothing is installed."""
import dataclasses
import pathlib
import re
import shutil
import subprocess

from demo.process import Trouble, run

ARCHIVE = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclasses.dataclass(frozen=True)
class Kernel:
    root: pathlib.Path
    release: str

    @property
    def modules(self):
        return next(place for place in places(self.root) if place.name == self.release)

    @property
    def image(self):
        """Where Debian has always put it, or beside its modules, as newer packages have it."""
        boot = self.root / ("boot/vmlinuz-" + self.release)
        return boot if boot.exists() else self.modules / "vmlinuz"


def places(root):
    """The folders of modules."""
    return [place.parent for place in [*root.glob("lib/modules/*/kernel"), *root.glob("usr/lib/modules/*/kernel")]]


def kernel(folder, suite=None):
    """That of the system's own Debian, or of another suite, such as trixie-backports: unpacked once."""
    place = pathlib.Path(folder) / (suite or "stable")
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        unpack(place, suite_options(place / "apt", suite) if suite else [])
        (place / "complete").touch()
    found = places(place / "root")
    if len(found) != 1:
        raise Trouble("%s: %d kernels, expected one" % (place, len(found)))
    return Kernel(place / "root", found[0].name)


def suite_options(place, suite):
    """apt's options with which it sees that suite and leaves the system's lists alone."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (place / name).mkdir(parents=True)
    (place / "sources.list").write_text("deb [signed-by=%s] %s %s main\n" % (KEYRING, ARCHIVE, suite))
    return ["-o", "Dir::Etc::sourcelist=%s" % (place / "sources.list"), "-o", "Dir::Etc::sourceparts=/dev/null",
            "-o", "Dir::State=%s" % (place / "state"), "-o", "Dir::State::status=/var/lib/dpkg/status",
            "-o", "Dir::Cache=%s" % (place / "cache")]


def unpack(place, options):
    def apt(program, *words):
        return ["apt-" + program, "-qq", "-o", "APT::Sandbox::User=root", *options, *words]

    names = []
    if not options:
        names = packages(apt)
    if not names:
        run(apt("get", "-o", "DPkg::Lock::Timeout=300", "update"))
        names = packages(apt)
    if not names:
        raise Trouble("apt knows no linux-image-cloud-amd64")
    done = subprocess.run(apt("get", "download", *names), cwd=place, capture_output=True, text=True)
    if done.returncode != 0:
        raise Trouble("the kernel cannot be downloaded: " + done.stderr.strip())
    for archive in place.glob("*.deb"):
        run(["dpkg-deb", "-x", archive, place / "root"])
        archive.unlink()


def packages(apt):
    """The packages with the image and the modules: one in older suites, two in newer ones."""
    image = depends(apt, "linux-image-cloud-amd64", r"linux-image-\d.*")
    if not image:
        return []
    split = [name for name in depends(apt, image[0], r"linux-(binary|modules)-\d.*")]
    return split or image


def depends(apt, package, pattern):
    done = subprocess.run(apt("cache", "depends", package), capture_output=True, text=True)
    found = re.findall(r"Depends: (\S+)", done.stdout)
    return [name for name in found if re.fullmatch(pattern, name)]
