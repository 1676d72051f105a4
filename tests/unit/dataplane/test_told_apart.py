"""One asker, at one port of its own, asks one port of a machine by two public addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.simulate import first_live, trace
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.firewall import FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.meaning import arrives, delivers
from sdn_orch.intent.model import Nic, Record, Switch
from sdn_orch.intent.outside import Conversations, public_mac
from sdn_orch.intent.packet import IPV4, UDP, Packet
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.verdict import OUTSIDE
from tests.golden.worlds import edges, outside, pair
from tests.property.compiled import compile_all, disagreement
from tests.property.outside import answer
from tests.unit.dataplane.worlds import network, nic, tenant

HOME = replace(network("blue"), ipv6=None, gateway6=None)
PEER, ASKED, AT = int(IPv4Address("198.51.100.7")), (99, 99), (98, 98)


def world() -> Snapshot:
    switches = [replace(each, public_port=9) if isinstance(each, Switch) else each for each in edges(1)]
    known = Snapshot.of(*tenant(), *switches, *outside("edge1", HOME), *pair(HOME, ("edge1", 1)))
    first = known.need(PublicAddress, "source")
    second = PublicAddress(
        id="second", range_id="range", account_id="tenant", network_id=HOME.id,
        address=IPv4Address("203.0.113.12"),
    )  # fmt: skip
    records: list[Record] = [second]
    for each in (first, second):
        records.append(
            Forward(
                id=f"to {each.id}",
                address_id=each.id,
                nic_id=nic(HOME, 10).id,
                guest=IPv4Address("10.1.0.10"),
                protocol=UDP,
                public=ASKED,
                private=AT,
            )
        )
        records.append(FirewallRule(id=f"at {each.id}", address_id=each.id, protocol=UDP, ports=ASKED))
    return known.change([Put(each) for each in records])


def test_both_are_heard_and_answered_under_the_address_that_was_asked() -> None:
    snapshot = world()
    (machine,) = snapshot.all(Nic)
    first = snapshot.need(PublicAddress, "source")
    tables, wires = compile_all(snapshot), Wires.of(snapshot)
    tracked, memory = {"edge1": Connections()}, Conversations()
    heard: list[Packet] = []
    for asked in (first, snapshot.need(PublicAddress, "second")):
        fields = {"eth_dst": public_mac(first), "eth_src": 0x525400000001, "eth_type": IPV4}
        fields |= {"vlan_vid": 0x1007, "vlan_pcp": 0, "ip_ttl": 64, "ip_proto": UDP}
        fields |= dict.fromkeys(("ip_dscp", "ip_ecn", "ip_frag"), 0)
        fields |= {"ipv4_src": PEER, "ipv4_dst": int(asked.address), "udp_src": 5000, "udp_dst": 99}
        question = Packet.from_fields(fields, bytes(20))
        found = trace(tables, wires, ("edge1", 9), question, first_live, connections=tracked)
        meant = arrives(snapshot, question, memory=memory)
        assert not disagreement(snapshot, machine, meant, found)
        ((receiver, got),) = meant.received
        assert receiver == machine.id and got["udp_dst"] == 98
        heard.append(got)
    assert len({got["udp_src"] for got in heard}) == 2
    for got, asked in zip(heard, (first, snapshot.need(PublicAddress, "second")), strict=True):
        back = answer(got)
        found = trace(tables, wires, ("edge1", 1), back, first_live, connections=tracked)
        meant = delivers(snapshot, machine, back, memory=memory)
        assert not disagreement(snapshot, machine, meant, found)
        ((receiver, sent),) = meant.received
        assert (receiver, sent["ipv4_src"], sent["udp_dst"]) == (OUTSIDE, int(asked.address), 5000)
