"""TCP sessions that go on when what let them begin is taken away, unless their network is to cut them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.e2e.talk import heard, listening, running
from topologies.cloud import Cloud

#: Bytes that a session says and hears in about half a second.
_A_WHILE = 320


@contextmanager
def cutting(cloud: Cloud, *networks: str) -> Iterator[None]:
    """Networks cut connections meanwhile."""
    _cut(cloud, networks, True)
    try:
        yield
    finally:
        _cut(cloud, networks, False)


def _cut(cloud: Cloud, networks: tuple[str, ...], are_to: bool) -> None:
    for network in networks:
        cloud.controller.put(f"/v1/networks/{network}", {"cuts_connections": are_to})
    cloud.wait_objects()


@dataclass(frozen=True, slots=True)
class Session:
    """Who talks to whom, at which address, and how what let it begin is taken away."""

    speaker: Any
    listener: Any
    address: str
    withdraw: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions by their ports, and the networks that they are of."""

    cloud: Cloud
    networks: tuple[str, ...]
    by_port: dict[int, Session]

    def are_cut(self, *first: int, another: int, left: int, spared: tuple[int, ...] = ()) -> None:
        """First these lose what let them begin, then their networks are to cut, then another one loses it.

        Those that are spared lose it too and go on: they are of other networks.
        """
        with self._talking():
            self._withdraw(*first, *spared)
            self._wait_for(*self.by_port)
            with cutting(self.cloud, *self.networks):
                self._wait_for(another)
                cut = self._counts(*first)
                self._wait_for(another, left, *spared)
                assert cut == self._counts(*cut)

                self._withdraw(another)
                self._wait_for(left)
                cut |= self._counts(another)
                self._wait_for(left, *spared)
                assert cut == self._counts(*cut)

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """All of them stand."""
        with ExitStack() as stack:
            for port, session in self.by_port.items():
                stack.enter_context(listening(session.listener, port))
                talk = running(session.speaker, "to", session.address, str(port))
                stack.callback(talk.wait)
                stack.callback(talk.kill)
            yield

    def _withdraw(self, *which: int) -> None:
        """Take what let these begin out of the switches."""
        for port in which:
            self.by_port[port].withdraw()
        self.cloud.wait_objects()

    def _counts(self, *which: int) -> dict[int, tuple[int, int]]:
        """How much sessions have heard at both their ends."""
        ends = {port: (self.by_port[port].speaker, self.by_port[port].listener) for port in which}
        return {
            port: (heard(speaker, port), heard(listener, port)) for port, (speaker, listener) in ends.items()
        }

    def _wait_for(self, *which: int) -> None:
        """Until each of these sessions has gone on for a while."""
        for port in which:
            before = sum(self._counts(port)[port])
            self.cloud.controller.wait(
                partial(self._has_heard, port, before + _A_WHILE), f"the session of port {port} to go on"
            )

    def _has_heard(self, port: int, enough: int) -> bool:
        return sum(self._counts(port)[port]) >= enough
