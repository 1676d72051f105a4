"""Where NICs are, from claims of different sources, in any order."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.claims import Claim, Claims
from sdn_orch.intent.model import (
    Account,
    Attachment,
    Domain,
    Link,
    Network,
    NetworkKind,
    Nic,
    Source,
    Switch,
)
from sdn_orch.intent.snapshot import Put, Snapshot

NIC = Nic(id="nic", network_id="net", mac="02:00:00:00:00:01")
CLOUD = Snapshot.of(
    Domain(id="root", name="ROOT", path="/"),
    Account(id="acme", name="acme", domain_id="root"),
    Network(id="net", account_id="acme", name="net", kind=NetworkKind.L2),
    Network(id="other", account_id="acme", name="other", kind=NetworkKind.L2),
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
        *(record for kind in (Domain, Account, Network, Nic, Switch) for record in CLOUD.all(kind)),
        Nic(id="twin", network_id="other", mac=NIC.mac),
    )
    assert places(settle(twin, replace(TAP, nic_id=""))) == []
    assert places(settle(twin, TAP)) == [("leaf1", 7, None, Source.OVSDB)]


def test_during_a_migration_the_newest_claim_counts() -> None:
    claims = Claims()
    there = replace(TAP, dpid=2, port=9)
    claims.put(TAP)
    claims.put(there)
    moved = CLOUD.change(claims.settle(CLOUD, ["nic"], NOBODY))
    assert places(moved) == [("leaf2", 9, None, Source.OVSDB)]
    claims.drop(TAP)
    assert claims.settle(moved, ["nic"], EVERYBODY) == []


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
