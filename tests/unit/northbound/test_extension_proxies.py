"""Proxies in networks whose addresses CloudStack gives out: it may give a proxy's to something else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.balancing import obstacle
from sdn_orch.intent.model import Nic
from sdn_orch.intent.proxies import proxy_of
from sdn_orch.northbound import pool
from sdn_orch.provider.wanted import CAPABILITIES
from tests.cloudstack import Cloud
from tests.management_server import Net, Vm
from tests.unit.northbound.test_extension import SECOND, World

BALANCED = "203.0.113.30"


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def world(request: pytest.FixtureRequest) -> World:
    """Two machines, and a balancer of theirs that tells them who asks."""
    world = World(Cloud(), request.param)
    for vm in world.vms[:2]:
        world.server.start(world.net, vm)
    balance(world)
    return world


def balance(world: World, net: Net | None = None, protocol: str = "tcp-proxy") -> None:
    net = net or world.net
    world.server.balance(net, BALANCED, 80, 8080, [vm.ip for vm in net.vms], protocol)


def proxy(world: World) -> Nic | None:
    """The NIC of the proxy of the only balancer, which says what is wrong where it has none."""
    (balancer,) = world.snapshot.all(Balancer)
    found = proxy_of(world.snapshot, balancer)
    wrong = obstacle(world.snapshot, balancer)
    assert wrong == (None if found else "its proxy has no address in the network")
    return found


def at(world: World) -> str | None:
    """Where it is; what is claimed is what NICs and gateways have, then."""
    nic = proxy(world)
    for network in world.snapshot.all(type(world.network(world.net))):
        had = {each.ipv4 for each in world.snapshot.where(Nic, "network_id", network.id)}
        assert {*pool.taken(world.snapshot, network.id)} == {
            int(each) for each in had | {network.gateway4} if each
        }
    return str(nic.ipv4) if nic else None


def machine(number: int, ip: str, mac: str = "") -> Vm:
    return Vm(number, f"late{number}", mac or f"02:01:00:d2:00:{number:02x}", ip)


def test_it_has_the_greatest_address_that_is_free(world: World) -> None:
    assert at(world) == "10.1.1.254"
    nic = proxy(world)
    assert nic is not None and nic.mac == "02:5d:0a:01:01:fe" and nic.machine_id is None
    world.net.balancers[0]["protocol"] = "tcp"
    world.server.command("apply-lb-rules", world.net, lb_rules=world.net.balancers)
    assert world.snapshot.get(Nic, nic.id) is None
    assert not pool.is_taken(world.snapshot, nic.network_id, int(nic.ipv4 or 0))


def test_it_gives_way_to_a_machine(world: World) -> None:
    before = proxy(world)
    world.server.start(world.net, machine(50, "10.1.1.254"))
    assert at(world) == "10.1.1.253"
    nic = proxy(world)
    # Another NIC: whoever runs proxies begins another one.
    assert before is not None and nic is not None and nic.id != before.id
    assert nic.mac == "02:5d:0a:01:01:fd"
    world.server.start(world.net, machine(51, "10.1.1.20"))
    assert proxy(world) == nic
    # It is in nobody's way, and stays when the address is free again.
    world.server.destroy(world.net, world.net.vms[-2])
    assert at(world) == "10.1.1.253"


def test_it_gives_way_to_a_machine_that_changes_its_address(world: World) -> None:
    world.server.start(world.net, replace(world.vms[0], ip="10.1.1.254"))
    assert at(world) == "10.1.1.253"


def test_it_gives_way_to_what_leads_to_a_machine_that_was_never_heard_of(world: World) -> None:
    world.server.enable_static_nat(world.net, SECOND, "10.1.1.254")
    assert at(world) == "10.1.1.253"
    world.server.add_forward(world.net, SECOND, "22", "10.1.1.253", "22")
    assert at(world) == "10.1.1.252"


def test_it_gives_way_to_machines_that_are_told_again_all_at_once(world: World) -> None:
    world.net.vms += [machine(50 + number, f"10.1.1.{254 - number}") for number in range(3)]
    world.server.restore(world.net)
    assert at(world) == "10.1.1.251"


def test_a_machine_may_have_its_mac_address(world: World) -> None:
    before = proxy(world)
    assert before is not None
    world.server.start(world.net, machine(50, "10.1.1.20", mac=before.mac))
    assert at(world) == "10.1.1.253"
    # The address is free again; what would be its proxy's MAC address is not.
    world.server.start(world.net, machine(51, "10.1.1.253"))
    nic = proxy(world)
    assert at(world) == "10.1.1.254" and nic is not None and nic.mac != before.mac


def test_it_gives_way_to_the_gateway(world: World) -> None:
    for gateway in ("10.1.1.254", "10.1.1.1"):
        world.server.send("implement-network", world.net, gateway=gateway)
        assert at(world) == "10.1.1.253"


def test_a_gateway_that_is_told_after_the_machines_is_nobody_elses(world: World) -> None:
    """A NIC's own gateway is not its network's: that is told with the next command that is about it."""
    other = World(Cloud(), world.times)
    nic = other.server.c(other.net, other.vms[0]) | {"gateway": "10.9.9.9"}
    other.server.send("prepare-nic", other.net, **nic, hostname="web0")
    other.server.send("assign-ip", other.net, **other.server.p(BALANCED), gateway="10.1.1.254")
    rules = world.net.balancers
    other.server.send("apply-lb-rules", other.net, lb_rules=rules, gateway="10.1.1.254")
    assert at(other) == "10.1.1.253"


def test_it_follows_its_network_into_another_prefix(world: World) -> None:
    for vm in world.vms[:2]:
        world.server.destroy(world.net, vm)
    world.server.send("implement-network", world.net, cidr="10.1.2.0/24", gateway="10.1.2.1")
    assert at(world) == "10.1.2.254"


def test_where_no_address_is_free_it_waits_for_one(world: World) -> None:
    small = World(Cloud(), world.times)
    small.net.cidr = "10.1.1.8/29"
    vms = [machine(number, f"10.1.1.{number}") for number in range(10, 14)]
    for vm in vms:
        small.server.start(small.net, vm)
    balance(small)
    assert at(small) == "10.1.1.14"
    last = machine(14, "10.1.1.14")
    small.server.start(small.net, last)
    assert at(small) is None
    assert small.snapshot.need(Nic, last.uuid).active
    # One that holds an address of its own is in the way of none.
    small.server.start(small.net, replace(last, mac="02:01:00:d2:00:99"))
    assert at(small) is None
    small.server.destroy(small.net, vms[1])
    assert at(small) == vms[1].ip
    small.server.start(small.net, vms[1])
    assert at(small) is None


def test_a_restart_takes_it_away_and_brings_it_back(world: World) -> None:
    world.server.start(world.net, machine(50, "10.1.1.254"))
    world.server.restart(world.net)
    assert at(world) == "10.1.1.253"
    for vm in [*world.net.vms]:
        world.server.destroy(world.net, vm)
    world.server.delete(world.net)
    assert world.count(Nic) == world.count(Balancer) == 0


def test_what_is_declared_to_cloudstack_is_carried_out(world: World) -> None:
    said, (rule,) = CAPABILITIES["Lb"], world.net.balancers
    for protocol in said["SupportedProtocols"].split(","):
        for algorithm in said["SupportedLBAlgorithms"].split(","):
            wanted = rule | {"protocol": protocol, "algorithm": algorithm}
            world.server.command("apply-lb-rules", world.net, lb_rules=[wanted])
            (balancer,) = world.snapshot.all(Balancer)
            assert obstacle(world.snapshot, balancer) is None
            assert (proxy_of(world.snapshot, balancer) is not None) == (protocol == "tcp-proxy")
    methods = json.loads(said["SupportedStickinessMethods"])
    assert {each["methodname"] for each in methods} == {"LbCookie", "AppCookie", "SourceBased"}
