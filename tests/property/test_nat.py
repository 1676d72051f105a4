"""Network address translation is a bijection where it must be.

In random worlds with static NAT, source NAT, forwarded ports, balancers, private gateways and IPv6, from
inside, from outside, and round by a public address. Whoever gets something answers: the asker gets that, from
whom it has asked, at the port that it has asked from.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.simulate import Trace, trace
from sdn_orch.dataplane.wires import Wires
from sdn_orch.intent.balancers import Member
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Attachment, Network, Nic, Switch, Transport
from sdn_orch.intent.outside import Side, Words, words_of
from sdn_orch.intent.packet import SCTP, TCP, UDP, Packet
from sdn_orch.intent.public import NextHop, PublicAddress
from sdn_orch.intent.routing import PrivateGateway, PrivateHop, StaticRoute
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.verdict import OUTSIDE
from sdn_orch.openflow.values import Group
from tests.property.clouds import Cloud, make_cloud
from tests.property.compiled import compile_all, received
from tests.property.outside import PEERS, PEERS6, PORTS, PRIVATE_PEERS, PUBLIC_PORT, answer, with_outside
from tests.property.test_outside import gateway_for
from tests.property.walk import Word, tagged, words

SEEDS = st.integers(0, 2**48)
QUESTIONS = 40
#: Who is outside, and is not taken for somebody inside.
_OUTSIDE = frozenset((*PEERS, *PEERS6, *PRIVATE_PEERS))
_TRANSPORTS = ("tcp", "udp", "sctp", "icmpv4")
_ECHO_REQUESTS = (None, 8, 128)


# Two forwarded ports lead one asker, at one port of its own, to one port of a machine.
@example(41360)
@given(SEEDS)
def test_answers_come_back_from_whom_was_asked(seed: int) -> None:
    random = Random(seed)
    cloud = with_outside(random, make_cloud(random))
    snapshot, questions = cloud.snapshot, _Questions(cloud, random)
    switches = _Switches(snapshot, compile_all(snapshot), random)
    if not _has_ways_back(snapshot):
        return
    ends = _Ends(snapshot)
    for _ in range(QUESTIONS):
        asker, asked = questions.ask()
        if not _is_question(snapshot, asker, asked):
            continue
        for receiver, got in switches.send((asker, asked)):
            who = None if receiver == OUTSIDE else snapshot.need(Nic, receiver)
            if who == asker and words_of(got) == words_of(answer(asked)):
                continue  # the network itself has answered
            ends.note(asker, asked, who, got)
            back = switches.send((who, answer(got)))
            said = f"{asker}\nasks {asked}\n{who}\ngets {got}\nanswered {back}"
            assert [None if name == OUTSIDE else snapshot.need(Nic, name) for name, _ in back] == [asker], (
                said
            )
            assert words_of(back[0][1]) == words_of(answer(asked)), said


class _Questions:
    """Random words; many for whoever is behind a public address, or what somebody else has asked before."""

    def __init__(self, cloud: Cloud, random: Random) -> None:
        self._random, self._snapshot = random, cloud.snapshot
        self._word = words(cloud, random)
        self._machines = [nic for nic in cloud.nics if nic.ipv4 is not None]
        self._asked: list[Packet] = []
        self._open = [
            (int(cloud.snapshot.need(PublicAddress, each.address_id).address), each.protocol, each.public[0])
            for each in cloud.snapshot.all(Forward)
        ]
        alone = [int(each.address) for each in cloud.snapshot.all(PublicAddress) if each.guest is not None]
        self._open += [(address, protocol, 80) for address in alone for protocol in (TCP, UDP)]

    def ask(self) -> Word:
        """The next one."""
        asker, asked = self._word()
        if self._asked and self._machines and self._random.random() < 0.3:
            asker, asked = self._by_another(self._random.choice(self._asked))
        to = asked.get("ipv4_dst")
        if self._open and to is not None and self._random.random() < 0.4:
            asked = self._to(asked, *self._random.choice(self._open))
            if asker is not None:
                home = self._snapshot.need(Network, asker.network_id)
                asked = asked.replace(eth_dst=mac_number(home.gateway_mac))
        if asker is not None and "ipv4_src" in asked:
            self._asked.append(asked)
        return asker, asked

    def _by_another(self, asked: Packet) -> Word:
        """The same, from some machine, at the same port."""
        asker = self._random.choice(self._machines)
        home = self._snapshot.need(Network, asker.network_id)
        macs = {"eth_src": mac_number(asker.mac), "eth_dst": mac_number(home.gateway_mac)}
        return asker, asked.replace(ipv4_src=int(asker.ipv4 or 0), **macs)

    def _to(self, asked: Packet, address: int, protocol: int, port: int) -> Packet:
        """For a public address instead, and another protocol."""
        name = "tcp" if protocol == TCP else "udp"
        kept = {field: value for field, value in asked if field.rsplit("_", 1)[0] not in _TRANSPORTS}
        ports = {f"{name}_src": self._random.choice(PORTS), f"{name}_dst": port}
        changes = {"ip_proto": protocol, "ipv4_dst": address}
        return Packet.from_fields({**kept, **changes, **ports}, bytes(20))


class _Switches:
    """Switches that track connections."""

    def __init__(self, snapshot: Snapshot, tables: dict[str, Tables], random: Random) -> None:
        self._snapshot, self._tables, self._random = snapshot, tables, random
        self._wires = Wires.of(snapshot)
        self._tracked = {switch.id: Connections() for switch in snapshot.all(Switch)}

    def send(self, word: Word) -> list[tuple[str, Packet]]:
        """Who gets what is said, and as what."""
        speaker, packet = word
        if speaker is None:
            start, sent = (gateway_for(self._snapshot, packet), PUBLIC_PORT), packet
        else:
            place = self._snapshot.where(Attachment, "nic_id", speaker.id)[0]
            start, sent = (place.switch_id, place.port), tagged(packet, place.vlan)
        found = self._trace(start, sent)
        return sorted(received(self._snapshot, found), key=lambda each: each[0])

    def _trace(self, start: tuple[str, int], packet: Packet) -> Trace:
        def any_bucket(_group: Group, live: Sequence[int], _packet: Packet) -> int:
            return self._random.choice(live)

        return trace(self._tables, self._wires, start, packet, any_bucket, connections=self._tracked)


class _Ends:
    """Which machine is behind a public address and port: no two are, towards one peer.

    Where static NAT or a forwarded port decides, it is one whoever the peer is.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._machines: dict[tuple[object, ...], tuple[str, Side]] = {}
        self._addresses = {int(each.address): each for each in snapshot.all(PublicAddress)}

    def note(self, asker: Nic | None, asked: Packet, who: Nic | None, got: Packet) -> None:
        """What was asked, and how it came to whom it came."""
        before, after = words_of(asked), words_of(got)
        assert before is not None and after is not None
        protocol = before.protocol
        if asker is not None and after.source[0] in self._addresses:
            self._is((protocol, after.source, before.destination), (asker.id, before.source))
        if who is not None and before.destination[0] in self._addresses:
            ends = protocol, before.destination, after.source
            if ends not in self._machines and self._is_forwarded(before):
                self._is((protocol, before.destination), (who.id, after.destination))
            self._is(ends, (who.id, after.destination))

    def _is(self, ends: tuple[object, ...], machine: tuple[str, Side]) -> None:
        assert self._machines.setdefault(ends, machine) == machine, (ends, self._machines[ends], machine)

    def _is_forwarded(self, words: Words) -> bool:
        """Whether neither the peer nor a balancer has a say in it."""
        if words.protocol not in (TCP, UDP):
            return False
        address = self._addresses[words.destination[0]]
        if address.guest is not None:
            return True
        forwards = self._snapshot.where(Forward, "address_id", address.id)
        return any(each.takes(words.protocol, words.destination[1]) for each in forwards)


def _is_question(snapshot: Snapshot, asker: Nic | None, packet: Packet) -> bool:
    """Whether it is something that can be answered, by somebody who knows the way back."""
    kinds = (packet.get("icmpv4_type"), packet.get("icmpv6_type"))
    if any(kind not in _ECHO_REQUESTS for kind in kinds):
        return False
    if asker is None:
        return (packet.get("ipv4_src") or packet.get("ipv6_src")) in _OUTSIDE
    if packet["ip_proto"] == SCTP and snapshot.where(Member, "nic_id", asker.id):
        return False  # what is said from a balancer's port is from the balancer: docs/decisions/0033
    network = snapshot.need(Network, asker.network_id)
    # Whose network is routed as it is gets answers from public addresses by the router outside, which is not
    # here; and its addresses must be its own alone, which no cloud here sees to.
    to_public = packet.get("ipv4_dst") in {int(each.address) for each in snapshot.all(PublicAddress)}
    alone = sum(each.ipv4 == network.ipv4 for each in snapshot.all(Network)) == 1
    return not network.routed4 or (alone and not to_public)


def _has_ways_back(snapshot: Snapshot) -> bool:
    """Whether all next hops have said what their MAC addresses are, and all networks are between switches."""
    by_vlan = any(switch.transport is Transport.VLAN for switch in snapshot.all(Switch))
    if by_vlan and any(network.vlan is None for network in snapshot.all(Network)):
        return False
    hops = {hop.version for hop in snapshot.all(NextHop)}
    private = {(hop.gateway_id, hop.address) for hop in snapshot.all(PrivateHop)}
    wanted = {(each.id, each.gateway) for each in snapshot.all(PrivateGateway)}
    wanted |= {
        (each.gateway_id, each.next_hop) for each in snapshot.all(StaticRoute) if each.gateway_id is not None
    }
    return hops == {4, 6} and wanted <= private
