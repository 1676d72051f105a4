"""Commands of a management server, with fields left out and wrong ones: refused, or carried out."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sdn_orch.errors import SdnOrchError
from sdn_orch.northbound.extension import commands
from tests.cloudstack import Cloud
from tests.management_server import JSON, Net, Vm, Vpc
from tests.unit.northbound.test_extension import CLOUD, SECOND, THIRD, World

#: What stands in the place of a value now and then, besides values of other fields.
_WRONG: tuple[Any, ...] = (
    "", None, "x", "0", "-1", "65536", "999999999", "true", [], {}, "é\u202e", "vlan://untagged",
    "10.1.1.1", "10.1.1.255", "10.1.1.0/31", "10.1.1.0/32", "0.0.0.0/0", "224.0.0.1", "127.0.0.0/8",
    "2001:db8::1", "2001:db8:7::/127", "2001:db8:7::/128", "ff:ff:ff:ff:ff:ff",
)  # fmt: skip


def _sent() -> list[tuple[str, JSON]]:
    """Every command, as networks and VPCs live with them."""
    world = World(Cloud())
    server, net = world.server, world.net
    for vm in world.vms:
        server.start(net, vm)
    server.enable_static_nat(net, SECOND, world.vms[0].ip)
    server.add_forward(net, THIRD, "80", world.vms[1].ip, "8080")
    server.open(net, THIRD, "tcp", 80)
    server.open_egress(net)
    server.balance(net, "203.0.113.30", 80, 8080, [vm.ip for vm in world.vms], "tcp-proxy")
    vpc = Vpc(5, "10.20.0.0/16", source_nat="203.0.113.40")
    server.create_vpc(vpc)
    tier = Net(300, "10.20.1.0/24", vlan="300", vpc=vpc)
    server.start(tier, Vm(50, "front", "02:01:00:d1:00:50", "10.20.1.5"))
    server.add_item(tier, "allow", "tcp", 80)
    server.change_source_nat(vpc, "203.0.113.41")
    dual = Net(301, "10.1.1.0/24", vlan="301", ip6_cidr="2001:db8:5::/64")
    server.start(dual, Vm(60, "dual", "02:01:00:d1:00:60", "10.1.1.5", ip6="2001:db8:5::5"))
    server.restart(net)
    server.stop(net, world.vms[0])
    server.destroy(net, world.vms[1])
    server.delete(dual)
    server.restart_vpc(vpc, [tier])
    return world.sent


@pytest.fixture(scope="module")
def sent() -> list[tuple[str, JSON]]:
    return _sent()


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_said_is_refused_or_carried_out(sent: list[tuple[str, JSON]], seed: int) -> None:
    choose = random.Random(seed)
    values = [*_WRONG, *(value for _, payload in sent for value in payload.values())]
    service = Cloud().service
    for _ in range(60):
        command, payload = choose.choice(sent)
        payload = dict(payload)
        for field in choose.sample(sorted(payload), min(len(payload), choose.choice((0, 0, 1, 1, 2, 4)))):
            if choose.random() < 0.4:
                del payload[field]
            else:
                payload[field] = choose.choice(values)
        revision = service.snapshot.revision
        try:
            commands.run(service, CLOUD, command, payload)
        except SdnOrchError:
            assert service.snapshot.revision == revision
