"""Status, networks, ports and topology as JSON values."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.dataplane.units import router_of
from sdn_orch.intent.model import (
    Account,
    Arrival,
    Attachment,
    Link,
    Machine,
    Network,
    NetworkKind,
    Nic,
    Switch,
    Vpc,
)
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.operator.find import awaited, place, port_at
from sdn_orch.northbound.operator.view import View
from sdn_orch.status import ObjectStatus

JSON = dict[str, Any]


def status(view: View) -> JSON:
    """The daemon and its switches."""
    snapshot = view.world().snapshot
    counted = (Account, Network, Vpc, Nic, Machine, Attachment, Arrival, Switch, Link)
    return {
        "uptime": round(time.time() - view.started, 1),
        "revision": snapshot.revision,
        "settled": view.is_settled(),
        "objects": {kind.__name__.lower(): snapshot.count(kind) for kind in counted},
        "switches": [switch(view, each) for each in snapshot.all(Switch)],
    }


def network(view: View, snapshot: Snapshot, record: Network) -> JSON:
    """A network with its addresses, members and condition."""
    vpc = snapshot.get(Vpc, record.vpc_id) if record.vpc_id else None
    return {
        "id": record.id,
        "number": record.number,
        "name": record.name,
        "account": snapshot.need(Account, record.account_id).name,
        "kind": str(record.kind),
        "vpc": vpc.name if vpc else None,
        "ipv4": _text(record.ipv4),
        "gateway4": _text(record.gateway4),
        "ipv6": _text(record.ipv6),
        "gateway6": _text(record.gateway6),
        "mtu": record.mtu,
        "cuts_connections": record.cuts_connections,
        "nics": snapshot.count_where(Nic, "network_id", record.id),
        **status_row(snapshot, network_status(view, record)),
    }


def network_status(view: View, network: Network) -> ObjectStatus:
    """How far a network's own rules have come, and those of its router."""
    own = view.status(Owner(OwnerKind.NETWORK, network.id))
    if network.kind is NetworkKind.L2:
        return own
    return own.along_with(view.status(router_of(network)))


def port(view: View, nic: Nic) -> JSON:
    """A NIC with its addresses, where it is attached and awaited, how that is known, and its condition."""
    world = view.world()
    snapshot = world.snapshot
    machine = snapshot.get(Machine, nic.machine_id) if nic.machine_id else None
    attachments = snapshot.where(Attachment, "nic_id", nic.id)
    network = snapshot.need(Network, nic.network_id)
    account_id = machine.account_id if machine else network.account_id
    return {
        "id": nic.id,
        "number": nic.number,
        "mac": nic.mac,
        "machine": machine.name if machine else None,
        "network": network.name,
        "network_id": network.id,
        "account": snapshot.need(Account, account_id).name,
        "addresses": [str(address) for address in nic.addresses],
        "active": nic.active,
        "place": place(snapshot, nic),
        "awaited": awaited(snapshot, nic),
        "prepared": any(at.is_ahead for at in world.places(nic.id)),
        "source": str(attachments[0].source) if attachments else None,
        **status_row(snapshot, view.status(Owner(OwnerKind.NIC, nic.id))),
    }


def topology(view: View) -> JSON:
    """Switches with their ports and NICs, and the cables between them."""
    snapshot = view.world().snapshot
    switches = []
    for each in snapshot.all(Switch):
        datapath = view.datapath(each.id)
        attachments = snapshot.where(Attachment, "switch_id", each.id)
        switches.append(
            {
                **switch(view, each),
                "ports": [asdict(known) for known in datapath.ports()] if datapath else [],
                "nics": [
                    {
                        "place": place(snapshot, nic),
                        "mac": nic.mac,
                        "id": nic.id,
                        "network": snapshot.need(Network, nic.network_id).name,
                        "machine": _machine(snapshot, nic),
                    }
                    for nic in (snapshot.need(Nic, attachment.nic_id) for attachment in attachments)
                ],
            }
        )
    return {"switches": switches, "links": [link(snapshot, each) for each in snapshot.all(Link)]}


def link(snapshot: Snapshot, record: Link) -> JSON:
    """A cable with both its ends."""
    (a_id, a_port), (b_id, b_port) = record.ports
    return {
        "a": port_at(snapshot, a_id, a_port),
        "b": port_at(snapshot, b_id, b_port),
        "capacity": record.capacity,
        "up": record.up,
        "source": str(record.source),
    }


def status_row(snapshot: Snapshot, found: ObjectStatus) -> JSON:
    """An object's condition with the names of the switches behind it."""

    def name(switch_id: str) -> str:
        switch = snapshot.get(Switch, switch_id)
        return switch.name if switch else switch_id

    return {
        "condition": str(found.condition),
        "realised": [name(switch_id) for switch_id in found.realised],
        "pending": [name(switch_id) for switch_id in found.pending],
        "refusals": [{"switch": name(switch_id), "reason": reason} for switch_id, reason in found.refusals],
    }


def switch(view: View, record: Switch) -> JSON:
    """A switch and where its loop stands."""
    datapath = view.datapath(record.id)
    return {
        "id": record.id,
        "name": record.name,
        "dpid": f"{record.dpid:016x}",
        "role": str(record.role),
        "transport": str(record.transport),
        "connected": datapath is not None,
        "capabilities": asdict(datapath.capabilities if datapath else record.capabilities),
        **asdict(view.switch_status(record.id)),
        "refusals": [reason for _, reason in view.status(Owner(OwnerKind.SWITCH, record.id)).refusals],
    }


def _machine(snapshot: Snapshot, nic: Nic) -> str | None:
    machine = snapshot.get(Machine, nic.machine_id) if nic.machine_id else None
    return machine.name if machine else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
