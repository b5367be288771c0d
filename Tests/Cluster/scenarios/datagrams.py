"""A service that is not TCP: flows of UDP inside one SA, each with its target, and a target that is lost."""
import json
import pathlib
import subprocess
import sys

from checks import Failed, expect
from demo.process import run, spawn, stop
from grounds import plan
from scenarios.scenario import connection

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "crowd/datagrams.py"
PORT, FLOWS = 5353, 60
LOST = "t2"


class Servers:
    """One on each target, for as long as a test is about it."""

    def __init__(self, s, cluster):
        self.s, self.cluster, self.processes = s, cluster, {}
        s.stack.callback(lambda: [stop(process, seconds=2) for process in self.processes.values()])

    def start(self, target):
        with open(self.cluster.folder / ("%s.datagrams" % target), "ab") as file:
            self.processes[target] = spawn(self.cluster.network.inside(target, [
                sys.executable, SCRIPT, "serve", self.cluster.dvipa, PORT, target]), stdout=file, stderr=file)

    def kill(self, target):
        process = self.processes.pop(target)
        process.kill()
        process.wait()


class Client:
    """Sockets of alice's, which keep their ports from question to question."""

    def __init__(self, s, cluster, count=FLOWS):
        self.process = spawn(cluster.network.inside(plan.ALICE, [
            sys.executable, SCRIPT, "ask", cluster.dvipa, PORT, count]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        s.stack.callback(lambda: stop(self.process, seconds=2))

    def ask(self):
        """Who answered on each socket; every answer was right."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said:
            raise Failed("the client of UDP has ended")
        return json.loads(said)


def udp(s):
    theirs = connection()
    services = [{"name": "web", "protocol": "tcp", "ports": [plan.PORT]},
                {"name": "echo", "protocol": "udp", "ports": [PORT], "steering": {"method": "round-robin"}}]
    cluster = s.cluster(theirs.of_other_end(), start=False, targets=("t1", LOST),
                        dvipas=[{"address": plan.DVIPA[plan.ROUTER], "services": services}])
    servers = Servers(s, cluster)
    for target in cluster.targets:
        servers.start(target)
    cluster.start()
    alice = s.strongswan(theirs)
    cluster.wait_until_distributed()

    client = Client(s, cluster)
    first = client.ask()
    shares = {t: first.count(t) for t in cluster.targets}
    s.expect(sum(shares.values()) == FLOWS and min(shares.values()) >= FLOWS // 2 - 1,
             "%d flows in one SA, answered by %s" % (FLOWS, shares), lambda: "answered by %s" % first)
    s.expect(client.ask() == first == client.ask(), "each flow keeps its target")

    run(cluster.network.inside(plan.ALICE, ["ping", "-n", "-q", "-c", "3", "-i", "0.2", "-W", "2", "-I", plan.INNER[plan.ALICE], cluster.dvipa]))
    s.passed("pings of the virtual address through the tunnel are answered")

    cluster.kill(LOST)
    servers.kill(LOST)
    cluster.wait_for(LOST, "lost")
    expect(set(client.ask()) == {"t1"}, "who had t2 is answered by t1, and nobody else is disturbed")
    s.passed("%s is killed: its %d flows go to the other, with every answer right" % (LOST, shares[LOST]))

    servers.start(LOST)
    cluster.add(LOST)
    cluster.wait_for_service(cluster.targets)
    s.expect(set(client.ask()) == {"t1"}, "%s is back, and no flow that lives goes back to it" % LOST)
    cluster.wait_until_distributed()
    new = Client(s, cluster).ask()
    s.expect(min(new.count(t) for t in cluster.targets) >= FLOWS // 2 - 1, "new ones do: %s" % {t: new.count(t) for t in cluster.targets})
    s.no_replays(alice)
    s.nothing_dropped(cluster)


SCENARIOS = {"udp-service": udp}
