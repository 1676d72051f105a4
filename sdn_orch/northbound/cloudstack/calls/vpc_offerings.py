"""create, update, delete and listVPCOffering(s)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.errors import InUse
from sdn_orch.northbound.cloudstack.answers.offerings import VPC_OFFERING as SHAPE
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import DISPLAY_TEXT, NAME, STATE
from sdn_orch.northbound.cloudstack.calls.network_offerings import (
    CAPABILITIES,
    ENABLE,
    EVERYWHERE,
    IS_DEFAULT,
    PROTOCOL,
    PROVIDERS,
    SERVICE_OFFERING,
    SERVICES,
    SORT_KEY,
    router_offering,
)
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import Enabled, InternetProtocol, VpcDetails, VpcOffering
from sdn_orch.northbound.cloudstack.parameters import entity, required
from sdn_orch.northbound.cloudstack.scope import chosen, one_or
from sdn_orch.northbound.cloudstack.services import (
    VPC_ROUTER,
    read_capabilities,
    read_services,
    service,
)
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", VpcOffering, "the id of the VPC offering", Access.ANY)


@lists(
    "listVPCOfferings",
    SHAPE,
    "Lists VPC offerings",
    ID,
    NAME,
    DISPLAY_TEXT,
    STATE,
    IS_DEFAULT,
    SERVICES,
    *EVERYWHERE,
)
def list_vpc_offerings(call: Call) -> Iterable[VpcOffering]:
    """Offerings by what they are."""
    wanted = {service(name).name for name in call.get(SERVICES) or ()}
    return chosen(
        sorted(
            one_or(call, ID, lambda: call.snapshot.all(VpcOffering)), key=lambda offering: offering.sort_key
        ),
        (call.get(NAME), lambda offering: offering.name),
        (call.get(DISPLAY_TEXT), lambda offering: offering.display_text),
        (call.get(STATE), lambda offering: offering.state),
        (call.get(IS_DEFAULT), lambda offering: offering.is_default),
        (True if wanted else None, lambda offering: wanted <= dict(offering.services).keys()),
    )


@changes(
    "createVPCOffering",
    SHAPE,
    "Creates a VPC offering",
    required(NAME),
    required(SERVICES),
    DISPLAY_TEXT,
    PROVIDERS,
    CAPABILITIES,
    PROTOCOL,
    ENABLE,
    SERVICE_OFFERING,
    roles=ROOT,
    mode=Mode.ASYNC_CREATE,
    event="VPC.OFFERING.CREATE",
)
def create_vpc_offering(call: Call) -> VpcOffering:
    """An offering, disabled unless `enable` is true."""
    if call.snapshot.where(VpcOffering, "name", call[NAME]):
        raise bad(f"A VPC offering with name {call[NAME]} already exists")
    services = read_services(call[SERVICES], call.get(PROVIDERS) or (), VPC_ROUTER)
    size = call.get(SERVICE_OFFERING)
    return call.transaction.put(
        VpcOffering(
            id=str(uuid4()),
            name=call[NAME],
            display_text=call.get(DISPLAY_TEXT) or call[NAME],
            service_offering_id=size.id if size else router_offering(call).id,
            created=call.now,
            services=services,
            capabilities=read_capabilities(call.get(CAPABILITIES) or (), services),
            state=Enabled.ENABLED if call.get(ENABLE) else Enabled.DISABLED,
            internet_protocol=call.get(PROTOCOL) or InternetProtocol.IPV4,
        )
    )


@changes(
    "updateVPCOffering",
    SHAPE,
    "Updates a VPC offering",
    required(ID),
    NAME,
    DISPLAY_TEXT,
    STATE,
    SORT_KEY,
    roles=ROOT,
    mode=Mode.ASYNC,
    event="VPC.OFFERING.UPDATE",
)
def update_vpc_offering(call: Call) -> VpcOffering:
    """What can change; services are fixed when the offering is created."""
    offering, name, sort_key = call[ID], call.get(NAME), call.get(SORT_KEY)
    if name and any(other.id != offering.id for other in call.snapshot.where(VpcOffering, "name", name)):
        raise bad(f"A VPC offering with name {name} already exists")
    return call.transaction.put(
        dataclasses.replace(
            offering,
            name=name or offering.name,
            display_text=call.get(DISPLAY_TEXT) or offering.display_text,
            state=call.get(STATE) or offering.state,
            sort_key=offering.sort_key if sort_key is None else sort_key,
        )
    )


@changes(
    "deleteVPCOffering",
    SUCCESS,
    "Deletes a VPC offering",
    required(ID),
    roles=ROOT,
    mode=Mode.ASYNC,
    event="VPC.OFFERING.DELETE",
)
def delete_vpc_offering(call: Call) -> None:
    """Only one that no VPC is made from, and not the default one."""
    offering = call[ID]
    if offering.is_default:
        raise bad("Default network offering can't be deleted")
    if count := call.snapshot.count_where(VpcDetails, "offering_id", offering.id):
        raise InUse(f"Can't delete vpc offering {offering.id} as its used by {count} vpcs")
    call.transaction.delete(offering)
