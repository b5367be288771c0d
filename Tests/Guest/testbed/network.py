"""The namespaces of `plan`, and the guest on one of their switches."""
import pathlib
import shutil

from demo import network
from demo.process import run
from machine import initramfs
from machine.guest import Guest
from machine.kernel import kernel
from testbed import plan

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
# All that Debian's kernel has for ESP as we know it, and GRE.
MODULES = """virtio_pci virtio_net xfrm_user esp4 esp6 xfrm4_tunnel xfrm6_tunnel gcm ghash_generic ctr cbc ecb seqiv echainiv authenc
    authencesn chacha20poly1305 chacha_generic poly1305_generic sha256_generic sha512_generic sha1_generic hmac drbg ansi_cprng
    crypto_null aesni_intel ghash_clmulni_intel ip_gre ip6_gre tun af_packet udp_tunnel ip6_udp_tunnel""".split()


class Network(network.Network):
    """Made once for all scenarios, as the guest is booted once."""

    def __init__(self, prefix, folder, viaduct):
        super().__init__(prefix, "tunnel", plan)
        self.folder, self.viaduct, self.guest = folder, viaduct, None

    def make(self):
        super().make()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        debian = kernel(ROOT / ".build/guest")
        archive = self.folder / "initramfs"
        stripped = self.folder / "viaduct"
        run(["strip", "-o", stripped, self.viaduct])
        programs = {"usr/sbin/ip": pathlib.Path(shutil.which("ip")), "usr/bin/viaduct": stripped}
        initramfs.make(archive, debian, MODULES, programs)
        taps = {"guest%d" % number: (self.namespace(switch), "switch0") for number, switch in enumerate(plan.SWITCHES)}
        self.guest = Guest(debian, archive, self.folder, self.namespace(plan.OUTSIDE), taps, megabytes=1024)
        self.guest.start()
        archive.unlink()
        stripped.unlink()

    def mend(self):
        pass

    def remove(self):
        if self.guest:
            self.guest.stop()
        super().remove()
