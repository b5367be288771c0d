"""What crosses the internet, counted by its kernel, and ways to keep it from crossing."""
import json

from demo.process import run
from testbed import plan

# IKE on port 4500 begins with four zero bytes where ESP has its SPI (RFC 3948 section 2.2).
RULES = """
flush ruleset
table ip internet {
    counter rawEsp { }
    counter udpEsp { }
    counter ike { }
    counter clear { }
    chain kinds {
        type filter hook prerouting priority -300
        ip protocol esp counter name rawEsp
        udp dport 500 counter name ike
        udp sport 500 udp dport != 500 counter name ike
        udp dport 4500 @th,64,32 0 counter name ike
        udp sport 4500 udp dport != 4500 @th,64,32 0 counter name ike
        udp dport 4500 udp length > 9 @th,64,32 != 0 counter name udpEsp
        udp sport 4500 udp dport != 4500 udp length > 9 @th,64,32 != 0 counter name udpEsp
        ip protocol tcp counter name clear
        ip saddr { 10.71.0.0/16, 10.72.0.0/24 } counter name clear
        ip daddr { 10.71.0.0/16, 10.72.0.0/24 } counter name clear
    }
}
"""
# Deciding comes after counting, so that what was held back is known.
CUT = """
table ip cut {
    chain everything {
        type filter hook forward priority 10
        %s
    }
}
"""
HOLD = """
table ip cut {
    counter fromPeers { }
    counter fromUs { }
    chain ike {
        type filter hook forward priority 10
        ip saddr %(us)s udp sport 500 counter name fromUs drop
        ip saddr %(us)s udp sport 4500 @th,64,32 0 counter name fromUs drop
        udp dport 500 counter name fromPeers drop
        udp dport 4500 @th,64,32 0 counter name fromPeers drop
    }
}
"""


class Internet:
    def __init__(self, network):
        self.network = network

    def count(self):
        self.network.rules(plan.INTERNET, RULES)

    def counters(self, table):
        said = run(self.network.inside(plan.INTERNET, ["nft", "-j", "list", "counters", "table", "ip", table]))
        return {c["counter"]["name"]: c["counter"]["packets"] for c in json.loads(said)["nftables"] if "counter" in c}

    def counts(self):
        """Packets that came to cross it since the network was made: rawEsp, udpEsp, ike, clear."""
        return self.counters("internet")

    def cut(self):
        """Nothing crosses it."""
        self.network.rules(plan.INTERNET, CUT % "drop")

    def hold_ike(self):
        """IKE stays on its side, ESP crosses as before."""
        self.network.rules(plan.INTERNET, HOLD % {"us": plan.GATEWAY})

    def held(self):
        """IKE messages held back: (from peers, from us)."""
        counted = self.counters("cut")
        return counted["fromPeers"], counted["fromUs"]

    def heal(self):
        self.network.rules(plan.INTERNET, "table ip cut\ndelete table ip cut\n")
