"""Brings a group here, in a transaction: what it says becomes so, and what it does not say any more goes.

Of what the extension's commands tell of, only what they cannot say is filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sdn_orch.errors import Invalid
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network, Nic, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.northbound import balancers, machine_data, networks, public
from sdn_orch.northbound.extension import addresses, balancing, guests, identity, nics, payload, places, rules
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.sync import beside, complete, security
from sdn_orch.northbound.sync.groups import Group, NetworkSaid, VpcSaid


def bring(cloud: Cloud, group: Group, *, pulls: bool) -> None:
    """Make the group so; without `pulls` only what commands tell of is made whole. Raises what is wrong."""
    found = [(said, _find(cloud, said)) for said in group.networks]
    before = security.used_by(cloud, _nics_of(cloud, group))
    vpc = _vpc(cloud, group.vpc, [network for _, network in found if network]) if group.vpc else None
    if group.vpc is not None and vpc is not None and cloud.is_commanded(vpc):
        # All of it is the commands': what they have not told of yet they will.
        pulls = False
        complete.name_vpc(cloud, vpc, group.vpc)
    elif group.vpc is not None and pulls:
        vpc = complete.name_vpc(cloud, places.make_vpc(cloud, group.vpc.fields), group.vpc)
        _end_tiers(cloud, vpc, group)
        _addresses(cloud, vpc, group.vpc.addresses)
    known = [(said, network) for said, network in found if network and cloud.is_commanded(network)]
    made = [said for said, network in found if pulls and not (network and cloud.is_commanded(network))]
    if known or made:
        security.make(cloud, group.security_groups)
    for said, network in known:
        complete.network(cloud, network, said)
    beside.end_balancers(cloud, made)
    for said in made:
        _make(cloud, said)
    for said in made:
        network = cloud.snapshot.need(Network, cloud.id("network", said.fields.network_id))
        for each in said.inner_balancers:
            beside.make_balancer(cloud, network, each)
        _end_idle(cloud, network)
    if group.vpc is not None and vpc is not None and pulls:
        beside.bring_routing(cloud, vpc, group.vpc)
    security.end_unused(cloud, before - {each.id for each in group.security_groups})


def end_network(cloud: Cloud, network: Network) -> None:
    """Delete the network with all that is in it."""
    found = cloud.snapshot.where(Nic, "network_id", network.id)
    groups = security.used_by(cloud, found)
    for nic in found:
        if nic.balancer_id is None:
            nics.forget(cloud, nic)
    places.destroy(cloud, network)
    security.end_unused(cloud, groups)


def end_vpc(cloud: Cloud, vpc: Vpc) -> None:
    """Delete the VPC with all that is in it."""
    for tier in cloud.snapshot.where(Network, "vpc_id", vpc.id):
        end_network(cloud, tier)
    networks.delete_vpc(cloud.transaction, vpc)


def _nics_of(cloud: Cloud, group: Group) -> Iterator[Nic]:
    for said in group.networks:
        id = cloud.id("network", said.fields.network_id)
        yield from cloud.snapshot.where(Nic, "network_id", id)


def _find(cloud: Cloud, said: NetworkSaid) -> Network | None:
    """The network by its name, or else by what is known of it. Raises Invalid where it is somebody else's."""
    id = cloud.id("network", said.fields.network_id)
    found = cloud.snapshot.get(Network, id)
    if found is None:
        found = identity.network_of(cloud, said.fields, [each.nic for each in said.nics])
        if found is not None:
            cloud.call(found, "network", said.fields.network_id)
    if found is not None and found.account_id != cloud.account.id:
        raise Invalid(f"network {found.name} ({found.id}): account_id: it is not of {cloud.name}")
    return found


def _vpc(cloud: Cloud, said: VpcSaid, tiers: list[Network]) -> Vpc | None:
    for tier in tiers:
        if tier.vpc_id is not None:
            identity.name_vpc(cloud, tier.vpc_id, said.fields.vpc_id)
    identity.name_vpc_of(cloud, said.addresses, said.fields.vpc_id)
    found = places.find_vpc(cloud, said.fields)
    if found is not None and found.account_id != cloud.account.id:
        raise Invalid(f"VPC {found.name} ({found.id}): account_id: it is not of {cloud.name}")
    return found


def _end_tiers(cloud: Cloud, vpc: Vpc, group: Group) -> None:
    said = {cloud.id("network", each.fields.network_id) for each in group.networks}
    for tier in cloud.snapshot.where(Network, "vpc_id", vpc.id):
        if tier.id not in said and not cloud.is_commanded(tier):
            end_network(cloud, tier)


def _make(cloud: Cloud, said: NetworkSaid) -> None:
    network = complete.facts(cloud, places.make_network(cloud, said.fields), said)
    guests.set_names(cloud, network, said.names, answers=said.answers_names)
    _nics(cloud, network, said)
    if network.vpc_id is None:
        _addresses(cloud, network, said.addresses)
    _leading(cloud, network, said)
    network = cloud.snapshot.need(Network, network.id)
    if network.acl_id is not None:
        rules.apply_acl(cloud, network, list(said.acl))
    else:
        rules.apply_firewall(cloud, network, said.firewall)
    complete.routed(cloud, network, said)


def _nics(cloud: Cloud, network: Network, said: NetworkSaid) -> None:
    told = {each.nic.nic_uuid: each for each in said.nics if network.ipv4 is None or _has_address(each.nic)}
    for nic in cloud.snapshot.where(Nic, "network_id", network.id):
        if nic.id not in told and nic.machine_id is not None:
            nics.forget(cloud, nic)
    for each in told.values():
        nic = nics.make(cloud, network, each.nic, active=each.active)
        complete.nic(cloud, nic, each)
        machine_data.set_user_data(cloud.transaction, nics.machine_of(cloud, nic), each.user_data)


def _has_address(nic: payload.NicOf) -> bool:
    return nic.ip is not None or nic.ip6_address is not None


def _addresses(cloud: Cloud, owner: Network | Vpc, said: tuple[payload.PublicFields, ...]) -> None:
    told = {each.public_ip for each in said}
    field = "vpc_id" if isinstance(owner, Vpc) else "network_id"
    for address in cloud.snapshot.where(PublicAddress, field, owner.id):
        if address.address not in told:
            addresses.clear(cloud, address)
            public.release_address(cloud.transaction, cloud.snapshot.need(PublicAddress, address.id))
    for each in said:
        found = addresses.make(cloud, each, owner)
        if found.is_source_nat and not each.source_nat:
            cloud.put(replace(found, is_source_nat=False))


def _leading(cloud: Cloud, network: Network, said: NetworkSaid) -> None:
    """What leads from addresses into the network: first what does so no more, then what does."""
    mapped = {(each.public_ip, each.private_ip) for each in said.mapped}
    forwards = {addresses.forward_id(cloud, each) for each in said.forwards}
    balanced = {cloud.id("balancer", each.rule.id) for each in said.balancers}
    for address in cloud.snapshot.where(PublicAddress, "network_id", network.id):
        if address.nic_id is not None and (address.address, address.guest) not in mapped:
            public.unmap_address(cloud.transaction, address)
        for forward in cloud.snapshot.where(Forward, "address_id", address.id):
            if forward.id not in forwards:
                public.delete_forward(cloud.transaction, forward)
    for balancer in cloud.snapshot.where(Balancer, "network_id", network.id):
        is_cloudstacks = balancer.inner is None and not balancers.is_native(balancer)
        if is_cloudstacks and balancer.id not in balanced:
            balancers.delete_balancer(cloud.transaction, balancer)
    for static in said.mapped:
        addresses.map_to_nic(cloud, static, network)
    for each in said.forwards:
        addresses.forward(cloud, each, network)
    balancing.apply(cloud, network, [each.rule for each in said.balancers])
    for rule in said.balancers:
        balancer = cloud.snapshot.need(Balancer, cloud.id("balancer", rule.rule.id))
        complete.policies(cloud, balancer, rule)


def _end_idle(cloud: Cloud, network: Network) -> None:
    """NICs that only held an address for something that is no more."""
    for nic in cloud.snapshot.where(Nic, "network_id", network.id):
        if nic.machine_id is None and nic.balancer_id is None and not nics.is_led_to(cloud, nic):
            nics.forget(cloud, nic)
