"""What members of balancers have had, added up over flows that come and go."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.pipeline import BALANCED, Table
from sdn_orch.dataplane.plan import diff
from sdn_orch.dataplane.world import World
from sdn_orch.intent.balancers import Algorithm, Balancer, Draining, Member
from sdn_orch.intent.model import Switch
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.intent.traffic import TCP
from sdn_orch.openflow.codec import decode_match
from sdn_orch.openflow.values import State
from sdn_orch.southbound.fake import FakeSwitch
from sdn_orch.tally import Tally
from tests.southbound import Recorder
from tests.unit.dataplane import worlds

ADDRESS = IPv4Address("203.0.113.10")


class Cloud:
    """A gateway with a balancer of two members at an edge, and the tally of it."""

    def __init__(self) -> None:
        red = worlds.network("red", 1)
        nics = [worlds.nic(red, 10), worlds.nic(red, 11)]
        switches = [
            replace(each, public_port=9) if isinstance(each, Switch) and each.id == "leaf1" else each
            for each in worlds.leaf_spine(1, 1)
        ]
        outside = PublicRange(
            id="range", ipv4=IPv4Network("203.0.113.0/24"), gateway=ADDRESS - 9, first=ADDRESS, last=ADDRESS
        )
        address = PublicAddress(
            id="ip", range_id="range", account_id="tenant", address=ADDRESS, network_id=red.id
        )
        balancer = Balancer(
            id="lb",
            account_id="tenant",
            network_id=red.id,
            address_id="ip",
            name="web",
            protocol=TCP,
            ports=(80, 80),
            guest_ports=(8080, 8080),
        )
        members = [
            Member(id=id, balancer_id="lb", nic_id=nic.id, seat=seat)
            for seat, (id, nic) in enumerate(zip(("first", "second"), nics, strict=True))
        ]
        places = [worlds.attach(nic.id, "leaf1", 10 + at) for at, nic in enumerate(nics)]
        self.world = World.of(
            Snapshot.of(
                *switches, *worlds.tenant(), red, *nics, *places, outside, address, balancer, *members
            )
        )
        self.switch = FakeSwitch(1)
        self.datapath = self.switch.connect(Recorder())
        self.tally = Tally(lambda: self.world, {"leaf1": self.datapath}.get)
        self.bring()

    def bring(self) -> None:
        """The switch holds what it should."""
        desired = compile_switch(self.world, "leaf1").state
        held = self.switch.copy()
        self.datapath.apply(diff(desired, State(held.flows, held.groups, held.meters), 6))

    def change(self, *changes: Change) -> None:
        self.world = World.of(self.world.snapshot.change(changes))
        self.bring()

    def meet(self, table: Table, member: str, packets: int, octets: int) -> None:
        """Packets meet the flow of a member."""
        number = self.world.snapshot.need(Member, member).number
        field = BALANCED if table is Table.MEMBER else "ct_mark"
        (key,) = [
            key
            for key in self.switch.copy().flows
            if key[0] == table and (field, number, None) in decode_match(key[2]).fields
        ]
        self.switch.count(key, packets, octets)

    def turn(self, mark: int, label: int, *flags: tuple[int, int]) -> None:
        """A packet of a connection with this label meets those flows that ask for it and for such flags."""
        for key in self.switch.copy().flows:
            fields = decode_match(key[2]).fields
            if {("ct_mark", mark, None), ("ct_label", label, None)} <= {*fields}:
                assert [(value, mask) for name, value, mask in fields if name == "tcp_flags"]
                if any(("tcp_flags", *each) in fields for each in flags):
                    self.switch.count(key, 1, 60)

    def had(self, id: str) -> tuple[int, ...]:
        """What a member, or the balancer, had."""
        self.tally.read(fresh=0)
        snapshot = self.world.snapshot
        member = snapshot.get(Member, id)
        found = self.tally.member(member.mark) if member else self.tally.balancer(snapshot.need(Balancer, id))
        return (
            found.connections, found.packets_in, found.bytes_in, found.packets_out, found.bytes_out
        )  # fmt: skip


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def test_both_ways_are_told_apart_and_members_add_up(cloud: Cloud) -> None:
    cloud.meet(Table.MEMBER, "first", 3, 180)
    cloud.meet(Table.DESTINATION_NAT, "first", 10, 1000)
    cloud.meet(Table.SOURCE_NAT, "first", 20, 30000)
    cloud.meet(Table.MEMBER, "second", 1, 60)
    assert cloud.had("first") == (3, 13, 1180, 20, 30000)
    assert cloud.had("second") == (1, 1, 60, 0, 0)
    assert cloud.had("lb") == (4, 14, 1240, 20, 30000)


def test_a_reading_that_is_repeated_adds_nothing(cloud: Cloud) -> None:
    cloud.meet(Table.MEMBER, "first", 3, 180)
    assert cloud.had("first") == cloud.had("first") == (3, 3, 180, 0, 0)
    cloud.meet(Table.MEMBER, "first", 2, 120)
    assert cloud.had("first") == (5, 5, 300, 0, 0)


def test_slots_that_change_hands_take_nothing_with_them(cloud: Cloud) -> None:
    cloud.meet(Table.MEMBER, "first", 3, 180)
    cloud.had("lb")
    cloud.change(Put(replace(cloud.world.snapshot.need(Member, "second"), weight=7)))
    assert cloud.had("first") == (3, 3, 180, 0, 0)
    assert cloud.had("second") == (0, 0, 0, 0, 0)


def test_what_a_flow_counted_that_is_added_anew_is_kept(cloud: Cloud) -> None:
    cloud.meet(Table.MEMBER, "first", 3, 180)
    since = cloud.tally.member(cloud.world.snapshot.need(Member, "first").mark).since
    assert since is None and cloud.had("first") == (3, 3, 180, 0, 0)
    since = cloud.tally.member(cloud.world.snapshot.need(Member, "first").mark).since
    # The rule leads to another port: each member's flow is another one.
    cloud.change(Put(replace(cloud.world.snapshot.need(Balancer, "lb"), guest_ports=(8081, 8081))))
    cloud.meet(Table.MEMBER, "first", 1, 60)
    assert cloud.had("first") == (4, 4, 240, 0, 0)
    assert cloud.tally.member(cloud.world.snapshot.need(Member, "first").mark).since == since


def test_a_member_that_goes_stays_in_the_balancers_sum(cloud: Cloud) -> None:
    cloud.meet(Table.MEMBER, "first", 3, 180)
    cloud.meet(Table.MEMBER, "second", 1, 60)
    cloud.had("lb")
    cloud.change(Delete(Member, "second"))
    assert cloud.had("lb") == (4, 4, 240, 0, 0)
    cloud.change(Put(Member(id="third", balancer_id="lb", nic_id="red-11", seat=1)))
    assert cloud.had("third") == (0, 0, 0, 0, 0), "its seat is another one's, and it is not"


def test_one_that_keeps_its_connections_is_counted_still(cloud: Cloud) -> None:
    cloud.meet(Table.MEMBER, "second", 2, 120)
    draining = Draining(id="kept", balancer_id="lb", nic_id="red-11", mark=2, until=2**31)
    cloud.change(Delete(Member, "second"), Put(draining))
    assert cloud.had("lb") == (2, 2, 120, 0, 0)
    cloud.change(Delete(Draining, "kept"))
    assert cloud.had("lb") == (2, 2, 120, 0, 0)
    marks = [
        decode_match(key[2]).fields for key in cloud.switch.copy().flows if key[0] == Table.DESTINATION_NAT
    ]
    assert not any(("ct_mark", 2, None) in fields for fields in marks), "they are cut"


def test_a_switch_that_is_away_is_not_read(cloud: Cloud) -> None:
    cloud.meet(Table.MEMBER, "first", 3, 180)
    cloud.had("lb")
    cloud.datapath.close()
    assert cloud.had("first") == (3, 3, 180, 0, 0)


AGREED, DONE = (0x12, 0x12), (0x01, 0x05)


def test_what_is_open_is_what_members_agreed_to_and_did_not_end(cloud: Cloud) -> None:
    lb = cloud.world.snapshot.need(Balancer, "lb")
    cloud.change(Put(replace(lb, algorithm=Algorithm.LEAST_CONNECTIONS)))
    mark = cloud.world.snapshot.need(Member, "first").mark

    def opened() -> int:
        cloud.tally.read(fresh=0)
        return round(cloud.tally.open(mark))

    assert opened() == 0
    for _ in range(3):
        cloud.turn(mark, 0, AGREED)
    cloud.turn(mark, 1, DONE)
    assert opened() == 2 and cloud.tally.open(mark + 1) == 0
    assert cloud.had("first")[3] == 4, "what opens and ends is counted as answers, too"
    # A daemon that starts finds the same.
    again = Tally(lambda: cloud.world, {"leaf1": cloud.datapath}.get)
    again.read()
    assert again.open(mark) == 2
    # Nobody counts any more.
    cloud.change(Put(lb))
    assert opened() == 0
    cloud.change(Put(replace(lb, algorithm=Algorithm.LEAST_CONNECTIONS)))
    cloud.turn(mark, 0, AGREED)
    assert opened() == 1
    cloud.datapath.close()
    assert opened() == 1, "as it was"
