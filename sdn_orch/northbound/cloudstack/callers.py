"""Who calls, and what they may see and touch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import Balancer, Certificate, HealthCheck, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Account, Domain, Machine, Network, Nic, Record, Role, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.faults import denied
from sdn_orch.northbound.cloudstack.model import (
    AccountDetails,
    AclType,
    Event,
    Job,
    NetworkDetails,
    SecondaryAddress,
    Standing,
    User,
)
from sdn_orch.northbound.cloudstack.model_guests import KeyPair, RegisteredUserData
from sdn_orch.northbound.cloudstack.model_sharing import NetworkPermission, permission
from sdn_orch.northbound.cloudstack.model_tenancy import (
    Project,
    ProjectMember,
    ProjectRole,
    ResourceDetail,
    Tag,
)
from sdn_orch.northbound.tenants import lies_in


@dataclass(frozen=True, slots=True)
class Caller:
    """A user and the account that it acts for."""

    user: User
    account: Account

    @property
    def is_root_admin(self) -> bool:
        """Whether everything is allowed."""
        return self.account.role is Role.ROOT_ADMIN


#: Who has not said yet who it is: owns nothing and may do nothing.
STRANGER = Caller(
    User(id="", account_id="", username="", created=datetime.min),
    Account(id="", name="", domain_id=""),
)


def is_enabled(snapshot: Snapshot, user: User) -> bool:
    """Whether the user may call: neither it nor its account is disabled or locked."""
    details = snapshot.need(AccountDetails, user.account_id)
    return user.standing is details.standing is Standing.ENABLED


class Access(Enum):
    """What a call does with an object that it names."""

    #: Anybody may: zones, offerings.
    ANY = "any"
    #: Attach a machine to it: shared networks are open to their domain, others to whom they are shared with.
    USE = "use"
    #: Read or change it: the owner and those above.
    OPERATE = "operate"


def owner_id(snapshot: Snapshot, record: Record) -> str | None:
    """The account that a record belongs to; None if it belongs to nobody."""
    match record:
        case Account():
            return record.id
        case Network() | Vpc() | Machine() | User() | Job() | Event():
            return record.account_id
        case Project() | Tag() | ResourceDetail() | PublicAddress() | NetworkPermission():
            return record.account_id
        case Forward() | FirewallRule():
            return owner_id(snapshot, snapshot.need(PublicAddress, record.address_id))
        case AclList():
            return owner_id(snapshot, snapshot.need(Vpc, record.vpc_id)) if record.vpc_id else None
        case PrivateGateway() | StaticRoute():
            return snapshot.need(Vpc, record.vpc_id).account_id
        case AclItem():
            return owner_id(snapshot, snapshot.need(AclList, record.list_id))
        case EgressRule() | RoutedRule():
            return owner_id(snapshot, snapshot.need(Network, record.network_id))
        case Nic():
            machine = snapshot.get(Machine, record.machine_id) if record.machine_id else None
            return machine.account_id if machine else None
        case Balancer() | Certificate() | SecurityGroup() | KeyPair() | RegisteredUserData():
            return record.account_id
        case SecurityRule():
            return snapshot.need(SecurityGroup, record.group_id).account_id
        case Stickiness() | HealthCheck():
            return snapshot.need(Balancer, record.balancer_id).account_id
        case SecondaryAddress():
            return owner_id(snapshot, snapshot.need(Nic, record.nic_id))
        case _:
            return None


def may_act_for(snapshot: Snapshot, caller: Caller, account_id: str) -> bool:
    """Whether the caller is the account or stands above it; above root administrators stands nobody.

    For the account of a project act its members.
    """
    if caller.is_root_admin or account_id == caller.account.id:
        return True
    account = snapshot.get(Account, account_id)
    if account is not None and account.role is Role.PROJECT and project_role(snapshot, caller, account_id):
        return True
    if caller.account.role is not Role.DOMAIN_ADMIN or account is None or account.role is Role.ROOT_ADMIN:
        return False
    return lies_in(snapshot, account.domain_id, snapshot.need(Domain, caller.account.domain_id))


def project_of(snapshot: Snapshot, account_id: str) -> Project | None:
    """The project that the account owns things for, if it is the account of one."""
    found = snapshot.where(Project, "account_id", account_id)
    return found[0] if found else None


def project_role(snapshot: Snapshot, caller: Caller, account_id: str) -> ProjectRole | None:
    """What the caller is in the project of this account; the higher of two roles, None if no member."""
    project = project_of(snapshot, account_id)
    roles = {
        member.role
        for member in snapshot.where(ProjectMember, "account_id", caller.account.id)
        if project is not None
        and member.project_id == project.id
        and member.user_id in (None, caller.user.id)
    }
    if ProjectRole.ADMIN in roles:
        return ProjectRole.ADMIN
    return ProjectRole.REGULAR if roles else None


def may_use(snapshot: Snapshot, account: Account, network: Network) -> bool:
    """Whether machines of the account may be attached to the network."""
    if network.account_id == account.id:
        return True
    details = snapshot.need(NetworkDetails, network.id)
    if details.acl_type is not AclType.DOMAIN:
        return snapshot.get(NetworkPermission, permission(network, account).id) is not None
    if account.domain_id == details.domain_id:
        return True
    domain = snapshot.need(Domain, details.domain_id)
    return details.subdomain_access and lies_in(snapshot, account.domain_id, domain)


def _may_use_for(snapshot: Snapshot, caller: Caller, network: Network) -> bool:
    """Whether the caller's own machines, or some of those that it acts for, may be in the network."""
    return may_use(snapshot, caller.account, network) or any(
        may_act_for(snapshot, caller, each.account_id)
        for each in snapshot.where(NetworkPermission, "network_id", network.id)
    )


def is_common(snapshot: Snapshot, record: Record) -> bool:
    """Whether every VPC can use it: a list of rules that belongs to none, and its items."""
    if isinstance(record, AclItem):
        record = snapshot.need(AclList, record.list_id)
    return isinstance(record, AclList) and record.vpc_id is None


def check_access(snapshot: Snapshot, caller: Caller, record: Record, access: Access) -> None:
    """Raises a permission fault if the caller may not."""
    if caller.is_root_admin or access is Access.ANY:
        return
    if isinstance(record, Network) and access is Access.USE and _may_use_for(snapshot, caller, record):
        return
    if access is Access.USE and is_common(snapshot, record):
        return
    if isinstance(record, Domain):
        own = snapshot.need(Domain, caller.account.domain_id)
        allowed = lies_in(snapshot, record.id, own)
    else:
        owner = owner_id(snapshot, record)
        allowed = owner is not None and may_act_for(snapshot, caller, owner)
    if not allowed:
        raise denied(
            f"Account {caller.account.name} does not have permission to operate with resource"
            f" {type(record).__name__} {record.id}"
        )
