"""Switches, ports and cables in memory: what discovery sends travels along the cables and comes back in."""

from __future__ import annotations

from collections.abc import Iterable

from sdn_orch.southbound.base import Port
from sdn_orch.southbound.discovery import Discovery, End, LinkSeen, PortSeen, Seen


def port(number: int, up: bool = True, speed: int = 10_000, live: bool = True) -> Port:
    return Port(number, f"p{number}", f"02:00:00:00:01:{number & 255:02x}", up, speed, live)


class Fabric:
    """Runs one `Discovery` in steps of 0.1 s over cables; `heard` is all that was sent, by port."""

    def __init__(
        self, cables: dict[End, End] | None = None, *, tenants: set[End] | None = None, enabled: bool = True
    ) -> None:
        self.cables = {}
        for a, b in (cables or {}).items():
            self.cables[a], self.cables[b] = b, a
        self.tenants = tenants if tenants is not None else set()
        self.now = 1000.0
        self.discovery = Discovery(5.0, 20.0, lambda *end: end in self.tenants, enabled=enabled)
        self.sent: list[tuple[float, End, bytes]] = []
        self.up: dict[tuple[End, End], bool] = {}
        self.ports: dict[End, bool] = {}

    def start(self, *switches: tuple[int, Iterable[int]]) -> None:
        for dpid, numbers in switches:
            self.take(self.discovery.switch_up(dpid, [port(number) for number in numbers], self.now))

    def take(self, seen: Iterable[Seen]) -> None:
        for one in seen:
            if isinstance(one, LinkSeen):
                self.up[one.ends] = one.up and one.live
            elif isinstance(one, PortSeen):
                self.ports[one.end] = one.up

    def step(self) -> None:
        self.now += 0.1
        frames, seen = self.discovery.tick(self.now)
        self.take(seen)
        for dpid, number, frame in frames:
            self.sent.append((self.now, (dpid, number), frame))
            if (peer := self.cables.get((dpid, number))) is not None:
                self.receive(peer, frame)

    def receive(self, end: End, frame: bytes) -> None:
        self.take(self.discovery.lldp_received(*end, frame, self.now))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.step()

    def change(self, end: End, up: bool, removed: bool = False, live: bool = True) -> None:
        self.take(self.discovery.port_changed(end[0], port(end[1], up, live=live), removed, self.now))

    def last(self, end: End) -> bytes:
        return next(frame for _, origin, frame in reversed(self.sent) if origin == end)
