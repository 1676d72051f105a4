"""Gateways that track no connections do what is meant, and a source always comes to the same member."""

from __future__ import annotations

from random import Random

from hypothesis import given

from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.simulate import trace
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.meaning import arrives, delivers
from sdn_orch.intent.model import Attachment, Nic, Switch
from sdn_orch.intent.outside import Conversations, one_of
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.verdict import OUTSIDE
from tests.property.compiled import compile_all, disagreement
from tests.property.outside import PUBLIC_PORT, answer
from tests.property.test_meaning import SEEDS, connected_in
from tests.property.untracked import Speakers, plain_cloud

WORDS_PER_CLOUD = 80


@given(SEEDS)
def test_plain_gateways_do_what_is_meant(seed: int) -> None:
    random = Random(seed)
    cloud = plain_cloud(random)
    snapshot, tables, connected = cloud.snapshot, compile_all(cloud.snapshot), connected_in(cloud)
    wires, speakers = Wires.of(snapshot), Speakers(cloud, random)
    (gateway,) = snapshot.where(Switch, "is_gateway", True)
    memory = Conversations()
    #: Where whoever asked has come to, by everything that it is to follow from.
    came: dict[tuple[int, ...], str] = {}
    answers: list[tuple[Nic, Packet, Packet]] = []
    for _ in range(WORDS_PER_CLOUD):
        speaker: Nic | None = None
        asked: Packet | None = None
        if answers and random.random() < 0.3:
            speaker, packet, asked = answers.pop(random.randrange(len(answers)))
        elif speakers.members and random.random() < 0.4:
            speaker = random.choice(speakers.members)
            packet = speakers.outward(speaker)
        else:
            packet = speakers.inward()
        if speaker is None:
            start, sent = (gateway.id, PUBLIC_PORT), packet
        else:
            place = snapshot.where(Attachment, "nic_id", speaker.id)[0]
            start = (place.switch_id, place.port)
            sent = packet if place.vlan is None else packet.replace(vlan_vid=0x1000 | place.vlan, vlan_pcp=0)
        found = trace(tables, wires, start, sent, lambda _group, live, _packet: random.choice(live))
        memory.choose = one_of(found.destinations(Table.INWARD))
        if speaker is None:
            meant = arrives(snapshot, packet, connected, memory)
        else:
            meant = delivers(snapshot, speaker, packet, connected, memory)
        fault = disagreement(snapshot, speaker or cloud.nics[0], meant, found)
        assert not fault, f"{speaker}\nsends {sent}\nmeant {meant}\n{fault}\n{found.drops}"
        for receiver, got in meant.received if speaker is None else ():
            there = (
                packet["ipv4_src"],
                packet["ipv4_dst"],
                packet["ip_proto"],
                packet.get("tcp_dst") or packet.get("udp_dst") or 0,
            )
            assert came.setdefault(there, receiver) == receiver
            answers.append((snapshot.need(Nic, receiver), answer(got), packet))
        if asked is not None and packet.get("icmpv4_type") is None and meant.received:
            # Who asked is answered by whom it has asked.
            ((receiver, back),) = meant.received
            assert receiver == OUTSIDE
            assert _sides(back) == _sides(answer(asked))


def _sides(packet: Packet) -> list[int | None]:
    names = ("ipv4_src", "ipv4_dst", "tcp_src", "tcp_dst", "udp_src", "udp_dst")
    return [packet.get(name) for name in names]
