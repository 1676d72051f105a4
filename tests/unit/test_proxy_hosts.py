"""On which gateway's host a balancer's proxy is to run, as gateways and agents come and go."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from sdn_orch.dataplane.world import World
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.model import Attachment, Record, Switch
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.intent.traffic import TCP
from sdn_orch.northbound.operator.proxies import proxies
from sdn_orch.northbound.operator.proxy_hosts import PATIENCE, ProxyHosts
from sdn_orch.vault import Vault, new_key
from tests.unit.dataplane import worlds

RANGE = IPv4Network("203.0.113.0/24")


class Site:
    """Two gateways, and a balancer that needs a proxy."""

    def __init__(self) -> None:
        red = worlds.network("red", 1)
        fabric: list[Record] = [
            replace(each, public_port=9)
            if isinstance(each, Switch) and each.name.startswith("leaf")
            else each
            for each in worlds.leaf_spine(1, 2)
        ]
        nic = replace(worlds.nic(red, 10), id="proxy", balancer_id="lb")
        self.snapshot = Snapshot.of(
            *fabric, *worlds.tenant(), red, nic, worlds.public_range(RANGE),
            PublicAddress(
                id="ip", range_id="range", account_id="tenant", address=RANGE[10], network_id=red.id
            ),
            Balancer(
                id="lb", account_id="tenant", network_id=red.id, address_id="ip", name="web", protocol=TCP,
                ports=(80, 80), guest_ports=(8080, 8080), proxy_protocol=True,
            ),
        )  # fmt: skip
        self.now = 100.0
        self.hosts = ProxyHosts(lambda: self.now)
        gateway = self.world.gateway_of("red")
        assert gateway is not None
        self.home = gateway.id
        (self.other,) = {"leaf1", "leaf2"} - {self.home}

    @property
    def world(self) -> World:
        return World.of(self.snapshot)

    def ask(self, *switches: str) -> None:
        """The agents of these gateways ask; the last time was too long ago."""
        self.now += PATIENCE + 1
        for switch in switches:
            self.hosts.asked(switch)

    def plug(self, switch: str) -> None:
        """The switches lead to the proxy at this gateway."""
        before = [Delete(Attachment, each.id) for each in self.snapshot.all(Attachment)]
        there = Attachment(id=f"at {switch}", nic_id="proxy", switch_id=switch, port=20)
        self.snapshot = self.snapshot.change([*before, Put(there)])

    def at(self) -> dict[str, bool]:
        """The gateways that are to run it, and whether it is known to be there."""
        world = self.world
        hosts, vault = self.hosts.among(world.gateways()), Vault(new_key())
        return {
            switch.id: proxy.here
            for switch in self.snapshot.where(Switch, "is_gateway", True)
            for proxy in proxies(world, switch, hosts, vault)
        }


@pytest.fixture
def site() -> Site:
    return Site()


def test_it_runs_where_the_address_lives(site: Site) -> None:
    assert site.at() == {site.home: False}
    site.ask("leaf1", "leaf2")
    assert site.at() == {site.home: False}
    site.plug(site.home)
    assert site.at() == {site.home: True}


def test_it_runs_elsewhere_while_nobody_runs_any_there(site: Site) -> None:
    site.plug(site.home)
    site.ask(site.other)
    # It stays, as far as it is still there, until the other one has it.
    assert site.at() == {site.home: True, site.other: False}
    site.plug(site.other)
    assert site.at() == {site.other: True}
    site.ask("leaf1", "leaf2")
    assert site.at() == {site.home: False, site.other: True}
    site.plug(site.home)
    assert site.at() == {site.home: True}


def test_it_leaves_with_the_last_agent(site: Site) -> None:
    site.plug(site.home)
    site.ask("leaf1", "leaf2")
    site.hosts.leaves(site.home)
    assert site.at() == {site.home: True, site.other: False}
    site.hosts.leaves(site.other)
    assert site.at() == {}


def test_a_gateway_that_is_lost_runs_none(site: Site) -> None:
    site.ask("leaf1", "leaf2")
    lost = replace(site.snapshot.need(Switch, site.home), outside_down=True)
    site.snapshot = site.snapshot.change([Put(lost)])
    assert site.at() == {site.other: False}
