"""A small sound cloud with one or more of everything, and records that differ from its own in a field."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from sdn_orch.intent.model import (
    Account,
    Attachment,
    Domain,
    Link,
    Machine,
    Network,
    NetworkKind,
    Nic,
    Record,
    Switch,
    SwitchRole,
    Transport,
    Vpc,
)
from sdn_orch.intent.snapshot import Snapshot

WEB = Network(
    id="web",
    account_id="acme",
    name="web",
    kind=NetworkKind.ISOLATED,
    ipv4=IPv4Network("10.1.0.0/24"),
    gateway4=IPv4Address("10.1.0.1"),
    ipv6=IPv6Network("2001:db8:1::/64"),
    gateway6=IPv6Address("2001:db8:1::1"),
)
TIER = replace(WEB, id="tier", name="tier", vpc_id="vpc", ipv6=None, gateway6=None)
NIC = Nic(
    id="nic",
    network_id="web",
    machine_id="vm",
    mac="02:00:00:00:00:01",
    ipv4=IPv4Address("10.1.0.10"),
    ipv6=IPv6Address("2001:db8:1::10"),
)
CLOUD = Snapshot.of(
    Domain(id="root", name="ROOT", path="/"),
    Domain(id="sales", name="sales", path="/sales", parent_id="root"),
    Domain(id="eu", name="eu", path="/sales/eu", parent_id="sales"),
    Account(id="acme", name="acme", domain_id="root"),
    Account(id="other", name="other", domain_id="root"),
    Machine(id="vm", account_id="acme", name="vm"),
    Vpc(id="vpc", account_id="acme", name="vpc", ipv4=IPv4Network("10.1.0.0/16")),
    WEB,
    TIER,
    replace(
        TIER, id="tier2", name="tier2", ipv4=IPv4Network("10.1.1.0/24"), gateway4=IPv4Address("10.1.1.1")
    ),
    Network(id="l2", account_id="acme", name="l2", kind=NetworkKind.L2, vlan=100, vni=5000),
    NIC,
    replace(NIC, id="nic2", mac="02:00:00:00:00:02", ipv4=IPv4Address("10.1.0.11"), ipv6=None),
    # The same addresses and MAC in another network are normal.
    replace(NIC, id="nic3", network_id="tier", ipv6=None),
    Nic(id="bare", network_id="l2", mac="02:00:00:00:00:01"),
    Switch(id="leaf", dpid=1, name="leaf"),
    Switch(id="spine", dpid=2, name="spine", role=SwitchRole.FABRIC),
    Switch(
        id="edge",
        dpid=3,
        name="edge",
        transport=Transport.VXLAN,
        underlay=9,
        tunnel_address=IPv4Address("192.0.2.1"),
    ),
    Link(id="link", a_switch_id="leaf", a_port=50, b_switch_id="spine", b_port=1),
    Attachment(id="at", nic_id="nic", switch_id="leaf", port=1),
    Attachment(id="at2", nic_id="nic2", switch_id="leaf", port=1),
    Attachment(id="at3", nic_id="nic3", switch_id="leaf", port=2, vlan=10),
)


def new(kind: type[Record], id: str, /, **values: Any) -> Record:
    """A record like that of the cloud with this id, as one to be created."""
    return replace(CLOUD.need(kind, id), id="new", number=0, **values)


def changed(kind: type[Record], id: str, /, **values: Any) -> Record:
    return replace(CLOUD.need(kind, id), **values)
