"""Many clients of a balancer in one process: who answers them, and whether a connection ever breaks.

    python -m topologies.demo.clients fresh ADDRESS PORT COUNT      COUNT connections, one request each
    python -m topologies.demo.clients endless ADDRESS PORT COUNT    the same, COUNT at a time, without end
    python -m topologies.demo.clients steady ADDRESS PORT COUNT     COUNT connections that ask again and again
    python -m topologies.demo.clients datagrams ADDRESS PORT COUNT  COUNT sockets, one question each

Behind COUNT there may be addresses that the clients have, in turns.

`endless` and `steady` say "ready" once they have been answered, and go on until standard input ends. The
result is a line of JSON: how many connections each machine answered, and what broke.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

#: Connections that are being made at a time by `fresh` and `datagrams`.
_AT_ONCE = 32
#: Seconds that an answer may take, and between two requests of one connection.
_PATIENCE, _PAUSE = 5.0, 0.05
#: Requests that `steady` makes in a second at most, with all its connections.
_REQUESTS = 1000
#: How often a question by datagram is asked.
_TRIES = 3
_BIND_ADDRESS_NO_PORT = 24
_REQUEST = b"GET / HTTP/1.1\r\nHost: balancer\r\n\r\n"


@dataclass(slots=True)
class Clients:
    """Clients of one address and port, and what they have seen."""

    address: str
    port: int
    #: Connections, by the name of the machine that answered.
    answered: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    #: In turns; None: whatever the host takes.
    sources: Iterator[str | None] = field(default_factory=partial(itertools.repeat, None))
    pause: float = _PAUSE
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def fresh(self, count: int) -> None:
        """So many connections, with one request each."""
        await _often(count, partial(self._visit, 1))

    async def endless(self, count: int) -> None:
        """Connections with one request each, so many at a time, until it is over."""

        async def one_after_the_other() -> None:
            while not self.over.is_set():
                await self._visit(1)

        await self._until_over([one_after_the_other() for _ in range(count)], lambda: bool(self.answered))

    async def steady(self, count: int) -> None:
        """So many connections with a request now and then, until it is over."""
        self.pause = max(_PAUSE, count / _REQUESTS)
        visits = [self._visit(None) for _ in range(count)]
        await self._until_over(visits, lambda: self.answered.total() + len(self.broken) >= count)

    async def datagrams(self, count: int) -> None:
        """So many sockets that ask once each."""
        await _often(count, self._ask)

    async def _until_over(
        self, tasks: Sequence[Coroutine[None, None, None]], is_ready: Callable[[], bool]
    ) -> None:
        loop = asyncio.get_running_loop()
        running = asyncio.gather(*tasks)
        while not is_ready():
            await asyncio.sleep(_PAUSE)
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        self.over.set()
        await running

    async def _visit(self, requests: int | None) -> None:
        """One connection; without a number it asks until all is over."""
        name = ""
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await self._connect()
            asked = 0
            while asked != requests and not (requests is None and asked and self.over.is_set()):
                async with asyncio.timeout(_PATIENCE):
                    said = await _request(reader, writer)
                if name and said != name:
                    raise ConnectionError(f"{name} answered, then {said}")
                if not name:
                    self.answered[said] += 1
                name, asked = said, asked + 1
                if requests is None:
                    await asyncio.sleep(self.pause)
            writer.close()
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.broken.append(f"{name or 'nobody'}: {error!r}")
            # Who is refused at once does not come again at once.
            await asyncio.sleep(_PAUSE)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        client = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
        client.setblocking(False)
        own = next(self.sources)
        if own is not None:
            # The port is chosen as for any client, when it connects.
            client.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            client.bind((own, 0))
        try:
            await asyncio.get_running_loop().sock_connect(client, (self.address, self.port))
        except BaseException:
            client.close()
            raise
        return await asyncio.open_connection(sock=client)

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        said: asyncio.Future[bytes] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            partial(_Datagrams, said), remote_addr=(self.address, self.port)
        )
        try:
            for _ in range(_TRIES):
                # A busy machine may lose a datagram: it is said again, from the same port.
                transport.sendto(b"hello\n")
                await asyncio.wait((said,), timeout=_PATIENCE / _TRIES)
                if said.done():
                    break
            async with asyncio.timeout(0):
                self.answered[json.loads(await said)["name"]] += 1
        except (OSError, TimeoutError, ValueError) as error:
            self.broken.append(repr(error))
        finally:
            transport.close()


async def _often(count: int, ask: Callable[[], Coroutine[None, None, None]]) -> None:
    """Do it so often, some at a time."""
    left = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in left:
            await ask()

    await asyncio.gather(*(one_after_the_other() for _ in range(_AT_ONCE)))


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(_REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split()[0])
    name: str = json.loads(await reader.readexactly(length))["name"]
    return name


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, said: asyncio.Future[bytes]) -> None:
        self._said = said

    def datagram_received(self, data: bytes, _address: object) -> None:
        if not self._said.done():
            self._said.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self._said.done():
            self._said.set_exception(error)


async def main() -> None:
    """Run as the command line says."""
    kind, address, port, count, *sources = sys.argv[1:]
    clients = Clients(address, int(port))
    if sources:
        clients.sources = itertools.cycle(sources)
    await getattr(clients, kind)(int(count))
    print(json.dumps({"answered": clients.answered, "broken": clients.broken}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
