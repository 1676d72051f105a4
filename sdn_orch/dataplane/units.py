"""What one owner has on one switch: the stages put together, for each kind of owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sdn_orch.dataplane import balancer_units, policy_units, route_units
from sdn_orch.dataplane.alike import alike
from sdn_orch.dataplane.places import Place
from sdn_orch.dataplane.rules import (
    NO_RULES,
    Owner,
    OwnerKind,
    Refused,
    Rules,
    Said,
    encode,
    port_of,
)
from sdn_orch.dataplane.stages import (
    answer,
    arrive,
    balance,
    classify,
    deliver,
    forward,
    guard,
    inward,
    limit,
    neighbour_source,
    outward,
    route,
    routed,
    service,
    source,
    stateless,
    to_controller,
    transit,
)
from sdn_orch.dataplane.stages.protocols import IPV4, IPV6
from sdn_orch.dataplane.views import AddressView, Dialect, NetworkView, NicView, Site, UplinkView
from sdn_orch.dataplane.world import World
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.firewall import EgressRule, FirewallRule, OpenRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.gateways import GatewayRule, networks_of, principal, rival, router_id, rule_of
from sdn_orch.intent.model import Arrival, Attachment, Network, NetworkKind, Nic, Record, Switch
from sdn_orch.intent.policy import PolicyKind, policy_of, policy_of_tier
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routed import obstacle as routed_obstacle
from sdn_orch.intent.routed import uplink_of
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.stateless import needs_state


def rules_of(snapshot: Snapshot, home: PublicAddress | Network) -> Iterator[Owner]:
    """The rules at a gateway that stand on an address or a network."""
    found: Iterable[Record]
    if isinstance(home, Network):
        of_networks = (EgressRule, RoutedRule)
        found = (record for kind in of_networks for record in snapshot.where(kind, "network_id", home.id))
    else:
        kinds = (FirewallRule, Forward, Balancer)
        found = (record for kind in kinds for record in snapshot.where(kind, "address_id", home.id))
    return (Owner(OwnerKind.RULE, record.id) for record in found)


def realm_owners(world: World, realm: Sequence[Network]) -> Iterator[Owner]:
    """The router of these networks with its static routes, they, the balancers inside of them, their NICs."""
    if realm and realm[0].kind is not NetworkKind.L2:
        yield router_of(realm[0])
        yield from route_units.routes_of(world.snapshot, realm[0].vpc_id)
    for network in realm:
        yield Owner(OwnerKind.NETWORK, network.id)
        balancers = world.snapshot.where(Balancer, "inner_network_id", network.id)
        yield from (Owner(OwnerKind.RULE, balancer.id) for balancer in balancers)
        yield from (Owner(OwnerKind.NIC, nic.id) for nic in world.nics(network.id))


def router_of(network: Network) -> Owner:
    """The router of a network: that of its VPC, or its own."""
    return Owner(OwnerKind.ROUTER, router_id(network))


def _switch(site: Site, id: str) -> Rules:
    return encode(_switch_here(site, id), site.dialect.version)


def _switch_here(site: Site, id: str) -> Iterator[Said]:
    if id != site.switch.id:
        other = site.world.snapshot.get(Switch, id)
        if other is not None:
            yield from transit.way_to(site, other)
        return
    yield from classify.switch(site)
    if site.is_edge:
        yield from neighbour_source.switch(site.dialect)
        yield from service.switch(site.dialect)
        yield from guard.switch(site.dialect)
        yield from answer.switch(site.dialect)
        yield from route.switch(site.dialect)
        yield from forward.switch()
        yield from balance.edge(site.dialect)
        yield from transit.switch(site)
    port = site.switch.public_port
    if port is not None and site.is_edge:
        yield from inward.public(site, port)
    if port is not None and site.is_edge and site.dialect.open_vswitch:
        yield from outward.switch()
        yield from inward.switch(port)
        yield from to_controller.spent(port, site.dialect)
        yield from to_controller.too_big(port, site.dialect)
        yield from routed.switch(site, port)


def _port(site: Site, id: str) -> Rules:
    port = port_of(id)
    attachments = site.world.snapshot.where(Attachment, "ports", (site.switch.id, port))
    places = (site.world.place(attachment.nic_id) for attachment in attachments)
    is_used = any(place is not None and not place.refusal for place in places)
    is_awaited = site.world.snapshot.count_where(Arrival, "ports", (site.switch.id, port)) > 0
    is_used = is_used or is_awaited or port in site.switch.learn_ports or port == site.switch.public_port
    if not site.is_edge or not is_used:
        return NO_RULES
    learnt = classify.learnt(port) if is_awaited and port not in site.switch.learn_ports else ()
    return encode((*to_controller.port(port, site.dialect), *learnt), site.dialect.version)


def _router(site: Site, id: str) -> Rules:
    realm = networks_of(site.world.snapshot, id)
    if not realm or router_of(realm[0]).id != id or realm[0].kind is NetworkKind.L2:
        return NO_RULES
    if not site.world.in_realm(site.switch.id, realm):
        return NO_RULES
    return alike(
        site,
        (OwnerKind.ROUTER, id),
        lambda: route.router([NetworkView.of(site.world, network) for network in realm], site.dialect),
    )


def _network(site: Site, id: str) -> Rules:
    record = site.world.snapshot.get(Network, id)
    if record is None:
        return NO_RULES
    network = NetworkView.of(site.world, record)
    out = encode(
        (*_network_at_gateway(site, network), *balancer_units.network(site, network)), site.dialect.version
    )
    if not site.world.is_present(site.switch.id, id):
        return out
    here = encode(_network_here(site, network), site.dialect.version)
    guarded = policy_of_tier(site.world.snapshot, record) is not None
    return (
        out
        + here
        + alike(
            site,
            (OwnerKind.NETWORK, id),
            lambda: _network_everywhere(network, site.dialect, is_guarded=guarded),
        )
    )


def _network_at_gateway(site: Site, network: NetworkView) -> Iterator[Said]:
    snapshot, router = site.world.snapshot, router_id(network.record)
    gateway, first = site.world.gateway_of(router), principal(snapshot, router)
    if gateway is None or gateway.id != site.switch.id:
        return
    yield from outward.from_edges(site, network)
    yield from inward.network(network, site.dialect)
    if not site.dialect.open_vswitch:
        return
    if first is not None and not network.record.routed4:
        yield from outward.network(network, first.number)
    for version in (4, 6):
        if (uplink := _uplink(site, router, version)) is not None:
            yield from routed.network(network, uplink, site.dialect)


def _network_here(site: Site, network: NetworkView) -> Iterator[Said]:
    router = router_id(network.record)
    gateway = site.world.gateway_of(router)
    if gateway is not None:
        uplink = uplink_of(site.world.snapshot, router, 6)
        is_routed = network.record.ipv6 is not None and uplink is not None
        versions = (IPV4, IPV6) if is_routed else (IPV4,)
        is_here = gateway.id == site.switch.id
        yield from forward.way_out(network, gateway, site.dialect, versions, is_here=is_here)
    yield from classify.network(site, network)
    yield from forward.network(site, network)
    yield from arrive.network(site, network)
    yield from deliver.network(site, network)


def _network_everywhere(network: NetworkView, dialect: Dialect, *, is_guarded: bool) -> Iterator[Said]:
    yield from guard.network(network, dialect)
    if is_guarded and not dialect.open_vswitch:
        yield from guard.tier(network)
    yield from service.network(network, dialect)
    yield from answer.network(network, dialect)
    yield from route.network(network, dialect)
    yield from forward.flood(network, dialect)
    yield from deliver.flood(network)


def _uplink(site: Site, router: str, version: int) -> UplinkView | None:
    """How what a router routes of a version of IP goes outside by this switch."""
    port = site.switch.public_port
    return None if port is None else UplinkView.of(site.world.snapshot, router, version, port)


def _address_here(site: Site, id: str) -> AddressView | None:
    """A public address, where it lives."""
    snapshot, port = site.world.snapshot, site.switch.public_port
    record = snapshot.get(PublicAddress, id)
    router = None if record is None else record.router_id
    first = None if router is None else principal(snapshot, router)
    gateway = None if router is None else site.world.gateway_of(router)
    if record is None or router is None or first is None or port is None:
        return None
    if gateway is None or gateway.id != site.switch.id:
        return None
    return AddressView.of(snapshot, record, router, first.number, port)


def _address(site: Site, id: str) -> Rules:
    address = _address_here(site, id)
    if address is None:
        return NO_RULES
    said: Iterable[Said]
    if (other := rival(site.world.snapshot, address.record)) is not None:
        said = (Refused(f"public address {other.address} does that already"),)
    elif site.dialect.open_vswitch:
        said = (*inward.address(address), *outward.address(address))
        uplink = _uplink(site, str(address.record.router_id), 6)
        if uplink is not None and uplink.zone == address.record.number:
            said = (*said, *routed.router(uplink))
    elif reason := needs_state(site.world.snapshot, address.record):
        said = (Refused(f"{reason}: that needs connection tracking, Open vSwitch"),)
    else:
        said = (*stateless.address(address), *outward.uplink(address))
    return encode(said, site.dialect.version)


def _rule(site: Site, id: str) -> Rules:
    snapshot = site.world.snapshot
    record = rule_of(snapshot, id)
    if not site.dialect.open_vswitch:
        return encode(_rule_untracked(site, record), site.dialect.version)
    said: Iterable[Said] = ()
    match record:
        case EgressRule():
            network = snapshot.need(Network, record.network_id)
            is_here = site.world.is_gateway(site.switch.id, (network,))
            if network.vpc_id is None and not network.routed4 and is_here:
                view = NetworkView.of(site.world, network)
                said = outward.rule(view, record, _older(snapshot, record))
        case RoutedRule():
            network = snapshot.need(Network, record.network_id)
            uplink = _uplink(site, router_id(network), record.version)
            is_here = network.vpc_id is None and site.world.is_gateway(site.switch.id, (network,))
            if is_here and uplink is not None and routed_obstacle(snapshot, record) is None:
                view = NetworkView.of(site.world, network)
                said = routed.rule(view, uplink, record, _older(snapshot, record))
        case Balancer(inner_network_id=str(home_id)):
            home = snapshot.need(Network, home_id)
            is_way_out = record.version == 6 and site.world.is_gateway(site.switch.id, (home,))
            uplink = _uplink(site, router_id(home), 6) if is_way_out else None
            if site.world.in_realm(site.switch.id, site.world.realm(home_id)):
                said = balancer_units.inner(site, record, home, uplink)
        case FirewallRule() | Forward() | Balancer():
            address = _address_here(site, record.address_id or "")
            if address is None or rival(snapshot, address.record) is not None:
                return NO_RULES
            if isinstance(record, FirewallRule):
                said = inward.rule(address, record, _older(snapshot, record))
            elif isinstance(record, Forward):
                said = inward.forward(address, record)
            else:
                said = balancer_units.public(site, address, record)
    return encode(said, site.dialect.version)


def _rule_untracked(site: Site, record: GatewayRule | None) -> Iterator[Said]:
    """What a switch does of a rule that tracks no connections: all but balancers by source is refused."""
    if isinstance(record, Balancer) and record.inner_network_id is not None:
        if site.world.in_realm(site.switch.id, site.world.realm(record.inner_network_id)):
            home = site.world.snapshot.need(Network, record.inner_network_id)
            yield from balancer_units.refused_inside(site, record, home)
    elif isinstance(record, Balancer | Forward):
        address = _address_here(site, record.address_id or "")
        if address is None or rival(site.world.snapshot, address.record) is not None:
            return
        if isinstance(record, Forward):
            yield Refused("forwarded ports need connection tracking: Open vSwitch")
        else:
            yield from balancer_units.untracked(site, address, record)


def _older(snapshot: Snapshot, rule: OpenRule) -> list[OpenRule]:
    """Those that share a rule's slot, and have it longer."""
    sharing = snapshot.where(type(rule), "slots", rule.slots[0])
    return [other for other in sharing if other.number < rule.number]


def _nic(site: Site, id: str) -> Rules:
    world, here = site.world, site.switch.id
    record, place = world.snapshot.get(Nic, id), world.place(id)
    if record is None or place is None:
        return NO_RULES
    if place.refusal:
        return Rules(refusals=(place.refusal,) if place.switch_id == here else ())
    is_present = world.is_present(here, record.network_id)
    found = NO_RULES
    if is_present or world.in_realm(here, world.realm(record.network_id)):
        # Where it is about to come to, others send to where it is still.
        found = _shared(site, record, place, is_present, is_remote=place.switch_id != here)
    if (own := world.place_at(id, here)) is not None:
        nic = NicView.of(world, record, own)
        found += encode((*_nic_here(site, nic), *_nic_guarded(site, nic)), site.dialect.version)
    return found


def _nic_here(site: Site, nic: NicView) -> Iterator[Said]:
    yield from limit.nic(nic)
    yield from classify.nic(nic)
    yield from source.nic(nic)
    yield from balancer_units.member(site, nic)
    yield from neighbour_source.nic(nic, site.dialect)
    yield from answer.local_nic(nic)
    yield from arrive.nic(site, nic)
    yield from deliver.nic(nic)


def _nic_guarded(site: Site, nic: NicView) -> Iterator[Said]:
    if not site.dialect.open_vswitch:
        return
    chosen = policy_of(site.world.snapshot, nic.record)
    if chosen is not None and not nic.network.is_l2:
        yield from guard.nic(nic, chosen, balancer_units.lent_at(site, nic))
        if chosen.kind is PolicyKind.NIC:
            yield from policy_units.of_groups(site.world.snapshot, chosen)


def _shared(site: Site, record: Nic, place: Place, is_present: bool, *, is_remote: bool) -> Rules:
    """What all switches of one dialect hold alike of a NIC."""
    return alike(
        site,
        (OwnerKind.NIC, record.id, is_present, is_remote),
        lambda: _nic_everywhere(
            NicView.of(site.world, record, place), site.dialect, is_present, is_remote=is_remote
        ),
    )


def _nic_everywhere(nic: NicView, dialect: Dialect, is_present: bool, *, is_remote: bool) -> Iterator[Said]:
    yield from route.nic(nic)
    if is_present:
        yield from answer.nic(nic, dialect)
    if is_remote:
        yield from forward.remote_nic(nic, dialect)


UNITS: dict[OwnerKind, Callable[[Site, str], Rules]] = {
    OwnerKind.SWITCH: _switch,
    OwnerKind.PORT: _port,
    OwnerKind.ROUTER: _router,
    OwnerKind.NETWORK: _network,
    OwnerKind.NIC: _nic,
    OwnerKind.PRIVATE: route_units.private_gateway,
    OwnerKind.ROUTE: route_units.route,
    OwnerKind.ADDRESS: _address,
    OwnerKind.RULE: _rule,
    OwnerKind.LIST: policy_units.acl_list,
    OwnerKind.ITEM: policy_units.item,
    OwnerKind.GROUP: policy_units.group,
}
