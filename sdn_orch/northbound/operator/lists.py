"""Status, networks, ports and topology as JSON values."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from sdn_orch.dataplane.compiler import router_of
from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.intent.model import Account, Attachment, Link, Machine, Network, NetworkKind, Nic, Switch, Vpc
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.operator.find import place
from sdn_orch.northbound.operator.view import View
from sdn_orch.status import ObjectStatus

JSON = dict[str, Any]


def status(view: View) -> JSON:
    """The daemon and its switches."""
    snapshot = view.world().snapshot
    counted = (Account, Network, Vpc, Nic, Machine, Attachment, Switch, Link)
    return {
        "uptime": round(time.time() - view.started, 1),
        "revision": snapshot.revision,
        "objects": {kind.__name__.lower(): snapshot.count(kind) for kind in counted},
        "switches": [_switch(view, switch) for switch in snapshot.all(Switch)],
    }


def networks(view: View) -> list[JSON]:
    """Every network with its addresses, members and condition."""
    snapshot = view.world().snapshot
    rows = []
    for network in snapshot.all(Network):
        vpc = snapshot.get(Vpc, network.vpc_id) if network.vpc_id else None
        rows.append(
            {
                "id": network.id,
                "number": network.number,
                "name": network.name,
                "account": snapshot.need(Account, network.account_id).name,
                "kind": str(network.kind),
                "vpc": vpc.name if vpc else None,
                "ipv4": _text(network.ipv4),
                "gateway4": _text(network.gateway4),
                "ipv6": _text(network.ipv6),
                "gateway6": _text(network.gateway6),
                "mtu": network.mtu,
                "nics": len(snapshot.where(Nic, "network_id", network.id)),
                **status_row(snapshot, _network_status(view, network)),
            }
        )
    return rows


def _network_status(view: View, network: Network) -> ObjectStatus:
    """How far a network's own rules have come, and those of its router."""
    own = view.status(Owner(OwnerKind.NETWORK, network.id))
    if network.kind is NetworkKind.L2:
        return own
    return own.along_with(view.status(router_of(network)))


def ports(view: View) -> list[JSON]:
    """Every NIC with its addresses, where it is attached, how that is known, and its condition."""
    snapshot = view.world().snapshot
    rows = []
    for nic in snapshot.all(Nic):
        machine = snapshot.get(Machine, nic.machine_id) if nic.machine_id else None
        attachments = snapshot.where(Attachment, "nic_id", nic.id)
        network = snapshot.need(Network, nic.network_id)
        account_id = machine.account_id if machine else network.account_id
        rows.append(
            {
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
                "source": str(attachments[0].source) if attachments else None,
                **status_row(snapshot, view.status(Owner(OwnerKind.NIC, nic.id))),
            }
        )
    return rows


def topology(view: View) -> JSON:
    """Switches with their ports and NICs, and the cables between them."""
    snapshot = view.world().snapshot
    switches = []
    for switch in snapshot.all(Switch):
        datapath = view.datapath(switch.id)
        attachments = snapshot.where(Attachment, "switch_id", switch.id)
        switches.append(
            {
                **_switch(view, switch),
                "ports": [asdict(port) for port in datapath.ports()] if datapath else [],
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
    names = {switch.id: switch.name for switch in snapshot.all(Switch)}
    links = [
        {
            "a": f"{names[link.a_switch_id]}:{link.a_port}",
            "b": f"{names[link.b_switch_id]}:{link.b_port}",
            "capacity": link.capacity,
            "up": link.up,
            "source": str(link.source),
        }
        for link in snapshot.all(Link)
    ]
    return {"switches": switches, "links": links}


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


def _switch(view: View, switch: Switch) -> JSON:
    datapath = view.datapath(switch.id)
    return {
        "id": switch.id,
        "name": switch.name,
        "dpid": f"{switch.dpid:016x}",
        "role": str(switch.role),
        "transport": str(switch.transport),
        "connected": datapath is not None,
        "capabilities": asdict(datapath.capabilities if datapath else switch.capabilities),
        **asdict(view.switch_status(switch.id)),
        "refusals": [reason for _, reason in view.status(Owner(OwnerKind.SWITCH, switch.id)).refusals],
    }


def _machine(snapshot: Snapshot, nic: Nic) -> str | None:
    machine = snapshot.get(Machine, nic.machine_id) if nic.machine_id else None
    return machine.name if machine else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
