"""Switches on their way from an old world to a new one, and what meanwhile becomes of what people say.

At every stage a packet is to go only where, and as what, the old or the new world lets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from itertools import product
from random import Random

from sdn_orch.dataplane.connections import Connections
from sdn_orch.dataplane.lookup import Tables
from sdn_orch.dataplane.pipeline import Table
from sdn_orch.dataplane.plan import CHUNK, Operation, diff
from sdn_orch.dataplane.simulate import Trace, trace
from sdn_orch.dataplane.wires import End, Wires
from sdn_orch.intent.meaning import Connected, arrives, delivers
from sdn_orch.intent.model import Attachment, Nic, Switch
from sdn_orch.intent.outside import Conversations, one_of
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.verdict import OUTSIDE
from sdn_orch.openflow.values import Group, State
from tests.property.clouds import Cloud
from tests.property.outside import PUBLIC_PORT, Peers, answer
from tests.property.steps import apply, turns
from tests.property.test_meaning import connected_in
from tests.property.test_outside import gateway_for
from tests.property.test_transitions import compile_states
from tests.property.turns import without_rules
from tests.property.untracked import Speakers

#: What somebody says; None: somebody outside.
Word = tuple[Nic | None, Packet]
#: Frames and the ports that they leave the network by.
Exits = frozenset[tuple[End, Packet]]


@dataclass(frozen=True)
class World:
    """A cloud, what its switches should hold, and what is said there."""

    cloud: Cloud
    states: dict[str, State]
    connected: Connected | None
    is_plain: bool
    word: Callable[[], Word]

    @classmethod
    def of(cls, cloud: Cloud, random: Random) -> World:
        """The world of a cloud whose switches are all alike."""
        is_plain = not any(switch.capabilities.open_vswitch for switch in cloud.snapshot.all(Switch))
        say = _plain_words if is_plain else words
        return cls(cloud, compile_states(cloud.snapshot), connected_in(cloud), is_plain, say(cloud, random))

    @property
    def snapshot(self) -> Snapshot:
        """The cloud's records."""
        return self.cloud.snapshot

    @property
    def gateways(self) -> list[str]:
        """The ids of its gateways."""
        return [switch.id for switch in self.snapshot.where(Switch, "is_gateway", True)]

    def without_rules(self) -> World:
        """The same, where everything may pass that there is a way for."""
        return replace(self, cloud=replace(self.cloud, snapshot=without_rules(self.snapshot)))

    def meant(self, word: Word, memory: Conversations, gateways: Iterable[str]) -> tuple[Exits, list[Word]]:
        """How a packet leaves the switches, outside by any of the gateways; and what its receivers answer."""
        speaker, packet = word
        back: list[Word] = []
        found: set[tuple[End, Packet]] = set()
        if speaker is None:
            verdict = arrives(self.snapshot, packet, self.connected, memory)
        elif (mine := self.snapshot.get(Nic, speaker.id)) is None:
            return frozenset(), []
        else:
            verdict = delivers(self.snapshot, mine, packet, self.connected, memory)
            if verdict.answer is not None and verdict.answer.reply is not None:
                found.add(self._at(mine, verdict.answer.reply))
        for receiver, got in sorted(verdict.received, key=lambda each: each[0]):
            nic = None if receiver == OUTSIDE else self.snapshot.need(Nic, receiver)
            if nic is None:
                found |= {((gateway, PUBLIC_PORT), got) for gateway in gateways}
            else:
                found.add(self._at(nic, got))
            back.append((nic, answer(got)))
        return self.seen(found), back

    def seen(self, exits: Iterable[tuple[End, Packet]]) -> Exits:
        """What of frames counts: plain switches may send from a router's old MAC address for a moment."""
        if self.is_plain:
            return frozenset((end, packet.replace(eth_src=0)) for end, packet in exits)
        return frozenset(exits)

    def place(self, nic: Nic) -> tuple[End, int | None] | None:
        """Where a NIC is plugged in, and behind which VLAN."""
        places = self.snapshot.where(Attachment, "nic_id", nic.id)
        return ((places[0].switch_id, places[0].port), places[0].vlan) if places else None

    def _at(self, nic: Nic, packet: Packet) -> tuple[End, Packet]:
        place = self.place(nic)
        assert place is not None
        return place[0], tagged(packet, place[1])


def tagged(packet: Packet, vlan: int | None) -> Packet:
    """As it is on a trunk."""
    return packet if vlan is None else packet.replace(vlan_vid=0x1000 | vlan, vlan_pcp=0)


def words(cloud: Cloud, random: Random) -> Callable[[], Word]:
    """What somebody in a cloud, or outside, says each time."""
    peers = Peers(cloud, random)
    nics = [nic for nic in cloud.nics if nic.ipv4 is not None]
    nics6 = [nic for nic in cloud.nics if nic.ipv6 is not None]

    def word() -> Word:
        choice = random.random()
        if choice < 0.4 and nics:
            speaker = random.choice(nics)
            return speaker, peers.outward(speaker)
        if choice < 0.55 and nics6:
            speaker = random.choice(nics6)
            return speaker, peers.outward6(speaker)
        if peers.private and choice < 0.65:
            return None, peers.inward_privately(random.choice(peers.private))
        if peers.has_machines6 and choice < 0.75:
            return None, peers.inward6()
        return None, peers.inward()

    return word


def _plain_words(cloud: Cloud, random: Random) -> Callable[[], Word]:
    speakers = Speakers(cloud, random)

    def word() -> Word:
        if speakers.members and random.random() < 0.5:
            speaker = random.choice(speakers.members)
            return speaker, speakers.outward(speaker)
        return None, speakers.inward()

    return word


@dataclass
class Moment:
    """What all switches hold at a time, the connections that they know, and those that there are."""

    tables: dict[str, Tables]
    tracked: dict[str, Connections]
    memory: Conversations

    def copy(self) -> Moment:
        """One that goes on by itself."""
        return replace(self, tracked=deepcopy(self.tracked), memory=deepcopy(self.memory))


class Walk:
    """From the old world to the new one, by the steps in which each switch takes its plan.

    Switches take them in any order among themselves. One may have come back empty.
    """

    def __init__(self, random: Random, old: World, new: World, changes: object) -> None:
        self.old, self.new = old, new
        self._random, self._changes = random, changes
        self._wires = Wires.of(old.snapshot)
        self._held = dict(old.states)
        if random.random() < 0.3:
            self._held[random.choice(list(self._held))] = State.empty()
        self._steps: dict[str, list[tuple[Operation, ...]]] = {}
        for switch in old.snapshot.all(Switch):
            capabilities, chunk = switch.capabilities, random.choice((1, 1, 3, 10, CHUNK))
            plan = diff(new.states[switch.id], self._held[switch.id], capabilities.version, chunk)
            self._steps[switch.id] = turns(random, plan, has_bundles=capabilities.open_vswitch)
        self._done = dict.fromkeys(self._steps, 0)
        self._gateways = dict.fromkeys([*old.gateways, *new.gateways])

    def before(self) -> Moment:
        """All is as in the old world, and nobody has said anything."""
        tracked = {switch.id: Connections() for switch in self.old.snapshot.all(Switch)}
        return Moment(self._tables(self.old.states), tracked, Conversations())

    def advance(self, moment: Moment) -> Moment | None:
        """Some switches take some steps; None where all have taken all."""
        left = [id for id, steps in self._steps.items() if self._done[id] < len(steps)]
        for id in left:
            if self._random.random() < 0.6:
                self._done[id] = self._random.randint(self._done[id], len(self._steps[id]))
        states = {
            id: apply(self._held[id], (operation for step in steps[: self._done[id]] for operation in step))
            for id, steps in self._steps.items()
        }
        return replace(moment, tables=self._tables(states)) if left else None

    def say(self, moment: Moment, word: Word, worlds: Sequence[World], *, mixes: bool = False) -> list[Word]:
        """What a packet is answered in that of the worlds which has it go as it goes.

        `mixes`: it may also go as it would if each switch had all of the old rules or all of the new ones,
        to whom it would go in one of the worlds without rules: switches do not turn all at once.
        """
        speaker, packet = word
        start, vlan = self._start(word, worlds)
        if vlan is not None and "vlan_vid" in packet:
            return []  # two tags: not a packet that can be said here
        sent, before = tagged(packet, vlan), deepcopy(moment.tracked)
        found = self._send(moment.tables, moment.tracked, start, sent)
        if any(_is_told_apart(sent, packet) for _, packet in found.exits):
            # The asker has another port, as its own is in a connection that nobody means any more.
            moment.tracked = before
            return []
        got = self.old.seen(found.exits)
        choose = one_of(found.destinations(Table.INWARD) | found.destinations(Table.NEXT_HOP))
        allowed: set[tuple[End, Packet]] = set()
        for known, world in product(_memories(moment.memory), worlds):
            memory = replace(deepcopy(known), choose=choose)
            meant, answers = world.meant(word, memory, self._gateways)
            if got <= meant:
                moment.memory = memory
                return answers if got else []
            allowed |= meant
        wrong = got - allowed
        if wrong and mixes:
            memory = replace(moment.memory, choose=choose)
            wrong -= self._mixed(before, start, sent) & self._ways(word, memory)
        assert not wrong, (
            f"{self._changes}\nafter {self._done} of {_lengths(self._steps)}\n"
            f"{speaker}\nsends {_brief(start, sent)}\n"
            f"got {[_brief(*one) for one in wrong]}\nmeant {[_brief(*one) for one in allowed]}"
        )
        assert not found.looped
        return []

    def _start(self, word: Word, worlds: Sequence[World]) -> tuple[End, int | None]:
        """Where a packet comes in: outside at the gateway of what it is for in one of the worlds."""
        speaker, packet = word
        if speaker is not None:
            return next(place for world in worlds if (place := world.place(speaker)) is not None)
        world = self._random.choice([world for world in worlds if world.gateways])
        return (gateway_for(world.snapshot, packet), PUBLIC_PORT), None

    def _send(
        self, tables: dict[str, Tables], tracked: dict[str, Connections], start: End, packet: Packet
    ) -> Trace:
        def any_bucket(_group: Group, live: Sequence[int], _packet: Packet) -> int:
            return self._random.choice(live)

        return trace(tables, self._wires, start, packet, any_bucket, connections=tracked)

    def _mixed(self, tracked: dict[str, Connections], start: End, packet: Packet) -> Exits:
        """How a packet may leave where each switch has all old rules or all new ones, whatever the others."""
        changing = [id for id, steps in self._steps.items() if steps]
        found: set[tuple[End, Packet]] = set()
        for chosen in product((self._held, self.new.states), repeat=len(changing)):
            states = {id: of[id] for id, of in zip(changing, chosen, strict=True)}
            tables = self._tables(self.old.states | states)
            for _ in range(4):
                found |= set(self._send(tables, deepcopy(tracked), start, packet).exits)
        return self.old.seen(found)

    def _ways(self, word: Word, memory: Conversations) -> Exits:
        """How a packet may leave in either world if there were no rules."""
        found: set[tuple[End, Packet]] = set()
        for known, world in product(_memories(memory), (self.old, self.new)):
            found |= world.without_rules().meant(word, deepcopy(known), self._gateways)[0]
        return frozenset(found)

    def _tables(self, states: dict[str, State]) -> dict[str, Tables]:
        found: dict[str, Tables] = {}
        for switch in self.old.snapshot.all(Switch):
            version, is_open = switch.capabilities.version, switch.capabilities.open_vswitch
            found[switch.id] = Tables(states[switch.id], version, open_vswitch=is_open)
        return found


def _memories(memory: Conversations) -> tuple[Conversations, ...]:
    """Where a router's connections move to another zone or switch, nothing is known of them there.

    Edges may know them still, or not, where a machine has other rules.
    """
    return memory, replace(memory, known={}), replace(memory, known={}, edges={})


def _lengths(steps: dict[str, list[tuple[Operation, ...]]]) -> dict[str, int]:
    return {id: len(each) for id, each in steps.items()}


def _is_told_apart(sent: Packet, got: Packet) -> bool:
    """Whether a packet keeps its source but for the port, and has another destination than it was for."""
    if sent.get("ipv4_src") != got.get("ipv4_src") or sent.get("ipv4_dst") == got.get("ipv4_dst"):
        return False
    return any(sent.get(port) != got.get(port) for port in ("tcp_src", "udp_src"))


def _brief(end: End, packet: Packet) -> str:
    """A frame and its place, for people."""
    fields = (
        f"{name}={IPv4Address(value) if name.startswith('ipv4') else hex(value)}"
        for name, value in packet.fields
        if value
    )
    return f"{end[0]}:{end[1]} {' '.join(fields)}"
