"""What the operator's door answers about switches: links, flows, plans, traces."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PlainValidator, StringConstraints, WithJsonSchema

from sdn_orch.northbound.operator.models import Model, Standing

_PORT = r"^(tcp|udp)/([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$"


def _address(value: object) -> IPv4Address | IPv6Address:
    text = str(value)
    try:
        if "%" in text:
            raise ValueError(text)
        return ip_address(text)
    except ValueError:
        raise ValueError(f"{text[:64]} is no IP address") from None


Address = Annotated[
    IPv4Address | IPv6Address,
    PlainValidator(_address),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}),
]


class SwitchAnswer(Model):
    """A switch and where its loop stands."""

    id: str
    name: str
    dpid: str
    role: str
    transport: str
    connected: bool
    capabilities: dict[str, bool | int]
    phase: str
    revision: int
    """The newest revision of the store that it has confirmed."""
    flows: int
    groups: int
    sent: int
    """Messages since the daemon started."""
    repaired: int
    """Those of them that an audit found to be needed."""
    foreign: int
    """Flows that nobody here wanted."""
    synced_in: float | None
    """Seconds from connect to in-sync."""
    error: str | None
    notes: list[str]
    """What is wrong with its own settings."""
    refusals: list[str]


class StatusAnswer(Model):
    """The daemon and its switches."""

    uptime: float
    """Seconds."""
    revision: int
    settled: bool
    """Whether the switches that are connected hold all that was asked for, but for what they refuse."""
    objects: dict[str, int]
    switches: list[SwitchAnswer]


class PortAnswer(Model):
    """A port as its switch describes it."""

    number: int
    name: str
    mac: str
    up: bool
    speed: int
    """Megabits per second."""
    live: bool


class PlugAnswer(Model):
    """A NIC at a switch."""

    place: str
    mac: str
    id: str
    network: str
    machine: str | None


class TopologySwitch(SwitchAnswer):
    """A switch with its ports and NICs."""

    ports: list[PortAnswer]
    nics: list[PlugAnswer]


class LinkAnswer(Model):
    """A cable."""

    a: str
    """`switch:port`"""
    b: str
    capacity: int
    """Megabits per second."""
    up: bool
    source: str
    """How it is known."""


class TopologyAnswer(Model):
    """Switches and the cables between them."""

    switches: list[TopologySwitch]
    links: list[LinkAnswer]


class FlowAnswer(Model):
    """A flow in words."""

    table: int
    table_name: str
    priority: int
    cookie: str
    match: str
    actions: str


class OwnedFlow(FlowAnswer):
    """A flow and whose it is."""

    owner: str | None


class HeldFlow(OwnedFlow):
    """A flow of a switch."""

    state: str
    """right, changed, foreign, missing, or learnt: by the switch itself."""
    packets: int
    bytes: int
    seconds: float


class FlowsAnswer(Model):
    """What a switch holds, beside what it should hold."""

    switch: str
    connected: bool
    flows: list[HeldFlow]
    groups: list[str]
    meters: list[str]


class OperationAnswer(Model):
    """One message."""

    verb: str
    what: str


class PlanAnswer(Model):
    """What a switch would be sent now."""

    switch: str
    connected: bool
    operations: list[OperationAnswer]


class RulesAnswer(Model):
    """What an object has become on one switch."""

    switch: str
    by_table: dict[str, int]
    flows: list[FlowAnswer]


class ObjectExplained(Standing):
    """What an object has become."""

    kind: str
    what: str
    record: dict[str, Any]
    place: str | None
    rules: list[RulesAnswer]


class CookieFlow(OwnedFlow):
    """A flow with its switch."""

    switch: str


class CookieExplained(Model):
    """What is behind a cookie."""

    cookie: str
    flows: list[CookieFlow]


class PortExplained(Model):
    """What is at a port."""

    port: str
    leads_to: list[str]
    learns: bool
    nics: list[ObjectExplained]


class TraceQuery(Model):
    """A packet of a NIC."""

    model_config = ConfigDict(populate_by_name=True)

    source: Annotated[str, Field(alias="from", min_length=1, max_length=255)]
    """The NIC: its MAC, UUID, or its machine's name."""
    to: Address
    port: Annotated[str, StringConstraints(pattern=_PORT)] | None = None
    """`tcp/80`, `udp/53`; an echo request without."""


class TraceMiss(Model):
    """A table in which nothing matched."""

    table: int
    table_name: str
    match: None


class TraceGroup(Model):
    """A group that the packet went through."""

    group: str
    type: str
    buckets: list[int]
    """Those that were taken."""
    of: int
    """How many there are."""
    text: str


class TraceHop(Model):
    """One switch on the way."""

    switch: str
    port: int
    packet: str
    steps: list[OwnedFlow | TraceGroup | TraceMiss]
    ends: list[str]


class TraceAnswer(Model):
    """What would become of a packet, and what the intent says should."""

    model_config = ConfigDict(populate_by_name=True)

    source: Annotated[str, Field(alias="from")]
    to: str
    verdict: str
    reason: str
    meant: str
    meant_reason: str
    hops: list[TraceHop]
