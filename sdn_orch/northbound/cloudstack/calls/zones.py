"""listZones, createZone, updateZone, deleteZone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from enum import StrEnum
from uuid import uuid4

from sdn_orch.errors import InUse
from sdn_orch.intent.model import Domain
from sdn_orch.northbound.cloudstack.answers.infrastructure import ZONE as SHAPE
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.calls.pods import STORAGE
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.filters import by, of_none
from sdn_orch.northbound.cloudstack.model import Enabled, PhysicalNetwork, Zone
from sdn_orch.northbound.cloudstack.model_places import Pod
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    choice,
    cidr4,
    entities,
    entity,
    integer,
    ipv4,
    ipv6,
    required,
    text,
)
from sdn_orch.northbound.cloudstack.scope import chosen, one_or
from sdn_orch.northbound.cloudstack.shapes import SUCCESS


class NetworkType(StrEnum):
    """The only one there is: CloudStack's basic zones have no networks of tenants."""

    ADVANCED = "Advanced"


ID = entity("id", Zone, "the id of the zone", Access.ANY)
IDS = entities("ids", Zone, "the ids of the zones", Access.ANY)
NETWORK_TYPE = choice("networktype", "Advanced", NetworkType)
AVAILABLE = boolean("available", "true: only zones that users may use")
DNS1 = ipv4("dns1", "the first DNS server of guests")
DNS2 = ipv4("dns2", "the second DNS server of guests")
INTERNAL_DNS1 = ipv4("internaldns1", "the first DNS server of the infrastructure")
INTERNAL_DNS2 = ipv4("internaldns2", "the second DNS server of the infrastructure")
IP6_DNS1 = ipv6("ip6dns1", "the first IPv6 DNS server of guests")
IP6_DNS2 = ipv6("ip6dns2", "the second IPv6 DNS server of guests")
DOMAIN = text("domain", "the network domain of guests")
GUEST_CIDR = cidr4("guestcidraddress", "the prefix of isolated networks, 10.1.1.0/24 by default")
ALLOCATION_STATE = choice("allocationstate", "Enabled: users may use it; Disabled by default", Enabled)
LOCAL_STORAGE = boolean("localstorageenabled", "whether local storage is enabled")

SORT_KEY = integer("sortkey", "the place in lists", -(2**31))
PRIVATE = of_none("domainid", Domain, "zones that are for the domain alone")

_SETTINGS = (
    DNS1,
    DNS2,
    INTERNAL_DNS1,
    INTERNAL_DNS2,
    IP6_DNS1,
    IP6_DNS2,
    DOMAIN,
    GUEST_CIDR,
    ALLOCATION_STATE,
    LOCAL_STORAGE,
)


@lists("listZones", SHAPE, "Lists zones", ID, IDS, NAME, by(SHAPE, NETWORK_TYPE), AVAILABLE, PRIVATE, STORAGE)
def list_zones(call: Call) -> Iterable[Zone]:
    """Zones, those that are disabled too unless `available` is true."""
    zones = call.get(IDS) or one_or(call, ID, lambda: call.snapshot.all(Zone))
    wanted = Enabled.ENABLED if call.get(AVAILABLE) else None
    return chosen(
        sorted(zones, key=lambda zone: zone.sort_key),
        (call.get(NAME), lambda zone: zone.name),
        (wanted, lambda zone: zone.allocation_state),
    )


@changes(
    "createZone",
    SHAPE,
    "Creates a zone",
    required(NAME),
    required(NETWORK_TYPE),
    required(DNS1),
    required(INTERNAL_DNS1),
    *_SETTINGS[1:2],
    *_SETTINGS[3:],
    roles=ROOT,
    event="ZONE.CREATE",
)
def create_zone(call: Call) -> Zone:
    """A zone with a name of its own."""
    if call.snapshot.where(Zone, "name", call[NAME]):
        raise bad(f"A zone with that name already exists. Please specify another zone name: {call[NAME]}")
    return call.transaction.put(_with_settings(call, Zone(id=str(uuid4()), name=call[NAME])))


@changes(
    "updateZone",
    SHAPE,
    "Updates a zone",
    required(ID),
    NAME,
    SORT_KEY,
    *_SETTINGS,
    roles=ROOT,
    event="ZONE.EDIT",
)
def update_zone(call: Call) -> Zone:
    """The zone changed; networks that exist keep the DNS servers that they have."""
    zone, name, sort_key = call[ID], call.get(NAME), call.get(SORT_KEY)
    if name is not None and any(other.id != zone.id for other in call.snapshot.where(Zone, "name", name)):
        raise bad(f"A zone with that name already exists. Please specify another zone name: {name}")
    sort_key = zone.sort_key if sort_key is None else sort_key
    changed = dataclasses.replace(zone, name=name or zone.name, sort_key=sort_key)
    return call.transaction.put(_with_settings(call, changed))


@changes("deleteZone", SUCCESS, "Deletes a zone", required(ID), roles=ROOT, event="ZONE.DELETE")
def delete_zone(call: Call) -> None:
    """Only a zone that nothing is in."""
    zone = call[ID]
    for kind, what in ((Pod, "pods"), (PhysicalNetwork, "physical networks")):
        if call.snapshot.count_where(kind, "zone_id", zone.id):
            raise InUse(f"The zone cannot be deleted because there are {what} in this zone")
    call.transaction.delete(zone)


def _with_settings(call: Call, zone: Zone) -> Zone:
    guest_cidr, local_storage = call.get(GUEST_CIDR), call.get(LOCAL_STORAGE)
    return dataclasses.replace(
        zone,
        dns=_servers(zone.dns, call.get(DNS1), call.get(DNS2)),
        internal_dns=_servers(zone.internal_dns, call.get(INTERNAL_DNS1), call.get(INTERNAL_DNS2)),
        ip6_dns=_servers(zone.ip6_dns, call.get(IP6_DNS1), call.get(IP6_DNS2)),
        domain_name=call.get(DOMAIN) or zone.domain_name,
        guest_cidr=str(guest_cidr) if guest_cidr else zone.guest_cidr,
        allocation_state=call.get(ALLOCATION_STATE) or zone.allocation_state,
        local_storage=zone.local_storage if local_storage is None else local_storage,
    )


def _servers(old: tuple[str, ...], *new: object) -> tuple[str, ...]:
    """The servers with the new ones in their places."""
    kept = (*old, None, None)[: len(new)]
    merged = (str(given) if given is not None else before for before, given in zip(kept, new, strict=True))
    return tuple(server for server in merged if server is not None)
