"""DESTINATION_NAT, INNER, CLIENTS, KEPT, BALANCE, MEMBER, BACK: from balancers' ports to their members.

For public addresses at their gateway; inside of networks at the edge of whoever asks, where the answers of
members become the balancer's again. Who asks for an IPv6 address from outside does so at the gateway.

A connection has a slot (see `spread`). TCP's is the middle of its source port: clients count it up, so their
connections go round more evenly than by chance, and every gateway finds the same member. UDP's clients may
all have one port: its slot is a hash that the datapath makes of addresses and ports. `source` takes one of
the address, and so does SCTP (see `associate`). None of them looks at more of a packet than it must, so that
few flows are cached for all.
Where clients are to be remembered, the switch learns who has which member, and asks that first.

A connection has the mark of its member, which nobody else ever has, and goes on only by a flow of that mark,
which counts what belongs to it. Slots may change hands meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from sdn_orch.dataplane.pipeline import (
    BALANCED,
    REMEMBERED,
    SLOT_BITS,
    STAGES,
    GroupKind,
    Table,
    flow,
    group_number,
)
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.spread import blocks, moved, spread
from sdn_orch.dataplane.stages.answer import answer_arp, answer_nd
from sdn_orch.dataplane.stages.connection import INVALID, NEW
from sdn_orch.dataplane.stages.inward import begun
from sdn_orch.dataplane.stages.protocols import IPV4, IPV6, TCP
from sdn_orch.dataplane.stages.route import measured
from sdn_orch.dataplane.traffic import port_blocks, port_fields, port_matches, prefix_fields
from sdn_orch.dataplane.views import AddressView, Dialect, Fields, NetworkView, UplinkView
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.outside import within
from sdn_orch.intent.public import PUBLIC_MTU
from sdn_orch.intent.traffic import translations
from sdn_orch.openflow.values import (
    OPENFLOW_15,
    Action,
    ApplyGroup,
    Bucket,
    CopyField,
    Group,
    GroupType,
    HashSource,
    Learn,
    Match,
    Resubmit,
    SetField,
    Side,
    Track,
    Translate,
)

#: As many values of a hash as a group of Open vSwitch can tell apart, and their bits.
_HASHED, _HASHED_BITS = 256, 8
#: The first bit of TCP's source port that is in the slot: clients count up, and what follows shares a slot.
_TCP_BIT = 4
_SLOTS = group_number(GroupKind.SLOTS, 0)
#: Flags of TCP.
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
#: Labels of connections that are counted: the member has agreed to it; it is over. Before, it is 0.
_OPEN, _OVER = 1, 2
_ALL_SLOTS, _ONES = (1 << SLOT_BITS) - 1, (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Front:
    """What begins connections with a balancer: which packets of a table, and what is done to them first."""

    table: Table
    begun: Fields
    first: tuple[Action, ...] = ()
    priority: str = "balancer"


@dataclass(frozen=True, slots=True)
class Way:
    """In whose zone connections are known, and where their packets go on to the member.

    `first` is done before.
    """

    zone: int
    onward: Table
    first: tuple[Action, ...] = ()


#: Where what belongs to a connection goes on, from clients and from members: table, priority, and whereto.
_AT_GATEWAY = (
    (Table.DESTINATION_NAT, "balanced", Table.INWARD),
    (Table.SOURCE_NAT, "balanced", Table.UPLINK),
)
_AT_EDGE = ((Table.INNER, "known", Table.NEXT_HOP), (Table.BACK_STATE, "member", Table.TO_GUARD))
_ETH_TYPES = {4: IPV4, 6: IPV6}


@dataclass(frozen=True, slots=True)
class Pool:
    """A balancer with its members by seats: `weights` as `spread` has them, and the marks of the `live` ones.

    `guests` says of every mark whose connections stand where its member is, or was. `returns` are those of
    drained members that remembered clients come back to all the same. `own` are the addresses from which
    members ask, by their marks, where not only where they are reached. `moves` are slots with
    marks that they lead to instead; None where nobody counts open connections. `memory`: for how many seconds
    clients are remembered that stay away, and how many of them; None: none is.
    """

    record: Balancer
    by_source: bool
    weights: tuple[int | None, ...]
    live: Mapping[int, int]
    guests: Mapping[int, int]
    returns: tuple[int, ...] = ()
    own: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    moves: Mapping[int, int] | None = None
    memory: tuple[int, int] | None = None

    @property
    def eth_type(self) -> int:
        """That of what it balances."""
        return _ETH_TYPES[self.record.version]

    @property
    def is_routed(self) -> bool:
        """Whether who is outside reaches it by the prefix of its network."""
        return self.record.version == 6

    def spread(self) -> tuple[int, ...]:
        """The mark that each slot leads to by weights alone; none where nobody is live."""
        return tuple(self.live[seat] for seat in spread(self.weights, frozenset(self.live)))

    def owners(self) -> tuple[int, ...]:
        """The mark that each slot leads to."""
        return moved(self.spread(), self.moves or {})


#: The tables that count what belongs to connections, by who sent it.
FROM_CLIENTS = (Table.DESTINATION_NAT, Table.INNER)
FROM_MEMBERS = (Table.SOURCE_NAT, Table.BACK_STATE)


def edge(dialect: Dialect) -> Iterator[Said]:
    """The slots that a hash spreads connections over, and inside of networks what is no balancer's."""
    yield flow(Table.BACK, "other", Match.of(), goto=Table.TO_GUARD)
    if dialect.open_vswitch:
        yield flow(Table.CLIENTS, "unknown", Match.of(), (SetField(REMEMBERED, 0),))
        yield flow(Table.KEPT, "other", Match.of(), goto=Table.BALANCE)
        several = (
            (SetField(BALANCED, slot, _HASHED - 1), Resubmit(Table.BALANCE)) for slot in range(_HASHED)
        )
        yield Group(_SLOTS, GroupType.SELECT, tuple(Bucket(actions) for actions in several))
        yield flow(Table.INNER, "invalid", Match.of(ct_state=INVALID))
        yield flow(Table.BACK_STATE, "other", Match.of(ct_mark=0), goto=Table.TO_GUARD)


def standing(pool: Pool, into: NetworkView, zone: int | None, version: int) -> Iterator[Said]:
    """What belongs to connections with its members goes on, and is counted; they are known in `zone`."""
    inside = () if pool.record.inner is None else _AT_EDGE
    outside = _AT_GATEWAY if pool.record.inner is None or pool.is_routed else ()
    for mark in pool.guests:
        for table, priority, onward in (*inside, *outside):
            first: tuple[Action, ...] = ()
            if pool.record.direct_return and table is Table.DESTINATION_NAT:
                first, onward = _given(into)
            yield flow(table, priority, Match.of(ct_mark=mark), first, goto=onward)
            # OpenFlow 1.3 cannot ask for TCP's flags.
            if pool.moves is not None and zone is not None and version == OPENFLOW_15:
                yield from _turns(pool, table, mark, Way(zone, onward, first))


def _entry(into: NetworkView) -> Action:
    """What is for members is in their network."""
    return SetField("metadata", *into.local)


def _given(into: NetworkView) -> tuple[tuple[Action, ...], Table]:
    """So is what they get from outside as it was sent, if it fits in there; where that goes on."""
    measure, onward = measured(into, PUBLIC_MTU)
    return (_entry(into), *measure), onward


def _turns(pool: Pool, table: Table, mark: int, way: Way) -> Iterator[Said]:
    """A member's connections begin when it agrees, and end when it has no more to say, or either breaks off.

    Each is counted once, however often this is said: from then on its label is another one.
    """
    turns = [("ending", _OPEN, (_RST, _RST), _OVER)]
    if table in FROM_MEMBERS:
        agrees = _SYN | _ACK
        turns += [("opening", 0, (agrees, agrees), _OPEN), ("ending", _OPEN, (_FIN, _FIN | _RST), _OVER)]
    for priority, label, flags, next_label in turns:
        here: Fields = {"ct_mark": mark, "ct_label": label, "eth_type": pool.eth_type}
        match = Match.of(**here, ip_proto=TCP, tcp_flags=flags)
        track = Track(way.zone, way.onward, commit=True, label=next_label)
        yield flow(table, priority, match, (*way.first, track))


def public(address: AddressView, into: NetworkView, pool: Pool, version: int) -> Iterator[Said]:
    """A balancer of a public address. One that a NIC has alone leads to nobody else."""
    if address.guest is not None:
        return
    way = Way(address.zone, Table.INWARD)
    if pool.record.direct_return:
        first, onward = _given(into)
        way = Way(address.zone, onward, first)
    yield from _balancer((Front(Table.DESTINATION_NAT, begun(address)),), way, pool, version)


def announced(home: NetworkView, balancer: Balancer) -> Said:
    """An address inside of a network is that of the network's gateway, which routes what is for it."""
    address = int(balancer.inner or 0)
    if balancer.version == 4:
        return answer_arp(home.local, home.gateway_mac, address)
    return answer_nd(home.local, home.gateway_mac, address, is_router=True)


def closed(uplink: UplinkView, balancer: Balancer) -> Said:
    """What comes from outside to such an address and to no balancer there is for nobody."""
    return flow(Table.DESTINATION_NAT, "no balancer", Match.of(**_from_outside(uplink, balancer)))


def inner(
    home: NetworkView, into: NetworkView, uplink: UplinkView | None, zone: int, pool: Pool, version: int
) -> Iterator[Said]:
    """A balancer inside of a network, whose members are in this network or in another one of the router.

    Machines in the router's networks ask at their edges; who is outside, by an `uplink`, at the gateway.
    """
    record = pool.record
    here: Fields = {"metadata": home.routed, "eth_type": pool.eth_type, **_to(record)}
    entry = _entry(into)
    for block in port_blocks(*record.ports):
        match = Match.of(**here, ip_proto=record.protocol, **port_fields(record.protocol, block))
        yield flow(Table.ROUTE, "balancer", match, (entry, Track(zone, Table.INNER, translated=True)))
    fronts = [Front(Table.INNER, {**here, "ct_state": NEW})]
    if uplink is not None:
        fronts.append(Front(Table.DESTINATION_NAT, _from_outside(uplink, record), (entry,)))
    yield from _balancer(fronts, Way(zone, Table.NEXT_HOP), pool, version)
    measure, onward = measured(into, PUBLIC_MTU)
    if uplink is not None and measure and pool.owners():
        yield from _members(Way(zone, onward, measure), pool, {"in_port": uplink.port})


def _to(balancer: Balancer) -> Fields:
    return {f"ipv{balancer.version}_dst": int(balancer.inner or 0)}


def _from_outside(uplink: UplinkView, balancer: Balancer) -> Fields:
    return {
        "metadata": uplink.router,
        "eth_type": _ETH_TYPES[balancer.version],
        "ct_state": NEW,
        **_to(balancer),
    }


def back(network: NetworkView, zone: int, version: int) -> Iterator[Said]:
    """What comes from the members' network may be an answer to a connection with a balancer."""
    prefix = network.record.ipv4 if version == 4 else network.record.ipv6
    match = Match.of(metadata=network.routed, eth_type=_ETH_TYPES[version], **prefix_fields("src", prefix))
    yield flow(Table.BACK, "answer", match, (Track(zone, Table.BACK_STATE, translated=True),))


def _balancer(fronts: Sequence[Front], way: Way, pool: Pool, version: int) -> Iterator[Said]:
    """What is for it, and whose each of its slots is."""
    owners = pool.owners()
    by_hash = pool.record.protocol != TCP and not pool.by_source
    if by_hash and version != OPENFLOW_15:
        yield Refused("UDP is spread by a hash that only OpenFlow 1.5 can ask for")
    elif owners:
        for front in fronts:
            yield from taken(front, pool, len(owners))
            if front.table is Table.INNER:
                yield from of_members(front, pool, sorted(set(owners)))
        yield from slots(pool, owners)
        if pool.memory is not None:
            yield from kept(pool)
        yield from _members(way, pool)


def taken(front: Front, pool: Pool, count: int) -> Iterator[Said]:
    """What a front takes gets one of so many slots, or the member that its client had."""
    record = pool.record
    actions = (*front.first, SetField(BALANCED, record.number << SLOT_BITS), *_chosen(pool, count))
    goto = None if isinstance(actions[-1], ApplyGroup) else Table.BALANCE
    if pool.memory is not None:
        actions, goto = (*actions, Resubmit(Table.CLIENTS)), Table.KEPT
    for match in port_matches(front.begun, record.protocol, record.ports, record.sources or (None,)):
        yield flow(front.table, front.priority, match, actions, goto=goto)


def of_members(front: Front, pool: Pool, marks: list[int]) -> Iterator[Said]:
    """A member that asks gets the one before it: from itself it would not take an answer.

    Nor could it be told from itself where it answers from the balancer's address: alone it gets nobody.
    """
    record, is_alone = pool.record, len(marks) == 1
    for at, mark in enumerate(marks):
        if is_alone and not record.direct_return:
            continue
        chosen, goto = ((), None) if is_alone else ((SetField(BALANCED, marks[at - 1]),), Table.MEMBER)
        for own in pool.own.get(mark, (pool.guests[mark],)):
            asking = (ip_network((own, 32 if record.version == 4 else 128)),)
            for match in port_matches(front.begun, record.protocol, record.ports, asking):
                if within(record.version, own, record.sources):
                    yield flow(front.table, "member", match, chosen, goto=goto)


def _chosen(pool: Pool, slots: int) -> tuple[Action, ...]:
    """What puts the slot into the register's lower bits."""
    bits = slots.bit_length() - 1
    if pool.by_source:
        return (HashSource(BALANCED, bits),)
    if pool.record.protocol == TCP:
        return (CopyField("tcp_src", BALANCED, bits, _TCP_BIT),)
    more = max(0, bits - _HASHED_BITS)
    by_address = (
        (CopyField(f"ipv{pool.record.version}_src", BALANCED, more, 0, _HASHED_BITS),) if more else ()
    )
    return (*by_address, ApplyGroup(_SLOTS))


def slots(pool: Pool, owners: tuple[int, ...]) -> Iterator[Said]:
    """Whose the slots are, block by block."""
    number, of_number = _of_balancer(pool)
    for lower, bits, mark in blocks(owners):
        here: Fields = {BALANCED: (number | lower, of_number | (1 << bits) - 1)}
        actions: tuple[Action, ...] = (SetField(BALANCED, mark),)
        if pool.memory is not None:
            here, actions = {**here, "eth_type": pool.eth_type}, (_remember(pool, mark), *actions)
        yield flow(Table.BALANCE, "slots", Match.of(**here), actions, goto=Table.MEMBER)


def _of_balancer(pool: Pool) -> tuple[int, int]:
    return pool.record.number << SLOT_BITS, _ONES - _ALL_SLOTS


def _remember(pool: Pool, mark: int) -> Learn:
    """That the client has this member."""
    idle_timeout, limit = pool.memory or (0, 0)
    client = Match.of(eth_type=pool.eth_type, **{BALANCED: _of_balancer(pool)})
    priority = STAGES[Table.CLIENTS].priorities["client"]
    then = (SetField(REMEMBERED, mark),)
    cookie = pool.record.number
    own = (f"ipv{pool.record.version}_src",)
    return Learn(Table.CLIENTS, priority, cookie, idle_timeout, limit, client, own, then)


def kept(pool: Pool) -> Iterator[Said]:
    """Members that clients may come back to."""
    for mark in (*pool.live.values(), *pool.returns):
        here: Fields = {BALANCED: _of_balancer(pool), REMEMBERED: mark}
        yield flow(Table.KEPT, "member", Match.of(**here), (SetField(BALANCED, mark),), goto=Table.MEMBER)


def _members(way: Way, pool: Pool, here: Fields | None = None) -> Iterator[Said]:
    """Where members are; those who have no slots have counted, and may have some again.

    `here` says of which packets, if not of all.
    """
    record = pool.record
    several = list(translations(record.ports, record.guest_ports))
    for mark, guest in pool.guests.items():
        for (first, last), port in several:
            asked: Fields = {BALANCED: mark, "eth_type": pool.eth_type, "ip_proto": record.protocol}
            if len(several) > 1:
                asked |= port_fields(record.protocol, *port_blocks(first, last))
            to = None if record.direct_return else Translate(Side.DESTINATION, guest, port, record.version)
            track = Track(way.zone, way.onward, commit=True, to=to, mark=mark)
            match = Match.of(**asked, **(here or {}))
            yield flow(Table.MEMBER, "outside" if here else "member", match, (*way.first, track))
