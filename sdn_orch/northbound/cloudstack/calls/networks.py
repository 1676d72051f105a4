"""listNetworks, updateNetwork, restartNetwork, deleteNetwork."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import ip_address

from sdn_orch.intent.model import Network, NetworkKind, Vpc
from sdn_orch.northbound import networks, pool
from sdn_orch.northbound.cloudstack import source_nat, upgrades
from sdn_orch.northbound.cloudstack.answers.networks import NETWORK as SHAPE
from sdn_orch.northbound.cloudstack.answers.networks import details, state
from sdn_orch.northbound.cloudstack.callers import Access, may_use
from sdn_orch.northbound.cloudstack.calls.common import (
    DISPLAY_TEXT,
    DNS,
    NAME,
    NETWORK_DOMAIN,
    PRIVATE_MTU,
    PUBLIC_MTU,
    ZONE,
    guest_mtu,
)
from sdn_orch.northbound.cloudstack.calls.network_offerings import TRAFFIC_TYPE
from sdn_orch.northbound.cloudstack.declare import COUNT_ONLY, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.filters import by, of_none
from sdn_orch.northbound.cloudstack.model import (
    AclType,
    Enabled,
    NetworkDetails,
    NetworkOffering,
    PhysicalNetwork,
)
from sdn_orch.northbound.cloudstack.model_sharing import NetworkPermission
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    choice,
    entity,
    required,
    text,
    words,
)
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, only_account, owned, visible
from sdn_orch.northbound.cloudstack.services import service
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.service import Transaction


class NetworkFilter(StrEnum):
    """Which networks to list, by why the account may use them."""

    ACCOUNT = "account"
    DOMAIN = "domain"
    ACCOUNT_DOMAIN = "accountdomain"
    SHARED = "shared"
    ALL = "all"


ID = entity("id", Network, "the id of the network")
ID_TO_SEE = entity("id", Network, "the id of the network", Access.USE)
OFFERING = entity("networkofferingid", NetworkOffering, "the network offering", Access.ANY)
PHYSICAL = entity("physicalnetworkid", PhysicalNetwork, "the physical network", Access.ANY)
VPC = entity("vpcid", Vpc, "the VPC that tiers belong to")
FOR_VPC = boolean("forvpc", "true: only tiers of VPCs, false: only others")
TYPE = choice("type", "Isolated, Shared or L2", NetworkKind)
ACL_TYPE = choice("acltype", "Account or Domain", AclType)
FILTER = choice(
    "networkfilter",
    "account: its own, domain: those of its domain, accountdomain: both, shared: those that others share"
    " with it, all, which is the default",
    NetworkFilter,
)
SERVICES = words("supportedservices", "networks with these services")
VLAN = text("vlan", "the VLAN or VNI")
RESTART_REQUIRED = boolean("restartrequired", "networks that must be restarted; there are none")
CAN_USE = boolean("canusefordeploy", "networks that machines can be deployed in")
IS_SYSTEM = boolean("issystem", "system networks; there are none")
DISPLAY_NETWORK = boolean("displaynetwork", "whether users see it")
FORCED = boolean("forced", "go on whatever its state is")
MAKE_REDUNDANT = boolean("makeredundant", "true: without a single point of failure; here that is always so")
LIVE_PATCH = boolean("livepatch", "true: without interruption, which goes without cleanup only")
CLEANUP = boolean("cleanup", "true: also what is left of former rules; here that is so without it")


@lists(
    "listNetworks",
    SHAPE,
    "Lists networks, shared ones that the caller may use among them",
    ID_TO_SEE,
    NAME,
    ZONE,
    TYPE,
    OFFERING,
    PHYSICAL,
    VPC,
    FOR_VPC,
    ACL_TYPE,
    FILTER,
    by(SHAPE, TRAFFIC_TYPE),
    SERVICES,
    VLAN,
    RESTART_REQUIRED,
    CAN_USE,
    IS_SYSTEM,
    DISPLAY_NETWORK,
    by(SHAPE, boolean("specifyipranges", "networks whose range of addresses is given, or others")),
    of_none("associatednetworkid", Network, "networks that are bound to the network"),
    COUNT_ONLY,
    *SCOPE,
)
def list_networks(call: Call) -> Iterable[Network]:
    """Networks by owner and by what they are."""
    if call.get(RESTART_REQUIRED) or call.get(IS_SYSTEM) or call.get(CAN_USE) is False:
        return ()
    snapshot, vpc = call.snapshot, call.get(VPC)
    zone, offering, physical = call.get(ZONE), call.get(OFFERING), call.get(PHYSICAL)
    wanted = {service(name).name for name in call.get(SERVICES) or ()}

    return chosen(
        one_or(call, ID_TO_SEE, lambda: _seen(call)),
        (call.get(NAME), lambda network: network.name),
        (call.get(TYPE), lambda network: network.kind),
        (vpc.id if vpc else None, lambda network: network.vpc_id),
        (call.get(FOR_VPC), lambda network: network.vpc_id is not None),
        (zone.id if zone else None, lambda network: details(snapshot, network).zone_id),
        (offering.id if offering else None, lambda network: details(snapshot, network).offering_id),
        (physical.id if physical else None, lambda n: details(snapshot, n).physical_network_id),
        (call.get(ACL_TYPE), lambda network: details(snapshot, network).acl_type),
        (call.get(DISPLAY_NETWORK), lambda network: details(snapshot, network).display_network),
        (call.get(VLAN), lambda network: str(network.vlan or network.vni)),
        (True if wanted else None, lambda network: source_nat.serves(snapshot, network, *wanted)),
    )


def _seen(call: Call) -> Iterable[Network]:
    """What the accounts in scope own and may use, for the reasons that are asked for."""
    vpc, wanted = call.get(VPC), call.get(FILTER) or NetworkFilter.ALL
    if vpc is not None:
        return call.snapshot.where(Network, "vpc_id", vpc.id)
    found: dict[str, Network] = {}
    if wanted is NetworkFilter.ALL:
        found |= {network.id: network for network in owned(call, Network)}
    if wanted in (NetworkFilter.ACCOUNT, NetworkFilter.ACCOUNT_DOMAIN):
        found |= {network.id: network for network in _of_accounts(call)}
    if wanted in (NetworkFilter.DOMAIN, NetworkFilter.ACCOUNT_DOMAIN, NetworkFilter.ALL):
        found |= {network.id: network for network in _of_domains(call)}
    if wanted in (NetworkFilter.SHARED, NetworkFilter.ALL):
        found |= {network.id: network for network in _permitted(call)}
    return sorted(found.values(), key=lambda network: network.number)


def _of_accounts(call: Call) -> Iterator[Network]:
    for network in owned(call, Network):
        if details(call.snapshot, network).acl_type is AclType.ACCOUNT:
            yield network


def _of_domains(call: Call) -> Iterator[Network]:
    """Networks of whole domains: those that the account may use, or whose owners are in scope."""
    snapshot, account = call.snapshot, only_account(call)
    known = snapshot.where(NetworkDetails, "acl_type", AclType.DOMAIN)
    networks = (snapshot.need(Network, each.id) for each in known)
    if account is None:
        return visible(call, networks)
    return (network for network in networks if may_use(snapshot, account, network))


def _permitted(call: Call) -> Iterator[Network]:
    for each in owned(call, NetworkPermission):
        yield call.snapshot.need(Network, each.network_id)


@changes(
    "updateNetwork",
    SHAPE,
    "Updates a network",
    required(ID),
    NAME,
    DISPLAY_TEXT,
    NETWORK_DOMAIN,
    OFFERING,
    DISPLAY_NETWORK,
    *DNS,
    PRIVATE_MTU,
    PUBLIC_MTU,
    mode=Mode.ASYNC,
    event="NETWORK.UPDATE",
)
def update_network(call: Call) -> Network:
    """The network changed; guests learn of it when they renew their leases."""
    network, old = call[ID], details(call.snapshot, call[ID])
    offering, shown = call.get(OFFERING), call.get(DISPLAY_NETWORK)
    if offering is not None and offering.id != old.offering_id:
        upgrades.check(call.snapshot, network, offering)
        if offering.state is not Enabled.ENABLED:
            raise bad("Can't use specified network offering id as its state is not Enabled")
    call.transaction.put(
        dataclasses.replace(
            old,
            display_text=call.get(DISPLAY_TEXT) or old.display_text,
            offering_id=offering.id if offering else old.offering_id,
            display_network=old.display_network if shown is None else shown,
            public_mtu=call.get(PUBLIC_MTU) or old.public_mtu,
        )
    )
    return call.transaction.put(
        dataclasses.replace(
            network,
            name=call.get(NAME) or network.name,
            domain_name=call.get(NETWORK_DOMAIN) or network.domain_name,
            mtu=guest_mtu(call, network.mtu),
            dns=merge_dns(call, network.dns),
            egress_open=offering.egress_default_allow if offering else network.egress_open,
            answers_names=offering.answers_names if offering else network.answers_names,
            rate=(offering.network_rate or None) if offering else network.rate,
        )
    )


def merge_dns(call: Call, old: tuple[str, ...]) -> tuple[str, ...]:
    """The DNS servers, of each IP version the given ones, or the old ones if none is given."""
    merged: list[str] = []
    for version, given in ((4, DNS[:2]), (6, DNS[2:])):
        new = [str(server) for server in map(call.get, given) if server is not None]
        merged += new or [server for server in old if ip_address(server).version == version]
    return tuple(merged)


@changes(
    "restartNetwork",
    SUCCESS,
    "Restarts a network",
    required(ID),
    CLEANUP,
    MAKE_REDUNDANT,
    LIVE_PATCH,
    mode=Mode.ASYNC,
    event="NETWORK.RESTART",
)
def restart_network(call: Call) -> None:
    """Nothing to do: what switches hold is compared with what they should all the time."""
    check_restart(call)
    if state(call.snapshot, call[ID]) == "Allocated":
        raise bad("Network is not in the right state to be restarted. Correct states are: Implemented, Setup")


def check_restart(call: Call) -> None:
    """Raises a parameter fault if what is asked for contradicts itself."""
    if call.get(CLEANUP) and call.get(LIVE_PATCH):
        raise bad("livepatch cannot be used with cleanup")


@changes(
    "deleteNetwork",
    SUCCESS,
    "Deletes a network",
    required(ID),
    FORCED,
    mode=Mode.ASYNC,
    event="NETWORK.DELETE",
)
def delete_network(call: Call) -> None:
    """Only a network without machines."""
    drop_network(call.transaction, call[ID])


def drop_network(transaction: Transaction, network: Network) -> None:
    """Delete the network with its details; its VLAN or VNI is free again. Raises InUse."""
    known = details(transaction.snapshot, network)
    transaction.delete(known)
    networks.delete_network(transaction, network)
    if known.segment is not None:
        pool.release(transaction, known.physical_network_id, known.segment)
