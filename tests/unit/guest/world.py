"""A small cloud: one switch, an access port, a trunk, two tiers of a VPC, an L2 network, and overlap."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from scapy.layers.l2 import Ether

from sdn_orch.dataplane.pipeline import NETWORK, REASON, Punt, Table
from sdn_orch.guest.dispatch import answer
from sdn_orch.guest.guest import gateway_link_local, gateway_mac
from sdn_orch.intent.model import (
    Account,
    Attachment,
    Domain,
    Network,
    NetworkKind,
    Nic,
    Switch,
    Transport,
    Vpc,
)
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.validate import check
from sdn_orch.openflow.values import Output
from sdn_orch.southbound.base import PacketIn, PacketOut

DPID = 0xA1
MAC1, MAC2, MAC3, MAC4, MAC5 = (f"02:00:00:00:00:0{n}" for n in range(1, 6))
#: The EUI-64 address of MAC1 in fd00:1::/64, and the link-local address of MAC1.
AUTONOMOUS1 = "fd00:1::ff:fe00:1"
LINK_LOCAL1 = "fe80::ff:fe00:1"
LINK_LOCAL2 = "fe80::ff:fe00:2"


def _tier(id: str, n: int, **more: Any) -> Network:
    return Network(
        id=id,
        account_id="acme",
        name=id,
        kind=NetworkKind.ISOLATED,
        vpc_id="vpc",
        ipv4=IPv4Network(f"10.1.{n}.0/24"),
        gateway4=IPv4Address(f"10.1.{n}.1"),
        ipv6=IPv6Network(f"fd00:{n}::/64"),
        gateway6=IPv6Address(f"fd00:{n}::1"),
        **more,
    )


RECORDS = (
    Domain(id="root", name="ROOT", path="/"),
    Account(id="acme", name="acme", domain_id="root"),
    Account(id="evil", name="evil", domain_id="root"),
    Vpc(
        id="vpc",
        account_id="acme",
        name="vpc",
        ipv4=IPv4Network("10.1.0.0/16"),
        domain_name="vpc.example",
        dns=("192.0.2.53", "2001:db8::53"),
    ),
    _tier("web", 1, mtu=1450, answers_names=True),
    _tier("db", 2, dns=("10.1.2.9",), domain_name="db.example", mtu=1300),
    Network(
        id="other",
        account_id="evil",
        name="other",
        kind=NetworkKind.ISOLATED,
        ipv4=IPv4Network("10.1.1.0/24"),
        gateway4=IPv4Address("10.1.1.1"),
        domain_name="evil.example",
        answers_names=True,
    ),
    Network(id="wire", account_id="acme", name="wire", kind=NetworkKind.L2),
    Nic(
        id="web1",
        network_id="web",
        mac=MAC1,
        ipv4=IPv4Address("10.1.1.11"),
        ipv6=IPv6Address(AUTONOMOUS1),
        hostname="web1",
        routes4=((IPv4Network("172.16.0.0/12"), IPv4Address("10.1.1.254")),),
    ),
    Nic(
        id="web2",
        network_id="web",
        mac=MAC2,
        ipv4=IPv4Address("10.1.1.12"),
        ipv6=IPv6Address("fd00:1::12"),
        secondary4=(IPv4Address("10.1.1.112"),),
        is_default=False,
    ),
    Nic(
        id="db3",
        network_id="db",
        mac=MAC3,
        ipv4=IPv4Address("10.1.2.13"),
        ipv6=IPv6Address("fd00:2::13"),
        hostname="DB3",
    ),
    Nic(id="other1", network_id="other", mac=MAC1, ipv4=IPv4Address("10.1.1.11"), hostname="spy"),
    Nic(id="web4", network_id="web", mac=MAC4, ipv4=IPv4Address("10.1.1.14"), active=False),
    Nic(id="wire5", network_id="wire", mac=MAC5),
    Switch(id="s1", dpid=DPID, name="s1", transport=Transport.LABEL),
    Attachment(id="a1", nic_id="web1", switch_id="s1", port=1),
    Attachment(id="a2", nic_id="web2", switch_id="s1", port=2, vlan=100),
    Attachment(id="a3", nic_id="db3", switch_id="s1", port=2, vlan=200),
    Attachment(id="a4", nic_id="web4", switch_id="s1", port=4),
    Attachment(id="a5", nic_id="other1", switch_id="s1", port=5),
    Attachment(id="a6", nic_id="wire5", switch_id="s1", port=6),
)


def _checked() -> Snapshot:
    changes = [Put(record) for record in RECORDS]
    check(Snapshot.empty(), changes)
    return Snapshot.of(*RECORDS)


WORLD = _checked()
PORTS = {"web1": 1, "web2": 2, "db3": 2, "web4": 4, "other1": 5, "wire5": 6}


def gateway(network: str) -> str:
    """The MAC address of a network's gateway."""
    return gateway_mac(WORLD.need(Network, network)).hex(":")


def gateway6(network: str) -> str:
    """The link-local address of a network's gateway."""
    return str(IPv6Address(gateway_link_local(WORLD.need(Network, network))))


def packet_in(nic: str, punt: Punt, frame: bytes, network: str | None = None, **more: Any) -> PacketIn:
    """What the switch sends up for a NIC's frame; `network` where it is not the NIC's own."""
    number = WORLD.need(Network, network or WORLD.need(Nic, nic).network_id).number
    values: dict[str, Any] = {
        "dpid": DPID,
        "in_port": PORTS[nic],
        "table": int(Table.PUNT),
        "cookie": 1,
        "metadata": NETWORK.of(number)[0] | REASON.of(punt)[0],
        "reason": 1,
        "frame": frame,
    }
    return PacketIn(**values | more)


def ask(nic: str, punt: Punt, frame: Any, snapshot: Snapshot = WORLD, **more: Any) -> Any:
    """The answer to a scapy frame as a scapy frame, having looked that it goes to the NIC's port; or None."""
    return shown(nic, answer(snapshot, packet_in(nic, punt, bytes(frame), **more)))


def shown(nic: str, reply: PacketOut | None) -> Any:
    """The frame of an answer, read by scapy, after its checksums were found right."""
    if reply is None:
        return None
    assert reply.actions == (Output(PORTS[nic]),)
    assert rebuilt(reply.frame) == reply.frame
    return Ether(reply.frame)


def rebuilt(frame: bytes) -> bytes:
    """The frame as scapy writes it when it computes lengths and checksums itself."""
    packet = Ether(frame)
    layer: Any = packet
    # What an error quotes is as it was, right or wrong.
    while layer and " in ICMP" not in layer.name:
        for field in ("chksum", "cksum"):
            if field in layer.fields:
                delattr(layer, field)
        if layer.name in ("IP", "UDP"):
            del layer.len
        layer = layer.payload
    return bytes(packet)
