"""What can have tags and details: CloudStack's names of resource types and our kinds of records."""

from __future__ import annotations

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Account, Domain, Machine, Network, Nic, Record, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.northbound.cloudstack.callers import Access, check_access
from sdn_orch.northbound.cloudstack.declare import Call
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import (
    NetworkOffering,
    ServiceOffering,
    Template,
    User,
    VpcOffering,
    Zone,
)
from sdn_orch.northbound.cloudstack.model_tenancy import Project

#: One line a type; a kind with several names is told by the first.
RESOURCE_TYPES: dict[str, type[Record]] = {
    "UserVm": Machine,
    "Nic": Nic,
    "Network": Network,
    "Vpc": Vpc,
    "PublicIpAddress": PublicAddress,
    "PortForwardingRule": Forward,
    "FirewallRule": FirewallRule,
    "LoadBalancer": Balancer,
    "EgressFirewallRule": EgressRule,
    "RoutingFirewallRule": RoutedRule,
    "NetworkACL": AclItem,
    "NetworkACLList": AclList,
    "PrivateGateway": PrivateGateway,
    "StaticRoute": StaticRoute,
    "SecurityGroup": SecurityGroup,
    "SecurityGroupRule": SecurityRule,
    "Zone": Zone,
    "Template": Template,
    "ServiceOffering": ServiceOffering,
    "NetworkOffering": NetworkOffering,
    "VpcOffering": VpcOffering,
    "Domain": Domain,
    "Account": Account,
    "User": User,
    "Project": Project,
}
_BY_LOWER_NAME = {name.lower(): kind for name, kind in RESOURCE_TYPES.items()}
_NAMES = {kind.__name__: name for name, kind in reversed(RESOURCE_TYPES.items())}


def type_name(kind: str) -> str:
    """CloudStack's name for a kind of records."""
    return _NAMES[kind]


def resource_kind(name: str) -> type[Record]:
    """The kind that a resource type names, in any case; raises a parameter fault."""
    kind = _BY_LOWER_NAME.get(name.lower())
    if kind is None:
        raise bad(f"Invalid resource type: {name[:255]}")
    return kind


def resource(call: Call, kind: type[Record], id: str) -> Record:
    """The resource that the caller may change; raises faults."""
    record = call.snapshot.get(kind, id.lower())
    if record is None:
        raise bad(f"Unable to find resource by id {id[:255]} and type {type_name(kind.__name__)}")
    check_access(call.snapshot, call.caller, record, Access.OPERATE)
    return record
