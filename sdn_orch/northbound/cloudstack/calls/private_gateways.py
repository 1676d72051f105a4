"""create, delete and listPrivateGateway(s): addresses of VPCs in networks outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import uuid4

from sdn_orch.intent.acls import AclList
from sdn_orch.intent.model import Vpc
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.northbound import routing
from sdn_orch.northbound.cloudstack.answers.networks import vpc_details
from sdn_orch.northbound.cloudstack.answers.routing import PRIVATE_GATEWAY as SHAPE
from sdn_orch.northbound.cloudstack.answers.routing import gateway_state
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.acl_lists import default_deny, list_for
from sdn_orch.northbound.cloudstack.calls.network_creation import prefix_of
from sdn_orch.northbound.cloudstack.calls.vlan_ranges import first_physical_network, read_vlan
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import Enabled, PhysicalNetwork, Zone
from sdn_orch.northbound.cloudstack.model_routing import PrivateGatewayDetails
from sdn_orch.northbound.cloudstack.parameters import boolean, entity, ipv4, required, text
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", PrivateGateway, "the id of the gateway")
VPC = entity("vpcid", Vpc, "the VPC")
ADDRESS = ipv4("ipaddress", "the VPC's address outside")
GATEWAY = ipv4("gateway", "what leads on from there")
NETMASK = ipv4("netmask", "the netmask of the network outside")
VLAN = text("vlan", "the VLAN of the network outside, or untagged")
PHYSICAL = entity("physicalnetworkid", PhysicalNetwork, "the physical network", Access.ANY)
SOURCE_NAT = boolean("sourcenatsupported", "whether what leaves goes under its address")
ACL = entity("aclid", AclList, "the list of rules for what passes; default_deny by default", Access.USE)
STATE = text("state", "the state")


@lists(
    "listPrivateGateways",
    SHAPE,
    "Lists private gateways of VPCs",
    ID,
    VPC,
    ADDRESS,
    VLAN,
    STATE,
    *SCOPE,
)
def list_private_gateways(call: Call) -> Iterable[PrivateGateway]:
    """Gateways by owner, VPC and place."""
    vpc, vlan, state = call.get(VPC), call.get(VLAN), call.get(STATE)

    def others() -> Iterator[PrivateGateway]:
        for each in (vpc,) if vpc is not None else owned(call, Vpc):
            yield from call.snapshot.where(PrivateGateway, "vpc_id", each.id)

    return chosen(
        one_or(call, ID, others),
        (call.get(ADDRESS), lambda gateway: gateway.address),
        (read_vlan(vlan) or "untagged" if vlan else None, lambda gateway: gateway.vlan or "untagged"),
        (state.lower() if state else None, lambda gateway: gateway_state(call.scene, gateway).lower()),
    )


@changes(
    "createPrivateGateway",
    SHAPE,
    "Gives a VPC an address in a network outside",
    required(VPC),
    required(ADDRESS),
    required(GATEWAY),
    required(NETMASK),
    VLAN,
    PHYSICAL,
    SOURCE_NAT,
    ACL,
    roles=ROOT,
    mode=Mode.ASYNC_CREATE,
    event="PRIVATE.GATEWAY.CREATE",
)
def create_private_gateway(call: Call) -> PrivateGateway:
    """The gateway, over which static routes may lead."""
    vpc, acl = call[VPC], call.get(ACL)
    if call.get(VLAN) is None:
        raise bad("vlan is required: the VLAN of the network outside, or untagged")
    physical, vlan = _physical_network(call, vpc), read_vlan(call.get(VLAN))
    if physical.deals_vlan(vlan):
        raise bad(
            f"The VLAN tag {vlan} is already being used for dynamic vlan allocation for the guest network in"
            f" physical network {physical.name}"
        )
    acl = list_for(acl, vpc.id) if acl is not None else default_deny(call.snapshot)
    gateway = call.transaction.put(
        PrivateGateway(
            id=str(uuid4()),
            vpc_id=vpc.id,
            address=call[ADDRESS],
            ipv4=prefix_of(call[GATEWAY], call[NETMASK]),
            gateway=call[GATEWAY],
            vlan=vlan,
            source_nat=call.get(SOURCE_NAT) is True,
            acl_id=acl.id,
        )
    )
    call.transaction.put(PrivateGatewayDetails(id=gateway.id, physical_network_id=physical.id))
    return gateway


def _physical_network(call: Call, vpc: Vpc) -> PhysicalNetwork:
    given, zone_id = call.get(PHYSICAL), vpc_details(call.snapshot, vpc).zone_id
    if given is None:
        return first_physical_network(call.snapshot, call.snapshot.need(Zone, zone_id))
    if given.zone_id != zone_id:
        raise bad(f"Physical network {given.id} is in another zone than VPC {vpc.id}")
    if given.state is not Enabled.ENABLED:
        raise bad(f"Physical network {given.name} is not Enabled")
    return given


@changes(
    "deletePrivateGateway",
    SUCCESS,
    "Takes a VPC's address in a network outside away",
    required(ID),
    roles=ROOT,
    mode=Mode.ASYNC,
    event="PRIVATE.GATEWAY.DELETE",
)
def delete_private_gateway(call: Call) -> None:
    """Only a gateway that no static route leads over."""
    routing.delete_gateway(call.transaction, call[ID])
