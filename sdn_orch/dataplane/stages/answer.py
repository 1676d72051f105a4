"""ANSWER and ANSWER_ND: address resolution, answered where it is asked and never flooded."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.pipeline import TURNED, Punt, Table, flow, punt
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.protocols import (
    ARP,
    ARP_REPLY,
    ARP_REQUEST,
    ICMPV6,
    IPV6,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_SOLICITATION,
)
from sdn_orch.dataplane.views import Dialect, Fields, NetworkView, NicView
from sdn_orch.intent.metadata import ADDRESS
from sdn_orch.openflow.values import Action, CopyField, Flow, Match, SetField

_SOLICITATION: Fields = {"eth_type": IPV6, "ip_proto": ICMPV6, "icmpv6_type": NEIGHBOUR_SOLICITATION}
#: Flags of an advertisement (RFC 4861, 4.4): router, solicited, override.
_ROUTER, _SOLICITED, _OVERRIDE = 1 << 31, 1 << 30, 1 << 29
#: Option type (RFC 4861, 4.6.1): target link-layer address.
_TARGET_LINK_LAYER = 2
#: The answer goes back to the MAC address that asked.
_BACK = CopyField("eth_src", "eth_dst", 48)
_ARP_BACK = (
    SetField("arp_op", ARP_REPLY),
    CopyField("arp_sha", "arp_tha", 48),
    CopyField("arp_spa", "arp_tpa", 32),
)
_ND_BACK = CopyField("ipv6_src", "ipv6_dst", 128)
#: The option's type and the reserved word can only be written while a frame is a solicitation.
_LINK_LAYER_OPTION = SetField("ipv6_nd_options_type", _TARGET_LINK_LAYER)
_OF_GATEWAY = SetField("ipv6_nd_reserved", _ROUTER | _SOLICITED | _OVERRIDE)
_OF_NIC = SetField("ipv6_nd_reserved", _SOLICITED | _OVERRIDE)
_ADVERTISE = SetField("icmpv6_type", NEIGHBOUR_ADVERTISEMENT)
#: What the option of an advertisement is to say.
LINK_LAYER_ADDRESS = CopyField("eth_src", "ipv6_nd_tll", 48)


def switch(dialect: Dialect) -> Iterator[Said]:
    """What nobody answers is dropped; all that is no address resolution is forwarded."""
    yield flow(Table.ANSWER, "unanswered", Match.of(eth_type=ARP))
    yield flow(Table.ANSWER, "unanswered", Match.of(**_SOLICITATION))
    yield flow(Table.ANSWER, "other", Match.of(), goto=Table.FORWARD)
    if dialect.open_vswitch:
        yield flow(
            Table.ANSWER_ND,
            "advertisement",
            Match.of(eth_type=IPV6, ip_proto=ICMPV6, icmpv6_type=NEIGHBOUR_ADVERTISEMENT, icmpv6_code=0),
            (LINK_LAYER_ADDRESS,),
            metadata=TURNED.of(1),
            goto=Table.DELIVER,
        )


def network(network: NetworkView, dialect: Dialect) -> Iterator[Said]:
    """The gateway's addresses and that of the metadata service; frames to its MAC address are routed."""
    if network.is_l2:
        return
    gateway = Match.of(metadata=network.local, eth_dst=network.gateway_mac)
    yield flow(Table.ANSWER, "gateway", gateway, goto=Table.ROUTE)
    if not dialect.open_vswitch:
        asking = Match.of(metadata=network.local, eth_type=ARP, arp_op=ARP_REQUEST)
        yield punt(Table.ANSWER, "answer", asking, Punt.ARP)
        soliciting = Match.of(metadata=network.local, **_SOLICITATION)
        yield punt(Table.ANSWER, "answer", soliciting, Punt.NEIGHBOUR_SOLICITATION)
        return
    if network.record.gateway4 is not None:
        for answered in (network.record.gateway4, ADDRESS):
            yield answer_arp(network.local, network.gateway_mac, int(answered))
    for address in network.gateways6:
        yield answer_nd(network.local, network.gateway_mac, address, is_router=True)


def nic(nic: NicView, dialect: Dialect) -> Iterator[Said]:
    """A NIC's addresses, on every switch that has NICs of its network."""
    if nic.network.is_l2 or not dialect.open_vswitch:
        return
    for address in nic.ipv4:
        yield answer_arp(nic.network.local, nic.mac, address)
    for address in nic.ipv6:
        yield answer_nd(nic.network.local, nic.mac, address, is_router=False)


def local_nic(nic: NicView) -> Iterator[Said]:
    """Whoever asks for its own address wants to hear nothing (RFC 5227, RFC 4862 5.4)."""
    if nic.network.is_l2:
        return
    own: Fields = {"metadata": nic.network.local, "eth_src": nic.mac}
    for address in nic.ipv4:
        match = Match.of(eth_type=ARP, arp_op=ARP_REQUEST, arp_tpa=address, **own)
        yield flow(Table.ANSWER, "own", match)
    for address in nic.ipv6:
        match = Match.of(icmpv6_code=0, ipv6_nd_target=address, **_SOLICITATION, **own)
        yield flow(Table.ANSWER, "own", match)


def answer_arp(asked: tuple[int, int], mac: int, address: int, out: tuple[Action, ...] = ()) -> Flow:
    """Whoever asks for an address in the network (of the metadata) hears of the MAC address.

    The answer goes `out`, or else to the NIC that asked.
    """
    actions = (
        _BACK,
        SetField("eth_src", mac),
        *_ARP_BACK,
        SetField("arp_sha", mac),
        SetField("arp_spa", address),
        *out,
    )
    match = Match.of(metadata=asked, eth_type=ARP, arp_op=ARP_REQUEST, arp_tpa=address)
    if out:
        return flow(Table.ANSWER, "answer", match, actions)
    return flow(Table.ANSWER, "answer", match, actions, metadata=TURNED.of(1), goto=Table.DELIVER)


def answer_nd(asked: tuple[int, int], mac: int, address: int, *, is_router: bool) -> Flow:
    """Whoever solicits an address in the network (of the metadata) hears of the MAC address, by ANSWER_ND."""
    return flow(
        Table.ANSWER,
        "answer",
        Match.of(metadata=asked, icmpv6_code=0, ipv6_nd_target=address, **_SOLICITATION),
        (
            _BACK,
            SetField("eth_src", mac),
            _ND_BACK,
            SetField("ipv6_src", address),
            _LINK_LAYER_OPTION,
            _OF_GATEWAY if is_router else _OF_NIC,
            _ADVERTISE,
        ),
        goto=Table.ANSWER_ND,
    )
