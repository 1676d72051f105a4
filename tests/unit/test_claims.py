"""Where NICs are, from claims of different sources, in any order."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.claims import Claim, Claims
from sdn_orch.intent.model import (
    Account,
    Arrival,
    Attachment,
    Domain,
    Link,
    Machine,
    Network,
    NetworkKind,
    Nic,
    Source,
    Switch,
)
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.southbound.learning import arrived

NIC = Nic(id="nic", network_id="net", machine_id="vm", mac="02:00:00:00:00:01")
CLOUD = Snapshot.of(
    Domain(id="root", name="ROOT", path="/"),
    Account(id="acme", name="acme", domain_id="root"),
    Network(id="net", account_id="acme", name="net", kind=NetworkKind.L2),
    Network(id="other", account_id="acme", name="other", kind=NetworkKind.L2),
    Machine(id="vm", account_id="acme", name="vm"),
    NIC,
    Switch(id="leaf1", dpid=1, name="leaf1"),
    Switch(id="leaf2", dpid=2, name="leaf2"),
)
TAP = Claim(Source.OVSDB, "unix:/db", 1, 7, nic_id="nic", mac=NIC.mac)
EVERYBODY = frozenset(Source)
NOBODY: frozenset[Source] = frozenset()


def settle(snapshot: Snapshot, *claims: Claim, settled: frozenset[Source] = NOBODY) -> Snapshot:
    known = Claims()
    for claim in claims:
        known.put(claim)
    return snapshot.change(known.settle(snapshot, ["nic"], settled))


def places(snapshot: Snapshot) -> list[tuple[str, int, int | None, Source]]:
    return [(at.switch_id, at.port, at.vlan, at.source) for at in snapshot.all(Attachment)]


def test_a_claim_by_id_attaches() -> None:
    assert places(settle(CLOUD, TAP)) == [("leaf1", 7, None, Source.OVSDB)]


def test_a_claim_by_mac_attaches_where_the_id_is_somebody_elses_name() -> None:
    assert places(settle(CLOUD, replace(TAP, nic_id="libvirt-1234"))) == [("leaf1", 7, None, Source.OVSDB)]


def test_a_mac_that_two_networks_know_decides_nothing() -> None:
    twin = Snapshot.of(
        *(record for kind in (Domain, Account, Network, Machine, Nic, Switch) for record in CLOUD.all(kind)),
        Nic(id="twin", network_id="other", mac=NIC.mac),
    )
    assert places(settle(twin, replace(TAP, nic_id=""))) == []
    assert places(settle(twin, TAP)) == [("leaf1", 7, None, Source.OVSDB)]


THERE = Claim(Source.OVSDB, "unix:/other", 2, 9, nic_id="nic", mac=NIC.mac)
AT_SOURCE, AT_DESTINATION = ("leaf1", 7, None, Source.OVSDB), ("leaf2", 9, None, Source.OVSDB)


class Migrating:
    """Two databases claim a NIC, and the places that follow from it."""

    def __init__(self, nic: Nic = NIC, *claims: Claim) -> None:
        self.claims = Claims()
        self.snapshot = CLOUD.change([Put(replace(nic, number=1))])
        for claim in claims or (TAP, THERE):
            self.claims.put(claim)
            self.settle()

    def settle(self) -> None:
        self.snapshot = self.snapshot.change(self.claims.settle(self.snapshot, ["nic"], NOBODY))
        assert self.claims.settle(self.snapshot, ["nic"], NOBODY) == []

    @property
    def awaited(self) -> list[tuple[str, int]]:
        return [(each.switch_id, each.port) for each in self.snapshot.all(Arrival)]

    @property
    def admitted(self) -> list[str]:
        """The switches at which it may send, beside that where it is."""
        return [each.switch_id for each in self.snapshot.all(Arrival) if each.admitted]

    def hear(self, dpid: int, port: int, mac: str = NIC.mac) -> None:
        """A frame comes in there."""
        came = arrived(
            self.snapshot, dpid, port, bytes(6) + bytes.fromhex(mac.replace(":", "")) + b"\x80\x35"
        )
        self.snapshot = self.snapshot.change(came)
        self.settle()


def test_during_a_migration_it_is_at_the_source_until_it_is_heard_at_the_destination() -> None:
    moving = Migrating()
    assert places(moving.snapshot) == [AT_SOURCE] and moving.awaited == [("leaf2", 9)]
    assert moving.admitted == ["leaf2"]
    for elsewhere in ((2, 8, NIC.mac), (1, 9, NIC.mac), (2, 9, "02:00:00:00:00:02"), (99, 9, NIC.mac)):
        moving.hear(*elsewhere)
        assert places(moving.snapshot) == [AT_SOURCE]
    moving.hear(2, 9)
    assert places(moving.snapshot) == [AT_DESTINATION] and moving.awaited == [("leaf1", 7)]
    # Never from both once it has come.
    assert moving.admitted == []
    moving.claims.drop(TAP)
    moving.settle()
    assert places(moving.snapshot) == [AT_DESTINATION] and moving.awaited == []


def test_it_moves_when_the_source_lets_it_go_though_nothing_is_heard() -> None:
    moving = Migrating()
    moving.claims.drop(TAP)
    moving.settle()
    assert places(moving.snapshot) == [AT_DESTINATION] and moving.awaited == []


def test_a_migration_that_is_given_up_leaves_it_where_it_was() -> None:
    moving = Migrating()
    moving.claims.drop(THERE)
    moving.settle()
    assert places(moving.snapshot) == [AT_SOURCE] and moving.awaited == []
    # Or after it was heard there: it goes on at the source.
    again = Migrating()
    again.hear(2, 9)
    again.hear(1, 7)
    assert places(again.snapshot) == [AT_SOURCE] and again.awaited == [("leaf2", 9)]
    assert again.admitted == []


def test_where_it_is_plugged_in_anew_it_may_send_again() -> None:
    """It has migrated, and comes back."""
    moving = Migrating()
    moving.hear(2, 9)
    for change in (moving.claims.drop, moving.claims.put):
        change(TAP)
        moving.settle()
    assert places(moving.snapshot) == [AT_DESTINATION] and moving.admitted == ["leaf1"]
    moving.hear(1, 7)
    assert places(moving.snapshot) == [AT_SOURCE] and moving.awaited == [("leaf2", 9)]


def test_a_controller_that_starts_anew_lets_nobody_in_where_he_has_left() -> None:
    moving = Migrating()
    moving.hear(2, 9)
    for order in ((TAP, THERE), (THERE, TAP)):
        moving.claims = Claims()
        for claim in order:
            moving.claims.put(claim)
        moving.settle()
        assert places(moving.snapshot) == [AT_DESTINATION]
        assert moving.awaited == [("leaf1", 7)] and moving.admitted == []


def test_a_destination_that_is_bound_late_gets_it_by_its_next_frame() -> None:
    """Its database may be slower than the machine, or the source's port may be gone before."""
    moving = Migrating(NIC, TAP)
    moving.hear(2, 9)
    assert places(moving.snapshot) == [AT_SOURCE] and moving.awaited == []
    moving.claims.put(THERE)
    moving.settle()
    moving.hear(2, 9)
    assert places(moving.snapshot) == [AT_DESTINATION]
    gone = Migrating(NIC, TAP)
    gone.claims.drop(TAP)
    gone.settle()
    gone.claims.put(THERE)
    gone.settle()
    assert places(gone.snapshot) == [AT_DESTINATION] and gone.awaited == []


def test_a_database_that_does_not_answer_holds_nothing_that_another_claims() -> None:
    """A machine of a host that died was started elsewhere."""
    moving = Migrating()
    assert moving.claims.note(TAP.origin, is_silent=True) == {TAP}
    moving.settle()
    assert places(moving.snapshot) == [AT_DESTINATION] and moving.awaited == []
    assert moving.claims.note(TAP.origin, is_silent=True) == set()
    assert moving.claims.note(TAP.origin, is_silent=False) == {TAP}
    moving.settle()
    assert places(moving.snapshot) == [AT_DESTINATION] and moving.awaited == [("leaf1", 7)]


def test_the_order_in_which_databases_are_read_does_not_move_it() -> None:
    moving = Migrating()
    moving.claims = Claims()
    for claim in (THERE, TAP):
        moving.claims.put(claim)
    moving.settle()
    assert places(moving.snapshot) == [AT_SOURCE] and moving.awaited == [("leaf2", 9)]


def test_of_what_is_no_machine_the_newest_claim_counts() -> None:
    """A proxy is moved by whoever plugs it in."""
    moving = Migrating(replace(NIC, machine_id=None))
    assert places(moving.snapshot) == [AT_DESTINATION] and moving.awaited == []


def test_the_configuration_is_trusted_more_than_ovsdb() -> None:
    configured = Claim(Source.CONFIGURATION, "configuration", 2, 3, vlan=100, mac=NIC.mac)
    assert places(settle(CLOUD, configured, TAP)) == [("leaf2", 3, 100, Source.CONFIGURATION)]


def test_nothing_goes_before_its_source_has_told_all() -> None:
    attached = settle(CLOUD, TAP)
    assert places(settle(attached)) == places(attached)
    assert places(settle(attached, settled=frozenset({Source.OVSDB}))) == []


def test_a_first_packet_does_not_move_what_the_configuration_says() -> None:
    attached = settle(CLOUD, Claim(Source.CONFIGURATION, "configuration", 2, 3, mac=NIC.mac))
    seen = Claim(Source.FIRST_PACKET, "first packet", 1, 1, mac=NIC.mac)
    assert places(settle(attached, seen)) == places(attached)


def test_a_switch_that_is_not_configured_attaches_nothing() -> None:
    assert places(settle(CLOUD, replace(TAP, dpid=99))) == []
    attached = settle(CLOUD, TAP)
    assert places(settle(attached, replace(TAP, dpid=99), settled=EVERYBODY)) == places(attached)


def test_a_link_that_somebody_made_up_does_not_keep_a_nic_from_its_port() -> None:
    forged = Link(id="link", a_switch_id="leaf1", a_port=7, b_switch_id="leaf2", b_port=1)
    attached = settle(CLOUD.change([Put(forged)]), TAP)
    assert places(attached) == [("leaf1", 7, None, Source.OVSDB)]
    assert not list(attached.all(Link))
    moving = Migrating(NIC, TAP)
    there = replace(forged, a_port=3, b_port=THERE.port)
    moving.snapshot = moving.snapshot.change([Put(there)])
    moving.claims.put(THERE)
    moving.settle()
    assert moving.admitted == ["leaf2"] and not list(moving.snapshot.all(Link))
