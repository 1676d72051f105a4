"""SOURCE, ROUTE, NEXT_HOP, BACK, INNER, SOURCE_NAT: members that answer from their balancer's address.

What clients send reaches them by their MAC addresses (NEXT_HOP). Nobody translates their answers, but whoever
knows the connection, the client's edge or the gateway, counts them, and drops what they say unasked. Of
fragments only the first one tells its port, so they say nothing in fragments from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sdn_orch.dataplane.addresses import GROUP_BIT
from sdn_orch.dataplane.pipeline import TURNED, Table, flow
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages.connection import NEW_AS_SENT
from sdn_orch.dataplane.stages.protocols import ARP, ARP_REQUEST, IPV4, IPV6
from sdn_orch.dataplane.stages.route import hand_to
from sdn_orch.dataplane.traffic import port_blocks, port_field
from sdn_orch.dataplane.views import Fields, NetworkView, NicView
from sdn_orch.intent.balancers import Balancer
from sdn_orch.openflow.values import Action, Match, Track

_ETH_TYPES = {4: IPV4, 6: IPV6}


@dataclass(frozen=True, slots=True)
class Lent:
    """A balancer, its address, and what matches packets of its router."""

    record: Balancer
    address: int
    router: tuple[int, int]

    def at(self, side: str) -> Iterator[Fields]:
        """Its address and ports as the `src` or `dst` of packets, block by block."""
        version, protocol = self.record.version, self.record.protocol
        for block in port_blocks(*self.record.ports):
            here: Fields = {"eth_type": _ETH_TYPES[version], f"ipv{version}_{side}": self.address}
            yield {**here, "ip_proto": protocol, port_field(protocol, side): block}


def at_members(lent: Lent, into: NetworkView, members: Mapping[int, NicView]) -> Iterator[Said]:
    """The last step of what belongs to a member's connections, and of ICMP errors about them."""
    version = lent.record.version
    here: Fields = {"metadata": into.local, "eth_type": _ETH_TYPES[version]}
    for mark, nic in members.items():
        match = Match.of(**here, ct_mark=mark, **{f"ipv{version}_dst": lent.address})
        yield flow(Table.NEXT_HOP, "direct", match, hand_to(nic), metadata=TURNED.of(1), goto=Table.FORWARD)


def from_member(lent: Lent, nic: NicView) -> Iterator[Said]:
    """It may answer one station at a time, and from a public address who is outside alone."""
    own: Fields = {"in_port": nic.place.port, "metadata": nic.network.local, "eth_src": nic.mac}
    to: Fields = {"eth_dst": (0, GROUP_BIT[1])}
    if lent.record.inner is None:
        to = {"eth_dst": nic.network.gateway_mac}
    for said in lent.at("src"):
        yield flow(Table.SOURCE, "direct", Match.of(**own, **to, **said), goto=Table.SERVICE)


def asking(address: int, nic: NicView) -> Said:
    """It asks for its gateway under the address that it answers from; nobody learns from that who has it."""
    own: Fields = {"in_port": nic.place.port, "metadata": nic.network.local, "eth_src": nic.mac}
    match = Match.of(**own, eth_type=ARP, arp_op=ARP_REQUEST, arp_sha=nic.mac, arp_spa=address)
    return flow(Table.SOURCE, "direct", match, goto=Table.ANSWER)


def way_out(lent: Lent, nic: NicView, way: tuple[tuple[Action, ...], Table] | Refused) -> Iterator[Said]:
    """What it says from a public address goes to the gateway, which knows whether it was asked."""
    actions, goto = ((), None) if isinstance(way, Refused) else way
    for said in lent.at("src"):
        match = Match.of(metadata=nic.network.local, eth_src=nic.mac, **said)
        yield flow(Table.ROUTE, "direct", match, actions, goto=goto)


def inside(lent: Lent, zone: int) -> Iterator[Said]:
    """At edges, whose zone knows who was asked by machines there."""
    for said in lent.at("src"):
        match = Match.of(metadata=lent.router, **said)
        yield flow(Table.BACK, "direct", match, (Track(zone, Table.BACK_STATE),))
        for table in (Table.INNER, Table.BACK_STATE):
            yield flow(table, "direct", Match.of(metadata=lent.router, ct_mark=0, **said))
    yield from _asked(lent)


def _asked(lent: Lent) -> Iterator[Said]:
    """What clients send is no answer, where its connection is known as well."""
    for asked in lent.at("dst"):
        yield flow(Table.BACK, "asking", Match.of(metadata=lent.router, **asked), goto=Table.TO_GUARD)


def unasked(lent: Lent) -> Iterator[Said]:
    """At edges that track no connections, where nobody can have asked."""
    for said in lent.at("src"):
        yield flow(Table.BACK, "direct", Match.of(metadata=lent.router, **said))


def at_gateway(lent: Lent) -> Iterator[Said]:
    """Nothing but answers leaves from there.

    A machine on the router that asks a public address would be known twice, by its own connection and by the
    balancer's, whose answers are the same.
    """
    for said in lent.at("src"):
        # What source NAT sends from there has been translated by now.
        match = Match.of(metadata=lent.router, ct_state=NEW_AS_SENT, **said)
        yield flow(Table.SOURCE_NAT, "direct", match)
    if lent.record.inner is None:
        yield from _asked(lent)
        for asked in lent.at("dst"):
            yield flow(Table.SOURCE_NAT, "direct inside", Match.of(metadata=lent.router, **asked))
