"""SERVICE: what hosts ask of the network goes to the controller, what only it may answer is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import Punt, Table, flow, punt
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.protocols import (
    DHCP4_CLIENT,
    DHCP4_SERVER,
    DHCP6_CLIENT,
    DHCP6_SERVER,
    ECHO_REPLY,
    ECHO_REPLY_6,
    FIRST_FRAGMENT,
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    ROUTER_SOLICITATION,
    TCP,
    UDP,
)
from sdn_orch.dataplane.stages.route import whole
from sdn_orch.dataplane.views import Dialect, Fields, NetworkView
from sdn_orch.intent.health import ASKING_PORTS
from sdn_orch.intent.metadata import ADDRESS, PORTS
from sdn_orch.openflow.values import Flow, Match


def switch(dialect: Dialect) -> Iterator[Said]:
    """The same for all addressed networks."""
    udp4: Fields = {"eth_type": IPV4, "ip_proto": UDP}
    udp6: Fields = {"eth_type": IPV6, "ip_proto": UDP}
    yield flow(Table.SERVICE, "server", Match.of(udp_src=DHCP4_SERVER, **udp4))
    yield flow(Table.SERVICE, "server", Match.of(udp_src=DHCP6_SERVER, **udp6))
    if dialect.open_vswitch:
        # Ports that are not there read as 0; a receiver might take them from an overlapping fragment.
        for udp in (udp4, udp6):
            match = Match.of(ip_frag=FIRST_FRAGMENT, udp_src=0, udp_dst=0, **udp)
            yield flow(Table.SERVICE, "server", match)
    asking4 = Match.of(udp_src=DHCP4_CLIENT, udp_dst=DHCP4_SERVER, **udp4)
    yield punt(Table.SERVICE, "client", asking4, Punt.DHCP4)
    asking6 = Match.of(udp_src=DHCP6_CLIENT, udp_dst=DHCP6_SERVER, **udp6)
    yield punt(Table.SERVICE, "client", asking6, Punt.DHCP6)
    soliciting = Match.of(eth_type=IPV6, ip_proto=ICMPV6, icmpv6_type=ROUTER_SOLICITATION)
    yield punt(Table.SERVICE, "client", soliciting, Punt.ROUTER_SOLICITATION)
    yield from _metadata({}, int(ADDRESS))
    yield flow(Table.SERVICE, "other", Match.of(), goto=Table.FROM_GUARD)


def network(network: NetworkView, dialect: Dialect) -> Iterator[Said]:
    """The services of a machine's own data, at the gateway's address too; and what answers its checks."""
    gateway4, gateway6 = network.record.gateway4, network.record.gateway6
    here: Fields = {"metadata": network.local}
    if gateway4 is not None:
        yield from _metadata(here, int(gateway4))
        yield from _checks({**here, "eth_type": IPV4, "ipv4_dst": int(gateway4)}, _PONG4, dialect)
    if gateway6 is not None:
        yield from _checks({**here, "eth_type": IPV6, "ipv6_dst": int(gateway6)}, _PONG6, dialect)


_PONG4: Fields = {"ip_proto": ICMP, "icmpv4_type": ECHO_REPLY}
_PONG6: Fields = {"ip_proto": ICMPV6, "icmpv6_type": ECHO_REPLY_6}


def _checks(answered: Fields, pong: Fields, dialect: Dialect) -> Iterator[Flow]:
    # Later fragments tell no type, which Open vSwitch takes for 0, an IPv4 answer's.
    for answer in ({"ip_proto": TCP, "tcp_dst": ASKING_PORTS}, {**pong, **whole(dialect)}):
        yield punt(Table.SERVICE, "check", Match.of(**answered, **answer), Punt.CHECK)


def _metadata(asked: Fields, address: int) -> Iterator[Flow]:
    for port in PORTS:
        match = Match.of(eth_type=IPV4, ip_proto=TCP, ipv4_dst=address, tcp_dst=port, **asked)
        yield punt(Table.SERVICE, "metadata", match, Punt.METADATA)
