"""DESTINATION_NAT and BALANCE: at a gateway, from a balancer's ports to one of its members.

A connection has a slot (see `spread`). TCP's is the middle of its source port: clients count it up, so their
connections go round more evenly than by chance, and every gateway finds the same member. UDP's clients may
all have one port: its slot is a hash that the datapath makes of addresses and ports. `source` takes one of
the address. None of them looks at more of a packet than it must, so that few flows are cached for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sdn_orch.dataplane.pipeline import BALANCED, SLOT_BITS, GroupKind, Table, flow, group_number
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.spread import FEW_SLOTS, spread
from sdn_orch.dataplane.stages.inward import begun
from sdn_orch.dataplane.stages.protocols import IPV4, TCP
from sdn_orch.dataplane.traffic import port_blocks, port_fields, prefix_fields
from sdn_orch.dataplane.views import AddressView, Fields
from sdn_orch.intent.balancers import Balancer
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
    Match,
    Resubmit,
    SetField,
    Side,
    Track,
    Translate,
)

#: As many bits of a hash as a group of Open vSwitch can tell apart.
_HASHED_BITS = FEW_SLOTS.bit_length() - 1
#: The first bit of TCP's source port that is not in the slot: from here down clients count.
_TCP_BITS_END = 12
_SLOTS = group_number(GroupKind.SLOTS, 0)
_ALL_SLOTS = (1 << SLOT_BITS) - 1


@dataclass(frozen=True, slots=True)
class Pool:
    """A balancer with its members by seats: `weights` as `spread` has them, and where those that live are."""

    record: Balancer
    by_source: bool
    weights: tuple[int | None, ...]
    guests: Mapping[int, int]


def switch() -> Iterator[Said]:
    """The slots that a hash spreads connections over."""
    slots = ((SetField(BALANCED, slot, FEW_SLOTS - 1), Resubmit(Table.BALANCE)) for slot in range(FEW_SLOTS))
    yield Group(_SLOTS, GroupType.SELECT, tuple(Bucket(actions) for actions in slots))


def balancer(address: AddressView, pool: Pool, version: int) -> Iterator[Said]:
    """What is for it, and whose each of its slots is. An address of one NIC alone leads to nobody else."""
    if address.guest is not None:
        return
    seats = spread(pool.weights, frozenset(pool.guests))
    by_hash = pool.record.protocol != TCP and not pool.by_source
    if by_hash and version != OPENFLOW_15:
        yield Refused("UDP is spread by a hash that only OpenFlow 1.5 can ask for")
    elif seats:
        yield from _taken(address, pool, len(seats))
        yield from _slots(address, pool.record, seats, pool.guests)


def _taken(address: AddressView, pool: Pool, slots: int) -> Iterator[Said]:
    record, new = pool.record, begun(address)
    actions = (SetField(BALANCED, record.number << SLOT_BITS), *_chosen(pool, slots))
    goto = None if isinstance(actions[-1], ApplyGroup) else Table.BALANCE
    for block in port_blocks(*record.ports):
        for source in dict.fromkeys(record.sources or (None,)):
            fields = {**port_fields(record.protocol, block), **prefix_fields("src", source)}
            match = Match.of(**new, ip_proto=record.protocol, **fields)
            yield flow(Table.DESTINATION_NAT, "balancer", match, actions, goto=goto)


def _chosen(pool: Pool, slots: int) -> tuple[Action, ...]:
    """What puts the slot into the register's lower bits."""
    bits = slots.bit_length() - 1
    if pool.by_source:
        return (HashSource(BALANCED, bits),)
    if pool.record.protocol == TCP:
        return (CopyField("tcp_src", BALANCED, bits, _TCP_BITS_END - bits),)
    more = bits - _HASHED_BITS
    by_address = (CopyField("ipv4_src", BALANCED, more, 0, _HASHED_BITS),) if more else ()
    return (*by_address, ApplyGroup(_SLOTS))


def _slots(
    address: AddressView, record: Balancer, seats: tuple[int, ...], guests: Mapping[int, int]
) -> Iterator[Said]:
    several = list(translations(record.ports, record.guest_ports))
    # One member has all slots.
    shares = enumerate(seats) if len(set(seats)) > 1 else ((None, seats[0]),)
    for slot, seat in shares:
        mine = (record.number << SLOT_BITS | (slot or 0), (1 << 32) - 1 - (_ALL_SLOTS if slot is None else 0))
        for (first, last), port in several:
            here: Fields = {BALANCED: mine, "eth_type": IPV4, "ip_proto": record.protocol}
            if len(several) > 1:
                here |= port_fields(record.protocol, *port_blocks(first, last))
            to = Translate(Side.DESTINATION, guests[seat], port)
            track = Track(address.zone, Table.INWARD, commit=True, to=to)
            yield flow(Table.BALANCE, "slot", Match.of(**here), (track,))
