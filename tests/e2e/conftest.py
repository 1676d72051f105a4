"""Running clouds for all end-to-end tests: the demonstration's, and the same tenants on other fabrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.e2e.fabrics import FABRICS, Fabric, Placed, place
from topologies.cloud import Cloud
from topologies.demo.machines import Tenanted, bring_up
from topologies.demo.tenants import make_tenants
from topologies.leaf_spine import LeafSpine

#: Four leaves with four hosts each; the fourth is free for machines that move, and for strangers.
HOSTS = 4


@dataclass(frozen=True, slots=True)
class Running(Tenanted):
    """The demonstration's machines, and hosts that nobody has, one a leaf."""

    free: list[str]


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    with Cloud(partial(LeafSpine, hosts=HOSTS)) as cloud:
        cloud.start()
        hosts = [host.name for host in cloud.network.hosts]
        free = hosts[HOSTS - 1 :: HOSTS]
        machines = make_tenants(cloud.controller, [host for host in hosts if host not in free])
        bring_up(cloud, machines)
        yield Running(cloud, {machine.name: machine for machine in machines}, free)


@pytest.fixture(scope="session", params=FABRICS, ids=[fabric.name for fabric in FABRICS])
def placed(request: pytest.FixtureRequest) -> Iterator[Placed]:
    fabric: Fabric = request.param
    with fabric.cloud(fabric.made, fabric.settings, fabric.attachments) as cloud:
        cloud.start()
        yield place(fabric, cloud)
