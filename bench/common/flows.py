"""Flows of the kinds that an edge switch holds, in the proportions of a cloud, in any number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

from sdn_orch.openflow.values import (
    CONTROLLER,
    IN_PORT,
    NO_BUFFER,
    Action,
    CopyField,
    DecrementTtl,
    Flow,
    Match,
    Output,
    SetField,
)

_NETWORK, _ROUTER = 0xFFFFFF, 0xFFFFF << 24
_ARP, _IPV4, _IPV6 = 0x0806, 0x0800, 0x86DD
_GROUP_BIT = 1 << 40


def edge_flows(number: int) -> list[Flow]:
    """`number` different flows of an edge; a tenth of the NICs is local, ten NICs make a network."""
    return list(islice(_endless(), number))


def _endless() -> Iterator[Flow]:
    for nic in count(1):
        network = (nic - 1) // 10 + 1
        if nic % 10 == 1:
            yield from _network(network)
        yield from _known(nic, network)
        if nic % 10 == 3:
            yield from _local(nic, network)


def _addresses(nic: int) -> tuple[int, int, int]:
    return 0x02_00_00_00_00_00 | 0x60 << 32 | nic, 10 << 24 | nic, 0x20010DB8 << 96 | nic


def _network(network: int) -> Iterator[Flow]:
    gateway, router = 0x0E << 40 | network, (network << 24, _ROUTER)
    prefix = 10 << 24 | network << 4
    tagged = (network, _NETWORK)
    yield Flow(4, 300, Match.of(eth_dst=gateway, metadata=tagged), goto=6)
    yield Flow(6, 124, Match.of(eth_type=_IPV4, ipv4_dst=(prefix, 0xFFFFFFF0), metadata=router),
               (DecrementTtl(), SetField("eth_src", gateway)), (network, _NETWORK), 8)  # fmt: skip
    yield Flow(9, 50, Match.of(eth_dst=(_GROUP_BIT, _GROUP_BIT), metadata=tagged), (Output(1), Output(2)))


def _known(nic: int, network: int) -> Iterator[Flow]:
    """What every edge of the network holds for a NIC: neighbour answers, next hops, the label."""
    mac, ipv4, ipv6 = _addresses(nic)
    tagged = (network, _NETWORK)
    answer: tuple[Action, ...] = (
        CopyField("eth_src", "eth_dst", 48),
        SetField("eth_src", mac),
        SetField("arp_op", 2),
        CopyField("arp_sha", "arp_tha", 48),
        SetField("arp_sha", mac),
        CopyField("arp_spa", "arp_tpa", 32),
        SetField("arp_spa", ipv4),
        Output(IN_PORT),
    )
    yield Flow(4, 200, Match.of(eth_type=_ARP, arp_op=1, arp_tpa=ipv4, metadata=tagged), answer)
    solicited = Match.of(eth_type=_IPV6, ip_proto=58, icmpv6_type=135, ipv6_nd_target=ipv6, metadata=tagged)
    yield Flow(
        4, 200, solicited, (CopyField("ipv6_src", "ipv6_dst", 128), SetField("ipv6_src", ipv6)), goto=5
    )
    yield Flow(8, 100, Match.of(eth_type=_IPV4, ipv4_dst=ipv4, metadata=tagged),
               (SetField("eth_dst", mac),), goto=9)  # fmt: skip
    yield Flow(8, 100, Match.of(eth_type=_IPV6, ipv6_dst=ipv6, metadata=tagged),
               (SetField("eth_dst", mac),), goto=9)  # fmt: skip
    label = 0x02 << 40 | (nic % 100 + 1) << 24 | nic
    yield Flow(9, 100, Match.of(eth_dst=mac, metadata=tagged), (SetField("eth_dst", label),), goto=10)


def _local(nic: int, network: int) -> Iterator[Flow]:
    """What only a NIC's own edge holds: where it is, what it may send, how it is reached."""
    mac, ipv4, ipv6 = _addresses(nic)
    port, tagged = nic % 1000 + 10, (network, _NETWORK)
    yield Flow(0, 500, Match.of(in_port=port, vlan_vid=0x1000 | nic // 1000), metadata=tagged, goto=1)
    sender: dict[str, int | tuple[int, int]] = {"in_port": port, "eth_src": mac, "metadata": tagged}
    yield Flow(1, 100, Match.of(**sender, eth_type=_ARP, arp_spa=ipv4, arp_sha=mac), goto=4)
    yield Flow(1, 100, Match.of(**sender, eth_type=_IPV4, ipv4_src=ipv4), goto=3)
    yield Flow(1, 100, Match.of(**sender, eth_type=_IPV6, ipv6_src=ipv6), goto=2)
    dhcp = Match.of(**sender, eth_type=_IPV4, ip_proto=17, udp_src=68, udp_dst=67)
    yield Flow(3, 100, dhcp, (Output(CONTROLLER, NO_BUFFER),))
    yield Flow(11, 100, Match.of(eth_dst=0x02 << 40 | 1 << 24 | nic), (SetField("eth_dst", mac),),
               (network, _NETWORK), 12)  # fmt: skip
    yield Flow(12, 100, Match.of(eth_dst=mac, metadata=tagged), (Output(port),))
