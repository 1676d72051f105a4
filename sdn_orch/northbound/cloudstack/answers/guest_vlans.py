"""VLANs and VNIs of physical networks, one by one: who has each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sdn_orch.intent.model import Account, Network
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import pool
from sdn_orch.northbound.cloudstack import segments
from sdn_orch.northbound.cloudstack.answers.networks import NETWORK, details
from sdn_orch.northbound.cloudstack.answers.owners import holder, place
from sdn_orch.northbound.cloudstack.model import PhysicalNetwork
from sdn_orch.northbound.cloudstack.model_fabric import KeptVlans
from sdn_orch.northbound.cloudstack.shapes import Scene, Shape, flag, long, moment, nested, string

#: Numbers of VLANs and VNIs are smaller.
_STRIDE = 1 << 24


@dataclass(frozen=True, slots=True)
class GuestVlan:
    """One VLAN or VNI of a physical network."""

    physical: PhysicalNetwork
    value: int

    @property
    def id(self) -> int:
        """The number that stands for it in the whole installation."""
        return self.physical.number * _STRIDE + self.value


def value_of(id: int) -> int:
    """The VLAN or VNI that the number stands for, on whichever physical network."""
    return id % _STRIDE


def networks_of(snapshot: Snapshot, vlan: GuestVlan) -> Iterator[Network]:
    """The networks that have it."""
    for network in snapshot.where(Network, "vni" if vlan.physical.is_vxlan else "vlan", vlan.value):
        if details(snapshot, network).physical_network_id == vlan.physical.id:
            yield network


def is_taken(snapshot: Snapshot, vlan: GuestVlan) -> bool:
    """Whether it is a network's, or that of something else which takes it from the same pool."""
    return pool.is_taken(snapshot, vlan.physical.id, vlan.value)


def _kept(snapshot: Snapshot, vlan: GuestVlan) -> KeptVlans | None:
    for each in segments.kept(snapshot, vlan.physical.id):
        if each.first <= vlan.value <= each.last:
            return each
    return None


def _account(scene: Scene, vlan: GuestVlan) -> Account | None:
    """Whose network has it, or for whom it is kept."""
    network = next(networks_of(scene.snapshot, vlan), None)
    owned = network or _kept(scene.snapshot, vlan)
    return scene.snapshot.need(Account, owned.account_id) if owned else None


def _taken(scene: Scene, vlan: GuestVlan) -> datetime | None:
    """Since the network is implemented, or was made with it."""
    known = (details(scene.snapshot, network) for network in networks_of(scene.snapshot, vlan))
    return next((each.implemented or each.created for each in known), None)


GUEST_VLAN: Shape[GuestVlan] = Shape(
    key="guestvlan",
    resource="GuestVlan",
    keywords=("vlan",),
    fields=(
        long("id", "the number of the VLAN or VNI in the installation", lambda _, vlan: vlan.id),
        string("vlan", "the VLAN or VNI", lambda _, vlan: vlan.value),
        string(
            "allocationstate",
            "Allocated or Free",
            lambda scene, vlan: "Allocated" if is_taken(scene.snapshot, vlan) else "Free",
        ),
        flag(
            "isdedicated",
            "whether it is kept for an account",
            lambda scene, vlan: _kept(scene.snapshot, vlan) is not None,
        ),
        *holder(_account),
        moment("taken", "since when a network has it", _taken),
        string("physicalnetworkid", "the physical network", lambda _, vlan: vlan.physical.id),
        string("physicalnetworkname", "its name", lambda _, vlan: vlan.physical.name),
        *place(lambda _, vlan: vlan.physical.zone_id),
        nested(
            "network",
            "the networks that have it",
            NETWORK,
            lambda scene, vlan: networks_of(scene.snapshot, vlan),
        ),
    ),
)
