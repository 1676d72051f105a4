"""A gateway that returns: routers come to it when it holds what it needs, and nobody is cut off before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

import sdn_orch.reconcile
from sdn_orch.dataplane.rules import Owner, OwnerKind
from sdn_orch.intent.firewall import FirewallRule
from sdn_orch.intent.gateways import gateway_of
from sdn_orch.intent.model import Link, Switch
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.southbound.fake import OPEN_VSWITCH
from sdn_orch.status import Phase
from tests.golden.worlds import outside, pair
from tests.unit.dataplane.worlds import leaf_spine, network, tenant
from tests.unit.test_reconcile import Fabric, eventually

HOME = network("web")
ADDRESS, WAY = Owner(OwnerKind.ADDRESS, "own"), Owner(OwnerKind.NETWORK, HOME.id)
ALLOWED = FirewallRule(
    id="allowed", address_id="own", protocol=6, ports=(22, 22), sources=(IPv4Network("0.0.0.0/0"),)
)


class Gateways(Fabric):
    """Two gateways, of which one was cut off; the other serves the router of both."""

    def __init__(self) -> None:
        switches = [
            replace(record, public_port=9)
            if isinstance(record, Switch) and record.id in ("leaf2", "leaf3")
            else record
            for record in leaf_spine(1, 3, OPEN_VSWITCH)
        ]
        cloud = Snapshot.of(*tenant(), *switches, *pair(HOME, ("leaf1", 5)), *outside("leaf2", HOME), ALLOWED)
        super().__init__(cloud=cloud)
        home = gateway_of(cloud, HOME.id)
        assert home is not None
        self.back = home.id
        (self.cable,) = cloud.where(Link, "a_switch_id", self.back)
        (self.other,) = {"leaf2", "leaf3"} - {self.back}
        self.commit(Put(replace(self.cable, up=False)))
        self.connect()
        self.serving = self.reconciler.rules(ADDRESS, self.other)
        self.way = self.reconciler.rules(WAY, "leaf1")
        assert self.serving and self.way

    def is_as_before(self) -> bool:
        """Whether the edge sends to the gateway that has served, which serves on."""
        way, serving = self.reconciler.rules(WAY, "leaf1"), self.reconciler.rules(ADDRESS, self.other)
        return way == self.way and serving == self.serving

    def has_changed_over(self) -> bool:
        """Whether the edge sends to the gateway that is back."""
        return self.is_right("leaf1") and self.reconciler.rules(WAY, "leaf1") != self.way


@pytest.fixture
def gateways() -> Iterator[Gateways]:
    made = Gateways()
    yield made
    made.reconciler.stop()
    made.store.close()


def test_a_gateway_serves_on_until_who_is_back_is_known_outside(gateways: Gateways) -> None:
    """Its rules of routers that go to another one stay for a second; then it has what a compile says."""
    gateways.commit(Put(gateways.cable))
    gateways.settle(gateways.back, "leaf1", "spine1")
    assert gateways.reconciler.rules(ADDRESS, gateways.other) == gateways.serving
    assert not gateways.is_right(gateways.other) and not gateways.reconciler.is_settled()
    gateways.settle()
    eventually(gateways.reconciler.is_settled)
    assert not gateways.reconciler.rules(ADDRESS, gateways.other)


def test_nobody_turns_to_a_gateway_before_it_holds_what_it_needs(gateways: Gateways) -> None:
    """It was away, and takes longer than a switch is waited for otherwise, and longer than one serves on."""
    back = gateways.switches[gateways.back]
    back.restart()
    back.delay = 1.5
    gateways.commit(Put(gateways.cable))
    eventually(lambda: gateways.is_right("spine1"))
    back.connect(gateways)
    begun = time.monotonic()
    while gateways.reconciler.switch_status(gateways.back).phase is not Phase.IN_SYNC:
        assert gateways.is_as_before() and not gateways.reconciler.is_serving(gateways.back, 0)
        time.sleep(0.01)
    assert time.monotonic() - begun > 1.0
    eventually(gateways.has_changed_over)
    assert gateways.reconciler.is_serving(gateways.back, gateways.store.snapshot().revision)
    assert gateways.reconciler.rules(ADDRESS, gateways.other) == gateways.serving
    gateways.settle()


def test_a_gateway_that_does_not_get_there_is_not_awaited_for_ever(
    gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdn_orch.reconcile, "RETURN_PATIENCE", 0.3)
    gateways.switches[gateways.back].restart()
    gateways.commit(Put(gateways.cable))
    eventually(lambda: gateways.is_right("spine1"))
    assert gateways.is_as_before()
    eventually(gateways.has_changed_over)
    eventually(lambda: not gateways.reconciler.rules(ADDRESS, gateways.other))


def test_what_is_taken_away_meanwhile_is_not_served_on(gateways: Gateways) -> None:
    """The whole router goes at once: without one of its rules the others might let through more."""
    gateways.switches[gateways.back].restart()
    gateways.commit(Put(gateways.cable))
    eventually(lambda: gateways.is_right("spine1"))
    assert gateways.is_as_before()
    gateways.commit(Delete(FirewallRule, ALLOWED.id))
    gateways.settle("leaf1", gateways.other, "spine1")
    assert not gateways.reconciler.rules(ADDRESS, gateways.other)


def test_a_gateway_that_goes_again_before_it_served_changes_nothing(gateways: Gateways) -> None:
    gateways.switches[gateways.back].restart()
    gateways.commit(Put(gateways.cable))
    eventually(lambda: gateways.is_right("spine1"))
    gateways.commit(Put(replace(gateways.cable, up=False)))
    gateways.settle("leaf1", gateways.other, "spine1")
    assert gateways.is_as_before()
    gateways.connect(gateways.back)
    assert gateways.is_as_before()
