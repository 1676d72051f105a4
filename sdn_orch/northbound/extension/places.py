"""Networks and VPCs: made with whatever command names them first, and kept as the newest says they are."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

from sdn_orch.errors import Invalid
from sdn_orch.intent.acls import AclList
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.firewall import EgressRule
from sdn_orch.intent.model import Attachment, Network, NetworkKind, Nic, Vpc
from sdn_orch.northbound import balancers, networks, pool, public
from sdn_orch.northbound.extension import identity, proxied
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.extension.nics import forget
from sdn_orch.northbound.extension.payload import NetworkFields, NicOf, VpcFields

#: Addresses of a prefix with a gateway and a host.
_FEWEST = 4


def find_network(cloud: Cloud, said: NetworkFields) -> Network | None:
    """The network, if it was ever heard of, by this name or by the other one that it has."""
    found = cloud.snapshot.get(Network, cloud.id("network", said.network_id))
    if found is None:
        found = identity.network_of(cloud, said)
        if found is not None:
            cloud.call(found, "network", said.network_id)
    return found


def find_vpc(cloud: Cloud, said: VpcFields) -> Vpc | None:
    """The VPC, if it was ever heard of."""
    return cloud.snapshot.get(Vpc, cloud.id("vpc", said.vpc_id))


def make_network(cloud: Cloud, said: NetworkFields) -> Network:
    """The network as it is said to be."""
    before = find_network(cloud, said)
    wanted = _wanted(cloud, said, before)
    if before is None:
        networks.create_network(cloud.transaction, wanted)
        return cloud.snapshot.need(Network, wanted.id)
    if wanted == before:
        return before
    if (wanted.ipv4, wanted.gateway4) == (before.ipv4, before.gateway4):
        return cloud.put(wanted)
    _move_prefix(cloud, before, wanted)
    made = cloud.put(wanted)
    proxied.provide(cloud, made.id)
    return made


def make_vpc(cloud: Cloud, said: VpcFields) -> Vpc:
    """The VPC as it is said to be. Raises Invalid without its prefix."""
    if said.vpc_cidr is None:
        raise Invalid("payload: vpc_cidr: Field required")
    return _put_vpc(cloud, said.vpc_id, said.vpc_cidr.network)


def shut_down(cloud: Cloud, network: Network) -> None:
    """Take away all that leads into the network from outside; what comes up again is told anew.

    NICs that take part stay, so that a restart is no outage among them. The VLAN is CloudStack's again when
    none does.
    """
    transaction, snapshot = cloud.transaction, cloud.snapshot
    balancers.forget_network(transaction, network)
    for nic in snapshot.where(Nic, "network_id", network.id):
        public.forget_nic(transaction, nic)
    public.release_addresses(transaction, network)
    transaction.delete(*snapshot.where(EgressRule, "network_id", network.id))
    if not is_used(cloud, network):
        cloud.put(replace(network, vlan=None, vni=None))


def destroy(cloud: Cloud, network: Network) -> None:
    """Delete the network, unless NICs take part in it: then it is only being restarted."""
    shut_down(cloud, network)
    if is_used(cloud, network):
        return
    for nic in cloud.snapshot.where(Nic, "network_id", network.id):
        forget(cloud, nic)
    networks.delete_network(cloud.transaction, network)
    if network.acl_id is not None:
        cloud.transaction.delete(cloud.snapshot.need(AclList, network.acl_id))


def shut_down_vpc(cloud: Cloud, vpc: Vpc) -> None:
    """Delete the VPC with tiers of which nothing takes part in anything; else it is only being restarted."""
    for tier in cloud.snapshot.where(Network, "vpc_id", vpc.id):
        destroy(cloud, tier)
    if cloud.snapshot.count_where(Network, "vpc_id", vpc.id):
        public.release_addresses(cloud.transaction, vpc)
    else:
        networks.delete_vpc(cloud.transaction, vpc)


def is_used(cloud: Cloud, network: Network) -> bool:
    """Whether any NIC takes part in the network and is plugged in; of others the end was not heard of."""
    found = cloud.snapshot.where(Nic, "active_in", network.id)
    return any(cloud.snapshot.count_where(Attachment, "nic_id", nic.id) for nic in found)


def _wanted(cloud: Cloud, said: NetworkFields, before: Network | None) -> Network:
    known = before or Network(
        id=cloud.id("network", said.network_id),
        account_id=cloud.account.id,
        name=f"network-{said.network_id}",
        kind=NetworkKind.ISOLATED,
        mtu=min(1500, cloud.transaction.fabric_mtu),
    )
    known = _in_segment(cloud, said, known)
    kind = said.guest_type or (NetworkKind.ISOLATED if said.cidr or before else NetworkKind.L2)
    if kind is NetworkKind.L2:
        return replace(known, kind=kind)
    ipv4 = said.cidr.network if said.cidr else known.ipv4
    ipv6 = said.network_ip6_cidr.network if said.network_ip6_cidr else known.ipv6
    for field, prefix in (("cidr", ipv4), ("network_ip6_cidr", ipv6)):
        if prefix is not None and prefix.num_addresses < _FEWEST:
            raise Invalid(f"payload: {field}: {prefix} has no room for a gateway and a host")
    if said.vpc_id and before is not None and before.vpc_id:
        identity.name_vpc(cloud, before.vpc_id, said.vpc_id)
    vpc = _vpc_of_tier(cloud, said.vpc_id, ipv4) if said.vpc_id else None
    gateway4 = known.gateway4
    # A NIC's own gateway, in another subnet perhaps, stands in the place of the network's.
    if ipv4 is not None and (ipv4 != known.ipv4 or not isinstance(said, NicOf)):
        told = (said.gateway, gateway4, ipv4[1])
        gateway4 = next(each for each in told if each is not None and each in ipv4)
    return replace(
        known,
        kind=kind,
        vpc_id=vpc.id if vpc else known.vpc_id,
        acl_id=_list_of(cloud, known, vpc) if vpc else known.acl_id,
        ipv4=ipv4,
        gateway4=gateway4,
        ipv6=ipv6,
        gateway6=said.network_ip6_gateway or known.gateway6 or (ipv6[1] if ipv6 else None),
    )


def _in_segment(cloud: Cloud, said: NetworkFields, known: Network) -> Network:
    """The network in the VLAN or VNI that is said.

    CloudStack gives a number to one network at a time: another one that had it has lost it.
    """
    segment = identity.read_segment(said.vlan)
    if segment is None or (segment[1] == known.vni and "://" not in said.vlan):
        return known
    field, number = segment
    for other in cloud.snapshot.where(Network, field, number):
        if other.id != known.id and other.account_id == known.account_id:
            cloud.put(replace(other, vlan=None, vni=None))
    return replace(known, vlan=number if field == "vlan" else None, vni=number if field == "vni" else None)


def _list_of(cloud: Cloud, tier: Network, vpc: Vpc) -> str:
    """A tier's own list of rules, which lets nothing in until there is some."""
    id = cloud.made_id("acl", tier.id)
    if cloud.snapshot.get(AclList, id) is None:
        cloud.put(AclList(id=id, name=tier.name, vpc_id=vpc.id))
    return id


def _move_prefix(cloud: Cloud, before: Network, wanted: Network) -> None:
    pool.drop(cloud.transaction, before.id)
    if wanted.ipv4 is None:
        return
    pool.provide(cloud.transaction, wanted.id, ((int(wanted.ipv4[1]), int(wanted.ipv4[-2])),))
    taken = {each.inner for each in cloud.snapshot.where(Balancer, "inner_network_id", wanted.id)}
    taken.add(wanted.gateway4)
    for nic in cloud.snapshot.where(Nic, "network_id", wanted.id):
        if nic.balancer_id is not None and (nic.ipv4 not in wanted.ipv4 or nic.ipv4 in taken):
            cloud.transaction.delete(nic)
        else:
            taken |= {nic.ipv4, *nic.secondary4}
    for address in filter(None, taken):
        pool.claim_this(cloud.transaction, wanted.id, int(address))


def _vpc_of_tier(cloud: Cloud, vpc_id: str, tier: IPv4Network | None) -> Vpc:
    """The VPC, which has room for the tier: where it was not heard of, as much as its tiers need."""
    known = cloud.snapshot.get(Vpc, cloud.id("vpc", vpc_id))
    ipv4 = known.ipv4 if known else tier
    if ipv4 is None:
        raise Invalid("payload: cidr: a tier of a VPC needs one")
    while tier is not None and not tier.subnet_of(ipv4):
        ipv4 = ipv4.supernet()
    return _put_vpc(cloud, vpc_id, ipv4)


def _put_vpc(cloud: Cloud, vpc_id: str, ipv4: IPv4Network) -> Vpc:
    id = cloud.id("vpc", vpc_id)
    known = cloud.snapshot.get(Vpc, id)
    wanted = replace(
        known or Vpc(id=id, account_id=cloud.account.id, name=f"vpc-{vpc_id}", ipv4=ipv4), ipv4=ipv4
    )
    return wanted if wanted == known else cloud.put(wanted)
