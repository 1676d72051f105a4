"""Gateways: the edges with a port to the public networks, and which of them each router goes out by.

All public addresses of a router (a VPC's, or a network's own) live on one gateway, so that one place knows
all its connections. Which one is found by rendezvous hashing (Thaler and Ravishankar, 1998): when a gateway
goes, only its own routers move.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from math import log

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Link, Network, Switch, Vpc
from sdn_orch.intent.public import NextHop, PublicAddress
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.snapshot import Snapshot

#: What stands on an address or a network, and is carried out at the gateway of its router.
GatewayRule = FirewallRule | Forward | Balancer | EgressRule | RoutedRule

#: The bit of a VPC's number in that of its router; networks' numbers stay below it.
VPC_BIT = 0x800000


def router_id(network: Network) -> str:
    """The router of a network: that of its VPC, or its own."""
    return network.vpc_id or network.id


def router_number(snapshot: Snapshot, router_id: str) -> int:
    """The number of a router, a VPC's or a network's own: 24 bits."""
    vpc = snapshot.get(Vpc, router_id)
    return snapshot.need(Network, router_id).number if vpc is None else VPC_BIT | vpc.number


def networks_of(snapshot: Snapshot, router_id: str) -> tuple[Network, ...]:
    """The networks that a router joins."""
    tiers = snapshot.where(Network, "vpc_id", router_id)
    if tiers:
        return tiers
    network = snapshot.get(Network, router_id)
    # A tier has its VPC's router, also where an address that it had before still names the tier alone.
    return () if network is None or network.vpc_id is not None else (network,)


def cutting(snapshot: Snapshot, router_id: str) -> Iterator[Network]:
    """The networks of a router whose connections with the outside end with what lets them begin."""
    return (network for network in networks_of(snapshot, router_id) if network.cuts_connections)


def judges_all(snapshot: Snapshot, router_id: str) -> bool:
    """Whether a router's firewall is asked about all packets of such connections; a VPC's router has none."""
    return snapshot.get(Vpc, router_id) is None and any(cutting(snapshot, router_id))


def realm_of(snapshot: Snapshot, network: Network) -> tuple[Network, ...]:
    """The networks on the router of this one, itself included."""
    return (network,) if network.vpc_id is None else snapshot.where(Network, "vpc_id", network.vpc_id)


def routers_out(snapshot: Snapshot) -> Iterator[str]:
    """The routers that have public addresses or private gateways, each once."""
    found = dict.fromkeys(address.router_id for address in snapshot.all(PublicAddress))
    found |= dict.fromkeys(gateway.vpc_id for gateway in snapshot.all(PrivateGateway))
    return (router for router in found if router is not None)


def rule_of(snapshot: Snapshot, id: str) -> GatewayRule | None:
    """The rule with this id, whatever it stands on."""
    rule: GatewayRule | None = snapshot.get(FirewallRule, id) or snapshot.get(Forward, id)
    rule = rule or snapshot.get(EgressRule, id) or snapshot.get(RoutedRule, id)
    return rule or snapshot.get(Balancer, id)


def router_of_rule(snapshot: Snapshot, rule: GatewayRule) -> str | None:
    """The router of the network or of the address that a rule stands on; None if the address has none."""
    if isinstance(rule, EgressRule | RoutedRule):
        return router_id(snapshot.need(Network, rule.network_id))
    if rule.address_id is None:
        return router_id(snapshot.need(Network, rule.inner_network_id or ""))
    return snapshot.need(PublicAddress, rule.address_id).router_id


def principal(snapshot: Snapshot, router_id: str) -> PublicAddress | None:
    """The address whose number is a router's zone: that of its source NAT, else its oldest; None if none."""
    # Looked up by its own index: a router may have thousands of addresses.
    for one in snapshot.where(PublicAddress, "source_nat_of", router_id):
        if one.guest is None:
            return one
    return snapshot.first(PublicAddress, "router_id", router_id)


def next_hop(snapshot: Snapshot, range_id: str, version: int) -> NextHop | None:
    """Who leads on from a public range, if it has answered."""
    known = snapshot.where(NextHop, "range_id", range_id)
    return next((hop for hop in known if hop.version == version), None)


def rival(snapshot: Snapshot, address: PublicAddress) -> PublicAddress | None:
    """An older address that does what this one is to do too, so that it cannot; None if there is none."""
    if address.is_source_nat and address.guest is None:
        others = snapshot.where(PublicAddress, "source_nat_of", address.router_id)
    else:
        others = snapshot.where(PublicAddress, "nic_id", address.nic_id) if address.nic_id else ()
    is_rival = (other for other in others if other.guest == address.guest and other.number < address.number)
    return next(is_rival, None)


def older_gateway(snapshot: Snapshot, gateway: PrivateGateway) -> PrivateGateway | None:
    """Another private gateway that has the place of this one, outside or in its VPC; None if none has."""
    outside = snapshot.where(PrivateGateway, "vlan", gateway.vlan)
    inside = snapshot.where(PrivateGateway, "vpc_id", gateway.vpc_id)
    rivals = [one for one in outside if one.address == gateway.address]
    rivals += [one for one in inside if one.ipv4 == gateway.ipv4]
    return next((one for one in rivals if one.number < gateway.number), None)


def gateways(snapshot: Snapshot) -> tuple[Switch, ...]:
    """The gateways that live, as far as is known; all of them if none does."""
    known = snapshot.where(Switch, "is_gateway", True)
    return tuple(switch for switch in known if _lives(snapshot, switch)) or known


def gateway_of(snapshot: Snapshot, router_id: str, among: tuple[Switch, ...] | None = None) -> Switch | None:
    """The gateway that a router's addresses live on; None if it has none outside or there is no gateway.

    `among` are the `gateways` of the snapshot, where they are known already.
    """
    has_public = snapshot.count_where(PublicAddress, "router_id", router_id)
    if not has_public and not snapshot.count_where(PrivateGateway, "vpc_id", router_id):
        return None
    among = gateways(snapshot) if among is None else among
    return max(among, key=lambda switch: _score(router_id, switch), default=None)


def _lives(snapshot: Snapshot, switch: Switch) -> bool:
    """Whether it reaches the outside, and edges reach it: by a cable, or as far as its session tells."""
    if switch.outside_down:
        return False
    cables = [link for end in ("a_switch_id", "b_switch_id") for link in snapshot.where(Link, end, switch.id)]
    return any(link.up for link in cables) if cables else not switch.lost


def _score(router_id: str, switch: Switch) -> float:
    """Twice the weight is twice the chance of the highest score (Schindelhauer and Schomaker, 2005)."""
    digest = blake2b(f"{router_id} {switch.id}".encode(), digest_size=8).digest()
    # As many bits as leave it between 0 and 1.
    chance = ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52
    return switch.gateway_weight / -log(chance)
