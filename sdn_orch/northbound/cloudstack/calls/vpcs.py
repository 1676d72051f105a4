"""createVPC, listVPCs, updateVPC, deleteVPC."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.intent.model import Vpc
from sdn_orch.northbound import networks
from sdn_orch.northbound.cloudstack import source_nat
from sdn_orch.northbound.cloudstack.answers.networks import VPC as SHAPE
from sdn_orch.northbound.cloudstack.answers.networks import vpc_details
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import (
    DISPLAY_TEXT,
    DNS,
    NAME,
    NETWORK_DOMAIN,
    PUBLIC_MTU,
    ZONE,
)
from sdn_orch.northbound.cloudstack.calls.network_creation import check_zone, domain_name
from sdn_orch.northbound.cloudstack.calls.networks import (
    CLEANUP,
    LIVE_PATCH,
    MAKE_REDUNDANT,
    check_restart,
    merge_dns,
)
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.filters import by
from sdn_orch.northbound.cloudstack.model import Enabled, VpcDetails, VpcOffering
from sdn_orch.northbound.cloudstack.parameters import boolean, cidr4, entity, ipv4, required, text, words
from sdn_orch.northbound.cloudstack.scope import OWNER, SCOPE, chosen, new_owner, one_or, owned
from sdn_orch.northbound.cloudstack.services import service
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.service import Transaction

ID = entity("id", Vpc, "the id of the VPC")
OFFERING = entity("vpcofferingid", VpcOffering, "the VPC offering", Access.ANY)
CIDR = cidr4("cidr", "the prefix that tiers lie in")
SERVICES = words("supportedservices", "VPCs with these services")
LISTED_CIDR = text("cidr", "the prefix that tiers lie in")
STATE = by(SHAPE, text("state", "the state: Enabled"))
FOR_DISPLAY = boolean("fordisplay", "whether users see it")
SOURCE_NAT_ADDRESS = ipv4("sourcenatipaddress", "the public address under which its tiers shall go out")
START = boolean("start", "whether to start it at once; VPCs need no start")


@lists(
    "listVPCs",
    SHAPE,
    "Lists VPCs",
    ID,
    NAME,
    DISPLAY_TEXT,
    LISTED_CIDR,
    STATE,
    ZONE,
    OFFERING,
    SERVICES,
    by(SHAPE, boolean("restartrequired", "VPCs that must be restarted, which none must, or others")),
    FOR_DISPLAY,
    *SCOPE,
)
def list_vpcs(call: Call) -> Iterable[Vpc]:
    """VPCs by owner and by what they are."""
    snapshot, zone, offering = call.snapshot, call.get(ZONE), call.get(OFFERING)
    wanted = {service(name).name for name in call.get(SERVICES) or ()}

    return chosen(
        one_or(call, ID, lambda: owned(call, Vpc)),
        (call.get(NAME), lambda vpc: vpc.name),
        (call.get(LISTED_CIDR), lambda vpc: str(vpc.ipv4)),
        (call.get(DISPLAY_TEXT), lambda vpc: vpc_details(snapshot, vpc).display_text),
        (call.get(FOR_DISPLAY), lambda vpc: vpc_details(snapshot, vpc).for_display),
        (zone.id if zone else None, lambda vpc: vpc_details(snapshot, vpc).zone_id),
        (offering.id if offering else None, lambda vpc: vpc_details(snapshot, vpc).offering_id),
        (True if wanted else None, lambda vpc: source_nat.serves(snapshot, vpc, *wanted)),
    )


@changes(
    "createVPC",
    SHAPE,
    "Creates a VPC",
    required(NAME),
    required(CIDR),
    required(OFFERING),
    required(ZONE),
    DISPLAY_TEXT,
    *OWNER,
    NETWORK_DOMAIN,
    *DNS,
    PUBLIC_MTU,
    FOR_DISPLAY,
    START,
    SOURCE_NAT_ADDRESS,
    mode=Mode.ASYNC_CREATE,
    event="VPC.CREATE",
)
def create_vpc(call: Call) -> Vpc:
    """A VPC without tiers."""
    offering, zone, owner = call[OFFERING], call[ZONE], new_owner(call)
    check_zone(call, zone)
    if offering.state is not Enabled.ENABLED:
        raise bad("Can't use specified VPC offering as its state is not Enabled")
    if not 8 <= call[CIDR].prefixlen <= 29:
        raise bad(f"Invalid cidr {call[CIDR]}: its length must be in 8..29")
    vpc = call.transaction.put(
        Vpc(
            id=str(uuid4()),
            account_id=owner.id,
            name=call[NAME],
            ipv4=call[CIDR],
            domain_name=call.get(NETWORK_DOMAIN) or domain_name(call, owner, zone),
            dns=merge_dns(call, (*zone.dns, *zone.ip6_dns)),
        )
    )
    call.transaction.put(
        VpcDetails(
            id=vpc.id,
            zone_id=zone.id,
            offering_id=offering.id,
            display_text=call.get(DISPLAY_TEXT) or call[NAME],
            created=call.now,
            public_mtu=call.get(PUBLIC_MTU) or 1500,
            for_display=call.get(FOR_DISPLAY) is not False,
        )
    )
    source_nat.ensure(call.transaction, vpc, call.get(SOURCE_NAT_ADDRESS))
    return vpc


@changes(
    "updateVPC",
    SHAPE,
    "Updates a VPC",
    required(ID),
    NAME,
    DISPLAY_TEXT,
    PUBLIC_MTU,
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="VPC.UPDATE",
)
def update_vpc(call: Call) -> Vpc:
    """The VPC with another name or text."""
    vpc, shown = call[ID], call.get(FOR_DISPLAY)
    old = vpc_details(call.snapshot, vpc)
    call.transaction.put(
        dataclasses.replace(
            old,
            display_text=call.get(DISPLAY_TEXT) or old.display_text,
            public_mtu=call.get(PUBLIC_MTU) or old.public_mtu,
            for_display=old.for_display if shown is None else shown,
        )
    )
    return call.transaction.put(dataclasses.replace(vpc, name=call.get(NAME) or vpc.name))


@changes("deleteVPC", SUCCESS, "Deletes a VPC", required(ID), mode=Mode.ASYNC, event="VPC.DELETE")
def delete_vpc(call: Call) -> None:
    """Only a VPC without tiers."""
    drop_vpc(call.transaction, call[ID])


def drop_vpc(transaction: Transaction, vpc: Vpc) -> None:
    """Delete the VPC with its details. Raises InUse."""
    transaction.delete(vpc_details(transaction.snapshot, vpc))
    networks.delete_vpc(transaction, vpc)


@changes(
    "restartVPC",
    SUCCESS,
    "Restarts a VPC",
    required(ID),
    CLEANUP,
    MAKE_REDUNDANT,
    LIVE_PATCH,
    mode=Mode.ASYNC,
    event="VPC.RESTART",
)
def restart_vpc(call: Call) -> None:
    """Nothing to do: what switches hold is compared with what they should all the time."""
    check_restart(call)
