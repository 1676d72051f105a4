"""What lies between switches: where a frame that leaves a port comes in next.

A label link is a cable. A VXLAN underlay carries a frame to the switch with the tunnel address that the
frame was sent to; a VLAN underlay may flood, so it carries a frame to every other switch on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sdn_orch.intent.model import Link, Switch, Transport
from sdn_orch.intent.snapshot import Snapshot

#: (switch id, port).
End = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What a frame on a VXLAN underlay is wrapped in."""

    tunnel_id: int
    tun_src: int
    tun_dst: int


@dataclass(frozen=True, slots=True)
class Wires:
    """Cables and underlays; `down` are the ports without a living link."""

    cables: Mapping[End, End]
    #: Underlay port of each switch on a VLAN underlay.
    vlan: Mapping[str, int] = field(default_factory=dict)
    #: Tunnel address -> the end that has it.
    vxlan: Mapping[int, End] = field(default_factory=dict)
    #: The same the other way round.
    tunnel_addresses: Mapping[End, int] = field(default_factory=dict)
    down: frozenset[End] = frozenset()

    @classmethod
    def of(cls, snapshot: Snapshot) -> Wires:
        """The wires of a snapshot; links that are down there are down here."""
        cables: dict[End, End] = {}
        down: set[End] = set()
        for link in snapshot.all(Link):
            a, b = link.ports
            cables[a], cables[b] = b, a
            if not link.up:
                down |= {a, b}
        vlan: dict[str, int] = {}
        vxlan: dict[int, End] = {}
        for switch in snapshot.all(Switch):
            if switch.underlay is None:
                continue
            if switch.transport == Transport.VLAN:
                vlan[switch.id] = switch.underlay
            elif switch.transport == Transport.VXLAN and switch.tunnel_address is not None:
                vxlan[int(switch.tunnel_address)] = (switch.id, switch.underlay)
        addresses = {end: address for address, end in vxlan.items()}
        return cls(cables, vlan, vxlan, addresses, frozenset(down))

    def without(self, *links: tuple[End, End]) -> Wires:
        """The same with these cables cut: their ports are down at both ends."""
        return replace(self, down=self.down.union(*links))

    def live_ports(self, switch_id: str) -> Callable[[int], bool]:
        """Tells of each port of a switch whether it has its link; ports that lead to no switch always do."""
        return lambda port: (switch_id, port) not in self.down

    def leads_to(self, end: End, tunnel: Tunnel | None) -> tuple[tuple[End, Tunnel | None], ...] | None:
        """Where a frame that leaves here comes in; None where the port leads out of the network."""
        if end in self.cables:
            return ((self.cables[end], None),)
        switch_id, port = end
        if end in self.tunnel_addresses:
            own = self.tunnel_addresses[end]
            if tunnel is None or tunnel.tun_dst not in self.vxlan:
                return ()
            return ((self.vxlan[tunnel.tun_dst], Tunnel(tunnel.tunnel_id, own, tunnel.tun_dst)),)
        if self.vlan.get(switch_id) == port:
            return tuple(((other, at), None) for other, at in self.vlan.items() if other != switch_id)
        return None
