"""SOURCE: with which addresses a NIC may send."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.protocols import (
    ARP,
    DHCP4_CLIENT,
    DHCP4_SERVER,
    IPV4,
    IPV6,
    UDP,
)
from sdn_orch.dataplane.views import NicView
from sdn_orch.openflow.values import Match


def nic(nic: NicView) -> Iterator[Said]:
    """Its own addresses, and none where a host has none yet; anything from its MAC in an L2 network."""

    def allowed(goto: Table, **fields: int) -> Said:
        match = Match.of(in_port=nic.place.port, metadata=nic.network.local, eth_src=nic.mac, **fields)
        return flow(Table.SOURCE, "nic", match, goto=goto)

    if nic.network.is_l2:
        yield allowed(Table.FORWARD)
        return
    dhcp = {"ip_proto": UDP, "udp_src": DHCP4_CLIENT, "udp_dst": DHCP4_SERVER}
    yield allowed(Table.SERVICE, eth_type=IPV4, ipv4_src=0, **dhcp)
    # A sender of 0.0.0.0 asks whether an address is free (RFC 5227).
    for address in (0, *nic.ipv4):
        yield allowed(Table.ANSWER, eth_type=ARP, arp_sha=nic.mac, arp_spa=address)
    for address in nic.ipv4:
        yield allowed(Table.SERVICE, eth_type=IPV4, ipv4_src=address)
    for address in nic.ipv6:
        yield allowed(Table.NEIGHBOUR_SOURCE, eth_type=IPV6, ipv6_src=address)
