"""The run while it goes on: two lines that are drawn again on a terminal, a line every two seconds elsewhere."""
import sys
import time

from demo import plan

WIDTH = 28
TARGET_WIDTH = 12
QUIET_SECONDS = 2


def bar(part, whole, width):
    filled = round(width * part / whole) if whole else 0
    return "█" * filled + "░" * (width - filled)


class Progress:
    def __init__(self, stream=sys.stdout):
        self.stream, self.live = stream, stream.isatty()
        self.drawn, self.said = False, 0.0

    def __call__(self, outcome, rate):
        if self.live:
            self.draw(self.whole(outcome, rate), self.targets(outcome))
        elif time.monotonic() - self.said >= QUIET_SECONDS:
            self.said = time.monotonic()
            self.line(self.numbers(outcome, rate), outcome)

    def say(self, text):
        """A line among the others."""
        self.stream.write("%s  -- %s\n" % ("\r\x1b[K" if self.live else "", text))
        self.drawn = False
        self.stream.flush()

    def end(self, outcome):
        """The last state, which the two seconds may have swallowed."""
        if not self.live:
            self.line(self.numbers(outcome, 0), outcome)
        self.stream.write("\n")

    def line(self, numbers, outcome):
        served = "  ".join("%s %d" % x for x in outcome.served().items())
        self.stream.write("  %4.0f s  %s  %s\n" % (outcome.seconds, numbers, served))
        self.stream.flush()

    def draw(self, *lines):
        if self.drawn:
            self.stream.write("\x1b[%dA" % len(lines))
        self.drawn = True
        self.stream.write("".join("\r\x1b[K  %s\n" % line for line in lines))
        self.stream.flush()

    def numbers(self, outcome, rate):
        text = "%d/%d connections  %6.1f MB" % (len(outcome.transfers), outcome.connections, outcome.byte_count / 1e6)
        if rate:
            text += "  %s packets/s" % format(round(rate), ",")
        if outcome.failed:
            text += "  %d FAILED" % len(outcome.failed)
        return text

    def whole(self, outcome, rate):
        return "%s  %s  %.0f s" % (
            bar(len(outcome.transfers), outcome.connections, WIDTH), self.numbers(outcome, rate), outcome.seconds)

    def targets(self, outcome):
        served = outcome.served()
        most = max(max(served.values()), outcome.connections / len(plan.TARGETS))
        return "   ".join("%s %s %-4d" % (t, bar(n, most, TARGET_WIDTH), n) for t, n in served.items())
