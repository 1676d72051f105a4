"""create, update, delete and listVlanIpRange(s), dedicate and releasePublicIpRange."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from uuid import uuid4

from sdn_orch.errors import InUse
from sdn_orch.intent.model import Account, Domain, Network, NetworkKind, Nic
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import pool, public
from sdn_orch.northbound.cloudstack import portable, segments, source_nat
from sdn_orch.northbound.cloudstack.answers.addresses import RANGE as SHAPE
from sdn_orch.northbound.cloudstack.answers.addresses import (
    Range,
    physical_network_of_range,
    zone_of_range,
)
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import ZONE
from sdn_orch.northbound.cloudstack.calls.network_creation import (
    END_IP,
    GATEWAY,
    IP6_CIDR,
    IP6_GATEWAY,
    NETMASK,
    START_IP,
    prefix_of,
)
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad, no_entity
from sdn_orch.northbound.cloudstack.filters import of_none
from sdn_orch.northbound.cloudstack.model import Enabled, PhysicalNetwork, Zone
from sdn_orch.northbound.cloudstack.model_places import Pod
from sdn_orch.northbound.cloudstack.model_public import GuestRange, PublicRangeDetails
from sdn_orch.northbound.cloudstack.parameters import (
    Parameter,
    Request,
    WrongValue,
    boolean,
    entity,
    required,
    text,
)
from sdn_orch.northbound.cloudstack.scope import ACCOUNT, DOMAIN, IN_PROJECT, chosen, new_owner
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.service import Transaction

NETWORK = entity("networkid", Network, "the shared network that the range is for", Access.ANY)
PHYSICAL = entity("physicalnetworkid", PhysicalNetwork, "the physical network", Access.ANY)
FOR_VIRTUAL = boolean("forvirtualnetwork", "true: public addresses; false: of a shared network")
VLAN = text("vlan", "the VLAN, or untagged, which is the default")


def _read_range(request: Request) -> Range | None:
    value = request.given.get("id", "")
    if value in ("", "None"):
        return None
    found = request.snapshot.get(PublicRange, value.lower()) or request.snapshot.get(
        GuestRange, value.lower()
    )
    if found is None or portable.is_portable(request.snapshot, found.id):
        raise WrongValue(no_entity("id", value))
    return found


def _read_public_range(request: Request) -> PublicRange | None:
    found = _read_range(request)
    if isinstance(found, GuestRange):
        raise WrongValue(no_entity("id", found.id))
    return found


PUBLIC_ID: Parameter[PublicRange] = Parameter(
    name="id",
    type_name="uuid",
    description="the id of the public range",
    read=_read_public_range,
    kind=PublicRange,
)
#: Of a public range or of a shared network's; roots only ask.
ID: Parameter[Range] = Parameter(
    name="id", type_name="uuid", description="the id of the range", read=_read_range, kind=PublicRange
)


@lists(
    "listVlanIpRanges",
    SHAPE,
    "Lists ranges of addresses, public ones and those of shared networks",
    ID,
    ZONE,
    NETWORK,
    PHYSICAL,
    FOR_VIRTUAL,
    VLAN,
    of_none("podid", Pod, "ranges of the pod"),
    ACCOUNT,
    DOMAIN,
    IN_PROJECT,
    roles=ROOT,
    key="vlaniprange",
)
def list_vlan_ip_ranges(call: Call) -> Iterable[Range]:
    """Ranges by place, by what they are for and by whom they are kept for."""
    snapshot = call.snapshot
    zone, network, physical, vlan = call.get(ZONE), call.get(NETWORK), call.get(PHYSICAL), call.get(VLAN)
    account = new_owner(call) if call.get(ACCOUNT) or call.get(IN_PROJECT) else None
    domain = call.get(DOMAIN) if account is None else None
    given = call.get(ID)
    return chosen(
        (given,) if given is not None else _all(snapshot),
        (zone.id if zone else None, lambda each: zone_of_range(snapshot, each)),
        (network.id if network else None, lambda each: getattr(each, "network_id", None)),
        (physical.id if physical else None, lambda each: physical_network_of_range(snapshot, each)),
        (call.get(FOR_VIRTUAL), lambda each: isinstance(each, PublicRange)),
        (
            read_vlan(vlan) or "untagged" if vlan else None,
            lambda each: _vlan_of(snapshot, each) or "untagged",
        ),
        (account.id if account else None, lambda each: getattr(each, "account_id", None)),
        (domain.id if domain else None, lambda each: getattr(each, "domain_id", None)),
    )


def _all(snapshot: Snapshot) -> Iterator[Range]:
    yield from source_nat.all_ranges(snapshot)
    yield from snapshot.all(GuestRange)


def _vlan_of(snapshot: Snapshot, each: Range) -> int | None:
    return snapshot.need(Network, each.network_id).vlan if isinstance(each, GuestRange) else each.vlan


@changes(
    "createVlanIpRange",
    SHAPE,
    "Creates a range of addresses: public ones, or more of a shared network",
    ZONE,
    NETWORK,
    PHYSICAL,
    FOR_VIRTUAL,
    VLAN,
    GATEWAY,
    NETMASK,
    START_IP,
    END_IP,
    IP6_CIDR,
    IP6_GATEWAY,
    ACCOUNT,
    DOMAIN,
    IN_PROJECT,
    event="VLAN.IP.RANGE.CREATE",
    roles=ROOT,
)
def create_vlan_ip_range(call: Call) -> Range:
    """The range; one of a shared network must lie in the network's prefix."""
    first = call.get(START_IP)
    if first is None:
        raise bad("startip is required: a range has at least one IPv4 address")
    last = call.get(END_IP) or first
    if last < first:
        raise bad(f"endip {last} is below startip {first}")
    network = call.get(NETWORK)
    if network is not None:
        return _guest_range(call, network, first, last)
    if call.get(FOR_VIRTUAL) is False:
        raise bad("networkid is required: a range that is not public is a shared network's")
    return _public_range(call, first, last)


def _guest_range(call: Call, network: Network, first: IPv4Address, last: IPv4Address) -> GuestRange:
    if network.kind is not NetworkKind.SHARED:
        raise bad(f"Network {network.id} is not of type Shared: its addresses are all its prefix has")
    if network.ipv4 is None or first not in network.ipv4 or last not in network.ipv4:
        raise bad(f"{first}..{last} is not inside {network.ipv4 or 'an IPv4 prefix'} of network {network.id}")
    present = call.snapshot.where(GuestRange, "network_id", network.id)
    if any(each.first <= last and first <= each.last for each in present):
        raise bad(f"{first}..{last} overlaps another range of network {network.id}")
    made = GuestRange(id=str(uuid4()), network_id=network.id, first=first, last=last)
    _provide(call.transaction, network.id, (*present, made))
    return call.transaction.put(made)


def _provide(transaction: Transaction, network_id: str, ranges: Iterable[GuestRange]) -> None:
    pool.provide(transaction, network_id, tuple(sorted((int(each.first), int(each.last)) for each in ranges)))


def _public_range(call: Call, first: IPv4Address, last: IPv4Address) -> PublicRange:
    gateway, netmask = call.get(GATEWAY), call.get(NETMASK)
    if gateway is None or netmask is None:
        raise bad("gateway and netmask are required for public addresses")
    prefix6, gateway6 = call.get(IP6_CIDR), call.get(IP6_GATEWAY)
    if gateway6 is not None and prefix6 is None:
        raise bad("ip6gateway and ip6cidr must be defined together")
    if prefix6 is not None and prefix6.prefixlen > 64:
        raise bad(f"The IPv6 prefix of a public range must not be longer than a /64: {prefix6}")
    account, domain = _kept_for(call)
    physical, vlan = _physical_network(call), read_vlan(call.get(VLAN))
    check_vlan(call.snapshot, vlan)
    if portable.overlapping(call.snapshot, first, last) is not None:
        raise bad(
            f"Ip range: {first}-{last} overlaps with a portable IP range already configured in the region"
            f" {portable.REGION}"
        )
    made = public.create_range(
        call.transaction,
        PublicRange(
            id=str(uuid4()),
            ipv4=prefix_of(gateway, netmask),
            gateway=gateway,
            first=first,
            last=last,
            vlan=vlan,
            ipv6=prefix6,
            gateway6=gateway6 or (prefix6[1] if prefix6 else None),
            account_id=account.id if account else None,
            domain_id=domain.id if domain else None,
        ),
    )
    call.transaction.put(
        PublicRangeDetails(id=made.id, zone_id=physical.zone_id, physical_network_id=physical.id)
    )
    return made


def _kept_for(call: Call) -> tuple[Account | None, Domain | None]:
    """The account, or the domain, for which a range is kept."""
    if call.get(ACCOUNT) is not None or call.get(IN_PROJECT) is not None:
        return new_owner(call), None
    return None, call.get(DOMAIN)


def _physical_network(call: Call) -> PhysicalNetwork:
    """The one given, or the zone's first that is enabled."""
    given, zone = call.get(PHYSICAL), call.get(ZONE)
    if given is not None:
        if zone is not None and given.zone_id != zone.id:
            raise bad(f"Physical network {given.id} is not in zone {zone.name}")
        return given
    if zone is None:
        raise bad("zoneid is required for public addresses, or physicalnetworkid")
    return first_physical_network(call.snapshot, zone)


def first_physical_network(snapshot: Snapshot, zone: Zone) -> PhysicalNetwork:
    """The zone's first physical network that is enabled; raises a parameter fault if there is none."""
    for physical in snapshot.where(PhysicalNetwork, "zone_id", zone.id):
        if physical.state is Enabled.ENABLED:
            return physical
    raise bad(f"Unable to find physical network in zone {zone.name} that is enabled")


def check_vlan(snapshot: Snapshot, vlan: int | None) -> None:
    """Raises a parameter fault for a VLAN that networks of tenants may get."""
    dealer = segments.dealer(snapshot, vlan) if vlan is not None else None
    if dealer is not None:
        zone = snapshot.need(Zone, dealer.zone_id)
        raise bad(
            f"The VLAN tag {vlan} is already being used for dynamic vlan allocation for the guest network in"
            f" zone {zone.name}"
        )


def read_vlan(given: str | None) -> int | None:
    """The number of the VLAN; None: untagged. Raises a parameter fault."""
    said = (given or "untagged").lower().removeprefix("vlan://")
    if said == "untagged":
        return None
    if not said.isascii() or not said.isdigit() or not 1 <= int(said[:8]) <= 4094:
        raise bad(f"Invalid vlan {(given or '')[:255]}: it must be untagged or a number in 1..4094")
    return int(said)


@changes(
    "updateVlanIpRange",
    SHAPE,
    "Gives a range other ends",
    required(ID),
    START_IP,
    END_IP,
    GATEWAY,
    NETMASK,
    event="VLAN.IP.RANGE.UPDATE",
    roles=ROOT,
)
def update_vlan_ip_range(call: Call) -> Range:
    """The range with other ends; addresses that are taken must stay inside."""
    old = call[ID]
    first, last = call.get(START_IP) or old.first, call.get(END_IP) or old.last
    if last < first:
        raise bad(f"endip {last} is below startip {first}")
    if isinstance(old, GuestRange):
        if call.get(GATEWAY) or call.get(NETMASK):
            raise bad("The gateway and netmask of a shared network's range are the network's")
        network = call.snapshot.need(Network, old.network_id)
        _check_unused(call.snapshot, network, old, (first, last))
        others = _others(call.snapshot, old)
        if any(each.first <= last and first <= each.last for each in others):
            raise bad(f"{first}..{last} overlaps another range of network {network.id}")
        made = dataclasses.replace(old, first=first, last=last)
        _provide(call.transaction, network.id, (*others, made))
        return call.transaction.put(made)
    gateway, netmask = call.get(GATEWAY) or old.gateway, call.get(NETMASK)
    prefix = prefix_of(gateway, netmask) if netmask is not None else old.ipv4
    return public.resize_range(
        call.transaction, dataclasses.replace(old, first=first, last=last, gateway=gateway, ipv4=prefix)
    )


@changes(
    "deleteVlanIpRange",
    SUCCESS,
    "Deletes a range of addresses of which none is taken",
    required(ID),
    event="VLAN.IP.RANGE.DELETE",
    roles=ROOT,
)
def delete_vlan_ip_range(call: Call) -> None:
    """The addresses of the range are not given any more."""
    old = call[ID]
    if isinstance(old, PublicRange):
        public.delete_range(call.transaction, old)
        return
    network = call.snapshot.need(Network, old.network_id)
    _check_unused(call.snapshot, network, old, None)
    _provide(call.transaction, network.id, _others(call.snapshot, old))
    call.transaction.delete(old)


def _others(snapshot: Snapshot, old: GuestRange) -> list[GuestRange]:
    """The other ranges of the network."""
    return [each for each in snapshot.where(GuestRange, "network_id", old.network_id) if each.id != old.id]


def _check_unused(
    snapshot: Snapshot, network: Network, old: GuestRange, kept: tuple[IPv4Address, IPv4Address] | None
) -> None:
    """Raises InUse if a NIC has an address of the old range that is not kept."""
    for nic in snapshot.where(Nic, "network_id", network.id):
        for address in nic.addresses:
            if not isinstance(address, IPv4Address) or not old.first <= address <= old.last:
                continue
            if kept is None or not kept[0] <= address <= kept[1]:
                raise InUse(f"{address} of range {old.id} is that of NIC {nic.id}")


@changes(
    "dedicatePublicIpRange",
    SHAPE,
    "Keeps a public range for an account or a domain",
    required(PUBLIC_ID),
    required(DOMAIN),
    ACCOUNT,
    IN_PROJECT,
    event="VLAN.IP.RANGE.DEDICATE",
    roles=ROOT,
)
def dedicate_public_ip_range(call: Call) -> Range:
    """Only a range of which nobody else has taken an address."""
    old = call[PUBLIC_ID]
    if old.account_id is not None or old.domain_id is not None:
        raise bad(f"Public IP range {old.id} is dedicated already")
    account, domain = _kept_for(call)
    for address in call.snapshot.where(PublicAddress, "range_id", old.id):
        holder = call.snapshot.need(Account, address.account_id)
        if (account and holder.id != account.id) or (domain and holder.domain_id != domain.id):
            raise InUse(
                f"Public IP address {address.address} in range {old.id} is allocated to another account"
            )
    return call.transaction.put(
        dataclasses.replace(
            old, account_id=account.id if account else None, domain_id=domain.id if domain else None
        )
    )


@changes(
    "releasePublicIpRange",
    SUCCESS,
    "Keeps a public range for nobody",
    required(PUBLIC_ID),
    event="VLAN.IP.RANGE.RELEASE",
    roles=ROOT,
)
def release_public_ip_range(call: Call) -> None:
    """Anybody may take its addresses."""
    old = call[PUBLIC_ID]
    if old.account_id is None and old.domain_id is None:
        raise bad(f"Public IP range {old.id} is not dedicated")
    call.transaction.put(dataclasses.replace(old, account_id=None, domain_id=None))
