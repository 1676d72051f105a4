"""What would become of a packet that a NIC sends: through which tables of which switches, and how it ends.

The packet goes through what the switches hold now (what they should hold, where one is not connected), so
the answer is that of `ovs-appctl ofproto/trace`, for all switches at once and with the owners' names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address

from sdn_orch.dataplane.execute import Choice, Visit
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.rules import Owner
from sdn_orch.dataplane.simulate import Hop, Trace, chosen
from sdn_orch.dataplane.simulate import trace as simulate
from sdn_orch.dataplane.stages.protocols import ECHO_REQUEST, ECHO_REQUEST_6
from sdn_orch.dataplane.wires import Wires
from sdn_orch.errors import Invalid
from sdn_orch.intent.balancers import Balancer, inner_place
from sdn_orch.intent.meaning import delivers
from sdn_orch.intent.model import Attachment, Network, Nic, Switch
from sdn_orch.intent.outside import Conversations, one_of
from sdn_orch.intent.packet import ICMP, ICMPV6, IPV4, IPV6, TCP, UDP, Packet
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.verdict import OUTSIDE, Verdict
from sdn_orch.northbound.operator.find import describe, describe_nic, find_nic, port_at
from sdn_orch.northbound.operator.flows import flow_row, table_name
from sdn_orch.northbound.operator.lists import JSON
from sdn_orch.northbound.operator.models_fabric import TraceQuery
from sdn_orch.northbound.operator.view import View
from sdn_orch.openflow.text import format_match, group_to_ofctl
from sdn_orch.openflow.values import FlowKey, Match

#: What it means that nothing matched in a table.
_MISSES = {
    Table.CLASSIFY: "no NIC and no known cable is at this port",
    Table.SOURCE: "port security: this NIC may not send from these addresses",
    Table.NEIGHBOUR_SOURCE: "port security: the neighbour message claims what is not this NIC's",
    Table.FROM_STATE: "it belongs to no connection",
    Table.FROM_RULES: "no rule that its NIC stands under lets it out",
    Table.ROUTE: "the router has no network with this address, and no gateway to the outside",
    Table.INNER: "the balancer has no member that lives, or is not for whoever sent it",
    Table.EGRESS: "no egress rule of its network lets it out",
    Table.EGRESS_RULES: "no item of the private gateway's list of rules lets it out",
    Table.SOURCE_NAT: "its router has no public address to go out under, or its connection is no balancer's",
    Table.UPLINK: "the next router outside has not answered yet",
    Table.ENTER: "nobody has this public address",
    Table.INGRESS: "no firewall rule of the address lets it in",
    Table.INGRESS_RULES: "no item of the private gateway's list of rules lets it in",
    Table.DESTINATION_NAT: "the address leads to nobody at this port",
    Table.INWARD: "its router has no network with this address",
    Table.NEXT_HOP: "no NIC of the destination network has this address",
    Table.FORWARD: "no NIC of the network has this MAC address",
    Table.TRANSIT: "no way leads to the destination's switch",
    Table.ARRIVE: "the label names no NIC of this switch",
    Table.BACK_STATE: "it answers a connection whose balancer or member is gone, or none at all",
    Table.TO_STATE: "it belongs to no connection",
    Table.TO_RULES: "no rule that the receiver stands under lets it in",
    Table.DELIVER: "no NIC of the network at this switch has this MAC address",
}


def trace(view: View, asked: TraceQuery) -> JSON:
    """What becomes of a packet that the NIC sends. Raises Invalid, NotFound."""
    snapshot = view.world().snapshot
    nic = find_nic(snapshot, asked.source)
    attachments = snapshot.where(Attachment, "nic_id", nic.id)
    if not attachments:
        raise Invalid(f"{describe_nic(snapshot, nic)} is not attached to a switch port")
    attachment = attachments[0]
    sent = packet = _packet(snapshot, nic, asked)
    if attachment.vlan is not None:
        packet = sent.replace(vlan_vid=0x1000 | attachment.vlan)
    start = (attachment.switch_id, attachment.port)
    found = simulate(_LiveTables(view), Wires.of(snapshot), start, packet)
    verdict, reason = _verdict(snapshot, found, start)
    # Of a balancer's members any is right.
    memory = Conversations(choose=one_of(chosen(found, snapshot)))
    meant, meant_reason = _meaning(snapshot, delivers(snapshot, nic, sent, memory=memory))
    return {
        "from": describe_nic(snapshot, nic),
        "to": str(asked.to),
        "verdict": verdict,
        "reason": reason,
        "meant": meant,
        "meant_reason": meant_reason,
        "hops": [_hop(view, snapshot, hop) for hop in found.hops],
    }


class _LiveTables(Mapping[str, Tables]):
    """The tables of every switch, read when the packet gets there."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._read: dict[str, Tables] = {}

    def __getitem__(self, switch_id: str) -> Tables:
        if switch_id not in self._read:
            switch = self._view.world().snapshot.need(Switch, switch_id)
            datapath = self._view.datapath(switch_id)
            state = datapath.dump().state() if datapath else self._view.desired(switch_id)
            able = (datapath or switch).capabilities
            self._read[switch_id] = Tables(state, able.version, open_vswitch=able.open_vswitch)
        return self._read[switch_id]

    def __iter__(self) -> Iterator[str]:
        return (switch.id for switch in self._view.world().snapshot.all(Switch))

    def __len__(self) -> int:
        return self._view.world().snapshot.count(Switch)


def _packet(snapshot: Snapshot, nic: Nic, asked: TraceQuery) -> Packet:
    """The frame that the NIC's machine would send, after it has asked who has the next hop's address."""
    target = asked.to
    source = nic.ipv4 if target.version == 4 else nic.ipv6
    if source is None:
        raise Invalid(f"{describe_nic(snapshot, nic)} has no IPv{target.version} address")
    fields: dict[str, int] = {
        "eth_src": _number(nic.mac),
        "eth_dst": _number(_next_hop(snapshot, nic, target)),
        "eth_type": IPV4 if target.version == 4 else IPV6,
        f"ipv{target.version}_src": int(source),
        f"ipv{target.version}_dst": int(target),
        "ip_dscp": 0,
        "ip_ecn": 0,
        "ip_frag": 0,
        "ip_ttl": 64,
    }
    return Packet.from_fields(fields | _transport(target.version, asked), payload=bytes(20))


def _transport(version: int, asked: TraceQuery) -> dict[str, int]:
    if asked.port is not None:
        name, _, port = asked.port.partition("/")
        return {"ip_proto": {"tcp": TCP, "udp": UDP}[name], f"{name}_src": 49152, f"{name}_dst": int(port)}
    if version == 4:
        return {"ip_proto": ICMP, "icmpv4_type": ECHO_REQUEST, "icmpv4_code": 0}
    return {"ip_proto": ICMPV6, "icmpv6_type": ECHO_REQUEST_6, "icmpv6_code": 0}


def _next_hop(snapshot: Snapshot, nic: Nic, target: IPv4Address | IPv6Address) -> str:
    """The MAC address to which the machine sends; raises Invalid where nobody would tell it one."""
    network = snapshot.need(Network, nic.network_id)
    prefix, gateway = (
        (network.ipv4, network.gateway4) if target.version == 4 else (network.ipv6, network.gateway6)
    )
    if prefix is None or target not in prefix or target == gateway:
        if gateway is None:
            raise Invalid(
                f"network {network.name} has no IPv{target.version} gateway: the machine has no route"
            )
        return network.gateway_mac
    for neighbour in snapshot.where(Nic, "claims", (network.id, target)):
        return neighbour.mac
    if snapshot.where(Balancer, "place", inner_place(network.id, target)):
        return network.gateway_mac
    raise Invalid(
        f"nobody in network {network.name} has {target}: the machine's question for it is not answered"
    )


def _verdict(snapshot: Snapshot, found: Trace, start: tuple[str, int]) -> tuple[str, str]:
    if found.exits:
        end, packet = found.exits[0]
        # A machine may also hear its own question: as a member of the balancer that it asks.
        if end == start and not _is_asked(packet):
            return "answered", "by the switch itself, back to the sender"
        return "delivered", f"at {port_at(snapshot, *end)}: {_who(snapshot, end)}"
    if found.punts:
        end, punt = found.punts[0]
        return "controller", f"sent up by {port_at(snapshot, *end)} in table {table_name(punt.table)}"
    if found.looped:
        return "looped", "the packet came back to where it was"
    if not found.drops:
        return "dropped", "no switch sent it on"
    drop = found.drops[0]
    why = _MISSES.get(Table(drop.table), "") if drop.table in set(Table) else ""
    switch = snapshot.need(Switch, drop.switch_id)
    where = f"{switch.name}, table {table_name(drop.table)}: {drop.reason}"
    return "dropped", f"{where}: {why}" if why else where


def _is_asked(packet: Packet) -> bool:
    """Whether it is of those that `_packet` makes, and nobody's answer."""
    is_echo = packet.get("icmpv4_type") == ECHO_REQUEST or packet.get("icmpv6_type") == ECHO_REQUEST_6
    return is_echo or packet.get("ip_proto") in (TCP, UDP)


def _meaning(snapshot: Snapshot, meant: Verdict) -> tuple[str, str]:
    """What the intent says, in the words of `_verdict`."""
    if meant.received:
        receivers = sorted(_receiver(snapshot, id) for id, _ in meant.received)
        return "delivered", ", ".join(receivers)
    if meant.answer:
        return "answered", f"by the network: {meant.answer.service}"
    return "dropped", meant.reason


def _receiver(snapshot: Snapshot, id: str) -> str:
    return "the public network" if id == OUTSIDE else describe_nic(snapshot, snapshot.need(Nic, id))


def _hop(view: View, snapshot: Snapshot, hop: Hop) -> JSON:
    switch_id, port = hop.end
    switch = snapshot.need(Switch, switch_id)
    outcome, owners = hop.outcome, view.owners(switch_id)
    ends = [f"out of port {each.port}: {describe_packet(each.packet)}" for each in outcome.emissions]
    ends += [f"to the controller from table {table_name(punt.table)}" for punt in outcome.punts]
    ends += [f"dropped in table {table_name(table)}: {why}" for table, why in outcome.drops]
    return {
        "switch": switch.name,
        "port": port,
        "packet": describe_packet(hop.packet),
        "steps": [_step(snapshot, owners, switch, step) for step in outcome.steps],
        "ends": ends,
    }


def _step(snapshot: Snapshot, owners: Mapping[FlowKey, Owner], switch: Switch, step: Visit | Choice) -> JSON:
    if isinstance(step, Choice):
        return {
            "group": f"{step.group.number:#x}",
            "type": step.group.type.name.lower(),
            "buckets": list(step.buckets),
            "of": len(step.group.buckets),
            "text": group_to_ofctl(step.group, table_name),
        }
    if step.entry is None:
        return {"table": step.table, "table_name": table_name(step.table), "match": None}
    owner = owners.get(step.entry.key)
    row = flow_row(step.entry, switch.capabilities.version)
    return {**row, "owner": describe(snapshot, owner) if owner else None}


def describe_packet(packet: Packet) -> str:
    """The fields of a packet that tell most, in the syntax of ovs-ofctl."""
    shown = {
        name: value
        for name, value in packet
        if name not in ("ip_frag", "ip_dscp", "ip_ecn", "vlan_pcp") and not name.startswith("ipv6_nd_")
    }
    return format_match(Match.of(**shown))


def _who(snapshot: Snapshot, end: tuple[str, int]) -> str:
    if snapshot.need(Switch, end[0]).public_port == end[1]:
        return "the public network"
    nics = [snapshot.need(Nic, each.nic_id) for each in snapshot.where(Attachment, "ports", end)]
    return ", ".join(describe_nic(snapshot, nic) for nic in nics) or "a port without NIC"


def _number(mac: str) -> int:
    return int(mac.replace(":", ""), 16)
