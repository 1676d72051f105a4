"""First packets: which NIC they bind, and when they bind none."""

from __future__ import annotations

import pytest
from scapy.layers.l2 import Dot1Q, Ether

from sdn_orch.intent.model import Account, Attachment, Domain, Network, NetworkKind, Nic, Source, Switch
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.intent.validate import check
from sdn_orch.southbound.learning import Learned, learn

M1, M2, M3, M4 = (f"02:00:00:00:00:0{n}" for n in range(1, 5))


def wire(id: str, vlan: int | None = None) -> Network:
    return Network(id=id, account_id="acme", name=id, kind=NetworkKind.L2, vlan=vlan)


WORLD = Snapshot.of(
    Domain(id="root", name="ROOT", path="/"),
    Account(id="acme", name="acme", domain_id="root"),
    wire("red", 100),
    wire("blue", 200),
    Nic(id="one", network_id="red", mac=M1),
    Nic(id="red2", network_id="red", mac=M2),
    Nic(id="blue2", network_id="blue", mac=M2),
    Nic(id="three", network_id="blue", mac=M3, active=False),
    Nic(id="four", network_id="blue", mac=M4),
    Switch(id="s", dpid=7, name="s", learn_ports=(1, 2, 4)),
    Attachment(id="a", nic_id="four", switch_id="s", port=4, source=Source.OVSDB),
)


def first(mac: str, port: int = 1, vlan: int | None = None, world: Snapshot = WORLD) -> Learned:
    frame = Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / (Dot1Q(vlan=vlan) if vlan else b"") / (b"x" * 46)
    learned = learn(world, 7, port, bytes(frame))
    check(world, list(learned.changes))
    return learned


def places(world: Snapshot, learned: Learned) -> dict[str, tuple[int, int | None]]:
    after = world.change(list(learned.changes))
    return {found.nic_id: (found.port, found.vlan) for found in after.all(Attachment)}


def test_a_registered_mac_binds_its_nic() -> None:
    assert places(WORLD, first(M1)) == {"four": (4, None), "one": (1, None)}
    (change,) = first(M1).changes
    assert isinstance(change, Put) and isinstance(change.record, Attachment)
    assert change.record.source is Source.FIRST_PACKET


def test_a_nic_that_was_learned_moves_and_one_that_is_there_stays() -> None:
    world = WORLD.change(list(first(M1).changes))
    assert first(M1, world=world) == Learned()
    assert places(world, first(M1, port=2, world=world))["one"] == (2, None)


@pytest.mark.parametrize("source", [Source.CONFIGURATION, Source.OVSDB, Source.DISCOVERY])
def test_a_better_source_is_not_overruled(source: Source) -> None:
    world = WORLD.change([Put(Attachment(id="b", nic_id="one", switch_id="s", port=2, source=source))])
    learned = first(M1, world=world)
    assert not learned.changes and "known to be elsewhere" in learned.refusal


def test_an_ambiguous_mac_is_refused_unless_its_vlan_tells() -> None:
    learned = first(M2)
    assert not learned.changes and "red2, blue2" in learned.refusal
    assert not first(M2, vlan=300).changes
    assert places(WORLD, first(M2, vlan=200))["blue2"] == (1, 200)


def test_unknown_and_stopped_macs_are_refused() -> None:
    assert "no active NIC" in first(M3).refusal
    assert "no active NIC" in first("02:00:00:00:00:99").refusal


def test_a_place_of_another_network_is_refused() -> None:
    learned = first(M1, port=4)
    assert not learned.changes and "another network" in learned.refusal


def test_ports_that_are_not_open_for_it_and_rubbish_are_nothing() -> None:
    assert first(M1, port=3) == Learned()
    assert learn(WORLD, 8, 1, bytes(60)) == Learned()
    assert learn(WORLD, 7, 1, b"\x00" * 13) == Learned()


def test_a_nic_that_was_forgotten_is_learned_again() -> None:
    world = WORLD.change(list(first(M1).changes))
    gone = world.change([Delete(Attachment, found.id) for found in world.where(Attachment, "nic_id", "one")])
    assert places(gone, first(M1, world=gone)) == {"four": (4, None), "one": (1, None)}
