"""createVPCOffering, listVPCOfferings."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.northbound.cloudstack.answers.offerings import VPC_OFFERING as SHAPE
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import DISPLAY_TEXT, NAME, STATE
from sdn_orch.northbound.cloudstack.calls.network_offerings import (
    CAPABILITIES,
    ENABLE,
    IS_DEFAULT,
    PROTOCOL,
    PROVIDERS,
    SERVICE_OFFERING,
    SERVICES,
    router_offering,
)
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import Enabled, InternetProtocol, VpcOffering
from sdn_orch.northbound.cloudstack.parameters import entity, required
from sdn_orch.northbound.cloudstack.scope import chosen, one_or
from sdn_orch.northbound.cloudstack.services import (
    VPC_ROUTER,
    read_capabilities,
    read_services,
    service,
)

ID = entity("id", VpcOffering, "the id of the VPC offering", Access.ANY)


@lists("listVPCOfferings", SHAPE, "Lists VPC offerings", ID, NAME, DISPLAY_TEXT, STATE, IS_DEFAULT, SERVICES)
def list_vpc_offerings(call: Call) -> Iterable[VpcOffering]:
    """Offerings by what they are."""
    wanted = {service(name).name for name in call.get(SERVICES) or ()}
    return chosen(
        one_or(call, ID, lambda: call.snapshot.all(VpcOffering)),
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
