"""A machine under qemu's emulation (TCG), with its network cards on taps of a namespace."""
import json
import socket
import subprocess
import time

from demo.process import Trouble, run, spawn

BOOT_SECONDS = 120
ANSWER_SECONDS = 60
OFF_SECONDS = 20


class Guest:
    def __init__(self, kernel, initramfs, folder, namespace, taps, megabytes=512, queues=1):
        """`taps`: {name of a tap: (the namespace where it ends, the bridge there that it is on)}. The guest has them as eth0, eth1, ...
        `queues`: of each network card and way. With more than one, the cards are of the kind for which newer drivers have
        AF_XDP without copies."""
        self.kernel, self.initramfs, self.folder = kernel, initramfs, folder
        self.namespace, self.taps, self.megabytes = namespace, taps, megabytes
        self.queues = queues
        self.console = folder / "console.log"
        self.process, self.line, self.rest = None, None, b""

    def start(self):
        for tap in self.taps:
            self.ip("tuntap add dev %s mode tap%s" % (tap, " multi_queue vnet_hdr" if self.queues > 1 else ""))
        place = self.folder / "agent.socket"
        command = ["ip", "netns", "exec", self.namespace, "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "1",
                   "-m", self.megabytes, "-kernel", self.kernel.image, "-initrd", self.initramfs,
                   "-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on", "-no-reboot", "-nodefaults", "-display", "none",
                   "-serial", "file:%s" % self.console,
                   "-chardev", "socket,id=agent,path=%s,server=on,wait=off" % place, "-serial", "chardev:agent"]
        tap_words = ",queues=%d" % self.queues if self.queues > 1 else ""
        card_words = ",mq=on,vectors=%d,disable-legacy=on,iommu_platform=on" % (2 * self.queues + 2) if self.queues > 1 else ""
        for number, tap in enumerate(self.taps):
            command += ["-netdev", "tap,id=net%d,ifname=%s,script=no,downscript=no,vhost=off%s" % (number, tap, tap_words),
                        "-device", "virtio-net-pci,netdev=net%d,romfile=,mac=52:54:00:00:00:%02x%s" % (number, 16 + number, card_words)]
        with open(self.folder / "emulator.log", "wb") as log:
            self.process = spawn(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + BOOT_SECONDS
        self.line = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.line.connect(str(place))
                break
            except OSError:
                self.check(deadline, "has no serial line")
                time.sleep(0.05)
        self.answer(deadline)
        # Only now: the emulator looks for them where it is.
        for tap, (namespace, bridge) in self.taps.items():
            if namespace != self.namespace:
                self.ip("link set %s netns %s" % (tap, namespace))
            run(["ip", "-n", namespace, "link", "set", tap, "master", bridge])
            run(["ip", "-n", namespace, "link", "set", tap, "up"])

    def ip(self, words):
        run(["ip", "-n", self.namespace, *words.split()])

    def check(self, deadline, otherwise):
        if self.process.poll() is not None:
            raise Trouble("the guest ended with %d%s" % (self.process.returncode, self.last_words()))
        if time.monotonic() > deadline:
            raise Trouble("the guest %s%s" % (otherwise, self.last_words()))

    def last_words(self):
        said = ""
        for file in (self.folder / "emulator.log", self.console):
            if file.exists():
                said += "".join("\n    " + line for line in file.read_text(errors="replace").splitlines()[-12:])
        return said

    def ask(self, seconds=ANSWER_SECONDS, **wanted):
        """What the agent answers to it."""
        self.line.settimeout(seconds)
        self.line.sendall(json.dumps(wanted).encode() + b"\n")
        return self.answer(time.monotonic() + seconds)

    def answer(self, deadline):
        while b"\n" not in self.rest:
            self.check(deadline, "does not answer")
            self.line.settimeout(1)
            try:
                piece = self.line.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                self.check(deadline, "hung up")
                time.sleep(0.05)
            self.rest += piece
        answer, _, self.rest = self.rest.partition(b"\n")
        return json.loads(answer)

    def shell(self, script, seconds=ANSWER_SECONDS):
        """A script that must succeed in the guest; what it printed."""
        said = self.ask(seconds, run=script)
        if said["status"] != 0:
            raise Trouble("in the guest: %s: %s" % (script.strip().splitlines()[0], said["output"].strip()[-2000:]))
        return said["output"]

    def stop(self):
        """Off, in order if it still can."""
        if self.process is None:
            return
        try:
            self.line.sendall(b'{"off": true}\n')
            self.process.wait(OFF_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.line.close()
        self.process = None
        for tap, (namespace, _) in self.taps.items():
            subprocess.run(["ip", "-n", namespace, "link", "del", tap], capture_output=True)
