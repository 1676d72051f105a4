"""Members of balancers with a proxy are told whose an address is, by ARP that nobody else sees."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from scapy.layers.l2 import ARP, Dot1Q, Ether

from sdn_orch.guest.succession import to_members
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.model import Attachment, Nic, Record
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.openflow.values import Output
from tests.unit.guest.world import RECORDS

LB = Balancer(
    id="lb", account_id="acme", network_id="web", name="lb", protocol=6, ports=(80, 80), guest_ports=(80, 80),
    inner_network_id="web", inner=IPv4Address("10.1.1.99"), proxy_protocol=True,
)  # fmt: skip
PROXY = Nic(
    id="proxy", network_id="web", balancer_id="lb", mac="02:5d:0a:01:01:fe", ipv4=IPv4Address("10.1.1.254")
)


@pytest.fixture
def snapshot() -> Snapshot:
    """All machines of the network are members but the last, and an attached proxy."""
    snapshot = Snapshot.empty().change([Put(record) for record in RECORDS])
    snapshot = changed(snapshot, *(replace(nic, active=True) for nic in snapshot.all(Nic)))
    (switch,) = {each.switch_id for each in snapshot.all(Attachment)}
    place = Attachment(id="at-proxy", nic_id="proxy", switch_id=switch, port=66)
    members = [Member(id=nic.id, balancer_id="lb", nic_id=nic.id) for nic in machines(snapshot)[:-1]]
    return changed(snapshot, LB, PROXY, place, *members)


def machines(snapshot: Snapshot) -> list[Nic]:
    """Those of the network that are somewhere."""
    nics = snapshot.where(Nic, "network_id", "web")
    return [nic for nic in nics if nic.balancer_id is None and place(snapshot, nic.id) is not None]


def place(snapshot: Snapshot, nic: str) -> Attachment | None:
    return snapshot.first(Attachment, "nic_id", nic)


def told(snapshot: Snapshot, nic: str) -> dict[str, list[Ether]]:
    """What is said when a NIC comes, by the NIC to which it is."""
    at = place(snapshot, nic)
    assert at is not None
    found: dict[str, list[Ether]] = {}
    for switch, packet in to_members(snapshot, at):
        frame = Ether(packet.frame)
        (receiver,) = (each for each in machines(snapshot) if each.mac == frame.dst)
        home = place(snapshot, receiver.id)
        assert home is not None
        assert (home.switch_id, (Output(home.port),)) == (switch, tuple(packet.actions))
        assert (frame[Dot1Q].vlan if Dot1Q in frame else None) == home.vlan
        found.setdefault(receiver.id, []).append(frame)
    return found


def changed(snapshot: Snapshot, *records: Record) -> Snapshot:
    return snapshot.change([Put(record) for record in records])


def test_each_member_is_told_of_whoever_comes_but_of_itself(snapshot: Snapshot) -> None:
    *members, other = machines(snapshot)
    assert members
    for who in (*members, other, snapshot.need(Nic, "proxy")):
        said = told(snapshot, who.id)
        assert said.keys() == {each.id for each in members} - {who.id}
        for id, frames in said.items():
            receiver = snapshot.need(Nic, id)
            assert [frame[ARP].psrc for frame in frames] == [
                str(each) for each in (who.ipv4, *who.secondary4)
            ]
            for frame in frames:
                arp = frame[ARP]
                assert (arp.op, arp.hwsrc, frame.src) == (2, who.mac, who.mac)
                assert (arp.hwdst, arp.pdst) == (receiver.mac, str(receiver.ipv4))


def test_nobody_is_told_of_what_takes_no_part_or_where_no_proxy_is(snapshot: Snapshot) -> None:
    *members, other = machines(snapshot)
    assert told(changed(snapshot, replace(other, active=False)), other.id) == {}
    assert (
        told(changed(snapshot, replace(snapshot.need(Balancer, "lb"), proxy_protocol=False)), other.id) == {}
    )
    stopped = changed(snapshot, *(replace(each, active=False) for each in members))
    assert told(stopped, other.id) == {}
