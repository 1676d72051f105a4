"""NEIGHBOUR_SOURCE: of what a NIC may speak in neighbour discovery (RFC 4861)."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.protocols import (
    FIRST_FRAGMENT,
    ICMPV6,
    IPV6,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
    NO_NEXT_HEADER,
    NOT_THERE,
    REDIRECT,
    ROUTER_ADVERTISEMENT,
    ROUTER_SOLICITATION,
)
from sdn_orch.dataplane.views import Dialect, Fields, NicView
from sdn_orch.openflow.values import Match


def switch(dialect: Dialect) -> Iterator[Said]:
    """Nobody advertises routes, redirects, or speaks for others; what is no neighbour discovery goes on.

    Neighbour discovery is not fragmented (RFC 6980), and a first fragment has all headers (RFC 7112):
    without it, the later ones are nothing. Plain switches do not show what is in fragments.
    """
    if dialect.open_vswitch:
        first: Fields = {"eth_type": IPV6, "ip_frag": FIRST_FRAGMENT}
        yield flow(Table.NEIGHBOUR_SOURCE, "fragment", Match.of(eth_type=IPV6, ip_proto=NOT_THERE))
        yield flow(Table.NEIGHBOUR_SOURCE, "fragment", Match.of(ip_proto=NO_NEXT_HEADER, **first))
        # Type 0, which is reserved, stands for a header that is not there.
        for kind in (0, ROUTER_SOLICITATION, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT):
            match = Match.of(ip_proto=ICMPV6, icmpv6_type=kind, **first)
            yield flow(Table.NEIGHBOUR_SOURCE, "fragment", match)
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
