"""Where a packet goes: from switch to switch through their tables, over links, to the ports it leaves by.

`sdn-orch trace` prints a Trace; tests compare it with what the intent means and with Open vSwitch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.execute import Choose, Emission, Outcome, Punt, Visit, execute
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.pipeline import NETWORK, Table
from sdn_orch.dataplane.wires import End, Tunnel, Wires
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.openflow.values import Group

#: Switches that one packet may enter, copies included, before we say that it loops.
MAX_HOPS = 4096


@dataclass(frozen=True, slots=True)
class Hop:
    """A packet entered a switch, and what the switch did; `parent` is the hop it came from (-1: none)."""

    end: End
    packet: Packet
    tunnel: Tunnel | None
    outcome: Outcome
    parent: int


@dataclass(frozen=True, slots=True)
class Drop:
    """A way that ended: in which switch and table, and why."""

    switch_id: str
    table: int
    reason: str


@dataclass(slots=True)
class Trace:
    """The whole way of a packet: each switch it entered, and how it ended."""

    hops: list[Hop]
    #: Frames that left the network: (switch, port) and the frame as it left.
    exits: list[tuple[End, Packet]]
    #: (switch, port it came in by there, what was sent up).
    punts: list[tuple[End, Punt]]
    drops: list[Drop]
    looped: bool = False

    def destinations(self, table: int) -> set[tuple[int, int]]:
        """The addresses and ports (0: none) that IP packets were for when they met a table."""
        return {
            (step.packet[field], step.packet.get("tcp_dst") or step.packet.get("udp_dst") or 0)
            for hop in self.hops
            for step in hop.outcome.steps
            for field in ("ipv4_dst", "ipv6_dst")
            if isinstance(step, Visit) and step.table == table and field in step.packet
        }


def chosen(found: Trace, snapshot: Snapshot) -> set[tuple[int, int]]:
    """Where a packet went that a balancer may have given to a member, as addresses and ports.

    Those that answer from the balancer's address get it by their MAC addresses alone.
    """
    sides = found.destinations(Table.INWARD) | found.destinations(Table.NEXT_HOP)
    for hop in found.hops:
        for step in hop.outcome.steps:
            if isinstance(step, Visit) and step.table == Table.FORWARD:
                sides |= set(_of_station(snapshot, step))
    return sides


def _of_station(snapshot: Snapshot, visit: Visit) -> Iterator[tuple[int, int]]:
    """The addresses of the NIC that a frame is for, of which the packet in it has none as its destination."""
    network = snapshot.numbered(Network, NETWORK.read(visit.metadata))
    mac, packet = visit.packet["eth_dst"].to_bytes(6, "big").hex(":"), visit.packet
    port = packet.get("tcp_dst") or packet.get("udp_dst") or 0
    for nic in () if network is None else snapshot.where(Nic, "claims", (network.id, mac)):
        own = {int(address) for address in nic.addresses}
        if own.isdisjoint((packet.get("ipv4_dst"), packet.get("ipv6_dst"))):
            yield from ((address, port) for address in own)


def first_live(_group: Group, live: Sequence[int], _packet: Packet) -> int:
    """The plainest choice in a select group."""
    return live[0]


def trace(
    tables: Mapping[str, Tables],
    wires: Wires,
    start: End,
    packet: Packet,
    choose: Choose = first_live,
    connections: Mapping[str, Connections] | None = None,
) -> Trace:
    """Send a packet into a port of a switch and follow every copy of it. Switches are known by their ids.

    `connections` are those that the switches track, and go on with; by default they know none.
    """
    tracked = connections or {}
    result = Trace([], [], [], [])
    waiting: list[tuple[End, Packet, Tunnel | None, int]] = [(start, packet, None, -1)]
    while waiting:
        end, current, tunnel, parent = waiting.pop(0)
        if len(result.hops) >= MAX_HOPS or _seen(result.hops, parent, end, current, tunnel):
            result.looped = True
            continue
        switch_id, port = end
        if switch_id not in tables:
            result.drops.append(Drop(switch_id, 0, "the switch has no tables"))
            continue
        outcome = execute(
            tables[switch_id],
            port,
            current,
            tunnel,
            wires.live_ports(switch_id),
            choose,
            tracked.get(switch_id),
        )
        result.hops.append(Hop(end, current, tunnel, outcome, parent))
        result.punts += [(end, punt) for punt in outcome.punts]
        result.drops += [Drop(switch_id, table, why) for table, why in outcome.drops]
        for emission in outcome.emissions:
            _send(result, waiting, wires, switch_id, emission)
    return result


def _send(
    result: Trace,
    waiting: list[tuple[End, Packet, Tunnel | None, int]],
    wires: Wires,
    switch_id: str,
    emission: Emission,
) -> None:
    end = (switch_id, emission.port)
    arrivals = wires.leads_to(end, emission.tunnel)
    if arrivals is None:
        result.exits.append((end, emission.packet))
    elif not arrivals:
        result.drops.append(Drop(switch_id, 0, f"nobody is at the other end of port {emission.port}"))
    else:
        parent = len(result.hops) - 1
        waiting += [(arrival, emission.packet, tunnel, parent) for arrival, tunnel in arrivals]


def _seen(hops: list[Hop], parent: int, end: End, packet: Packet, tunnel: Tunnel | None) -> bool:
    """Whether the same packet entered by the same port before, on the way here."""
    while parent >= 0:
        hop = hops[parent]
        if (hop.end, hop.tunnel, hop.packet) == (end, tunnel, packet):
            return True
        parent = hop.parent
    return False


def explore(
    tables: Mapping[str, Tables], wires: Wires, start: End, packet: Packet, limit: int = 1000
) -> Iterator[Trace]:
    """One trace for every combination of choices that select groups may make, up to `limit` of them."""
    script: list[int] = []
    for _ in range(limit):
        widths: list[int] = []

        def choose(_group: Group, live: Sequence[int], _packet: Packet) -> int:
            at = len(widths)  # noqa: B023
            widths.append(len(live))  # noqa: B023
            if at == len(script):
                script.append(0)
            return live[script[at]]

        yield trace(tables, wires, start, packet, choose)
        del script[len(widths) :]
        while script and script[-1] + 1 >= widths[len(script) - 1]:
            script.pop()
        if not script:
            return
        script[-1] += 1
