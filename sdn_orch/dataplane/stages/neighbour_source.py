"""NEIGHBOUR_SOURCE: of what a NIC may speak in neighbour discovery (RFC 4861)."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.protocols import (
    ICMPV6,
    IPV6,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    REDIRECT,
    ROUTER_ADVERTISEMENT,
)
from sdn_orch.dataplane.views import Dialect, NicView
from sdn_orch.openflow.values import Match


def switch() -> Iterator[Said]:
    """Nobody advertises routes, redirects, or speaks for others; what is no neighbour discovery goes on."""
    for kind in (ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, REDIRECT):
        match = Match.of(eth_type=IPV6, ip_proto=ICMPV6, icmpv6_type=kind)
        yield flow(Table.NEIGHBOUR_SOURCE, "neighbour discovery", match)
    yield flow(Table.NEIGHBOUR_SOURCE, "other", Match.of(), goto=Table.SERVICE)


def nic(nic: NicView, dialect: Dialect) -> Iterator[Said]:
    """Solicitations from its MAC; advertisements of its addresses with its MAC."""
    if nic.network.is_l2:
        return

    def allowed(kind: int, **fields: int) -> Said:
        match = Match.of(
            metadata=nic.network.local,
            eth_src=nic.mac,
            eth_type=IPV6,
            ip_proto=ICMPV6,
            icmpv6_type=kind,
            icmpv6_code=0,
            **fields,
        )
        return flow(Table.NEIGHBOUR_SOURCE, "nic", match, goto=Table.SERVICE)

    # Open vSwitch reads a missing option as zero; other switches do not match it at all.
    options = (nic.mac, 0) if dialect.open_vswitch else (nic.mac,)
    for option in options:
        yield allowed(NEIGHBOUR_SOLICITATION, ipv6_nd_sll=option)
        for address in nic.ipv6:
            yield allowed(NEIGHBOUR_ADVERTISEMENT, ipv6_nd_target=address, ipv6_nd_tll=option)
