"""What users ask of their network or VPC in CloudStack's interface: its state, a trace, counters, a repair.

Answers are texts for people. They tell of the network's own machines and rules, and of nobody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.dataplane.units import router_of
from sdn_orch.errors import Invalid, NotFound
from sdn_orch.intent.model import Attachment, Network, Nic, Switch, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.extension import payload
from sdn_orch.northbound.extension.cloud import find_id
from sdn_orch.northbound.operator import lists
from sdn_orch.northbound.operator.find import describe_nic, find_nic, place
from sdn_orch.northbound.operator.models_fabric import TraceQuery
from sdn_orch.northbound.operator.trace import trace
from sdn_orch.northbound.operator.view import View
from sdn_orch.openflow.values import FlowKey
from sdn_orch.southbound.base import FlowCounters

#: Of the view, the networks that are asked about, and the parameters.
_Action = Callable[[View, tuple[Network, ...], dict[str, str]], str]
_Counters = Mapping[FlowKey, FlowCounters]


def run(view: View, snapshot: Snapshot, cloud: str, given: dict[str, Any]) -> str:
    """The action's text. Raises Invalid for one that is not known, NotFound for what was never heard of."""
    said = payload.read(payload.CustomAction, given)
    # CloudStack has one list of names for the actions of networks and of VPCs.
    action = ACTIONS.get(said.action.removeprefix("vpc-"))
    if action is None:
        raise Invalid(f"payload: action: it is none of {', '.join(ACTIONS)}")
    return action(view, _networks(snapshot, cloud, said), said.parameters)


def _networks(snapshot: Snapshot, cloud: str, said: payload.CustomAction) -> tuple[Network, ...]:
    if said.network_id is not None:
        return (snapshot.need(Network, find_id(snapshot, cloud, "network", said.network_id)),)
    vpc = snapshot.need(Vpc, find_id(snapshot, cloud, "vpc", said.vpc_id or "0"))
    return snapshot.where(Network, "vpc_id", vpc.id)


def _status(view: View, networks: tuple[Network, ...], _parameters: dict[str, str]) -> str:
    """How far everything has become rules in switches, and why it has not."""
    snapshot = view.world().snapshot
    lines: list[str] = []
    for network in networks:
        lines.append(
            f"{network.name} {network.ipv4 or ''}: {_standing(lists.network(view, snapshot, network))}"
        )
        for nic in snapshot.where(Nic, "network_id", network.id):
            where = place(snapshot, nic) or "not plugged in anywhere"
            state = _standing(lists.port(view, nic)) if nic.active else "stopped"
            lines.append(f"  {describe_nic(snapshot, nic)} {nic.ipv4 or ''}, {where}: {state}")
        for address in snapshot.where(PublicAddress, "network_id", network.id):
            found = view.status(Owner(OwnerKind.ADDRESS, address.id))
            lines.append(f"  {address.address}: {_standing(lists.status_row(snapshot, found))}")
    return "\n".join(lines)


def _standing(row: lists.JSON) -> str:
    """A condition with the switches behind it, or the reasons."""
    reasons = [f"{each['switch']}: {each['reason']}" for each in row["refusals"]]
    switches = reasons or row["pending"] or row["realised"]
    return f"{row['condition']}" + (f" ({', '.join(switches)})" if switches else "")


def _trace(view: View, networks: tuple[Network, ...], parameters: dict[str, str]) -> str:
    """What becomes of a packet of one of the network's machines, which tables it goes through."""
    try:
        asked = TraceQuery.model_validate({name: value for name, value in parameters.items() if value})
    except ValidationError as error:
        names = sorted({".".join(map(str, each["loc"])) for each in error.errors()})
        raise Invalid(
            f"payload: action-params: {', '.join(names)}: a trace takes from, to, and port as tcp/80"
        ) from None
    nic = find_nic(view.world().snapshot, asked.source)
    if nic.network_id not in {network.id for network in networks}:
        raise NotFound(f"there is no NIC {asked.source} here")
    found = trace(view, asked)
    lines = [f"{found['from']} to {found['to']}: {found['verdict']} {found['reason']}"]
    if found["meant"] != found["verdict"]:
        lines.append(f"the rules mean: {found['meant']} {found['meant_reason']}")
    for hop in found["hops"]:
        tables = [step["table_name"] for step in hop["steps"] if "table_name" in step]
        lines.append(f"  {hop['switch']}, in at port {hop['port']}: {' → '.join(tables)}")
    return "\n".join(lines)


def _counters(view: View, networks: tuple[Network, ...], _parameters: dict[str, str]) -> str:
    """What every machine has sent and been given, as its own switch counts it."""
    snapshot = view.world().snapshot
    read: dict[str, _Counters | None] = {}
    lines: list[str] = []
    for network in networks:
        for nic in snapshot.where(Nic, "network_id", network.id):
            for attachment in snapshot.where(Attachment, "nic_id", nic.id):
                id = attachment.switch_id
                if id not in read:
                    # All of a switch's flows are read for them: once, however many machines it has.
                    datapath = view.datapath(id)
                    read[id] = None if datapath is None else datapath.counters()
                lines.append(f"{describe_nic(snapshot, nic)}: {_counted(view, nic, id, read[id])}")
    return "\n".join(lines) or "no machine is plugged in"


def _counted(view: View, nic: Nic, switch_id: str, counters: _Counters | None) -> str:
    if counters is None:
        return "its switch is not connected"
    told = []
    for verb, table in (("sent", Table.CLASSIFY), ("received", Table.DELIVER)):
        flows = [flow for flow in view.rules(Owner(OwnerKind.NIC, nic.id), switch_id) if flow.table == table]
        found = [counters[flow.key] for flow in flows if flow.key in counters]
        packets, octets = sum(each.packets for each in found), sum(each.bytes for each in found)
        told.append(f"{verb} {packets} packets, {octets} bytes")
    return "; ".join(told)


def _resync(view: View, networks: tuple[Network, ...], _parameters: dict[str, str]) -> str:
    """The switches that have to do with the network are read, and repaired where they differ."""
    snapshot = view.world().snapshot
    owners = {Owner(OwnerKind.NETWORK, network.id) for network in networks}
    owners |= {router_of(network) for network in networks}
    found = [view.status(owner) for owner in owners]
    switch_ids = {switch_id for each in found for switch_id in (*each.realised, *each.pending)}
    for switch_id in switch_ids:
        view.audit(switch_id)
    names = sorted(snapshot.need(Switch, switch_id).name for switch_id in switch_ids)
    return f"read and repaired where they differ: {', '.join(names) or 'no switch has to do with it'}"


ACTIONS: dict[str, _Action] = {
    "status": _status,
    "trace": _trace,
    "counters": _counters,
    "resync": _resync,
}
