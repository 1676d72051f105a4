"""Network and VPC offerings."""

from __future__ import annotations

from sdn_orch.intent.model import NetworkKind
from sdn_orch.northbound.cloudstack.model import NetworkOffering, VpcOffering
from sdn_orch.northbound.cloudstack.services import services
from sdn_orch.northbound.cloudstack.shapes import Shape, always, flag, moment, number, string

#: CloudStack's words for guest types.
GUEST_TYPES = {NetworkKind.ISOLATED: "Isolated", NetworkKind.SHARED: "Shared", NetworkKind.L2: "L2"}

NETWORK_OFFERING: Shape[NetworkOffering] = Shape(
    key="networkoffering",
    resource="NetworkOffering",
    kind=NetworkOffering,
    keywords=("name", "displaytext"),
    fields=(
        string("id", "the id of the network offering", lambda _, offering: offering.id),
        string("name", "the name of the network offering", lambda _, offering: offering.name),
        string("displaytext", "the text shown for it", lambda _, offering: offering.display_text),
        string("guestiptype", "Isolated, Shared or L2", lambda _, offering: GUEST_TYPES[offering.guest_type]),
        string("traffictype", "the traffic type", always("Guest")),
        string("state", "Enabled or Disabled", lambda _, offering: offering.state),
        string("availability", "Required or Optional", lambda _, offering: offering.availability),
        flag("forvpc", "whether it is for tiers of VPCs", lambda _, offering: offering.for_vpc),
        flag("isdefault", "whether it is a default one", lambda _, offering: offering.is_default),
        flag("specifyvlan", "whether the VLAN is given", lambda _, offering: offering.specify_vlan),
        flag(
            "specifyipranges",
            "whether the range of addresses is given",
            lambda _, offering: offering.specify_ip_ranges,
        ),
        flag("conservemode", "whether addresses may be shared", lambda _, offering: offering.conserve_mode),
        flag(
            "ispersistent",
            "whether networks are implemented without machines",
            lambda _, offering: offering.is_persistent,
        ),
        flag(
            "egressdefaultpolicy",
            "whether guests may send by default",
            lambda _, offering: offering.egress_default_allow,
        ),
        string("internetprotocol", "ipv4 or dualstack", lambda _, offering: offering.internet_protocol),
        string("networkmode", "NATTED or ROUTED", lambda _, offering: offering.network_mode),
        string("routingmode", "Static, where networks are routed", lambda _, o: o.routing_mode),
        number("networkrate", "the rate in megabits a second", lambda _, offering: offering.network_rate),
        number("maxconnections", "connections of a balancer", lambda _, offering: offering.max_connections),
        string("tags", "the tags", lambda _, offering: offering.tags or None),
        string(
            "serviceofferingid",
            "the service offering of its routers",
            lambda _, offering: offering.service_offering_id,
        ),
        flag("supportsstrechedl2subnet", "whether subnets span zones", always(False)),
        flag("supportspublicaccess", "whether a network is public", always(False)),
        flag("fornsx", "whether it is for NSX", always(False)),
        moment("created", "when it was created", lambda _, offering: offering.created),
        services("the supported services"),
    ),
)

VPC_OFFERING: Shape[VpcOffering] = Shape(
    key="vpcoffering",
    resource="VpcOffering",
    kind=VpcOffering,
    keywords=("name", "displaytext"),
    fields=(
        string("id", "the id of the VPC offering", lambda _, offering: offering.id),
        string("name", "the name of the VPC offering", lambda _, offering: offering.name),
        string("displaytext", "the text shown for it", lambda _, offering: offering.display_text),
        string("state", "Enabled or Disabled", lambda _, offering: offering.state),
        flag("isdefault", "whether it is a default one", lambda _, offering: offering.is_default),
        flag("distributedvpcrouter", "whether tiers are routed at the edge", always(True)),
        flag("supportsregionLevelvpc", "whether a VPC may span zones", always(False)),
        string("internetprotocol", "ipv4 or dualstack", lambda _, offering: offering.internet_protocol),
        moment("created", "when it was created", lambda _, offering: offering.created),
        services("the supported services"),
    ),
)
