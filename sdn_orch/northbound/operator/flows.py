"""Flows with owners and counters, what a plan would send, and what stands behind a cookie or an object."""

from __future__ import annotations

import dataclasses
from collections import Counter
from itertools import chain
from operator import itemgetter
from typing import Any

from sdn_orch.dataplane.pipeline import Table, is_learnt
from sdn_orch.dataplane.plan import pairs, same
from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.errors import Disconnected, NotFound
from sdn_orch.intent.model import Attachment, Link, Nic, Record, Switch
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.operator.find import (
    describe,
    find_owner,
    find_port,
    find_switch,
    place,
    port_at,
    record_of,
)
from sdn_orch.northbound.operator.lists import JSON, status_row
from sdn_orch.northbound.operator.view import View
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.text import (
    flow_to_ofctl,
    format_instructions,
    format_match,
    group_to_ofctl,
    meter_to_ofctl,
)
from sdn_orch.openflow.values import FlowEntry, Group, Meter


def flows(view: View, text: str) -> JSON:
    """What a switch holds, read now, beside what it should hold.

    The state of a flow is right, changed, foreign, missing or learnt: by the switch itself. A switch that is
    not connected shows what it should hold, all of it missing.
    """
    snapshot = view.world().snapshot
    switch = find_switch(snapshot, text)
    datapath = view.datapath(switch.id)
    desired, owners = view.desired(switch.id), view.owners(switch.id)
    actual = datapath.dump().state() if datapath else None
    counters = datapath.counters() if datapath else {}
    version = switch.capabilities.version
    rows = []
    held = actual.flows if actual else {}
    learnt = ((None, found) for found in held.values() if is_learnt(found))
    for wanted, found in chain(pairs(desired.flows, held, version), learnt):
        shown = found or wanted
        if shown is None:
            continue
        counter = counters.get(shown.key)
        owner = owners.get(wanted.key) if wanted else None
        row = {
            **flow_row(shown, version),
            "owner": describe(snapshot, owner) if owner else None,
            "state": _compare(wanted, found, version),
            "packets": counter.packets if counter else 0,
            "bytes": counter.bytes if counter else 0,
            "seconds": round(counter.seconds, 1) if counter else 0,
        }
        rows.append((shown.table, -shown.priority, shown.match, row))
    rows.sort(key=itemgetter(0, 1, 2))
    state = actual or desired
    return {
        "switch": switch.name,
        "connected": datapath is not None,
        "flows": [row for *_, row in rows],
        "groups": [group_to_ofctl(state.groups[number], table_name) for number in sorted(state.groups)],
        "meters": [meter_to_ofctl(state.meters[number]) for number in sorted(state.meters)],
    }


def plan(view: View) -> list[JSON]:
    """What each switch would be sent now."""
    return [plan_of(view, switch) for switch in view.world().snapshot.all(Switch)]


def plan_of(view: View, switch: Switch) -> JSON:
    """What the switch would be sent now."""
    try:
        operations = [
            {"verb": operation.verb.value, "what": _text(operation.subject, switch.capabilities.version)}
            for operation in view.plan(switch.id)
        ]
    except Disconnected:
        return {"switch": switch.name, "connected": False, "operations": []}
    return {"switch": switch.name, "connected": True, "operations": operations}


def explain(view: View, text: str) -> JSON:
    """What is behind a cookie (0x…), or what a NIC, network, VPC or switch has become. Raises NotFound.

    Of a switch port: what it leads to, and each NIC there.
    """
    snapshot = view.world().snapshot
    if (port := find_port(snapshot, text)) is not None:
        return _explain_port(view, snapshot, *port)
    if text.startswith("0x"):
        found = _by_cookie(view, text)
        if found:
            return {"cookie": text, "flows": found}
    return _explain_owner(view, snapshot, find_owner(snapshot, text))


def _explain_port(view: View, snapshot: Snapshot, switch: Switch, port: int, vlan: int | None) -> JSON:
    end = (switch.id, port)
    cables = snapshot.where(Link, "ports", end)
    far = [other for link in cables for other in link.ports if other != end]
    attachments = [
        found for found in snapshot.where(Attachment, "ports", end) if vlan is None or found.vlan == vlan
    ]
    return {
        "port": f"{switch.name}:{port}" + ("" if vlan is None else f",{vlan}"),
        "leads_to": [port_at(snapshot, *end) for end in far],
        "learns": port in switch.learn_ports,
        "nics": [_explain_owner(view, snapshot, Owner(OwnerKind.NIC, found.nic_id)) for found in attachments],
    }


def _explain_owner(view: View, snapshot: Snapshot, owner: Owner) -> JSON:
    record = record_of(snapshot, owner)
    found_status = view.status(owner)
    switches = [snapshot.need(Switch, id) for id in (*found_status.realised, *found_status.pending)]
    row = {
        "kind": owner.kind,
        "what": describe(snapshot, owner),
        "record": _fields(record) if record else {},
        "place": place(snapshot, record) if isinstance(record, Nic) else None,
        **status_row(snapshot, found_status),
    }
    row["rules"] = [
        {
            "switch": switch.name,
            "by_table": dict(Counter(table_name(entry.table) for entry in entries)),
            "flows": [flow_row(entry, switch.capabilities.version) for entry in entries],
        }
        for switch in switches
        if (entries := view.rules(owner, switch.id))
    ]
    return row


def flow_row(entry: FlowEntry, version: int) -> JSON:
    """A flow in words: table by name, match and actions in the syntax of ovs-ofctl."""
    flow = decode_flow(entry, version)
    return {
        "table": flow.table,
        "table_name": table_name(flow.table),
        "priority": flow.priority,
        "cookie": f"{entry.cookie:#018x}",
        "match": format_match(flow.match),
        "actions": format_instructions(flow, table_name),
    }


def table_name(number: int) -> str:
    """The pipeline's name of a table, or its number."""
    return Table(number).name.lower() if number in set(Table) else str(number)


def _compare(wanted: FlowEntry | None, found: FlowEntry | None, version: int) -> str:
    if found is None:
        return "missing"
    if wanted is None:
        return "learnt" if is_learnt(found) else "foreign"
    return "right" if same(wanted, found, version) else "changed"


def _text(subject: FlowEntry | Group | Meter, version: int) -> str:
    if isinstance(subject, FlowEntry):
        return flow_to_ofctl(decode_flow(subject, version), table_name, subject.cookie)
    return group_to_ofctl(subject, table_name) if isinstance(subject, Group) else meter_to_ofctl(subject)


def _by_cookie(view: View, text: str) -> list[JSON]:
    try:
        cookie = int(text, 16)
    except ValueError:
        raise NotFound(f"{text} is neither a cookie nor a dpid") from None
    snapshot = view.world().snapshot
    found = []
    for switch in snapshot.all(Switch):
        owners = view.owners(switch.id)
        for key, entry in view.desired(switch.id).flows.items():
            if entry.cookie == cookie:
                owner = owners.get(key)
                row = flow_row(entry, switch.capabilities.version)
                found.append(
                    {**row, "switch": switch.name, "owner": describe(snapshot, owner) if owner else None}
                )
    return found


def _fields(record: Record) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return {
        name: value if value is None or isinstance(value, bool | int) else _plain(value)
        for name, value in values.items()
    }


def _plain(value: Any) -> Any:
    return [_plain(member) for member in value] if isinstance(value, tuple) else str(value)
