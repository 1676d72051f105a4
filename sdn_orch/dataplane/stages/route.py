"""ROUTE, MTU and NEXT_HOP: from the frame to a gateway to the frame to the receiver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import NETWORK, ROUTER, TURNED, Punt, Table, flow, punt
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages.protocols import (
    DNS,
    ECHO_REPLY,
    ECHO_REPLY_6,
    ECHO_REQUEST,
    ECHO_REQUEST_6,
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    TCP,
    UDP,
    WHOLE,
)
from sdn_orch.dataplane.traffic import prefix_fields
from sdn_orch.dataplane.views import Dialect, Fields, NetworkView, NicView
from sdn_orch.openflow.values import Action, CheckPacketLarger, CopyField, DecrementTtl, Match, SetField

#: Bytes of the Ethernet header, which an MTU does not count.
_ETHERNET = 14
_TOO_BIG = "reg0"
_TTL = 64


def switch(dialect: Dialect) -> Iterator[Said]:
    """What no router passes on (RFC 4291, 2.5.6; RFC 6890); spent TTLs and large packets are reported."""
    for match in (
        Match.of(eth_type=IPV4, ipv4_dst=addresses.IPV4_LINK_LOCAL),
        Match.of(eth_type=IPV4, ipv4_dst=addresses.IPV4_THIS_NETWORK),
        Match.of(eth_type=IPV4, ipv4_dst=addresses.IPV4_LOOPBACK),
        Match.of(eth_type=IPV4, ipv4_dst=addresses.IPV4_NO_HOSTS),
        Match.of(eth_type=IPV6, ipv6_src=addresses.IPV6_LINK_LOCAL),
        Match.of(eth_type=IPV6, ipv6_dst=addresses.IPV6_LINK_LOCAL),
        Match.of(eth_type=IPV6, ipv6_dst=addresses.IPV6_NO_HOSTS),
        Match.of(eth_type=IPV6, ipv6_dst=addresses.IPV6_MULTICAST),
    ):
        yield flow(Table.ROUTE, "not routed", match)
    if not dialect.open_vswitch:
        return
    for eth_type in (IPV4, IPV6):
        for ttl in (0, 1):
            yield punt(Table.ROUTE, "ttl", Match.of(eth_type=eth_type, ip_ttl=ttl), Punt.TTL_EXCEEDED)
    yield punt(Table.MTU, "too big", Match.of(reg0=(1, 1)), Punt.TOO_BIG)
    yield flow(Table.MTU, "fits", Match.of(), goto=Table.NEXT_HOP)


def router(networks: Sequence[NetworkView], dialect: Dialect) -> Iterator[Said]:
    """What its gateways answer, and the way into each of its networks."""
    largest = max(network.record.mtu for network in networks)
    for network in networks:
        record = network.record
        router = ROUTER.of(network.router)
        if record.gateway4 is not None:
            yield _echo4(router, int(record.gateway4), dialect)
        if record.gateway6 is not None:
            yield _echo6(router, int(record.gateway6), dialect)
        for asking in questions(network):
            # From all of its networks; fragments tell no port.
            match = Match.of(metadata=router, **asking, **whole(dialect))
            yield punt(Table.ROUTE, "names", match, Punt.DNS)
        way = into(network, largest, dialect)
        if isinstance(way, Refused):
            yield way
            continue
        actions, goto = way
        for eth_type, prefix in ((IPV4, record.ipv4), (IPV6, record.ipv6)):
            if prefix is not None:
                match = Match.of(metadata=router, eth_type=eth_type, **prefix_fields("dst", prefix))
                yield flow(Table.ROUTE, "prefix", match, actions, metadata=network.local, goto=goto)


def into(
    network: NetworkView, largest_mtu: int, dialect: Dialect
) -> tuple[tuple[Action, ...], Table] | Refused:
    """How a packet gets into a network from where packets are as large as this, and no larger."""
    actions, goto = measured(network, largest_mtu)
    if actions and not dialect.open_vswitch:
        name = network.record.name
        return Refused(f"routes into network {name}: to tell what its MTU is needs Open vSwitch")
    return actions, goto


def measured(network: NetworkView, largest_mtu: int) -> tuple[tuple[Action, ...], Table]:
    """That, on Open vSwitch: what is done, and where the packet goes on."""
    if network.record.mtu >= largest_mtu:
        return (), Table.NEXT_HOP
    return (CheckPacketLarger(network.record.mtu + _ETHERNET, _TOO_BIG),), Table.MTU


def questions(network: NetworkView) -> Iterator[Fields]:
    """Those for names to the network's gateway, if it answers them."""
    gateway4, gateway6 = network.record.gateway4, network.record.gateway6
    by: tuple[Fields, ...] = ({"ip_proto": UDP, "udp_dst": DNS}, {"ip_proto": TCP, "tcp_dst": DNS})
    for transport in by if network.record.answers_names else ():
        if gateway4 is not None:
            yield {"eth_type": IPV4, "ipv4_dst": int(gateway4), **transport}
        if gateway6 is not None:
            yield {"eth_type": IPV6, "ipv6_dst": int(gateway6), **transport}


def network(network: NetworkView, dialect: Dialect) -> Iterator[Said]:
    """Echo to the gateway's link-local address, which is another one in each network."""
    if not network.is_l2:
        yield _echo6(network.local, network.gateways6[0], dialect)


def nic(nic: NicView) -> Iterator[Said]:
    """The last step to a NIC: one hop less, from the gateway's MAC address to the NIC's."""
    if nic.network.is_l2:
        return
    handed = hand_to(nic)
    # Not the link-local address, which stands first.
    for field, eth_type, own in (("ipv4_dst", IPV4, nic.ipv4), ("ipv6_dst", IPV6, nic.ipv6[1:])):
        for address in own:
            match = Match.of(metadata=nic.network.local, eth_type=eth_type, **{field: address})
            yield flow(Table.NEXT_HOP, "nic", match, handed, metadata=TURNED.of(1), goto=Table.FORWARD)


def hand_to(nic: NicView) -> tuple[Action, ...]:
    """A routed packet becomes a frame from the gateway to a NIC."""
    return DecrementTtl(), SetField("eth_src", nic.network.gateway_mac), SetField("eth_dst", nic.mac)


#: The answer goes back to the sender's MAC address from the gateway's of the network that it is in.
_TURN: tuple[Action, ...] = (
    CopyField("eth_src", "eth_dst", 48),
    CopyField("metadata", "eth_src", NETWORK.bits, NETWORK.shift, 0),
    SetField("eth_src", *addresses.ANY_GATEWAY),
)


def whole(dialect: Dialect) -> Fields:
    """An answer to a first fragment alone is of no use; plain switches show them no type anyway."""
    return {"ip_frag": WHOLE} if dialect.open_vswitch else {}


def _echo4(to: tuple[int, int], gateway: int, dialect: Dialect) -> Said:
    match = Match.of(
        metadata=to,
        eth_type=IPV4,
        ip_proto=ICMP,
        icmpv4_type=ECHO_REQUEST,
        icmpv4_code=0,
        ipv4_dst=gateway,
        **whole(dialect),
    )
    if not dialect.open_vswitch:
        return punt(Table.ROUTE, "echo", match, Punt.GATEWAY_ECHO)
    actions = (
        *_TURN,
        CopyField("ipv4_src", "ipv4_dst", 32),
        SetField("ipv4_src", gateway),
        SetField("ip_ttl", _TTL),
        SetField("icmpv4_type", ECHO_REPLY),
    )
    return flow(Table.ROUTE, "echo", match, actions, metadata=TURNED.of(1), goto=Table.DELIVER)


def _echo6(to: tuple[int, int], gateway: int, dialect: Dialect) -> Said:
    match = Match.of(
        metadata=to,
        eth_type=IPV6,
        ip_proto=ICMPV6,
        icmpv6_type=ECHO_REQUEST_6,
        icmpv6_code=0,
        ipv6_dst=gateway,
        **whole(dialect),
    )
    if not dialect.open_vswitch:
        return punt(Table.ROUTE, "echo", match, Punt.GATEWAY_ECHO)
    actions = (
        *_TURN,
        CopyField("ipv6_src", "ipv6_dst", 128),
        SetField("ipv6_src", gateway),
        SetField("ip_ttl", _TTL),
        SetField("icmpv6_type", ECHO_REPLY_6),
    )
    return flow(Table.ROUTE, "echo", match, actions, metadata=TURNED.of(1), goto=Table.DELIVER)
