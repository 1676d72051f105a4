"""Static NAT and balancers at gateways that track no connections: OpenFlow 1.3, and nothing but rewriting."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import NETWORK, Punt, Table, flow, punt
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.spread import blocks
from sdn_orch.dataplane.stages.balance import Pool
from sdn_orch.dataplane.stages.protocols import ARP, ARP_REQUEST, IPV4
from sdn_orch.dataplane.traffic import answer_matches, port_field, port_matches
from sdn_orch.dataplane.views import AddressView, Fields
from sdn_orch.intent.traffic import translations
from sdn_orch.openflow.values import Action, Match, SetField


def address(address: AddressView) -> Iterator[Said]:
    """Who has it, and how it and the address of the NIC that has it alone become each other.

    The controller answers ARP.
    """
    asked = Match.of(metadata=address.public, eth_type=ARP, arp_op=ARP_REQUEST, arp_tpa=address.address)
    yield punt(Table.ANSWER, "answer", asked, Punt.UPSTREAM)
    if address.guest is None:
        return
    to_guest = (SetField("ipv4_dst", address.guest),)
    outside = Match.of(**_outside(address))
    yield flow(Table.ENTER, "address", outside, to_guest, metadata=address.router, goto=Table.INWARD)
    inside = Match.of(metadata=address.router, eth_type=IPV4, ipv4_src=address.guest)
    own = (SetField("ipv4_src", address.address),)
    yield flow(Table.LEAVE, "static", inside, own, goto=Table.UPLINK)


def balancer(address: AddressView, pool: Pool) -> Iterator[Said]:
    """One of an address: the lowest bits of a source are its slot. Members answer in the balancer's name."""
    record, owners = pool.record, pool.owners()
    if not owners:
        return
    number, router = NETWORK.of(record.number), address.router
    entry = number[0] | router[0], number[1] | router[1]
    sources = record.sources or (None,)
    for ports, port in translations(record.ports, record.guest_ports):
        to_port = () if port is None else (SetField(port_field(record.protocol, "dst"), port),)
        for match in port_matches(_outside(address), record.protocol, ports, sources):
            yield flow(Table.ENTER, "balancer", match, to_port, metadata=entry, goto=Table.BALANCE)
        own: tuple[Action, ...] = (SetField("ipv4_src", address.address),)
        if port is not None:
            own = (*own, SetField(port_field(record.protocol, "src"), ports[0]))
        answering = ports if port is None else (port, port)
        for mark in pool.live.values():
            inside: Fields = {"metadata": router, "eth_type": IPV4, "ipv4_src": pool.guests[mark]}
            for match in answer_matches(inside, record.protocol, answering, sources):
                yield flow(Table.LEAVE, "balanced", match, own, goto=Table.UPLINK)
    for lower, bits, mark in blocks(owners):
        source = {"ipv4_src": (lower, (1 << bits) - 1)} if bits else {}
        here = Match.of(metadata=entry, eth_type=IPV4, **source)
        to_member = (SetField("ipv4_dst", pool.guests[mark]),)
        yield flow(Table.BALANCE, "slots", here, to_member, goto=Table.INWARD)


def _outside(address: AddressView) -> Fields:
    return {"metadata": address.public, "eth_type": IPV4, "ipv4_dst": address.address}
