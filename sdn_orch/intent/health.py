"""Which members of balancers live, and what asks them: facts, and whom checks are put to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from sdn_orch.intent.balancers import Address, Balancer, HealthCheck, Member
from sdn_orch.intent.model import Network, Nic, Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import LARGEST_PORT

#: Where checks come from, at the gateway's address: a block of ports, as value and mask.
ASKING_PORTS: Final = (0xFE00, LARGEST_PORT - 0xFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing(Record):
    """A fact: a member that does not answer its checks."""

    REFERENCES: ClassVar[dict[str, str]] = {"member_id": "Member"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("member_id",)

    member_id: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A member that is checked: how, by which gateway, and at which address it is asked."""

    check: HealthCheck
    balancer: Balancer
    member: Member
    nic: Nic
    gateway: Address
    address: Address


def is_failing(snapshot: Snapshot, member: Member) -> bool:
    """Whether a member's checks fail; without checks none does."""
    is_checked = snapshot.count_where(HealthCheck, "balancer_id", member.balancer_id) > 0
    return is_checked and snapshot.count_where(Failing, "member_id", member.id) > 0


def checked(snapshot: Snapshot) -> Iterator[Checked]:
    """Whoever is to be checked, from its network's gateway."""
    for check in snapshot.all(HealthCheck):
        balancer = snapshot.need(Balancer, check.balancer_id)
        for member in snapshot.where(Member, "balancer_id", balancer.id):
            nic = snapshot.need(Nic, member.nic_id)
            network, address = snapshot.need(Network, nic.network_id), member.address(nic, balancer.version)
            gateway = network.gateway4 if balancer.version == 4 else network.gateway6
            if nic.active and address is not None and gateway is not None:
                yield Checked(check, balancer, member, nic, gateway, address)
