"""ROUTE to MEMBER, LEAVE, SOURCE_NAT, BACK: associations of SCTP with balancers: only addresses change.

Conntrack sees no ports of SCTP. To it all associations between a client and a balancer would be one
connection, which stays with its member for as long as the client says anything, be the member dead or gone.
So it knows them between client and balancer alone, at gateways, for the rules there. Which member a client
has is what CLIENTS has learnt, and each packet asks; KEPT says whether it may. What members say from the
balancer's ports comes from the balancer. SCTP's checksum covers its ports, and no address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sdn_orch.dataplane.pipeline import BALANCED, Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.spread import slots_for
from sdn_orch.dataplane.stages.balance import Front, Pool, kept, of_members, slots, taken
from sdn_orch.dataplane.stages.connection import NEW
from sdn_orch.dataplane.stages.route import measured
from sdn_orch.dataplane.traffic import port_blocks, port_fields
from sdn_orch.dataplane.views import AddressView, Fields, NetworkView, UplinkView
from sdn_orch.intent.public import PUBLIC_MTU
from sdn_orch.intent.traffic import SCTP
from sdn_orch.openflow.values import Action, Match, SetField, Track


def public(address: AddressView, into: NetworkView, pool: Pool) -> Iterator[Said]:
    """A balancer of a public address. One that a NIC has alone leads to nobody else."""
    if address.guest is not None:
        return
    own: Fields = {"ipv4_dst": address.address}
    asking: Fields = {"metadata": address.router, "eth_type": pool.eth_type, **own}
    first = (Track(address.zone, commit=True),)
    yield from _associations((Front(Table.DESTINATION_NAT, asking, first, "balanced"),), Table.INWARD, pool)
    yield from _outward(into, address.zone, pool, address.address)
    here: Fields = {"metadata": address.router, "eth_type": pool.eth_type, "ip_proto": SCTP}
    match = Match.of(**here, ct_state=NEW, ipv4_src=address.address)
    # It is the balancer's already, and conntrack has forgotten it.
    yield flow(Table.SOURCE_NAT, "associated", match, first, goto=Table.UPLINK)


def inner(
    home: NetworkView, into: NetworkView, uplink: UplinkView | None, zone: int, pool: Pool
) -> Iterator[Said]:
    """A balancer inside of a network, asked at the edges, and by an `uplink` at the gateway."""
    version, address = pool.record.version, int(pool.record.inner or 0)
    own: Fields = {"eth_type": pool.eth_type, f"ipv{version}_dst": address}
    asking: Fields = {"metadata": home.routed, **own}
    entry = SetField("metadata", *into.local)
    for block in port_blocks(*pool.record.ports):
        match = Match.of(**asking, ip_proto=SCTP, **port_fields(SCTP, block))
        yield flow(Table.ROUTE, "balancer", match, (entry,), goto=Table.INNER)
    fronts = [Front(Table.INNER, asking)]
    if uplink is not None:
        first = (Track(zone, commit=True), entry)
        fronts.append(Front(Table.DESTINATION_NAT, {"metadata": uplink.router, **own}, first, "balanced"))
    yield from _associations(fronts, Table.NEXT_HOP, pool)
    measure, onward = measured(into, PUBLIC_MTU)
    if uplink is not None and measure and (pool.owners() or pool.returns):
        yield from _members(pool, onward, measure, {"in_port": uplink.port})
    for said in _said(pool):
        match = Match.of(metadata=home.routed, **said)
        actions = (SetField(f"ipv{version}_src", address),)
        yield flow(Table.BACK, "associated", match, actions, goto=Table.TO_GUARD)
    if uplink is not None:
        yield from _outward(into, zone, pool, address)


def _associations(fronts: Sequence[Front], onward: Table, pool: Pool) -> Iterator[Said]:
    owners = pool.owners()
    if not owners and not pool.returns:
        return
    for front in fronts:
        yield from taken(front, pool, len(owners) or slots_for(len(pool.weights)))
        if front.table is Table.INNER:
            yield from of_members(front, pool, sorted(set(owners)))
    if owners:
        yield from slots(pool, owners)
    yield from kept(pool)
    yield from _members(pool, onward)


def _members(
    pool: Pool, onward: Table, first: tuple[Action, ...] = (), here: Fields | None = None
) -> Iterator[Said]:
    """Where members are; `here` says of which packets, if not of all."""
    for mark, guest in pool.guests.items():
        match = Match.of(**{BALANCED: mark}, eth_type=pool.eth_type, ip_proto=SCTP, **(here or {}))
        to = SetField(f"ipv{pool.record.version}_dst", guest)
        yield flow(Table.MEMBER, "outside" if here else "member", match, (*first, to), goto=onward)


def _outward(into: NetworkView, zone: int, pool: Pool, address: int) -> Iterator[Said]:
    """What members say to who is outside."""
    own = SetField(f"ipv{pool.record.version}_src", address)
    for said in _said(pool):
        actions = (own, *into.judging, Track(zone, Table.EGRESS, translated=True))
        yield flow(Table.LEAVE, "associated", Match.of(metadata=into.local, **said), actions)


def _said(pool: Pool) -> Iterator[Fields]:
    """What members say from the balancer's ports."""
    for guest in pool.guests.values():
        for block in port_blocks(*pool.record.ports):
            here: Fields = {"eth_type": pool.eth_type, f"ipv{pool.record.version}_src": guest}
            port: Fields = {"sctp_src": block} if block[1] else {}
            yield {**here, "ip_proto": SCTP, **port}
