"""Ranges of addresses, public addresses and forwarded ports."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Network

from sdn_orch.intent.address_use import is_used
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Account, Domain, Machine, Network, Nic, Vpc
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import TCP
from sdn_orch.northbound.cloudstack.answers.networks import details as network_details
from sdn_orch.northbound.cloudstack.answers.owners import domain_path, owner, place
from sdn_orch.northbound.cloudstack.answers.rules import rule_state
from sdn_orch.northbound.cloudstack.answers.tags import tags
from sdn_orch.northbound.cloudstack.display import for_display
from sdn_orch.northbound.cloudstack.model_public import (
    GuestRange,
    PublicAddressDetails,
    PublicRangeDetails,
)
from sdn_orch.northbound.cloudstack.portable import is_portable
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, Shape, always, flag, moment, string

#: Ranges as CloudStack lists them together.
Range = PublicRange | GuestRange


def range_details(snapshot: Snapshot, public_range: PublicRange) -> PublicRangeDetails:
    """What CloudStack knows of the range."""
    return snapshot.need(PublicRangeDetails, public_range.id)


def _network(scene: Scene, each: Range) -> Network | None:
    return scene.snapshot.need(Network, each.network_id) if isinstance(each, GuestRange) else None


def _prefix(scene: Scene, each: Range) -> IPv4Network | None:
    network = _network(scene, each)
    return network.ipv4 if network else each.ipv4 if isinstance(each, PublicRange) else None


def _gateway(scene: Scene, each: Range) -> object:
    network = _network(scene, each)
    return network.gateway4 if network else each.gateway if isinstance(each, PublicRange) else None


def _vlan(scene: Scene, each: Range) -> str:
    network = _network(scene, each)
    vlan = network.vlan if network else each.vlan if isinstance(each, PublicRange) else None
    return f"vlan://{vlan if vlan is not None else 'untagged'}"


def zone_of_range(snapshot: Snapshot, each: Range) -> str:
    """The zone that a range is in."""
    if isinstance(each, GuestRange):
        return network_details(snapshot, snapshot.need(Network, each.network_id)).zone_id
    return range_details(snapshot, each).zone_id


def physical_network_of_range(snapshot: Snapshot, each: Range) -> str:
    """The physical network that a range is on."""
    if isinstance(each, GuestRange):
        return network_details(snapshot, snapshot.need(Network, each.network_id)).physical_network_id
    return range_details(snapshot, each).physical_network_id


def _account(scene: Scene, each: Range) -> Account | None:
    id = each.account_id if isinstance(each, PublicRange) else None
    return scene.snapshot.need(Account, id) if id else None


def _domain(scene: Scene, each: Range) -> Domain | None:
    account = _account(scene, each)
    id = account.domain_id if account else each.domain_id if isinstance(each, PublicRange) else None
    return scene.snapshot.need(Domain, id) if id else None


def _account_name(scene: Scene, each: Range) -> str | None:
    account = _account(scene, each)
    return account.name if account else None


RANGE: Shape[Range] = Shape(
    key="vlan",
    resource="VlanIpRange",
    kind=PublicRange,
    keywords=("vlan",),
    fields=(
        string("id", "the id of the range", lambda _, each: each.id),
        string("zoneid", "the zone id", lambda s, each: zone_of_range(s.snapshot, each)),
        string(
            "physicalnetworkid",
            "the physical network",
            lambda s, each: physical_network_of_range(s.snapshot, each),
        ),
        string("networkid", "the shared network that it is for", lambda _, each: _network_id(each)),
        flag("forvirtualnetwork", "whether it is public", lambda _, each: isinstance(each, PublicRange)),
        string("vlan", "the VLAN", _vlan),
        string("gateway", "the gateway", _gateway),
        string("netmask", "the netmask", lambda s, each: (p := _prefix(s, each)) and p.netmask),
        string("cidr", "the prefix", _prefix),
        string("startip", "the first address", lambda _, each: each.first),
        string("endip", "the last address", lambda _, each: each.last),
        string(
            "ip6cidr",
            "the IPv6 prefix",
            lambda _, each: each.ipv6 if isinstance(each, PublicRange) else None,
        ),
        string(
            "ip6gateway",
            "the IPv6 gateway",
            lambda _, each: each.gateway6 if isinstance(each, PublicRange) else None,
        ),
        string("account", "the account that it is kept for", _account_name),
        string(
            "domainid", "the domain that it is kept for", lambda s, each: (d := _domain(s, each)) and d.id
        ),
        string("domain", "the name of that domain", lambda s, each: (d := _domain(s, each)) and d.name),
        string("domainpath", "its path", lambda s, each: (d := _domain(s, each)) and domain_path(d)),
        flag("forsystemvms", "whether it is for system machines", always(False)),
    ),
)


def _network_id(each: Range) -> str | None:
    return each.network_id if isinstance(each, GuestRange) else None


# --- public addresses -------------------------------------------------------------------------------


def address_details(snapshot: Snapshot, address: PublicAddress) -> PublicAddressDetails | None:
    """What CloudStack knows of the address; None if nobody has taken it."""
    return snapshot.get(PublicAddressDetails, address.id)


def zone_of_address(snapshot: Snapshot, address: PublicAddress) -> str:
    """The zone that the address is in."""
    known = address_details(snapshot, address)
    if known is not None and known.zone_id is not None:
        return known.zone_id
    return snapshot.need(PublicRangeDetails, address.range_id).zone_id


def physical_network_of_address(snapshot: Snapshot, address: PublicAddress) -> str | None:
    """The physical network that the address is on; portable ones are on none."""
    known = snapshot.get(PublicRangeDetails, address.range_id)
    return known.physical_network_id if known else None


def _led_to(scene: Scene, address: PublicAddress) -> Network | None:
    return scene.snapshot.need(Network, address.network_id) if address.network_id else None


def _vpc(scene: Scene, address: PublicAddress) -> Vpc | None:
    return scene.snapshot.need(Vpc, address.vpc_id) if address.vpc_id else None


def machine_behind(snapshot: Snapshot, nic_id: str | None) -> Machine | None:
    """The machine of a NIC."""
    nic = snapshot.need(Nic, nic_id) if nic_id else None
    return snapshot.need(Machine, nic.machine_id) if nic and nic.machine_id else None


def address_state(snapshot: Snapshot, address: PublicAddress) -> str:
    """CloudStack's word for what has become of it."""
    known = address_details(snapshot, address)
    return "Free" if known is None else "Reserved" if known.is_reserved else "Allocated"


def _allocated(scene: Scene, address: PublicAddress) -> datetime | None:
    known = address_details(scene.snapshot, address)
    return known.created if known else None


ADDRESS: Shape[PublicAddress] = Shape(
    key="ipaddress",
    resource="IpAddress",
    kind=PublicAddress,
    keywords=("ipaddress",),
    fields=(
        string("id", "the id of the address", lambda _, address: address.id),
        string("ipaddress", "the address", lambda _, address: address.address),
        string("state", "Allocated, Reserved or Free", lambda s, a: address_state(s.snapshot, a)),
        moment("allocated", "when it was taken", _allocated),
        flag("issourcenat", "whether what leaves goes out under it", lambda _, a: a.is_source_nat),
        flag("isstaticnat", "whether it is a machine's, all of it", lambda _, a: a.nic_id is not None),
        flag("issystem", "whether it is a system address", always(False)),
        flag(
            "isportable",
            "whether it can move to another zone",
            lambda scene, address: is_portable(scene.snapshot, address.range_id),
        ),
        flag("forvirtualnetwork", "whether it is public", always(True)),
        for_display(),
        flag("hasrules", "whether ports of it are used", lambda s, a: is_used(s.snapshot, a.id)),
        string("associatednetworkid", "the network that it leads into", lambda _, a: a.network_id),
        string("associatednetworkname", "its name", lambda s, a: (n := _led_to(s, a)) and n.name),
        string("vpcid", "the VPC that it is for", lambda _, address: address.vpc_id),
        string("vpcname", "the name of the VPC", lambda s, a: (v := _vpc(s, a)) and v.name),
        string("virtualmachineid", "the machine of static NAT", lambda s, a: (m := _mapped(s, a)) and m.id),
        string("virtualmachinename", "its name", lambda s, a: (m := _mapped(s, a)) and m.name),
        string(
            "virtualmachinedisplayname",
            "the name shown for it",
            lambda s, a: (m := _mapped(s, a)) and (m.display_name or m.name),
        ),
        string("vmipaddress", "the address of the machine", lambda _, address: address.guest),
        string("vlanid", "the range that it is from", lambda _, a: a.range_id, is_for_admins=True),
        string(
            "vlanname",
            "the VLAN of the range",
            lambda s, a: _vlan(s, s.snapshot.need(PublicRange, a.range_id)),
            is_for_admins=True,
        ),
        string(
            "physicalnetworkid",
            "the physical network",
            lambda scene, address: physical_network_of_address(scene.snapshot, address),
        ),
        *owner(lambda address: address.account_id),
        *place(lambda scene, address: zone_of_address(scene.snapshot, address)),
        tags(),
    ),
)


def _mapped(scene: Scene, address: PublicAddress) -> Machine | None:
    return machine_behind(scene.snapshot, address.nic_id)


# --- forwards ---------------------------------------------------------------------------------------


def _public_address(scene: Scene, forward: Forward) -> PublicAddress:
    return scene.snapshot.need(PublicAddress, forward.address_id)


def _target(scene: Scene, forward: Forward) -> Machine | None:
    return machine_behind(scene.snapshot, forward.nic_id)


_FORWARD_FIELDS: tuple[Field[Forward], ...] = (
    string("id", "the id of the rule", lambda _, forward: forward.id),
    string("protocol", "tcp or udp", lambda _, f: "tcp" if f.protocol == TCP else "udp"),
    string("publicport", "the first public port", lambda _, forward: forward.public[0]),
    string("publicendport", "the last public port", lambda _, forward: forward.public[1]),
    string("privateport", "the first port of the machine", lambda _, forward: forward.private[0]),
    string("privateendport", "the last port of the machine", lambda _, f: f.private[1]),
    string("ipaddressid", "the id of the public address", lambda _, f: f.address_id),
    string("ipaddress", "the public address", lambda s, f: _public_address(s, f).address),
    string("networkid", "the network", lambda s, f: s.snapshot.need(Nic, f.nic_id).network_id),
    string("virtualmachineid", "the machine", lambda s, f: (m := _target(s, f)) and m.id),
    string("virtualmachinename", "its name", lambda s, f: (m := _target(s, f)) and m.name),
    string(
        "virtualmachinedisplayname",
        "the name shown for it",
        lambda s, f: (m := _target(s, f)) and (m.display_name or m.name),
    ),
    string("vmguestip", "the address of the machine", lambda _, forward: forward.guest),
    string("cidrlist", "who may use it", lambda _, f: ",".join(map(str, f.sources))),
    for_display(),
    string("state", "Add until the switches hold it", rule_state),
    tags(),
)

PORT_FORWARD: Shape[Forward] = Shape(
    key="portforwardingrule",
    resource="PortForwardingRule",
    kind=Forward,
    keywords=("ipaddress",),
    fields=_FORWARD_FIELDS,
)
IP_FORWARD: Shape[Forward] = Shape(
    key="ipforwardingrule",
    resource="IpForwardingRule",
    kind=Forward,
    keywords=("ipaddress",),
    fields=_FORWARD_FIELDS,
)
