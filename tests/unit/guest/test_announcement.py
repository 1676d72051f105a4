"""A VLAN underlay is told where a NIC has come, and nobody else is told anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from scapy.layers.l2 import ARP, Dot1Q, Ether

from sdn_orch.guest.announcement import AT, RARP, Announcer, announcement
from sdn_orch.intent.model import Attachment, Network, Nic, Switch, Transport
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.openflow.values import Action, Output
from tests.unit.guest.world import DPID, RECORDS

UNDERLAY = 77


def world(**switch: object) -> Snapshot:
    """The small cloud on a VLAN underlay, each network with a VLAN."""
    snapshot = Snapshot.empty().change([Put(record) for record in RECORDS])
    own = {"transport": Transport.VLAN, "underlay": UNDERLAY} | switch
    changes = [Put(replace(each, **own)) for each in snapshot.all(Switch)]  # type: ignore[arg-type]
    vlans = [Put(replace(each, vlan=300 + each.number)) for each in snapshot.all(Network)]
    return snapshot.change([*changes, *vlans])


def first(snapshot: Snapshot) -> tuple[Attachment, Nic, Network]:
    attachment = next(found for found in snapshot.all(Attachment) if snapshot.need(Nic, found.nic_id).active)
    nic = snapshot.need(Nic, attachment.nic_id)
    return attachment, nic, snapshot.need(Network, nic.network_id)


def test_the_frame() -> None:
    snapshot = world()
    attachment, nic, network = first(snapshot)
    packet = announcement(snapshot, attachment)
    assert packet is not None and packet.actions == (Output(UNDERLAY),)
    frame = Ether(packet.frame)
    assert (frame.src, frame.dst, frame[Dot1Q].vlan, frame[Dot1Q].type) == (
        nic.mac,
        "ff:ff:ff:ff:ff:ff",
        network.vlan,
        RARP,
    )
    told = frame[ARP] if ARP in frame else ARP(bytes(frame[Dot1Q].payload))
    assert (told.op, told.hwsrc, told.hwdst, told.psrc, told.pdst) == (
        3,
        nic.mac,
        nic.mac,
        "0.0.0.0",
        "0.0.0.0",
    )
    assert len(packet.frame) == 64


@pytest.mark.parametrize(
    "switch", [{"transport": Transport.LABEL}, {"transport": Transport.VXLAN}, {"underlay": None}]
)
def test_no_underlay_that_learns(switch: dict[str, object]) -> None:
    snapshot = world(**switch)
    assert announcement(snapshot, first(snapshot)[0]) is None


def test_a_stopped_machine_or_a_network_without_vlan_is_not_announced() -> None:
    snapshot = world()
    attachment, nic, network = first(snapshot)
    for record in (replace(nic, active=False), replace(network, vlan=None)):
        assert announcement(snapshot.change([Put(record)]), attachment) is None


class Sent:
    """A session that keeps what is sent by it."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def packet_out(self, actions: Sequence[Action], frame: bytes, in_port: int) -> None:
        self.frames.append(frame)


def test_it_is_said_a_few_times_from_where_the_nic_is_by_then() -> None:
    snapshots = [world()]
    attachment, _, _ = first(snapshots[0])
    sent = Sent()
    announcer = Announcer(lambda: snapshots[-1], {DPID: sent}.get)  # type: ignore[arg-type]
    announcer.note([attachment.id], 50.0)
    assert len(sent.frames) == 1
    assert announcer.tick(50.0 + AT[1] - 0.01) == 0
    assert announcer.tick(50.0 + AT[1]) == 1
    snapshots.append(world(underlay=None))
    assert announcer.tick(99.0) == 0
    assert announcer.tick(999.0) == 0
    assert len(set(sent.frames)) == 1 and len(sent.frames) == 2
