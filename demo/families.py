"""The demonstration's addresses in IPv6: the same plan, each network in the family that a run gives it.

    198.51.100.10/24  ->  2001:db8:c633:64::10/64      outside, 203.0.113.0/24 too
    192.0.2.1         ->  2001:db8:c000:2::1           the trusted link
    10.71.0.1/32      ->  2001:db8:a47::1/128          inside the tunnel"""
import re

from demo import plan as four

OUTSIDE, TRUSTED, INSIDE = "outside", "trusted", "inside"
PARTS = {198: OUTSIDE, 203: OUTSIDE, 192: TRUSTED, 10: INSIDE}
WIDTHS = {"/24": "/64", "/32": "/128", "": ""}


class Plan:
    """`demo.plan` with IPv6 addresses in the parts named."""

    def __init__(self, *parts):
        self.parts = parts

    def __getattr__(self, name):
        value = getattr(four, name)
        return self.text(value) if isinstance(value, str) else value

    def text(self, text):
        """Any text with its addresses changed."""
        return re.sub(r"\b(\d+)\.(\d+)\.(\d+)\.(\d+)\b(/\d+)?", self.address, text)

    def address(self, found):
        a, b, c, d = (int(number) for number in found.groups()[:4])
        if PARTS.get(a) not in self.parts:
            return found.group()
        return "2001:db8:%x:%x::%d%s" % (a << 8 | b, c, d, WIDTHS[found.group(5) or ""])

    def dvipa(self, mode):
        return self.text(four.dvipa(mode))

    def trusted_address(self, target):
        return self.text(four.trusted_address(target))

    def return_address(self, target):
        return self.text(four.return_address(target))

    def addresses(self, mode):
        for node, interface, address in four.addresses(mode):
            # Whoever asks whether it is the only one has no time to send.
            changed = self.text(address)
            yield node, interface, changed + " nodad" if ":" in changed else changed

    def routes(self):
        for node, destination, hop in four.routes():
            yield node, self.text(destination), self.text(hop)
