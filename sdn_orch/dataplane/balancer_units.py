"""What balancers have on a switch, as part of `units`."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages import associate, balance, direct, forward, stateless
from sdn_orch.dataplane.views import AddressView, NetworkView, NicView, Site, UplinkView
from sdn_orch.dataplane.world import World
from sdn_orch.intent.balancers import Balancer, Member, Relief
from sdn_orch.intent.balancing import (
    balanced_inside,
    by_source,
    counts_open,
    holders,
    obstacle,
    remembered,
    returns,
    standing,
    takers,
)
from sdn_orch.intent.direct import front, is_lent, lent_to
from sdn_orch.intent.gateways import principal, realm_of, router_id
from sdn_orch.intent.model import Network
from sdn_orch.intent.proxies import mark_of, proxy_of
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.stateless import needs_state, unbalanced
from sdn_orch.intent.traffic import SCTP


def public(site: Site, address: AddressView, record: Balancer) -> Iterator[Said]:
    """One of a public address, where the address lives."""
    pool = pool_of(site.world, record)
    into = NetworkView.of(site.world, site.world.snapshot.need(Network, record.network_id))
    if record.protocol != SCTP:
        yield from balance.standing(pool, into, address.zone, site.dialect.version)
    if reason := _obstacle(site.world, record):
        yield Refused(reason)
    elif record.protocol == SCTP:
        yield from associate.public(address, into, pool)
    else:
        yield from balance.public(address, into, pool, site.dialect.version)
        if record.direct_return and address.guest is None:
            where = direct.Lent(record, address.address, address.router)
            yield from direct.at_members(where, into, _holders_at(site.world, record))
            yield from direct.at_gateway(where)


def untracked(site: Site, address: AddressView, record: Balancer) -> Iterator[Said]:
    """One of a public address that lives where no connections are tracked."""
    if reason := unbalanced(site.world.snapshot, record):
        yield Refused(reason)
    elif not needs_state(site.world.snapshot, address.record):
        yield from stateless.balancer(address, pool_of(site.world, record))


def inner(site: Site, record: Balancer, home: Network, uplink: UplinkView | None) -> Iterator[Said]:
    """One at an address inside of a network, on a switch that the network's router reaches.

    Where what is routed goes outside by this switch, `uplink`, who is outside asks here for an IPv6 address.
    """
    snapshot, pool = site.world.snapshot, pool_of(site.world, record)
    view, first = NetworkView.of(site.world, home), principal(snapshot, router_id(home))
    into = NetworkView.of(site.world, snapshot.need(Network, record.network_id))
    if record.protocol != SCTP:
        yield from balance.standing(pool, into, first.number if first else None, site.dialect.version)
    # Several balancers may share an address; whoever was there first tells of it.
    if snapshot.where(Balancer, "place", record.place)[0].id == record.id:
        yield balance.announced(view, record)
        if uplink is not None:
            yield balance.closed(uplink, record)
    if reason := _obstacle(site.world, record):
        yield Refused(reason)
    elif first is None:
        yield Refused("its router has no public address, in whose zone its connections could be known")
    elif record.protocol == SCTP:
        yield from associate.inner(view, into, uplink, first.number, pool)
    else:
        yield from balance.inner(view, into, uplink, first.number, pool, site.dialect.version)
        if record.direct_return:
            where = direct.Lent(record, int(record.inner or 0), view.routed)
            yield from direct.at_members(where, into, _holders_at(site.world, record))
            yield from direct.inside(where, first.number)
            if site.world.is_gateway(site.switch.id, (home,)):
                yield from direct.at_gateway(where)


def refused_inside(site: Site, record: Balancer, home: Network) -> Iterator[Said]:
    """One at an address inside of a network, on a switch that tracks no connections."""
    if reason := unbalanced(site.world.snapshot, record):
        yield Refused(reason)
    if is_lent(site.world.snapshot, record):
        view = NetworkView.of(site.world, home)
        yield from direct.unasked(direct.Lent(record, int(record.inner or 0), view.routed))


def lent_at(site: Site, nic: NicView) -> list[direct.Lent]:
    """The balancers from whose addresses a NIC may answer."""
    snapshot = site.world.snapshot
    return [
        direct.Lent(record, int(front(snapshot, record)), nic.network.routed)
        for record in lent_to(snapshot, nic.record)
    ]


def member(site: Site, nic: NicView) -> Iterator[Said]:
    """What a NIC may say from the addresses of balancers, at its edge."""
    router = router_id(nic.network.record)
    lent = lent_at(site, nic)
    for address in dict.fromkeys(where.address for where in lent if where.record.version == 4):
        yield direct.asking(address, nic)
    for where in lent:
        yield from direct.from_member(where, nic)
        gateway = site.world.gateway_of(router)
        if where.record.inner is None and gateway is not None:
            is_here = gateway.id == site.switch.id
            way = forward.to_gateway(nic.network, gateway, site.dialect, is_here=is_here)
            yield from direct.way_out(where, nic, way)


def _holders_at(world: World, record: Balancer) -> dict[int, NicView]:
    """The members of the marks of connections that stand, as far as they are anywhere."""
    found: dict[int, NicView] = {}
    for mark, (nic, _) in holders(world.snapshot, record).items():
        place = world.place(nic.id)
        if place is not None and not place.refusal and nic.network_id == record.network_id:
            found[mark] = NicView.of(world, nic, place)
    return found


def _obstacle(world: World, record: Balancer) -> str | None:
    reason, proxy = obstacle(world.snapshot, record), proxy_of(world.snapshot, record)
    if reason is None and proxy is not None and not world.is_placed(proxy.id):
        return "its proxy runs nowhere: that needs `sdn-orch proxy` on the gateway's host"
    return reason


def pool_of(world: World, record: Balancer) -> balance.Pool:
    """A balancer with those of its members that are somewhere, or with its proxy in place of them."""
    snapshot, proxy = world.snapshot, proxy_of(world.snapshot, record)
    guests = {mark: int(address) for mark, address in standing(snapshot, record).items()}
    if proxy is not None:
        guests[mark_of(proxy)] = int(proxy.ipv4 or 0)
        return balance.Pool(record, False, (1,), {0: mark_of(proxy)}, guests)
    found = {member.seat: member.weight for member in snapshot.where(Member, "balancer_id", record.id)}
    live = {
        member.seat: member.mark for member, nic, _ in takers(snapshot, record) if world.is_placed(nic.id)
    }
    weights = tuple(found.get(seat) for seat in range(max(record.seats, max(found, default=-1) + 1)))
    own = _asking(snapshot, record) if record.direct_return else {}
    if not counts_open(snapshot, record):
        memory = remembered(snapshot, record)
        back = tuple(mark for mark in returns(snapshot, record) if mark not in live.values())
        return balance.Pool(
            record, by_source(snapshot, record), weights, live, guests, back, own, memory=memory
        )
    relief = snapshot.first(Relief, "balancer_id", record.id)
    moves = dict(relief.moves) if relief is not None else {}
    return balance.Pool(record, False, weights, live, guests, own=own, moves=moves)


def _asking(snapshot: Snapshot, record: Balancer) -> dict[int, tuple[int, ...]]:
    """All addresses of the members, by their marks."""
    return {
        mark: tuple(int(each) for each in nic.addresses if each.version == record.version)
        for mark, (nic, _) in holders(snapshot, record).items()
    }


def network(site: Site, network: NetworkView) -> Iterator[Said]:
    """What members of balancers inside of networks answer, wherever somebody may have asked them."""
    snapshot, record = site.world.snapshot, network.record
    first = principal(snapshot, router_id(record))
    versions = balanced_inside(snapshot, record.id)
    if first is None or not site.dialect.open_vswitch or not versions:
        return
    if site.world.in_realm(site.switch.id, realm_of(snapshot, record)):
        for version in versions:
            yield from balance.back(network, first.number, version)
