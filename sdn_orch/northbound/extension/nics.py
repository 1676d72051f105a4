"""NICs as CloudStack tells of them, one by one or all of a network.

Rules are about addresses, and may be told before the NIC that has the address, or while its machine is off
and was never heard of: then a NIC that takes no part holds the address, until the right one comes.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from sdn_orch.errors import Invalid
from sdn_orch.intent.balancers import Member
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Machine, Network, NetworkKind, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.northbound import machines, pool, public
from sdn_orch.northbound.extension import proxied
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.extension.payload import NicOf
from sdn_orch.northbound.macs import new_mac
from sdn_orch.northbound.networks import give_ipv4, take_back


def find(cloud: Cloud, network: Network, said: NicOf) -> Nic | None:
    """The NIC by CloudStack's UUID; by the MAC address that it has in the network where that is not told."""
    if said.nic_uuid is not None:
        return cloud.snapshot.get(Nic, said.nic_uuid)
    found = cloud.snapshot.first(Nic, "claims", (network.id, said.mac))
    return found if found is not None and found.balancer_id is None else None


def make(cloud: Cloud, network: Network, said: NicOf, *, active: bool | None) -> Nic:
    """The NIC as it is said to be; `active` None: as it was, and a new one takes part."""
    before = find(cloud, network, said)
    if before is not None and before.network_id != network.id:
        raise Invalid(f"payload: nic_uuid: NIC {before.id} is in another network, {before.network_id}")
    nic = before or _new(cloud, network, said)
    if before is not None and said.ip is not None and said.ip != before.ipv4:
        public.forget_nic(cloud.transaction, before)
    secondary = nic.secondary4 + nic.secondary6 if said.secondary is None else tuple(said.secondary)
    wanted = replace(
        nic,
        mac=said.mac,
        machine_id=_machine(cloud, nic, said).id,
        ipv4=said.ip or nic.ipv4,
        ipv6=said.ip6_address or nic.ipv6,
        secondary4=tuple(each for each in secondary if isinstance(each, IPv4Address)),
        secondary6=tuple(each for each in secondary if isinstance(each, IPv6Address)),
        hostname="" if network.kind is NetworkKind.L2 else said.hostname or nic.hostname,
        is_default=nic.is_default if said.default_nic is None else said.default_nic,
        active=nic.active if active is None else active,
    )
    if wanted != before:
        cloud.put(wanted)
        others = _in_the_way(cloud, wanted)
        for other in others:
            if other.balancer_id is None:
                _replace(cloud, other, wanted)
        _claim(cloud, before, wanted)
        for other in others:
            if other.balancer_id is not None:
                proxied.give_way(cloud, other, *wanted.addresses)
        proxied.provide(cloud, network.id)
    return wanted


def release(cloud: Cloud, nic: Nic) -> None:
    """The NIC takes no part any more; what leads to it stays."""
    if nic.active:
        cloud.put(replace(nic, active=False))


def forget(cloud: Cloud, nic: Nic) -> None:
    """Delete the NIC with what leads to it, and with its last NIC the machine."""
    _end(cloud, nic)
    proxied.provide(cloud, nic.network_id)


def at(cloud: Cloud, network: Network, address: IPv4Address) -> Nic:
    """The NIC with this address, or one that holds the address until it is known. Raises Invalid."""
    found = cloud.snapshot.first(Nic, "claims", (network.id, address))
    if found is not None and found.balancer_id is None:
        return found
    return cloud.put(
        Nic(
            id=cloud.made_id("nic-at", f"{network.id}/{address}"),
            network_id=network.id,
            mac=new_mac(cloud.snapshot),
            ipv4=take(cloud, network, address),
            active=False,
        )
    )


def take(cloud: Cloud, network: Network, address: IPv4Address) -> IPv4Address:
    """Take an address that CloudStack has given to something; a proxy gives way. Raises Invalid."""
    found = cloud.snapshot.first(Nic, "claims", (network.id, address))
    if found is not None and found.balancer_id is not None:
        proxied.give_way(cloud, found)
    return give_ipv4(cloud.transaction, network, address)


def machine_of(cloud: Cloud, nic: Nic) -> Machine:
    """The machine that stands for what CloudStack's NIC belongs to."""
    return cloud.snapshot.need(Machine, nic.machine_id or "")


def is_led_to(cloud: Cloud, nic: Nic) -> bool:
    """Whether an address or a balancer leads to the NIC."""
    return any(
        cloud.snapshot.count_where(kind, "nic_id", nic.id) for kind in (PublicAddress, Forward, Member)
    )


def _end(cloud: Cloud, nic: Nic) -> None:
    machines.remove_nic(cloud.transaction, nic)
    if nic.machine_id is not None and not cloud.snapshot.count_where(Nic, "machine_id", nic.machine_id):
        cloud.transaction.delete(cloud.snapshot.need(Machine, nic.machine_id))


def _claim(cloud: Cloud, before: Nic | None, nic: Nic) -> None:
    """Addresses that the NIC had are free, those that it has are not."""
    for address in set(before.addresses if before else ()) - set(nic.addresses):
        take_back(cloud.transaction, nic.network_id, address)
    for address in nic.addresses:
        if isinstance(address, IPv4Address) and not pool.is_taken(
            cloud.snapshot, nic.network_id, int(address)
        ):
            pool.claim_this(cloud.transaction, nic.network_id, int(address))


def _in_the_way(cloud: Cloud, nic: Nic) -> list[Nic]:
    """Others with an address of this one: those who held it, and those whose end was not heard of."""
    found = {other.id: other for claim in nic.claims for other in cloud.snapshot.where(Nic, "claims", claim)}
    return [other for other in found.values() if other.id != nic.id]


def _replace(cloud: Cloud, other: Nic, nic: Nic) -> None:
    """What led to the other NIC at this one's address leads to this one; the other is no more."""
    snapshot = cloud.snapshot
    if other.ipv4 in nic.addresses:
        for address in snapshot.where(PublicAddress, "nic_id", other.id):
            cloud.put(replace(address, nic_id=nic.id))
        for forward in snapshot.where(Forward, "nic_id", other.id):
            cloud.put(replace(forward, nic_id=nic.id))
        for member in snapshot.where(Member, "nic_id", other.id):
            cloud.put(replace(member, nic_id=nic.id, guest=None if other.ipv4 == nic.ipv4 else other.ipv4))
    _end(cloud, other)


def _new(cloud: Cloud, network: Network, said: NicOf) -> Nic:
    if network.ipv4 is not None and said.ip is None and said.ip6_address is None:
        raise Invalid(f"payload: ip: a NIC of network {network.name} ({network.id}) needs one")
    return Nic(
        id=said.nic_uuid or cloud.made_id("nic", said.nic_id or f"{network.id}/{said.mac}"),
        network_id=network.id,
        mac=said.mac,
    )


def _machine(cloud: Cloud, nic: Nic, said: NicOf) -> Machine:
    """One machine a NIC, where it is not said which NICs are one machine's: no command does."""
    id = nic.machine_id or said.machine or cloud.made_id("machine", nic.id)
    known = cloud.snapshot.get(Machine, id)
    if known is not None and known.account_id != cloud.account.id:
        raise Invalid(f"payload: machine: machine {known.name} ({known.id}) is not of {cloud.name}")
    name = said.hostname or (known.name if known else nic.id)
    wanted = replace(known or Machine(id=id, account_id=cloud.account.id, name=name), name=name)
    return wanted if wanted == known else cloud.put(wanted)
