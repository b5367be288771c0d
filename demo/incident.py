"""What happens to a run of its own accord: a target is killed in the middle, and comes back. A line each."""
import time

from demo import plan

KILLED = "t2"
# Of the transfers, when a part of them is done.
KILL_AT, RETURN_AT = 0.2, 0.5


class Incident:
    """Watches a run: called several times a second, it does what is due and says what it sees."""

    def __init__(self, cluster, say, watch):
        self.cluster, self.say, self.watch = cluster, say, watch
        self.killed = self.lost = self.started = self.back = None

    def __call__(self, outcome, rate):
        done = len(outcome.transfers) / outcome.connections
        if not self.killed and done >= KILL_AT:
            self.cluster.kill(KILLED)
            self.killed = time.monotonic()
            outcome.killed = KILLED
            self.say("%s is killed, with its web server" % KILLED)
        elif self.killed and not self.lost and self.standing() == "lost":
            self.lost = time.monotonic()
            self.say("%s is out of rotation: %s" % (KILLED, "; ".join(self.target().get("why", []))))
        elif self.lost and not self.started and done >= RETURN_AT:
            self.cluster.restart(KILLED)
            self.started = time.monotonic()
            self.say("%s is started again" % KILLED)
        elif self.started and not self.back and self.standing() == "serving":
            self.back = time.monotonic()
            self.say("%s serves again" % KILLED)
        self.watch(outcome, rate)

    def target(self):
        targets = self.cluster.nodes[plan.ROUTER].status().get("control", {}).get("targets", [])
        return next((t for t in targets if t["name"] == KILLED), {})

    def standing(self):
        return self.target().get("state")

    def problems(self):
        """What of it did not happen."""
        for step, what in ((self.killed, "was not killed"), (self.lost, "never left rotation"), (self.back, "did not come back")):
            if not step:
                yield "%s %s" % (KILLED, what)


def excused(transfer, killed):
    """A transfer that the killed target was in the middle of ends with a reset."""
    return killed and transfer["target"] in (None, killed) and (transfer["error"] or "").startswith("ConnectionResetError")
