"""Static NAT at gateways that track no connections: plain OpenFlow 1.3, and nothing but rewriting."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import Punt, Table, flow, punt
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.protocols import ARP, ARP_REQUEST, IPV4
from sdn_orch.dataplane.views import AddressView
from sdn_orch.openflow.values import Match, SetField


def address(address: AddressView, guest: int) -> Iterator[Said]:
    """Who has it, and how it and its NIC's address become each other; the controller answers ARP."""
    asked = Match.of(metadata=address.public, eth_type=ARP, arp_op=ARP_REQUEST, arp_tpa=address.address)
    yield punt(Table.ANSWER, "answer", asked, Punt.UPSTREAM)
    outside = Match.of(metadata=address.public, eth_type=IPV4, ipv4_dst=address.address)
    to_guest = (SetField("ipv4_dst", guest),)
    yield flow(Table.ENTER, "address", outside, to_guest, metadata=address.router, goto=Table.INWARD)
    inside = Match.of(metadata=address.router, eth_type=IPV4, ipv4_src=guest)
    own = (SetField("ipv4_src", address.address),)
    yield flow(Table.LEAVE, "static", inside, own, goto=Table.UPLINK)
