"""A machine that speaks to its own address by way of its router."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.simulate import first_live, trace
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.meaning import delivers
from sdn_orch.intent.model import Network, Nic, Record, Switch
from sdn_orch.intent.outside import Conversations
from sdn_orch.intent.packet import IPV4, UDP, Packet
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import Direction
from tests.golden.worlds import edges, pair
from tests.property.compiled import compile_all, disagreement
from tests.unit.dataplane.worlds import network, tenant

HOME = network("web")
ASKED, ANSWERED = (4000, 53), (53, 4000)


@pytest.mark.parametrize(
    ("lets_in", "cuts", "ports", "is_heard"),
    [
        (True, False, (ASKED, ANSWERED), (True, True)),
        (True, True, (ASKED, ANSWERED), (True, True)),
        # Its own question is no answer: as any other it has to be let in.
        (False, False, (ASKED, ANSWERED), (False, True)),
        (False, True, (ASKED, ANSWERED), (False, False)),
        (True, False, (ANSWERED, ASKED), (False, True)),
        (True, True, (ANSWERED, ASKED), (False, False)),
    ],
)
def test_it_hears_itself_as_its_rules_let_it_hear_anybody(
    lets_in: bool, cuts: bool, ports: tuple[tuple[int, int], ...], is_heard: tuple[bool, ...]
) -> None:
    home = replace(HOME, cuts_connections=cuts)
    rule = SecurityRule(id="in", group_id="group", direction=Direction.INGRESS, protocol=UDP, ports=(53, 53))
    records: list[Record] = [
        *tenant(), *edges(1), SecurityGroup(id="group", account_id="tenant", name="group"),
        *(rule for _ in range(lets_in)), *pair(home, ("edge1", 1)),
    ]  # fmt: skip
    snapshot = Snapshot.of(
        *(replace(each, group_ids=("group",)) if isinstance(each, Nic) else each for each in records)
    )
    (nic,) = snapshot.all(Nic)
    gateway = mac_number(snapshot.need(Network, home.id).gateway_mac)
    own, tables, wires = int(nic.ipv4 or 0), compile_all(snapshot), Wires.of(snapshot)
    tracked, memory = {switch.id: Connections() for switch in snapshot.all(Switch)}, Conversations()
    for (source, target), is_received in zip(ports, is_heard, strict=True):
        fields = {"eth_dst": gateway, "eth_src": mac_number(nic.mac), "eth_type": IPV4}
        fields |= dict.fromkeys(("ip_dscp", "ip_ecn", "ip_frag"), 0) | {"ip_ttl": 64, "ip_proto": UDP}
        fields |= {"ipv4_src": own, "ipv4_dst": own, "udp_src": source, "udp_dst": target}
        packet = Packet.from_fields(fields, bytes(20))
        found = trace(tables, wires, ("edge1", 1), packet, first_live, connections=tracked)
        meant = delivers(snapshot, nic, packet, memory=memory)
        assert bool(meant.received) == is_received
        assert not disagreement(snapshot, nic, meant, found)
