"""How much accounts, projects and domains may have, and that nothing is created beyond it.

Nothing is counted twice: what there is of a type is what the records say. So counts cannot drift, and a
limit holds for whatever call creates something, because it is looked at in the transaction as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sdn_orch.intent.model import Account, Domain, Machine, Network, Record, Role, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.northbound.cloudstack.faults import LIMIT, ApiFault
from sdn_orch.northbound.cloudstack.model import MachineDetails, ServiceOffering
from sdn_orch.northbound.cloudstack.model_tenancy import ProjectMember, ProjectRole, ResourceLimit
from sdn_orch.northbound.cloudstack.settings import SETTINGS
from sdn_orch.northbound.service import Transaction

#: Whom limits are for; a project's are those of its account.
Holder = Account | Domain

UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class ResourceType:
    """What can be limited: CloudStack's number and name, and what its fields and settings are called.

    `count` tells how much an account has; records of `kinds` add to it.
    """

    number: int
    name: str
    prefix: str
    setting: str
    count: Callable[[Snapshot, str], int]
    kinds: tuple[type[Record], ...] = ()


def _owned(kind: type[Record]) -> Callable[[Snapshot, str], int]:
    return lambda snapshot, account_id: snapshot.count_where(kind, "account_id", account_id)


def _sizes(snapshot: Snapshot, account_id: str) -> Iterator[ServiceOffering]:
    for machine in snapshot.where(Machine, "account_id", account_id):
        details = snapshot.need(MachineDetails, machine.id)
        yield snapshot.need(ServiceOffering, details.service_offering_id)


def _cpus(snapshot: Snapshot, account_id: str) -> int:
    return sum(size.cpu_number for size in _sizes(snapshot, account_id))


def _memory(snapshot: Snapshot, account_id: str) -> int:
    return sum(size.memory for size in _sizes(snapshot, account_id))


def _projects(snapshot: Snapshot, account_id: str) -> int:
    """Those that the account administers."""
    members = snapshot.where(ProjectMember, "account_id", account_id)
    return sum(member.role is ProjectRole.ADMIN for member in members)


def _none(_snapshot: Snapshot, _account_id: str) -> int:
    """There are no such things here."""
    return 0


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    ResourceType(0, "user_vm", "vm", "user.vms", _owned(Machine), (Machine,)),
    ResourceType(1, "public_ip", "ip", "public.ips", _owned(PublicAddress), (PublicAddress,)),
    ResourceType(2, "volume", "volume", "", _none),
    ResourceType(3, "snapshot", "snapshot", "", _none),
    ResourceType(4, "template", "template", "", _none),
    ResourceType(5, "project", "project", "projects", _projects, (ProjectMember,)),
    ResourceType(6, "network", "network", "networks", _owned(Network), (Network,)),
    ResourceType(7, "vpc", "vpc", "vpcs", _owned(Vpc), (Vpc,)),
    ResourceType(8, "cpu", "cpu", "cpus", _cpus, (Machine,)),
    ResourceType(9, "memory", "memory", "memory", _memory, (Machine,)),
    ResourceType(10, "primary_storage", "primarystorage", "", _none),
    ResourceType(11, "secondary_storage", "secondarystorage", "", _none),
)
_COUNTED = (Machine, PublicAddress, ProjectMember, Network, Vpc)


def limit(snapshot: Snapshot, holder: Holder, type: ResourceType) -> int:
    """The most that the holder may have: what was set for it, or the default; UNLIMITED for any number."""
    is_above = holder.parent_id is None if isinstance(holder, Domain) else holder.role is Role.ROOT_ADMIN
    if is_above:
        return UNLIMITED
    chosen = snapshot.get(ResourceLimit, limit_id(holder, type))
    if chosen is not None:
        return chosen.maximum
    word = "domain" if isinstance(holder, Domain) else "account"
    if isinstance(holder, Account) and holder.role is Role.PROJECT:
        word = "project"
    setting = SETTINGS.get(f"max.{word}.{type.setting}")
    return setting.number(snapshot) if setting else UNLIMITED


def limit_id(holder: Holder, type: ResourceType) -> str:
    """The id of the record of a limit."""
    return f"{holder.id}/{type.number}"


def count(snapshot: Snapshot, holder: Holder, type: ResourceType) -> int:
    """How much the account has, or all accounts of the domain and of those below."""
    if isinstance(holder, Account):
        return type.count(snapshot, holder.id)
    return sum(type.count(snapshot, account.id) for account in _accounts(snapshot, holder))


def _accounts(snapshot: Snapshot, domain: Domain) -> Iterator[Account]:
    yield from snapshot.where(Account, "domain_id", domain.id)
    for child in snapshot.where(Domain, "parent_id", domain.id):
        yield from _accounts(snapshot, child)


def enforce(transaction: Transaction, before: Snapshot) -> None:
    """Raises a fault if what the transaction creates goes beyond a limit."""
    after = transaction.snapshot
    created = [
        change.record
        for change in transaction.changes
        if isinstance(change, Put)
        and isinstance(change.record, _COUNTED)
        and before.get(type(change.record), change.record.id) is None
    ]
    growing = {
        (record.account_id, each.number): each
        for record in created
        for each in RESOURCE_TYPES
        if isinstance(record, each.kinds)
    }
    for (account_id, _), each in growing.items():
        account = after.need(Account, account_id)
        _check(before, after, account, account, each)
        domain: Domain | None = after.need(Domain, account.domain_id)
        while domain is not None:
            _check(before, after, account, domain, each)
            domain = after.need(Domain, domain.parent_id) if domain.parent_id else None


def _check(before: Snapshot, after: Snapshot, account: Account, holder: Holder, type: ResourceType) -> None:
    most = limit(after, holder, type)
    if most == UNLIMITED or (now := count(after, holder, type)) <= most:
        return
    was = count(before, holder, type)
    if isinstance(holder, Domain):
        what, who = "domain resource limits", f"Domain Id = {holder.id}"
        word = "Domain"
    else:
        word = "Project" if holder.role is Role.PROJECT else "Account"
        what, who = "amount of resources", f"{word} Name = {holder.name} in Domain Id = {account.domain_id}"
    raise ApiFault(
        LIMIT,
        f"Maximum {what} of Type = '{type.name}' for {who} is exceeded: {word} Resource Limit = {most},"
        f" Current {word} Resource Amount = {was}, Requested Resource Amount = {now - was}.",
    )
