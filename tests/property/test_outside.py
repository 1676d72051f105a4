"""Tables and conversations together do what is meant: packets out, in, back, and round, and when rules go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.simulate import chosen, trace
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.gateways import gateway_of
from sdn_orch.intent.meaning import arrives, delivers
from sdn_orch.intent.model import Attachment, Nic, Record, Switch
from sdn_orch.intent.outside import Conversations, address_of, gateway_at, one_of
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.private import private_gateway_at
from sdn_orch.intent.routed import router_at
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.security import SecurityRule
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.intent.verdict import OUTSIDE, Verdict
from sdn_orch.openflow.values import Group
from tests.property.clouds import make_cloud
from tests.property.compiled import compile_all, disagreement
from tests.property.direct import asked_outside, said_unasked, with_direct_return
from tests.property.outside import PUBLIC_PORT, Peers, answer, to_itself, with_outside
from tests.property.policies import with_policies
from tests.property.test_meaning import connected_in

SEEDS = st.integers(0, 2**48)
WORDS_PER_CLOUD = 60
_ELSEWHERE = 30_000
#: Bytes that make a packet too large for some of the networks.
_MORE = 1_400


# A network that cuts connections is to cut the associations of its balancers, too.
@example(282)
# A machine's own association, from a balancer's port, under the balancer's address.
@example(541)
# Who answers for an echo unasked asks for one with the same identifier later.
@example(41111)
# Members of a balancer with direct return, at one place.
@example(7736)
# A balancer without members begins nothing.
@example(2000435)
@given(SEEDS)
def test_tables_and_connections_do_what_is_meant(seed: int) -> None:
    random, direct, large = Random(seed), Random(~seed), Random(seed + 0.5)
    alone = Random(seed + 0.25)
    cloud = with_direct_return(direct, with_policies(random, with_outside(random, make_cloud(random))))
    snapshot, tables, connected = cloud.snapshot, compile_all(cloud.snapshot), connected_in(cloud)
    wires, peers = Wires.of(snapshot), Peers(cloud, random)
    tracked = {switch.id: Connections() for switch in snapshot.all(Switch)}
    memory = Conversations()

    def random_bucket(_group: Group, live: Sequence[int], _packet: Packet) -> int:
        return random.choice(live)

    nics = [nic for nic in cloud.nics if nic.ipv4 is not None]
    nics6 = [nic for nic in cloud.nics if nic.ipv6 is not None]
    answers: list[tuple[Nic | None, Packet]] = []
    for number in range(WORDS_PER_CLOUD):
        if number == WORDS_PER_CLOUD // 2:
            snapshot = _without_some_rules(random, snapshot)
            tables = compile_all(snapshot)
        choice = random.random()
        speaker: Nic | None = None
        if answers and choice < 0.4:
            speaker, packet = answers.pop(random.randrange(len(answers)))
        elif choice < 0.65 and nics:
            speaker = random.choice(nics)
            packet = peers.outward(speaker)
        elif choice < 0.85 and nics6:
            speaker = random.choice(nics6)
            packet = peers.outward6(speaker)
        elif peers.private and random.random() < 0.4:
            packet = peers.inward_privately(random.choice(peers.private))
        else:
            packet = peers.inward6() if peers.has_machines6 and random.random() < 0.5 else peers.inward()
            packet = asked_outside(direct, snapshot, packet) if direct.random() < 0.4 else packet
        if speaker is not None and "ip_proto" in packet and alone.random() < 0.06:
            packet = to_itself(snapshot, speaker, packet)
        forged = said_unasked(direct, snapshot) if direct.random() < 0.15 else None
        if forged is not None:
            speaker, packet = forged
        if large.random() < 0.2:
            packet = replace(packet, payload=packet.payload + bytes(_MORE))
        if speaker is None:
            start = (gateway_for(snapshot, packet), PUBLIC_PORT)
            sent = packet
        else:
            place = snapshot.where(Attachment, "nic_id", speaker.id)[0]
            start = (place.switch_id, place.port)
            sent = packet if place.vlan is None else packet.replace(vlan_vid=0x1000 | place.vlan, vlan_pcp=0)
        found = trace(tables, wires, start, sent, random_bucket, connections=tracked)
        # Any of a balancer's live members is right: the one that the tables have chosen, if it is one.
        memory.choose = one_of(chosen(found, snapshot))
        if speaker is None:
            meant = arrives(snapshot, packet, connected, memory)
        else:
            meant = delivers(snapshot, speaker, packet, connected, memory)
        fault = disagreement(snapshot, speaker or nics[0] if nics else cloud.nics[0], meant, found)
        assert not fault, f"{speaker}\nsends {sent}\nmeant {meant}\n{fault}\n{found.drops}"
        answers += _answers(snapshot, meant, peers)
        if random.random() < 0.3:
            answers.append((speaker, packet))


def _without_some_rules(random: Random, snapshot: Snapshot) -> Snapshot:
    """Without half of what has let conversations begin; some forwarded ports lead elsewhere."""
    kinds = (FirewallRule, EgressRule, RoutedRule, Forward, AclItem, SecurityRule)
    rules: list[Record] = [rule for kind in kinds for rule in snapshot.all(kind)]
    changes: list[Change] = []
    for rule in rules:
        if random.random() < 0.5:
            changes.append(Delete(type(rule), rule.id))
        elif isinstance(rule, Forward) and random.random() < 0.6:
            first, last = rule.private
            changes.append(Put(replace(rule, private=(first + _ELSEWHERE, last + _ELSEWHERE))))
    return snapshot.change(changes)


def gateway_for(snapshot: Snapshot, packet: Packet) -> str:
    """The gateway that a packet from outside comes to."""
    if "ipv6_dst" in packet:
        router = router_at(snapshot, packet["eth_dst"])
        there = None if router is None else gateway_of(snapshot, router)
        return there.id if there is not None else snapshot.where(Switch, "is_gateway", True)[0].id
    private = _private_gateway(snapshot, packet)
    if private is not None:
        home = gateway_of(snapshot, private.vpc_id)
        assert home is not None
        return home.id
    address = address_of(snapshot, IPv4Address(packet["ipv4_dst"]))
    router = router_at(snapshot, packet["eth_dst"]) if address is None else None
    gateway = gateway_at(snapshot, address) if address is not None else None
    gateway = gateway_of(snapshot, router) if router is not None else gateway
    return gateway.id if gateway is not None else snapshot.where(Switch, "is_gateway", True)[0].id


def _private_gateway(snapshot: Snapshot, packet: Packet) -> PrivateGateway | None:
    tag = packet.get("vlan_vid")
    return private_gateway_at(snapshot, None if tag is None else tag & 0xFFF, packet["eth_dst"])


def _answers(snapshot: Snapshot, meant: Verdict, peers: Peers) -> list[tuple[Nic | None, Packet]]:
    found: list[tuple[Nic | None, Packet]] = []
    for receiver, packet in sorted(meant.received, key=lambda each: each[0]):
        back = answer(packet)
        if receiver == OUTSIDE:
            found.append((None, back))
        else:
            found.append((snapshot.need(Nic, receiver), back))
    return found
