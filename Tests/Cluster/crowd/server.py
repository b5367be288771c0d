#!/usr/bin/env python3
"""server.py ADDRESS PORT NAME: a target's end of the crowd's connections.

Waits for the address to be there, says "listening". SIGUSR1: it stops listening and keeps its connections; SIGUSR2: it listens again."""
import asyncio
import errno
import hashlib
import resource
import signal
import sys

from protocol import ANSWER, REQUEST, content

BACKLOG, PATIENCE_SECONDS = 1024, 60


class Server:
    def __init__(self, address, port, name):
        self.address, self.port, self.name, self.listener = address, port, name.encode(), None

    async def serve(self, reader, writer):
        seen = hashlib.sha256()
        try:
            while True:
                number, up, down, seed = REQUEST.unpack(await reader.readexactly(REQUEST.size))
                seen.update(await reader.readexactly(up))
                writer.write(ANSWER.pack(number, down, self.name, seen.digest()) + content(seed, down))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def listen(self):
        """As soon as the address is on one of the host's interfaces."""
        for _ in range(PATIENCE_SECONDS * 20):
            try:
                self.listener = await asyncio.start_server(self.serve, self.address, self.port, backlog=BACKLOG, limit=1 << 18)
                return print("listening", flush=True)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
            await asyncio.sleep(0.05)
        sys.exit("%s is not on any interface" % self.address)

    def deaf(self):
        self.listener.close()
        print("deaf", flush=True)

    async def run(self):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.deaf)
        loop.add_signal_handler(signal.SIGUSR2, lambda: loop.create_task(self.listen()))
        await self.listen()
        await asyncio.Event().wait()


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    asyncio.run(Server(sys.argv[1], int(sys.argv[2]), sys.argv[3]).run())
