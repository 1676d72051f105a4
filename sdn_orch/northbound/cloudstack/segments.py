"""Which VLANs or VNIs of a physical network an account's networks may get."""

from __future__ import annotations

import dataclasses

from sdn_orch.errors import Exhausted
from sdn_orch.intent.model import Network
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import pool
from sdn_orch.northbound.cloudstack.model import PhysicalNetwork
from sdn_orch.northbound.cloudstack.model_fabric import KeptVlans
from sdn_orch.northbound.service import Transaction

_LARGEST_VLAN = 4094
#: VNIs from here up are derived from the numbers of networks that have none.
_LARGEST_VNI = 2**23 - 1


def largest(physical: PhysicalNetwork) -> int:
    """The largest VLAN or VNI that networks of the physical network can have."""
    return _LARGEST_VNI if physical.is_vxlan else _LARGEST_VLAN


def kept(snapshot: Snapshot, physical_network_id: str) -> list[KeptVlans]:
    """What is kept for accounts, in order."""
    found = snapshot.where(KeptVlans, "physical_network_id", physical_network_id)
    return sorted(found, key=lambda each: each.first)


def anybodys(snapshot: Snapshot, physical: PhysicalNetwork) -> pool.Ranges:
    """The ranges without what is kept for accounts."""
    free: list[tuple[int, int]] = []
    for low, high in physical.segments:
        start = low
        for each in kept(snapshot, physical.id):
            if low <= each.first <= high:
                if start < each.first:
                    free.append((start, each.first - 1))
                start = each.last + 1
        if start <= high:
            free.append((start, high))
    return tuple(free)


def claim(transaction: Transaction, physical: PhysicalNetwork, account_id: str) -> int:
    """The next free number for a network of the account: of those kept for it first. Raises Exhausted."""
    for each in kept(transaction.snapshot, physical.id):
        if each.account_id == account_id:
            try:
                return pool.claim(transaction, physical.id, ((each.first, each.last),))
            except Exhausted:
                continue
    return pool.claim(transaction, physical.id)


def on(network: Network, physical: PhysicalNetwork, number: int) -> Network:
    """The network with this VLAN or VNI."""
    if physical.is_vxlan:
        return dataclasses.replace(network, vni=number)
    return dataclasses.replace(network, vlan=number)


def dealer(snapshot: Snapshot, vlan: int) -> PhysicalNetwork | None:
    """The physical network that gives this VLAN to networks, so that it can be nothing else's."""
    for physical in snapshot.all(PhysicalNetwork):
        if physical.deals_vlan(vlan):
            return physical
    return None


def may_have(snapshot: Snapshot, physical: PhysicalNetwork, account_id: str, number: int) -> bool:
    """Whether a network of the account may have this number: not one kept for somebody else."""
    return not any(
        each.first <= number <= each.last and each.account_id != account_id
        for each in kept(snapshot, physical.id)
    )
