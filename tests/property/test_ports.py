"""Ports without a NIC let nothing in, and an underlay never learns a gateway's address."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.dataplane.simulate import explore
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Attachment, Network, Switch, SwitchRole, Transport
from sdn_orch.intent.packet import LLDP
from sdn_orch.intent.snapshot import Put
from tests.property.clouds import Cloud, make_cloud
from tests.property.compiled import compile_all, reasons, send
from tests.property.packets import Packets

SEEDS = st.integers(0, 2**48)
EMPTY, LEARNING = 90, 91


@given(SEEDS)
def test_a_port_without_a_nic_lets_nothing_in(seed: int) -> None:
    random = Random(seed)
    cloud = make_cloud(random)
    edges = [switch for switch in cloud.snapshot.all(Switch) if switch.role == SwitchRole.EDGE]
    learning = [Put(replace(switch, learn_ports=(LEARNING,))) for switch in edges]
    cloud = Cloud(cloud.snapshot.change(learning), cloud.shape, cloud.transport)
    tables, wires = compile_all(cloud.snapshot), Wires.of(cloud.snapshot)
    # The other VLANs of a trunk, and the trunk without a tag, are nobody's places either.
    trunks = [(at.switch_id, at.port) for at in cloud.snapshot.all(Attachment) if at.vlan is not None]
    packets = Packets(cloud, random, forgery=0.1)
    for _ in range(40):
        packet = packets.make(random.choice(cloud.nics))
        start = (random.choice(edges).id, random.choice((EMPTY, LEARNING)))
        if trunks and random.random() < 0.4:
            start = random.choice(trunks)
            packet = packet.replace(vlan_vid=0x1000 | 999, vlan_pcp=0) if random.random() < 0.5 else packet
            if packet.get("vlan_vid") not in (None, 0x1000 | 999):
                continue
        for trace in explore(tables, wires, start, packet, 8):
            assert not trace.exits
            if packet["eth_type"] == LLDP:
                assert reasons(trace) == {Punt.DISCOVERY}
            elif start[1] == LEARNING:
                assert reasons(trace) == {Punt.FIRST_PACKET}
            else:
                assert not trace.punts


@given(SEEDS)
def test_an_underlay_of_vlans_never_sees_a_gateway_speak(seed: int) -> None:
    """It would learn the one address at the ports of all edges in turn."""
    random = Random(seed)
    cloud = make_cloud(random, transport=Transport.VLAN)
    tables, wires = compile_all(cloud.snapshot), Wires.of(cloud.snapshot)
    gateways = {mac_number(network.gateway_mac) for network in cloud.snapshot.all(Network)}
    packets = Packets(cloud, random)
    for _ in range(60):
        nic = random.choice(cloud.nics)
        for trace in send(cloud.snapshot, tables, wires, nic, packets.make(nic)):
            assert not any(hop.packet["eth_src"] in gateways for hop in trace.hops if hop.parent >= 0)
