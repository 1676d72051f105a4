"""Balancers: a command says which are so from now on, and which are no more; others stay."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.errors import Invalid
from sdn_orch.intent.balancers import DRAIN, Address, Balancer, Member
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.traffic import TCP, UDP, Prefix
from sdn_orch.northbound import balancers
from sdn_orch.northbound.cloudstack.answers.balancers import ALGORITHMS
from sdn_orch.northbound.extension import addresses, nics, proxied
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.extension.payload import Balanced, BalancerFields

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "tcp-proxy": TCP}


def apply(cloud: Cloud, network: Network, said: list[BalancerFields]) -> None:
    """Make each so, or end it."""
    for each in said:
        known = cloud.snapshot.get(Balancer, cloud.id("balancer", each.id))
        if not each.revoke:
            _make(cloud, network, each, known)
        elif known is not None:
            balancers.delete_balancer(cloud.transaction, known)


def _make(cloud: Cloud, network: Network, said: BalancerFields, known: Balancer | None) -> None:
    address = addresses.find(cloud, said.public_ip)
    if address is None:
        raise Invalid(f"payload: lb_rules: publicIp of rule {said.id}: no network has {said.public_ip}")
    wanted = replace(described(cloud, network, said, known), address_id=address.id)
    if known is not None and (known.address_id, known.network_id) != (address.id, network.id):
        balancers.delete_balancer(cloud.transaction, known)
        known, wanted = None, replace(wanted, number=0)
    if known is None:
        addresses.make_room(cloud, address, wanted)
        balancers.create_balancer(cloud.transaction, wanted)
    elif wanted != known:
        balancers.change_balancer(cloud.transaction, wanted)
    bring_members(cloud, network, wanted, said)
    proxied.follow(cloud, wanted)


def described(cloud: Cloud, network: Network, said: Balanced, known: Balancer | None) -> Balancer:
    """The balancer as it is said to be, at no address. Raises Invalid for what is not known here."""
    if said.protocol not in _PROTOCOLS or said.algorithm not in ALGORITHMS:
        raise Invalid(f"payload: lb_rules: protocol, algorithm of rule {said.id}: not known")
    if known is not None and known.account_id != cloud.account.id:
        raise Invalid(f"payload: lb_rules: rule {said.id} is not of {cloud.name}")
    return Balancer(
        id=cloud.id("balancer", said.id),
        number=known.number if known else 0,
        account_id=cloud.account.id,
        network_id=network.id,
        name=said.name or f"balancer-{said.id}",
        protocol=_PROTOCOLS[said.protocol],
        ports=(said.public_port, said.public_port),
        guest_ports=(said.private_port, said.private_port),
        algorithm=ALGORITHMS[said.algorithm],
        sources=sources(said, known),
        proxy_protocol=said.protocol == "tcp-proxy",
        drain=known.drain if known else DRAIN,
        fails_open=known.fails_open if known else True,
        seats=known.seats if known else 0,
    )


def sources(said: Balanced, known: Balancer | None) -> tuple[Prefix, ...]:
    """Who may connect; where that is not told, who might."""
    if said.sources is None:
        return known.sources if known else ()
    return tuple(dict.fromkeys(each.network for each in said.sources))


def is_at(balancer: Balancer, address: PublicAddress, said: BalancerFields) -> bool:
    """Whether the balancer takes what comes to the port of the address that the rule is about."""
    wanted = (said.public_ip, _PROTOCOLS.get(said.protocol), said.public_port)
    return (address.address, balancer.protocol, balancer.ports[0]) == wanted


def bring_members(cloud: Cloud, network: Network, balancer: Balancer, said: Balanced) -> None:
    """Members are those that are not revoked, and no others."""
    for backend in said.backends:
        if backend.port != said.private_port:
            raise Invalid(f"payload: lb_rules: port of a backend of rule {said.id}: not {said.private_port}")
    members = [(nics.at(cloud, network, each.ip), each.ip) for each in said.backends if not each.revoked]
    wanted: dict[tuple[str, Address | None], Nic] = {
        (nic.id, None if ip == nic.ipv4 else ip): nic for nic, ip in members
    }
    for member in cloud.snapshot.where(Member, "balancer_id", balancer.id):
        if wanted.pop((member.nic_id, member.guest), None) is None:
            balancers.remove_member(cloud.transaction, member)
    for (_, guest), nic in wanted.items():
        balancers.add_member(cloud.transaction, balancer, nic, guest)
