"""create, list and deletePortableIpRange(s)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from ipaddress import IPv4Address
from uuid import uuid4

from sdn_orch.intent.model import Account, Network
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import public
from sdn_orch.northbound.cloudstack import portable
from sdn_orch.northbound.cloudstack.answers.addresses import address_details
from sdn_orch.northbound.cloudstack.answers.networks import details
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.network_creation import prefix_of
from sdn_orch.northbound.cloudstack.calls.vlan_ranges import check_vlan, read_vlan
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import Zone
from sdn_orch.northbound.cloudstack.model_public import PortableRange, PublicRangeDetails
from sdn_orch.northbound.cloudstack.parameters import entity, integer, ipv4, required, text
from sdn_orch.northbound.cloudstack.scope import chosen, one_or
from sdn_orch.northbound.cloudstack.shapes import SUCCESS, Scene, Shape, items, moment, number, string

#: Every address is shown with its range.
_MOST = 65_536

ID = entity("id", PortableRange, "the id of the range", Access.ANY)
REGION = integer("regionid", "the region: 1")
GATEWAY = ipv4("gateway", "the gateway of the range")
NETMASK = ipv4("netmask", "the netmask of the range")
START_IP = ipv4("startip", "the first address")
END_IP = ipv4("endip", "the last address")
VLAN = text("vlan", "the VLAN, or untagged, which is the default")


def _range(scene: Scene, each: PortableRange) -> PublicRange:
    return scene.snapshot.need(PublicRange, each.range_id)


def _addresses(scene: Scene, each: PortableRange) -> list[PublicAddress]:
    """All of the range, those that nobody has as nobody's."""
    taken = scene.snapshot.where(PublicAddress, "range_id", each.range_id)
    found = [*taken, *public.free_addresses(scene.snapshot, _range(scene, each))]
    return sorted(found, key=lambda address: address.address)


def _zone(scene: Scene, address: PublicAddress) -> str | None:
    known = address_details(scene.snapshot, address)
    return known.zone_id if known else None


def _allocated(scene: Scene, address: PublicAddress) -> datetime | None:
    known = address_details(scene.snapshot, address)
    return known.created if known else None


def _domain(scene: Scene, address: PublicAddress) -> str | None:
    return scene.snapshot.need(Account, address.account_id).domain_id if address.account_id else None


RANGE: Shape[PortableRange] = Shape(
    key="portableiprange",
    resource="PortableIpRange",
    kind=PortableRange,
    keywords=("startip", "endip"),
    fields=(
        string("id", "the id of the range", lambda _, each: each.id),
        number("regionid", "the region", lambda _, each: each.region_id),
        string("gateway", "the gateway", lambda s, each: _range(s, each).gateway),
        string("netmask", "the netmask", lambda s, each: _range(s, each).ipv4.netmask),
        string("startip", "the first address", lambda s, each: _range(s, each).first),
        string("endip", "the last address", lambda s, each: _range(s, each).last),
        string("vlan", "the VLAN", lambda s, each: f"vlan://{_range(s, each).vlan or 'untagged'}"),
        items(
            "portableipaddress",
            "its addresses",
            _addresses,
            (
                string("ipaddress", "the address", lambda _, address: address.address),
                string("state", "Allocated or Free", lambda _, a: "Allocated" if a.account_id else "Free"),
                number("regionid", "the region", lambda *_: portable.REGION),
                string("accountid", "who has it", lambda _, address: address.account_id or None),
                string("domainid", "that account's domain", _domain),
                string("networkid", "the network that it leads into", lambda _, a: a.network_id),
                string("vpcid", "the VPC that it is for", lambda _, address: address.vpc_id),
                string("zoneid", "the zone where it is", _zone),
                moment("allocated", "when it was taken", _allocated),
            ),
        ),
    ),
)


@lists("listPortableIpRanges", RANGE, "Lists ranges of portable addresses", ID, REGION, roles=ROOT)
def list_portable_ip_ranges(call: Call) -> Iterable[PortableRange]:
    """Ranges with each of their addresses."""
    _check_region(call)
    return chosen(
        one_or(call, ID, lambda: call.snapshot.all(PortableRange)),
        (call.get(REGION), lambda each: each.region_id),
    )


@changes(
    "createPortableIpRange",
    RANGE,
    "Creates a range of addresses that can move between zones",
    required(REGION),
    required(START_IP),
    required(END_IP),
    required(GATEWAY),
    required(NETMASK),
    VLAN,
    roles=ROOT,
    mode=Mode.ASYNC_CREATE,
    event="PORTABLE.IP.RANGE.CREATE",
)
def create_portable_ip_range(call: Call) -> PortableRange:
    """The range, which meets no other public one, in a VLAN that nothing else has."""
    _check_region(call)
    first, last, gateway = call[START_IP], call[END_IP], call[GATEWAY]
    if last < first:
        raise bad(f"Invalid portable ip  range: {first}-{last}")
    if int(last) - int(first) >= _MOST:
        raise bad(f"Invalid portable ip  range: {first}-{last}: it may have {_MOST} addresses at most")
    prefix = prefix_of(gateway, call[NETMASK])
    for which, address in (("start", first), ("end", last)):
        if address not in prefix:
            raise bad(
                f"Please ensure that your {which} IP is in the same subnet as your portable IP range's"
                " gateway and as per the IP range's netmask."
            )
    _check_others(call.snapshot, first, last)
    vlan = read_vlan(call.get(VLAN))
    check_vlan(call.snapshot, vlan)
    _check_zones(call.snapshot, vlan)
    made = public.create_range(
        call.transaction,
        PublicRange(id=str(uuid4()), ipv4=prefix, gateway=gateway, first=first, last=last, vlan=vlan),
    )
    return call.transaction.put(PortableRange(id=str(uuid4()), range_id=made.id, region_id=portable.REGION))


@changes(
    "deletePortableIpRange",
    SUCCESS,
    "Deletes a range of portable addresses of which none is taken",
    required(ID),
    roles=ROOT,
    mode=Mode.ASYNC,
    event="PORTABLE.IP.RANGE.DELETE",
)
def delete_portable_ip_range(call: Call) -> None:
    """The addresses of the range are not given any more."""
    if call.snapshot.count_where(PublicAddress, "range_id", call[ID].range_id):
        raise bad("Can't delete portable IP range as there are IP's assigned.")
    public.delete_range(call.transaction, call.snapshot.need(PublicRange, call[ID].range_id))


def _check_region(call: Call) -> None:
    given = call.get(REGION)
    if given not in (None, portable.REGION):
        raise bad(f"Invalid region ID: {given}")


def _check_others(snapshot: Snapshot, first: IPv4Address, last: IPv4Address) -> None:
    """Raises a parameter fault if another range has one of the addresses."""
    if portable.overlapping(snapshot, first, last) is not None:
        raise bad(
            f"Ip  range: {first}-{last} overlaps with a portable IP range already configured in the region"
            f" {portable.REGION}"
        )
    for other in snapshot.all(PublicRange):
        if other.first <= last and first <= other.last:
            shared = max(first, other.first)
            raise bad(f"The Start IP and endIP address range overlap with Public IP :{shared}")


def _check_zones(snapshot: Snapshot, vlan: int | None) -> None:
    """Raises a parameter fault if public addresses or networks of a zone are in the VLAN."""
    if vlan is None:
        return
    used = [
        snapshot.need(PublicRangeDetails, each.id).zone_id
        for each in snapshot.where(PublicRange, "vlan", vlan)
        if not portable.is_portable(snapshot, each.id)
    ]
    used += [details(snapshot, network).zone_id for network in snapshot.where(Network, "vlan", vlan)]
    for zone_id in used:
        zone = snapshot.need(Zone, zone_id)
        raise bad(
            f"Found a VLAN id {vlan} already existing in zone {zone.name} that conflicts with VLAN id of the"
            " portable ip range being configured"
        )
