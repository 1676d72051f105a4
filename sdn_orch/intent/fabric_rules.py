"""What must hold of switches, links and attachments. Every rule yields `field: reason` per fault."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.model import Arrival, Attachment, Link, Nic, Switch, SwitchRole, Transport
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.tenant_rules import named

#: OFPP_MAX (OpenFlow 1.3.5, 7.2.1): higher ports are reserved ones.
_LARGEST_PORT = 0xFFFFFF00


def switch(after: Snapshot, record: Switch) -> Iterator[str]:
    """A dpid and name of its own, and the ports that its transport needs."""
    yield from named(record.name)
    if not 1 <= record.dpid < 2**64:
        yield f"dpid: {record.dpid:#x} is not in 1..2^64-1"
    for field in ("dpid", "name", "tunnel_address"):
        value = getattr(record, field)
        for other in after.where(Switch, field, value) if value is not None else ():
            if other.id != record.id:
                shown = f"{value:016x}" if field == "dpid" else value
                yield f"{field}: {shown} is that of switch {other.name} ({other.id})"
    if record.role is SwitchRole.EDGE and record.transport is not Transport.LABEL:
        if record.underlay is None:
            yield f"underlay: an edge with the {record.transport} transport needs one"
        if record.transport is Transport.VXLAN and record.tunnel_address is None:
            yield "tunnel_address: an edge with the vxlan transport needs one"
    if record.underlay is not None:
        yield from _port("underlay", record.underlay)
        if after.where(Link, "ports", (record.id, record.underlay)):
            yield f"underlay: port {record.underlay} has a link"
    for port in record.learn_ports:
        yield from _port("learn_ports", port)
        if port == record.underlay:
            yield f"learn_ports: {port} is the underlay port"
    if record.gateway_weight < 1:
        yield f"gateway_weight: {record.gateway_weight} is not above 0"
    if record.public_port is not None:
        yield from _public_port(after, record, record.public_port)


def _public_port(after: Snapshot, record: Switch, port: int) -> Iterator[str]:
    """A gateway is an edge, and nothing else is at its public port."""
    yield from _port("public_port", port)
    if record.role is not SwitchRole.EDGE:
        yield "public_port: only an edge can be a gateway"
    if port == record.underlay or port in record.learn_ports:
        yield f"public_port: {port} is {'the underlay port' if port == record.underlay else 'a learn port'}"
    if after.where(Link, "ports", (record.id, port)):
        yield f"public_port: port {port} has a link"


def link(after: Snapshot, record: Link) -> Iterator[str]:
    """Two different ports, the smaller first, that nothing else uses."""
    here, there = record.ports
    if here >= there:
        said = "both ends are the same port" if here == there else "the smaller end stands first"
        yield f"a_switch_id, a_port: {said}"
    if record.capacity < 1:
        yield f"capacity: {record.capacity} Mbit/s is not above 0"
    for side, (switch_id, port) in zip("ab", record.ports, strict=True):
        field = f"{side}_port"
        yield from _port(field, port)
        place = f"port {port} of switch {after.need(Switch, switch_id).name} ({switch_id})"
        for other in after.where(Link, "ports", (switch_id, port)):
            if other.id != record.id:
                yield f"{field}: {place} has another link ({other.id})"
        for attachment in after.where(Attachment, "ports", (switch_id, port)):
            yield f"{field}: at {place} NIC {attachment.nic_id} is attached"
        if after.need(Switch, switch_id).underlay == port:
            yield f"{field}: {place} is its underlay port"
        if after.need(Switch, switch_id).public_port == port:
            yield f"{field}: {place} leads to the public networks"


def attachment(after: Snapshot, record: Attachment) -> Iterator[str]:
    """One place per NIC, on an edge's port without a link; all active NICs of a place in one network.

    A port (with its VLAN on a trunk) says by itself which network a frame belongs to. A NIC that is not
    active has nothing programmed, so that its former place can be used by others at once.
    """
    place = after.need(Switch, record.switch_id)
    where = f"port {record.port} of switch {place.name} ({place.id})"
    if place.role is not SwitchRole.EDGE:
        yield f"switch_id: switch {place.name} ({place.id}) is not an edge"
    yield from _port("port", record.port)
    if record.vlan is not None and not 1 <= record.vlan <= 4094:
        yield f"vlan: {record.vlan} is not in 1..4094"
    if len(after.where(Attachment, "nic_id", record.nic_id)) > 1:
        yield f"nic_id: NIC {record.nic_id} is attached at another place already"
    if record.port == place.underlay:
        yield f"port: {where} is its underlay port"
    if record.port == place.public_port:
        yield f"port: {where} leads to the public networks"
    if after.where(Link, "ports", (record.switch_id, record.port)):
        yield f"port: {where} has a link"
    mine = after.need(Nic, record.nic_id)
    for other in after.where(Attachment, "ports", (record.switch_id, record.port)):
        theirs = after.need(Nic, other.nic_id)
        shared = other.vlan == record.vlan and mine.active and theirs.active
        if shared and theirs.network_id != mine.network_id:
            behind = "" if record.vlan is None else f" behind VLAN {record.vlan}"
            yield f"port: at {where}{behind} NIC {theirs.id} of another network is attached"


def arrival(after: Snapshot, record: Arrival) -> Iterator[str]:
    """One place per NIC, on an edge's port for machines."""
    place = after.need(Switch, record.switch_id)
    if place.role is not SwitchRole.EDGE:
        yield f"switch_id: switch {place.name} ({place.id}) is not an edge"
    yield from _port("port", record.port)
    if record.port in (place.underlay, place.public_port):
        yield f"port: port {record.port} of switch {place.name} ({place.id}) is not for machines"
    if after.count_where(Arrival, "nic_id", record.nic_id) > 1:
        yield f"nic_id: NIC {record.nic_id} is awaited at another place already"


def _port(field: str, port: int) -> Iterator[str]:
    if not 1 <= port <= _LARGEST_PORT:
        yield f"{field}: {port} is not in 1..{_LARGEST_PORT:#x}"
