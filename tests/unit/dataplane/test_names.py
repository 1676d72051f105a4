"""Questions for names under a security group that lets nothing else out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sdn_orch.dataplane.compiler import compile_switch
from sdn_orch.dataplane.execute import Visit
from sdn_orch.dataplane.pipeline import PORT_PUNTS, Punt, Table
from sdn_orch.dataplane.wires import Wires
from sdn_orch.dataplane.world import World
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.meaning import delivers
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction
from sdn_orch.intent.verdict import Service
from sdn_orch.openflow.values import UseMeter
from tests.golden.worlds import edges
from tests.property.compiled import compile_all, disagreement, reasons, send
from tests.unit.dataplane.worlds import attach, network, nic, tenant

HOME = replace(network("home"), answers_names=True)
ONE, OTHER = replace(nic(HOME, 10), group_ids=("web",)), nic(HOME, 11)
RECORDS = (
    *tenant(),
    *edges(1),
    HOME,
    SecurityGroup(id="web", account_id="tenant", name="web"),
    SecurityRule(id="out", group_id="web", direction=Direction.EGRESS, protocol=6, ports=(443, 443)),
    ONE,
    OTHER,
    attach(ONE.id, "edge1", 1),
    attach(OTHER.id, "edge1", 2),
)
WORLD = Snapshot.of(*RECORDS)


def asking(version: int, **changes: int) -> Packet:
    """A question of the machine under the group to its gateway."""
    own = WORLD.need(Nic, ONE.id)
    home = WORLD.need(Network, HOME.id)
    ends: Any = (own.ipv4, home.gateway4) if version == 4 else (own.ipv6, home.gateway6)
    fields = {
        "eth_src": mac_number(own.mac),
        "eth_dst": mac_number(home.gateway_mac),
        "eth_type": 0x800 if version == 4 else 0x86DD,
        "ip_dscp": 0,
        "ip_ecn": 0,
        "ip_ttl": 64,
        "ip_frag": 0,
        "ip_proto": 17,
        f"ipv{version}_src": int(ends[0]),
        f"ipv{version}_dst": int(ends[1]),
        "udp_src": 40000,
        "udp_dst": 53,
    }
    return Packet.from_fields(fields | changes, bytes(30))


@pytest.mark.parametrize("version", [4, 6])
def test_its_gateway_may_be_asked_for_names_and_nobody_else(version: int) -> None:
    own, tables, wires = WORLD.need(Nic, ONE.id), compile_all(WORLD), Wires.of(WORLD)
    other: Any = OTHER.ipv4 if version == 4 else OTHER.ipv6
    for packet, is_answered in (
        (asking(version), True),
        (asking(version, udp_dst=54), False),
        (asking(version, eth_dst=mac_number(OTHER.mac)), False),
        (asking(version, eth_dst=mac_number(OTHER.mac), **{f"ipv{version}_dst": int(other)}), False),
    ):
        meant = delivers(WORLD, own, packet)
        assert (meant.answer is not None) is is_answered and not meant.received
        assert meant.answer is None or meant.answer.service is Service.DNS
        for trace in send(WORLD, tables, wires, own, packet):
            assert disagreement(WORLD, own, meant, trace) == ""
            assert reasons(trace) == ({Punt.DNS} if is_answered else set())


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_questions_of_each_port_pass_a_meter_of_its_own(version: int, protocol: str) -> None:
    free = Snapshot.of(*(replace(record, group_ids=()) if record == ONE else record for record in RECORDS))
    state = compile_switch(World.of(free), "edge1").state
    for asker, port in ((ONE, 1), (OTHER, 2)):
        own: Any = asker.ipv4 if version == 4 else asker.ipv6
        ends = {"eth_src": mac_number(asker.mac), f"ipv{version}_src": int(own)}
        packet = asking(version, **ends).without("udp_src", "udp_dst")
        ports = {f"{protocol}_src": 40000, f"{protocol}_dst": 53}
        packet = packet.replace(ip_proto=17 if protocol == "udp" else 6, **ports)
        (trace,) = send(free, compile_all(free), Wires.of(free), asker, packet)
        assert reasons(trace) == {Punt.DNS}
        (visit,) = [
            step
            for step in trace.hops[0].outcome.steps
            if isinstance(step, Visit) and step.table == Table.PUNT
        ]
        assert visit.flow is not None
        assert [action.meter for action in visit.flow.actions if isinstance(action, UseMeter)] == [port]
        assert (state.meters[port].rate, state.meters[port].burst) == PORT_PUNTS
