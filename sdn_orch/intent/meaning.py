"""What the network means for one frame, in the terms of the intent and knowing no switch rule.

`delivers` is the definition that the compiled tables are held against: who receives a frame that a NIC
sends, and as what; what the network itself answers; or why nobody receives it.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from sdn_orch.intent.admission import (
    ROUTER_SOLICITATION,
    is_dhcp4,
    is_dhcp6,
    refuse,
)
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.direct import answering, others
from sdn_orch.intent.gateways import gateway_of, networks_of, realm_of, router_id
from sdn_orch.intent.guard import passes
from sdn_orch.intent.health import ASKING_PORTS
from sdn_orch.intent.inner import from_member, inner_balancer, to_member
from sdn_orch.intent.mac import link_local, mac_number
from sdn_orch.intent.metadata import ADDRESS, PORTS
from sdn_orch.intent.model import Attachment, Network, NetworkKind, Nic, Switch, Transport
from sdn_orch.intent.outside import (
    Conversations,
    address_of,
    comes_in,
    echo,
    goes_out,
    uplink,
)
from sdn_orch.intent.packet import (
    ARP,
    BROADCAST,
    IPV4,
    IPV6,
    LLDP,
    NEIGHBOUR_SOLICITATION,
    Packet,
)
from sdn_orch.intent.private import enters_privately, leaves_privately, private_gateway_at, private_way
from sdn_orch.intent.public import PUBLIC_MTU, PublicAddress, PublicRange
from sdn_orch.intent.resolution import resolve4, resolve6
from sdn_orch.intent.routed import router_at, routes_in, routes_out
from sdn_orch.intent.routes import hops_of, next_hops, route_to, tier_of
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction
from sdn_orch.intent.untracked import enters, leaves
from sdn_orch.intent.verdict import OUTSIDE, Answer, Sender, Service, Verdict, place_of

_ECHO4, _ECHO6 = (8, 0), (128, 129)
_DNS = 53
#: Bytes of the Ethernet header, which an MTU does not count.
_ETHERNET = 14
#: Of packets that the network itself makes.
_TTL = 64


#: Prefixes in which there are no hosts, or none beyond a router.
_NOT_ROUTED = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
_NOT_ROUTED6 = tuple(map(IPv6Network, ("::/96", "ff00::/8")))

#: Whether frames get from one switch (by id) to another.
Connected = Callable[[str, str], bool]
#: Whether frames of a network do.
_Reach = Callable[[Network, str, str], bool]


def delivers(
    snapshot: Snapshot,
    sender: Nic,
    packet: Packet,
    connected: Connected | None = None,
    memory: Conversations | None = None,
    place: Attachment | None = None,
) -> Verdict:
    """What becomes of a frame that a NIC sends (on a trunk: behind its VLAN, which is not in the packet).

    It sends from its `place`, by default where it is; that may be one that it is about to come to.

    `connected` says which switches the fabric joins at the moment, given their ids; by default all.
    `memory` are the conversations with the outside so far, to which one may be added; by default none.
    """
    memory = Conversations() if memory is None else memory
    network = snapshot.need(Network, sender.network_id)
    if packet["eth_type"] == LLDP:
        return Verdict(answer=Answer(Service.DISCOVERY))
    there = place_of(snapshot, sender)
    if there is None:
        return Verdict(reason="the NIC is not active or not attached anywhere")
    if (reason := refuse(network, sender, others(snapshot, network, sender, packet), packet)) is not None:
        return Verdict(reason=reason)
    source = Sender(sender, network, place or there)
    reach = _reach(snapshot, connected)
    if network.kind == NetworkKind.L2:
        return _forward(snapshot, source, packet, reach, memory)
    if (service := _controller_service(network, packet)) is not None:
        return Verdict(answer=Answer(service))
    routed = packet["eth_dst"] == mac_number(network.gateway_mac)
    if network.acl_id is None:
        is_guarded = not (routed and _asks_for_names((network,), packet))
    else:
        is_guarded = routed and not _is_for_gateway(network, packet)
    if is_guarded and not passes(snapshot, sender, Direction.EGRESS, packet, memory, routed=routed):
        return Verdict(reason="the rules that the NIC stands under do not let it out")
    if packet["eth_type"] == ARP:
        return resolve4(snapshot, source, packet)
    if packet.get("icmpv6_type") == NEIGHBOUR_SOLICITATION:
        return resolve6(snapshot, source, packet)
    if routed:
        return _route(snapshot, source, packet, reach, memory)
    return _forward(snapshot, source, packet, reach, memory)


def arrives(
    snapshot: Snapshot,
    packet: Packet,
    connected: Connected | None = None,
    memory: Conversations | None = None,
) -> Verdict:
    """What becomes of an IP packet that comes from a public network to the gateway of its destination."""
    memory = Conversations() if memory is None else memory
    tag = {name: packet[name] for name in ("vlan_vid", "vlan_pcp") if name in packet}
    plain = packet.without("vlan_vid", "vlan_pcp")
    tagged = packet.get("vlan_vid")
    vlan = None if tagged is None else tagged & 0xFFF
    version = 6 if "ipv6_dst" in packet else 4
    if vlan not in _vlans_outside(snapshot, version):
        return Verdict(reason="there is no such public network")
    if packet["ip_ttl"] <= 1:
        return Verdict(answer=Answer(Service.TIME_EXCEEDED))
    if version == 6:
        return _enter_routed(snapshot, packet, _reach(snapshot, connected), memory)
    private = private_gateway_at(snapshot, vlan, packet["eth_dst"])
    if private is not None:
        arrived = enters_privately(snapshot, private, plain, memory)
        return _inward(snapshot, private.vpc_id, arrived, _reach(snapshot, connected), memory)
    address = address_of(snapshot, IPv4Address(plain["ipv4_dst"]))
    if address is None:
        return _enter_routed(snapshot, packet, _reach(snapshot, connected), memory)
    if snapshot.need(PublicRange, address.range_id).vlan != vlan:
        return Verdict(reason="the address is in another public network")
    is_tracked = _tracks(gateway_of(snapshot, str(address.router_id)))
    if is_tracked and (reply := echo(snapshot, address, plain, memory)) is not None:
        return Verdict(frozenset({(OUTSIDE, reply.replace(**tag))}))
    return _enter(snapshot, address, plain, _reach(snapshot, connected), memory)


def _vlans_outside(snapshot: Snapshot, version: int) -> set[int | None]:
    """The VLANs of the networks outside that have a version of IP; None: untagged."""
    if version == 4:
        return {vlan for vlan, _ in next_hops(snapshot)}
    return {known.vlan for known in snapshot.all(PublicRange) if known.gateway6 is not None}


def _controller_service(network: Network, packet: Packet) -> Service | None:
    if "ipv4_src" in packet and is_dhcp4(packet):
        return Service.DHCP4
    if "ipv6_src" in packet and is_dhcp6(packet):
        return Service.DHCP6
    if packet.get("icmpv6_type") == ROUTER_SOLICITATION:
        return Service.ROUTER_SOLICITATION
    if packet.get("tcp_dst") in PORTS and "ipv4_dst" in packet:
        target = IPv4Address(packet["ipv4_dst"])
        return Service.METADATA if target in (network.gateway4, ADDRESS) else None
    if ("ipv4_dst" in packet or "ipv6_dst" in packet) and _destination(packet) in (
        network.gateway4,
        network.gateway6,
    ):
        value, mask = ASKING_PORTS
        port, echoes = packet.get("tcp_dst"), (packet.get("icmpv4_type"), packet.get("icmpv6_type"))
        is_echo = echoes in ((_ECHO4[1], None), (None, _ECHO6[1])) and not packet["ip_frag"]
        if (port is not None and port & mask == value) or is_echo:
            return Service.CHECK
    return None


def _route(
    snapshot: Snapshot, source: Sender, packet: Packet, reach: _Reach, memory: Conversations
) -> Verdict:
    if "ipv4_dst" not in packet and "ipv6_dst" not in packet:
        return Verdict(reason="the gateway takes IP only")
    tiers = realm_of(snapshot, source.network)
    if (reply := _echo(source.network, tiers, packet)) is not None:
        return Verdict(answer=Answer(Service.ECHO, reply))
    if _asks_for_names(tiers, packet):
        return Verdict(answer=Answer(Service.DNS))
    address = _destination(packet)
    if address.is_link_local or int(packet.get("ipv6_src") or 0) >> 118 == 0x3FA:
        return Verdict(reason="link-local addresses are not routed")
    if any(address in prefix for prefix in (_NOT_ROUTED if address.version == 4 else _NOT_ROUTED6)):
        return Verdict(reason="there are no hosts with such addresses beyond a router")
    if packet["ip_ttl"] <= 1:
        return Verdict(answer=Answer(Service.TIME_EXCEEDED))
    from_outside = answering(snapshot, source.nic, packet)
    if from_outside is not None and from_outside.inner is None:
        return _leave(snapshot, source, packet, reach, memory)
    balancer = inner_balancer(snapshot, tiers, packet)
    if balancer is not None:
        return _balance(snapshot, source, balancer, packet, reach, memory)
    target, address = _towards(snapshot, router_id(source.network), address)
    if target is None:
        return _leave(snapshot, source, packet, reach, memory)
    if packet.length - _ETHERNET > target.mtu and any(tier.mtu > target.mtu for tier in tiers):
        return Verdict(answer=Answer(Service.TOO_BIG))
    return _hand_to(snapshot, source.place.switch_id, target, address, packet, reach, memory)


def _balance(
    snapshot: Snapshot,
    source: Sender,
    balancer: Balancer,
    packet: Packet,
    reach: _Reach,
    memory: Conversations,
) -> Verdict:
    """To a member of a balancer inside of a network, which the sender's edge knows from then on."""
    here = source.place.switch_id
    place = _place(source.network, here)
    sent = to_member(snapshot, balancer, place, packet, memory)
    if isinstance(sent, str):
        return Verdict(reason=sent)
    target = snapshot.need(Network, balancer.network_id)
    return _give(snapshot, here, place, target, sent, reach, memory)


def _give(
    snapshot: Snapshot,
    here: str,
    place: str,
    target: Network,
    packet: Packet,
    reach: _Reach,
    memory: Conversations,
) -> Verdict:
    """To whom a packet is for, or to the member that has its conversation, which is known at a place."""
    given = memory.given(place, packet)
    if given is None:
        return _hand_to(snapshot, here, target, _destination(packet), packet, reach, memory)
    target = snapshot.need(Network, given.network_id)
    return _hand_to(snapshot, here, target, given.address, packet, reach, memory)


def _place(network: Network, switch_id: str) -> str:
    """Where an edge knows a router's conversations with balancers inside of networks."""
    return f"{router_id(network)} at {switch_id}"


def _leave(
    snapshot: Snapshot, source: Sender, packet: Packet, reach: _Reach, memory: Conversations
) -> Verdict:
    """To the outside, or back to a public address of the same gateway, as if from outside."""
    router = router_id(source.network)
    gateway = gateway_of(snapshot, router)
    if gateway is None:
        return Verdict(reason=f"there is no route to {_destination(packet)}")
    if not reach(source.network, source.place.switch_id, gateway.id):
        return Verdict(reason="the gateway cannot be reached")
    if not _tracks(gateway):
        return _leave_untracked(snapshot, router, packet)
    if "ipv6_dst" in packet:
        sent = routes_out(snapshot, source.network, router, packet, memory)
        return Verdict(reason=sent) if isinstance(sent, str) else Verdict(frozenset({(OUTSIDE, sent)}))
    if (private := private_way(snapshot, router, _destination(packet))) is not None:
        sent = leaves_privately(snapshot, *private, packet, memory)
        return Verdict(reason=sent) if isinstance(sent, str) else Verdict(frozenset({(OUTSIDE, sent)}))
    out = goes_out(snapshot, source.network, router, packet, memory)
    if isinstance(out, str):
        return Verdict(reason=out)
    address = address_of(snapshot, IPv4Address(out["ipv4_dst"]))
    if address is not None and gateway_of(snapshot, str(address.router_id)) == gateway:
        return _enter(snapshot, address, out, reach, memory)
    sent = uplink(snapshot, router, out)
    return Verdict(reason=sent) if isinstance(sent, str) else Verdict(frozenset({(OUTSIDE, sent)}))


def _tracks(gateway: Switch | None) -> bool:
    """Whether a gateway knows connections."""
    return gateway is not None and gateway.capabilities.open_vswitch


def _leave_untracked(snapshot: Snapshot, router: str, packet: Packet) -> Verdict:
    """To the outside, also what is for a public address: from there it comes back."""
    if "ipv6_dst" in packet:
        return Verdict(reason="IPv6 is not routed where no connections are tracked")
    out = leaves(snapshot, router, packet)
    sent = out if isinstance(out, str) else uplink(snapshot, router, out)
    return Verdict(reason=sent) if isinstance(sent, str) else Verdict(frozenset({(OUTSIDE, sent)}))


def _enter(
    snapshot: Snapshot, address: PublicAddress, packet: Packet, reach: _Reach, memory: Conversations
) -> Verdict:
    """From a public network, or from inside by a public address, to a machine of the address's router."""
    router = str(address.router_id)
    if not _tracks(gateway_of(snapshot, router)):
        return _inward(snapshot, router, enters(snapshot, address, packet, memory), reach, memory)
    return _inward(snapshot, router, comes_in(snapshot, address, router, packet, memory), reach, memory)


def _inward(
    snapshot: Snapshot, router: str, arrived: Packet | str, reach: _Reach, memory: Conversations
) -> Verdict:
    """What has come in at a router's gateway, to whom it is for; or why it has not."""
    gateway = gateway_of(snapshot, router)
    if isinstance(arrived, str) or gateway is None:
        return Verdict(reason=str(arrived))
    target, inside = _towards(snapshot, router, IPv4Address(arrived["ipv4_dst"]))
    if (given := memory.given(router, arrived)) is not None:
        target, inside = snapshot.need(Network, given.network_id), given.address
    if target is None:
        return Verdict(reason=f"no active NIC has the address {inside}")
    if _is_too_big(target, arrived):
        return Verdict(answer=Answer(Service.TOO_BIG))
    return _hand_to(snapshot, gateway.id, target, inside, arrived, reach, memory)


def _is_too_big(target: Network, packet: Packet) -> bool:
    """Whether a packet from outside does not fit into a network."""
    return packet.length - _ETHERNET > target.mtu and target.mtu < PUBLIC_MTU


def _towards(
    snapshot: Snapshot, router: str, address: IPv4Address | IPv6Address
) -> tuple[Network | None, IPv4Address | IPv6Address]:
    """The router's network that a destination is in, or that of its next hop; and whom there it is for."""
    for network in networks_of(snapshot, router):
        if _has(network, address):
            return network, address
    route = route_to(snapshot, router, address)
    tier = None if route is None else tier_of(snapshot, route)
    # While nobody is at its next hop, a route leads nowhere.
    if route is None or tier is None or not any(place_of(snapshot, nic) for nic in hops_of(snapshot, route)):
        return None, address
    return tier, route.next_hop


def _enter_routed(snapshot: Snapshot, packet: Packet, reach: _Reach, memory: Conversations) -> Verdict:
    """From a public network to a machine of the router that has the MAC address."""
    router = router_at(snapshot, packet["eth_dst"])
    gateway = None if router is None else gateway_of(snapshot, router)
    if router is None or gateway is None:
        return Verdict(reason="no router has the MAC address")
    arrived = routes_in(snapshot, router, packet, memory)
    if isinstance(arrived, str):
        return Verdict(reason=arrived)
    target, inside = arrived
    plain = inside.without("vlan_vid", "vlan_pcp")
    if (given := memory.given(router, plain)) is not None:
        target = snapshot.need(Network, given.network_id)
    if _is_too_big(target, plain):
        return Verdict(answer=Answer(Service.TOO_BIG))
    return _give(snapshot, gateway.id, router, target, plain, reach, memory)


def _hand_to(
    snapshot: Snapshot,
    at: str,
    target: Network,
    address: IPv4Address | IPv6Address,
    packet: Packet,
    reach: _Reach,
    memory: Conversations,
) -> Verdict:
    """A routed packet from a switch to the NIC of a network that has an address and is somewhere."""
    for nic in snapshot.where(Nic, "claims", (target.id, address)):
        if place_of(snapshot, nic) is not None:
            return _hand_over(snapshot, at, target, nic, packet, reach, memory)
    return Verdict(reason=f"no active NIC has the address {address}")


def _has(tier: Network, address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return tier.ipv4 is not None and address in tier.ipv4
    return tier.ipv6 is not None and address in tier.ipv6


def _hand_over(
    snapshot: Snapshot,
    here: str,
    target: Network,
    nic: Nic,
    packet: Packet,
    reach: _Reach,
    memory: Conversations,
) -> Verdict:
    place = place_of(snapshot, nic)
    if place is None or not reach(target, here, place.switch_id):
        return Verdict(reason="the receiver's switch cannot be reached")
    routed = packet.replace(
        eth_src=mac_number(target.gateway_mac), eth_dst=mac_number(nic.mac), ip_ttl=packet["ip_ttl"] - 1
    )
    said = from_member(snapshot, target, _place(target, place.switch_id), routed, memory)
    if isinstance(said, str):
        return Verdict(reason=said)
    routed = said
    if not passes(snapshot, nic, Direction.INGRESS, routed, memory, routed=True):
        return Verdict(reason="the rules that the receiver stands under do not let it in")
    return Verdict(frozenset({(nic.id, routed)}))


def _echo(network: Network, tiers: tuple[Network, ...], packet: Packet) -> Packet | None:
    """The answer to a ping of any of the router's gateways."""
    if packet["ip_frag"]:
        return None
    kind = (packet.get("icmpv4_type"), packet.get("icmpv4_code"))
    if kind == (_ECHO4[0], 0) and _destination(packet) in {tier.gateway4 for tier in tiers}:
        changes = {"ipv4_src": packet["ipv4_dst"], "ipv4_dst": packet["ipv4_src"], "icmpv4_type": _ECHO4[1]}
    elif (packet.get("icmpv6_type"), packet.get("icmpv6_code")) == (_ECHO6[0], 0) and (
        _destination(packet) in {tier.gateway6 for tier in tiers}
        or packet["ipv6_dst"] == link_local(mac_number(network.gateway_mac))
    ):
        changes = {"ipv6_src": packet["ipv6_dst"], "ipv6_dst": packet["ipv6_src"], "icmpv6_type": _ECHO6[1]}
    else:
        return None
    return packet.replace(eth_src=packet["eth_dst"], eth_dst=packet["eth_src"], ip_ttl=_TTL, **changes)


def _asks_for_names(tiers: tuple[Network, ...], packet: Packet) -> bool:
    """Whether it is a question, in one piece, to a gateway of the router that answers DNS."""
    if _DNS not in (packet.get("udp_dst"), packet.get("tcp_dst")) or packet["ip_frag"]:
        return False
    gateways = (gateway for tier in tiers if tier.answers_names for gateway in (tier.gateway4, tier.gateway6))
    return _destination(packet) in set(gateways)


def _destination(packet: Packet) -> IPv4Address | IPv6Address:
    ipv4 = packet.get("ipv4_dst")
    return IPv4Address(ipv4) if ipv4 is not None else IPv6Address(packet["ipv6_dst"])


def _is_for_gateway(network: Network, packet: Packet) -> bool:
    """Whether it is for an address of the sender's own gateway."""
    own = (network.gateway4, network.gateway6)
    if "ipv4_dst" in packet:
        return IPv4Address(packet["ipv4_dst"]) in own
    target = packet.get("ipv6_dst")
    return target is not None and (
        target == link_local(mac_number(network.gateway_mac)) or IPv6Address(target) in own
    )


def _forward(
    snapshot: Snapshot, source: Sender, packet: Packet, reach: _Reach, memory: Conversations
) -> Verdict:
    """Within the network: to the NIC with the destination MAC, or to all for a group address."""
    received: set[tuple[str, Packet]] = set()
    reason = "no active NIC of the network has the destination MAC"
    if packet.is_multicast:
        members = snapshot.where(Nic, "network_id", source.network.id)
    else:
        mac = packet["eth_dst"].to_bytes(6, "big").hex(":")
        members = snapshot.where(Nic, "claims", (source.network.id, mac))
    for nic in members:
        place = place_of(snapshot, nic)
        if place is None:
            continue
        if (place.switch_id, place.port) == (source.place.switch_id, source.place.port):
            reason = "the receiver is behind the sender's own port"
        elif not reach(source.network, source.place.switch_id, place.switch_id):
            reason = "the receiver's switch cannot be reached"
        elif (arriving := _carried(snapshot, source.place, place, packet)) is None:
            reason = "labels carry no group addresses but broadcast and those of IP"
        elif packet.is_multicast:
            received.add((nic.id, arriving))
        elif isinstance(
            said := from_member(
                snapshot, source.network, _place(source.network, place.switch_id), arriving, memory
            ),
            str,
        ):
            reason = said
        elif passes(snapshot, nic, Direction.INGRESS, said, memory, routed=False):
            received.add((nic.id, said))
        else:
            reason = "the rules that the receiver stands under do not let it in"
    return Verdict(frozenset(received), reason="" if received else reason)


def _carried(snapshot: Snapshot, here: Attachment, there: Attachment, packet: Packet) -> Packet | None:
    """The frame at the other switch. Over labels a group address is made again from the IP destination."""
    if here.switch_id == there.switch_id or not packet.is_multicast:
        return packet
    if snapshot.need(Switch, here.switch_id).transport != Transport.LABEL:
        return packet
    if packet["eth_type"] == IPV4:
        group = packet["ipv4_dst"]
        return packet.replace(eth_dst=0x01005E << 24 | group & 0x7FFFFF if group >> 28 == 0xE else BROADCAST)
    if packet["eth_type"] == IPV6:
        group = packet["ipv6_dst"]
        return packet.replace(
            eth_dst=0x3333 << 32 | group & 0xFFFFFFFF if group >> 120 == 0xFF else BROADCAST
        )
    return packet if packet["eth_dst"] == BROADCAST else None


def _reach(snapshot: Snapshot, connected: Connected | None) -> _Reach:
    def reach(network: Network, here: str, there: str) -> bool:
        if here == there:
            return True
        transport = snapshot.need(Switch, here).transport
        return (
            transport == snapshot.need(Switch, there).transport
            and (transport != Transport.VLAN or network.vlan is not None)
            and (connected is None or connected(here, there))
        )

    return reach
