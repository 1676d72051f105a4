"""createNetworkOffering, listNetworkOfferings, updateNetworkOffering, deleteNetworkOffering."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from enum import StrEnum
from uuid import uuid4

from sdn_orch.intent.model import Domain, Network, NetworkKind
from sdn_orch.intent.rates import LARGEST_RATE
from sdn_orch.northbound.cloudstack.answers.offerings import NETWORK_OFFERING as SHAPE
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import DISPLAY_TEXT, NAME, STATE
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.filters import by, everywhere
from sdn_orch.northbound.cloudstack.model import (
    Availability,
    Enabled,
    InternetProtocol,
    NetworkDetails,
    NetworkMode,
    NetworkOffering,
    RoutingMode,
    ServiceOffering,
    Zone,
)
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    choice,
    entity,
    integer,
    mapping,
    required,
    text,
    words,
)
from sdn_orch.northbound.cloudstack.scope import chosen, one_or
from sdn_orch.northbound.cloudstack.services import (
    ROUTER,
    VPC_ROUTER,
    read_capabilities,
    read_services,
    service,
)
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

#: What networks can have whose IPv4 is routed.
_ROUTED_SERVICES = frozenset(("Dhcp", "Dns", "UserData", "Firewall", "Connectivity", "Gateway"))


class TrafficType(StrEnum):
    """The only one that offerings are created for."""

    GUEST = "Guest"


ID = entity("id", NetworkOffering, "the id of the network offering", Access.ANY)
GUEST_TYPE = choice("guestiptype", "Isolated, Shared or L2", NetworkKind)
TRAFFIC_TYPE = choice("traffictype", "Guest", TrafficType)
SERVICES = words("supportedservices", "the services, joined by commas")
PROVIDERS = mapping("serviceproviderlist", "who provides which service: service and provider")
CAPABILITIES = mapping(
    "servicecapabilitylist", "what is chosen of services: service, capabilitytype and capabilityvalue"
)
AVAILABILITY = choice("availability", "Required or Optional, the default", Availability)
PROTOCOL = choice("internetprotocol", "ipv4, the default, or dualstack", InternetProtocol)
NETWORK_MODE = choice("networkmode", "NATTED, the default, or ROUTED: IPv4 without NAT", NetworkMode)
ROUTING_MODE = choice("routingmode", "Static, the default, where networks are routed", RoutingMode)
FOR_VPC = boolean("forvpc", "whether it is for tiers of VPCs")
SPECIFY_VLAN = boolean("specifyvlan", "whether the VLAN is given when a network is created")
SPECIFY_RANGES = boolean("specifyipranges", "whether the range of addresses is given")
PERSISTENT = boolean("ispersistent", "whether networks are implemented without machines")
CONSERVE = boolean("conservemode", "whether services may share addresses")
EGRESS = boolean("egressdefaultpolicy", "true: guests may send unless a rule denies it")
KEEP_ALIVE = boolean("keepaliveenabled", "whether balancers keep connections")
ENABLE = boolean("enable", "true: enabled at once")
RATE = integer(
    "networkrate",
    "megabits a second that each NIC may send, and receive; 0: as much as it can",
    high=LARGEST_RATE,
)
MAX_CONNECTIONS = integer("maxconnections", "connections of a balancer", 1)
SORT_KEY = integer("sortkey", "the place in lists", -(2**31))
TAGS = text("tags", "the tags of the physical network")
SERVICE_OFFERING = entity("serviceofferingid", ServiceOffering, "the offering of its routers", Access.ANY)
IS_DEFAULT = boolean("isdefault", "true: only default offerings, false: only others")
IS_TAGGED = boolean("istagged", "true: only those with tags, false: only others")
SOURCE_NAT = boolean("sourcenatsupported", "true: only those with source NAT, false: only others")
NETWORK = entity("networkid", Network, "offerings that the network can be changed to")


#: Offerings are for all domains and zones.
EVERYWHERE = (
    everywhere(entity("domainid", Domain, "offerings for the domain; all are", Access.ANY)),
    everywhere(entity("zoneid", Zone, "offerings for the zone; all are", Access.ANY)),
)


@lists(
    "listNetworkOfferings",
    SHAPE,
    "Lists network offerings",
    ID,
    NAME,
    DISPLAY_TEXT,
    STATE,
    GUEST_TYPE,
    by(SHAPE, TRAFFIC_TYPE),
    AVAILABILITY,
    FOR_VPC,
    IS_DEFAULT,
    IS_TAGGED,
    SOURCE_NAT,
    SPECIFY_VLAN,
    SPECIFY_RANGES,
    SERVICES,
    TAGS,
    NETWORK,
    *EVERYWHERE,
    ROUTING_MODE,
)
def list_network_offerings(call: Call) -> Iterable[NetworkOffering]:
    """Offerings by what they are."""
    found = one_or(call, ID, lambda: call.snapshot.all(NetworkOffering))
    wanted = {service(name).name for name in call.get(SERVICES) or ()}
    network = call.get(NETWORK)
    return chosen(
        sorted(found, key=lambda offering: offering.sort_key),
        (call.get(NAME), lambda offering: offering.name),
        (call.get(DISPLAY_TEXT), lambda offering: offering.display_text),
        (call.get(STATE), lambda offering: offering.state),
        (call.get(GUEST_TYPE), lambda offering: offering.guest_type),
        (call.get(AVAILABILITY), lambda offering: offering.availability),
        (call.get(FOR_VPC), lambda offering: offering.for_vpc),
        (call.get(IS_DEFAULT), lambda offering: offering.is_default),
        (call.get(IS_TAGGED), lambda offering: bool(offering.tags)),
        (call.get(SOURCE_NAT), lambda offering: "SourceNat" in dict(offering.services)),
        (call.get(SPECIFY_VLAN), lambda offering: offering.specify_vlan),
        (call.get(SPECIFY_RANGES), lambda offering: offering.specify_ip_ranges),
        (call.get(TAGS), lambda offering: offering.tags),
        (call.get(ROUTING_MODE), lambda offering: offering.routing_mode),
        (True if wanted else None, lambda offering: wanted <= dict(offering.services).keys()),
        (True if network else None, lambda offering: network is not None and fits(offering, network)),
    )


def fits(offering: NetworkOffering, network: Network) -> bool:
    """Whether a network could have been made from the offering."""
    is_alike = offering.guest_type is network.kind and offering.is_routed == network.routed4
    return is_alike and offering.for_vpc == (network.vpc_id is not None)


@changes(
    "createNetworkOffering",
    SHAPE,
    "Creates a network offering",
    required(NAME),
    required(GUEST_TYPE),
    required(TRAFFIC_TYPE),
    DISPLAY_TEXT,
    SERVICES,
    PROVIDERS,
    CAPABILITIES,
    AVAILABILITY,
    PROTOCOL,
    NETWORK_MODE,
    ROUTING_MODE,
    FOR_VPC,
    SPECIFY_VLAN,
    SPECIFY_RANGES,
    PERSISTENT,
    CONSERVE,
    EGRESS,
    KEEP_ALIVE,
    ENABLE,
    RATE,
    MAX_CONNECTIONS,
    TAGS,
    SERVICE_OFFERING,
    roles=ROOT,
    event="NETWORK.OFFERING.CREATE",
)
def create_network_offering(call: Call) -> NetworkOffering:
    """An offering, disabled unless `enable` is true."""
    kind, for_vpc = call[GUEST_TYPE], call.get(FOR_VPC) or False
    if call.snapshot.where(NetworkOffering, "name", call[NAME]):
        raise bad(f"A network offering with name {call[NAME]} already exists")
    if for_vpc and kind is not NetworkKind.ISOLATED:
        raise bad("Only Isolated network offerings can be used for VPC networks")
    names = call.get(SERVICES) or ()
    if kind is NetworkKind.L2 and {service(name).name for name in names} - {"Connectivity", "UserData"}:
        raise bad("L2 network offerings serve nothing but Connectivity and UserData")
    services = read_services(names, call.get(PROVIDERS) or (), VPC_ROUTER if for_vpc else ROUTER)
    mode = _mode(call, {name for name, _ in services})
    size = call.get(SERVICE_OFFERING)
    offering = NetworkOffering(
        id=str(uuid4()),
        name=call[NAME],
        display_text=call.get(DISPLAY_TEXT) or call[NAME],
        guest_type=kind,
        service_offering_id=size.id if size else router_offering(call).id,
        created=call.now,
        services=services,
        capabilities=read_capabilities(call.get(CAPABILITIES) or (), services),
        state=Enabled.ENABLED if call.get(ENABLE) else Enabled.DISABLED,
        availability=call.get(AVAILABILITY) or Availability.OPTIONAL,
        internet_protocol=call.get(PROTOCOL) or InternetProtocol.IPV4,
        network_rate=call.get(RATE),
        max_connections=call.get(MAX_CONNECTIONS),
        tags=call.get(TAGS) or "",
        for_vpc=for_vpc,
        specify_vlan=call.get(SPECIFY_VLAN) or False,
        specify_ip_ranges=call.get(SPECIFY_RANGES) or False,
        is_persistent=call.get(PERSISTENT) or False,
        conserve_mode=call.get(CONSERVE) is not False,
        egress_default_allow=call.get(EGRESS) or False,
        keep_alive=call.get(KEEP_ALIVE) or False,
        network_mode=mode,
    )
    return call.transaction.put(offering)


def _mode(call: Call, services: set[str]) -> NetworkMode:
    """Raises parameter faults for what networks that are routed cannot be, and how none is routed here."""
    mode = call.get(NETWORK_MODE) or NetworkMode.NATTED
    if call.get(ROUTING_MODE) is RoutingMode.DYNAMIC:
        raise bad("routingmode Dynamic is not served here: routes are not told by BGP")
    if mode is NetworkMode.NATTED:
        return mode
    if call[GUEST_TYPE] is not NetworkKind.ISOLATED or call.get(FOR_VPC):
        raise bad("networkmode ROUTED is served for Isolated networks outside of VPCs only")
    if strange := sorted(services - _ROUTED_SERVICES):
        raise bad(f"Networks of mode ROUTED have no {', '.join(strange)}: nothing is translated there")
    return mode


def router_offering(call: Call) -> ServiceOffering:
    """The system's service offering: offerings name one, since clients look for it."""
    return next(offering for offering in call.snapshot.all(ServiceOffering) if offering.is_system)


@changes(
    "updateNetworkOffering",
    SHAPE,
    "Updates a network offering",
    ID,
    NAME,
    DISPLAY_TEXT,
    STATE,
    AVAILABILITY,
    SORT_KEY,
    TAGS,
    MAX_CONNECTIONS,
    KEEP_ALIVE,
    roles=ROOT,
    event="NETWORK.OFFERING.EDIT",
)
def update_network_offering(call: Call) -> NetworkOffering:
    """What can change; services are fixed when the offering is created."""
    offering, name = call.get(ID), call.get(NAME)
    if offering is None:
        raise bad("Unable to find network offering: id is missing")
    if name and any(other.id != offering.id for other in call.snapshot.where(NetworkOffering, "name", name)):
        raise bad(f"A network offering with name {name} already exists")
    sort_key, keep_alive = call.get(SORT_KEY), call.get(KEEP_ALIVE)
    return call.transaction.put(
        dataclasses.replace(
            offering,
            name=name or offering.name,
            display_text=call.get(DISPLAY_TEXT) or offering.display_text,
            state=call.get(STATE) or offering.state,
            availability=call.get(AVAILABILITY) or offering.availability,
            sort_key=offering.sort_key if sort_key is None else sort_key,
            tags=call.get(TAGS) or offering.tags,
            max_connections=call.get(MAX_CONNECTIONS) or offering.max_connections,
            keep_alive=offering.keep_alive if keep_alive is None else keep_alive,
        )
    )


@changes(
    "deleteNetworkOffering",
    SUCCESS,
    "Deletes a network offering",
    required(ID),
    roles=ROOT,
    event="NETWORK.OFFERING.DELETE",
)
def delete_network_offering(call: Call) -> None:
    """Only one that no network was made from, and none of the default ones."""
    offering = call[ID]
    if offering.is_default:
        raise bad("Default network offering can't be deleted")
    used = len(call.snapshot.where(NetworkDetails, "offering_id", offering.id))
    if used:
        raise bad(
            f"Can't delete network offering {offering.id} as its used by {used} networks. To make the network"
            " offering unavailable, disable it"
        )
    call.transaction.delete(offering)
