"""Rules and whose they are: the units that the compiler works in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sdn_orch.errors import OwnerConflict
from sdn_orch.openflow.codec import encode_flow
from sdn_orch.openflow.values import Flow, FlowEntry, FlowKey, Group, Meter


class OwnerKind(StrEnum):
    """What rules are made for."""

    #: On the switch itself: what every switch has. On another switch: the way to it.
    SWITCH = "switch"
    #: A port with NICs, or on which NICs are learnt; its id is `port_id`.
    PORT = "port"
    NIC = "nic"
    NETWORK = "network"
    #: A list of rules, one of its items, or a security group, where NICs stand under it.
    LIST = "list"
    ITEM = "item"
    GROUP = "group"
    #: A forwarded port, or a rule of a firewall, at the gateway.
    RULE = "rule"
    #: A private gateway of a VPC, at its router's gateway.
    PRIVATE = "private gateway"
    #: A static route of a VPC.
    ROUTE = "static route"
    #: A public address, at its router's gateway.
    ADDRESS = "address"
    #: A VPC, or a network that is routed on its own (then the id is the network's).
    ROUTER = "router"


@dataclass(frozen=True, slots=True)
class Owner:
    """The one object that a rule is made for."""

    kind: OwnerKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


#: An owner on a switch.
Unit = tuple[Owner, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """What a stage says in place of a rule that the switch cannot hold."""

    reason: str


#: What stages yield.
Said = Flow | Group | Meter | Refused


@dataclass(frozen=True, slots=True)
class Rules:
    """What one owner has on one switch; flows are shared among switches that hold the same."""

    flows: Mapping[FlowKey, FlowEntry] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    meters: tuple[Meter, ...] = ()
    refusals: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.flows or self.groups or self.meters or self.refusals)

    def __add__(self, other: Rules) -> Rules:
        return Rules(
            merge(self.flows, other.flows),
            self.groups + other.groups,
            self.meters + other.meters,
            self.refusals + other.refusals,
        )


NO_RULES = Rules()


def encode(said: Iterable[Said], version: int) -> Rules:
    """The rules that stages said, their flows encoded. Raises OwnerConflict."""
    flows: dict[FlowKey, FlowEntry] = {}
    count = 0
    groups: list[Group] = []
    meters: list[Meter] = []
    refusals: list[str] = []
    for item in said:
        if isinstance(item, Flow):
            entry = encode_flow(item, version)
            flows[entry.table, entry.priority, entry.match] = entry
            count += 1
        elif isinstance(item, Group):
            groups.append(item)
        elif isinstance(item, Meter):
            meters.append(item)
        else:
            refusals.append(item.reason)
    if len(flows) < count:
        raise OwnerConflict("two stages say a flow with one identity")
    return Rules(flows, tuple(groups), tuple(meters), tuple(refusals))


def merge(
    flows: Mapping[FlowKey, FlowEntry], others: Mapping[FlowKey, FlowEntry]
) -> dict[FlowKey, FlowEntry]:
    """The union of flows that have no identity in common. Raises OwnerConflict if they have."""
    merged = {**flows, **others}
    if len(merged) < len(flows) + len(others):
        table, priority, match = next(iter(flows.keys() & others.keys()))
        raise OwnerConflict(f"two flows have table {table}, priority {priority}, match {match.hex()}")
    return merged


def port_id(switch_id: str, port: int) -> str:
    """The id of a port as an owner."""
    return f"{switch_id}:{port}"


def port_of(id: str) -> int:
    """The port number in a port owner's id."""
    return int(id.rpartition(":")[2])
