"""What a gateway can do for public addresses without knowing connections.

Static NAT that nothing filters, and balancers that choose members by source alone: whom a packet is for, and
whose it is, shows in each packet of both directions.
"""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.balancers import Address, Balancer, Member
from sdn_orch.intent.balancing import obstacle, remembered
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.proxies import needs_proxy
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Ports


def needs_state(snapshot: Snapshot, address: PublicAddress) -> str:
    """What of a public address that has a router asks for connection tracking; empty if nothing does.

    Where all may come in and all may leave, answers need not be told from first words.
    """
    network = snapshot.get(Network, address.network_id or "")
    if address.guest is None:
        if address.is_source_nat or not snapshot.count_where(Balancer, "address_id", address.id):
            return "source NAT, forwarded ports and load balancers that do not go by source"
        if network is not None and network.routed4:
            return f"a load balancer for network {network.name}, whose machines have public addresses"
    if address.vpc_id is not None or network is None:
        return ""
    rules = snapshot.where(FirewallRule, "address_id", address.id)
    if not any(rule.protocol is None and not rule.sources for rule in rules):
        return "a firewall that does not let everything in"
    if not network.egress_open or snapshot.count_where(EgressRule, "network_id", network.id):
        return f"the egress rules of network {network.name}"
    return ""


def unbalanced(snapshot: Snapshot, balancer: Balancer) -> str | None:
    """Why a balancer cannot be where no connections are tracked; None if it can.

    Answers become the balancer's by their member and its port alone: nothing else may come from there.
    """
    if (reason := _unsplit(snapshot, balancer)) is not None:
        return reason
    for nic, address in _members(snapshot, balancer):
        for public in snapshot.where(PublicAddress, "nic_id", nic.id):
            if public.guest == address:
                return f"member {address} has public address {public.address} alone, and answers under that"
        for other in _older(snapshot, balancer, nic, address):
            if _unsplit(snapshot, other) is None:
                return (
                    f"balancer {other.name} ({other.id}) leads to a port of member {address} that it leads to"
                )
    return None


def _unsplit(snapshot: Snapshot, balancer: Balancer) -> str | None:
    """What it asks for itself that needs connection tracking."""
    if balancer.address_id is None:
        return (
            "inside of networks members are spoken to themselves, too: answers are told apart by connection "
            "tracking, Open vSwitch"
        )
    if needs_proxy(snapshot, balancer):
        return "what a proxy does needs Open vSwitch at the gateway"
    if (reason := obstacle(snapshot, balancer)) is not None:
        return reason
    if balancer.direct_return:
        return "that members answer clients directly is watched by connection tracking, Open vSwitch"
    if remembered(snapshot, balancer) is not None:
        return "to remember clients needs Open vSwitch"
    if not balancer.is_by_source:
        return (
            f"algorithm {balancer.algorithm} keeps connections together by connection tracking, Open vSwitch"
        )
    if balancer.guest_ports[0] == balancer.guest_ports[1] and balancer.ports[0] != balancer.ports[1]:
        return "several of its ports lead to one: answers are told apart by connection tracking, Open vSwitch"
    return None


def _members(snapshot: Snapshot, balancer: Balancer) -> Iterator[tuple[Nic, Address]]:
    """Those that may be given anything, alive or not."""
    for member in snapshot.where(Member, "balancer_id", balancer.id):
        nic = snapshot.need(Nic, member.nic_id)
        if (address := member.address(nic, balancer.version)) is not None:
            yield nic, address


def _older(snapshot: Snapshot, balancer: Balancer, nic: Nic, address: Address) -> Iterator[Balancer]:
    """Balancers that were there before and lead to the same port of a member."""
    for member in snapshot.where(Member, "nic_id", nic.id):
        other = snapshot.need(Balancer, member.balancer_id)
        is_there = other.number < balancer.number and member.address(nic, other.version) == address
        if (
            is_there
            and other.protocol == balancer.protocol
            and _meet(other.guest_ports, balancer.guest_ports)
        ):
            yield other


def _meet(one: Ports, other: Ports) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
