"""agent.py LINE: runs in a guest. Reads a JSON object a line from the serial line, does it, and answers with another.

    {"run": script}             a shell script: {"status", "output"}
    {"start": name, "command": [...]}   a process that goes on, its output in /run/NAME.out and NAME.log: {"pid"}; the word python
                                stands for the interpreter
    {"stop": name}              SIGTERM, and what it then ended with: {"status"}, null when it had to be killed
    {"read": file}              {"text"}, null when it is not there
    {"take": port}              makes UDP's port one of ESP in UDP (RFC 3948), as an IKE daemon would
    {"transfer": [...]}         TCP transfers, one after the other: {"results": [null or what went wrong]}
    {"off": true}               no answer: the machine goes off
"""
import http.client
import json
import os
import socket
import subprocess
import sys
import tty

sys.path.insert(0, "/project")

from demo import client

SILENCE_SECONDS = 10
# linux/udp.h
UDP_ENCAP, UDP_ENCAP_ESPINUDP = 100, 2


class Agent:
    def __init__(self):
        self.processes, self.sockets = {}, []

    def do(self, wanted):
        kind = next(iter(wanted))
        return getattr(self, kind)(**wanted)

    def run(self, run):
        done = subprocess.run(["/bin/sh", "-ec", run], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return {"status": done.returncode, "output": done.stdout.decode(errors="replace")}

    def start(self, start, command):
        command = [sys.executable if word == "python" else word for word in command]
        with open("/run/%s.out" % start, "wb") as output, open("/run/%s.log" % start, "wb") as log:
            self.processes[start] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=log)
        return {"pid": self.processes[start].pid}

    def stop(self, stop):
        process = self.processes.pop(stop)
        process.terminate()
        try:
            return {"status": process.wait(15)}
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return {"status": None}

    def read(self, read):
        try:
            with open(read, errors="replace") as file:
                return {"text": file.read()}
        except FileNotFoundError:
            return {"text": None}

    def take(self, take):
        for family in (socket.AF_INET, socket.AF_INET6):
            taken = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP)
            taken.bind(("", take))
            self.sockets.append(taken)
        return {}

    def transfer(self, transfer):
        return {"results": [self.one(**each) for each in transfer]}

    def one(self, address, port, source, kind, size, seed):
        connection = http.client.HTTPConnection(address, port, timeout=SILENCE_SECONDS, source_address=(source, 0))
        try:
            client.transfer(connection, kind, size, seed, lambda name: None)
        except (OSError, http.client.HTTPException, ValueError) as why:
            return "%s: %s" % (type(why).__name__, why)
        finally:
            connection.close()


def main():
    line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    agent, rest = Agent(), b""
    os.write(line, b'{"ready": true}\n')
    while True:
        rest += os.read(line, 65536)
        *whole, rest = rest.split(b"\n")
        for wanted in map(json.loads, whole):
            if "off" in wanted:
                return
            answer = json.dumps(agent.do(wanted)).encode() + b"\n"
            while answer:
                answer = answer[os.write(line, answer):]


if __name__ == "__main__":
    main()
