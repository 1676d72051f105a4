"""What may change at once in what a random cloud has outside, and in its rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import Balancer, Member, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.health import Failing
from sdn_orch.intent.model import Attachment, Network, NetworkKind, Nic, Record, Switch, SwitchRole
from sdn_orch.intent.public import NextHop, PublicAddress, PublicRange
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from sdn_orch.intent.traffic import ICMP, TCP, UDP, Direction, Verdict
from tests.property.clouds import Cloud
from tests.property.outside import PUBLIC_PORT, with_outside
from tests.property.policies import with_policies

_RULES: tuple[type[Record], ...] = (
    *(FirewallRule, EgressRule, RoutedRule, AclItem, SecurityRule, Forward, Balancer, Member, Failing),
    *(Stickiness, NextHop),
)
_PACKETS = (
    {"protocol": None, "ports": None, "icmp_type": None},
    {"protocol": TCP, "ports": (79, 90), "icmp_type": None},
    {"protocol": TCP, "ports": None, "icmp_type": None},
    {"protocol": UDP, "ports": (1, 1024), "icmp_type": None},
    {"protocol": ICMP, "ports": None, "icmp_type": 8},
)


def some_turns(random: Random, snapshot: Snapshot, count: int) -> list[Change]:
    """So many things that each is one for whoever asks for it; perhaps refused by validation."""
    found: list[Change] = []
    for _ in range(count):
        found += random.choice(_TURNS)(random, snapshot)
    return found


def without_rules(snapshot: Snapshot) -> Snapshot:
    """Where everything may pass that there is a way for."""
    rules = (FirewallRule, EgressRule, RoutedRule)
    found: list[Change] = [Delete(kind, rule.id) for kind in rules for rule in snapshot.all(kind)]
    for network in snapshot.all(Network):
        found.append(Put(replace(network, acl_id=None, egress_open=True)))
        for version in (4, 6):
            id = f"{network.id}/open{version}"
            open_rule = RoutedRule(id=id, network_id=network.id, direction=Direction.INGRESS, version=version)
            found.append(Put(open_rule))
    for address in snapshot.all(PublicAddress):
        if address.vpc_id is None:
            found.append(Put(FirewallRule(id=f"{address.id}/all", address_id=address.id)))
    found += [Put(replace(nic, group_ids=())) for nic in snapshot.all(Nic)]
    found += [Put(replace(gateway, acl_id=None)) for gateway in snapshot.all(PrivateGateway)]
    return snapshot.change(found)


def _one(random: Random, snapshot: Snapshot, *kinds: type[Record]) -> Record | None:
    found = [record for kind in kinds for record in snapshot.all(kind)]
    return random.choice(found) if found else None


def _gone(random: Random, snapshot: Snapshot) -> list[Change]:
    """Some rules of one kind."""
    kind = random.choice(_RULES)
    gone = [record for record in snapshot.all(kind) if random.random() < 0.6]
    return _without(snapshot, *gone)


def _without(snapshot: Snapshot, *records: Record) -> list[Change]:
    """These records go, and what goes with them, and what refers to them loses them."""
    found: dict[tuple[type[Record], str], Change] = {}
    waiting = list(records)
    while waiting:
        record = waiting.pop()
        if (type(record), record.id) not in found:
            found[type(record), record.id] = Delete(type(record), record.id)
            waiting += snapshot.dependants(type(record), record.id)
    return list(found.values())


def _about_others(random: Random, snapshot: Snapshot) -> list[Change]:
    """Rules that are about other packets, or say the opposite."""
    kind = random.choice((FirewallRule, EgressRule, RoutedRule, AclItem, SecurityRule))
    found: list[Change] = []
    for rule in snapshot.all(kind):
        if random.random() < 0.5:
            other = replace(rule, **random.choice(_PACKETS))
            if isinstance(other, AclItem) and random.random() < 0.5:
                other = replace(other, verdict=random.choice(list(Verdict)))
            found.append(Put(other))
    return found


def _order(random: Random, snapshot: Snapshot) -> list[Change]:
    """A list's items in another order."""
    chosen = _one(random, snapshot, AclList)
    items = [] if chosen is None else list(snapshot.where(AclItem, "list_id", chosen.id))
    places = [item.position for item in items]
    random.shuffle(places)
    return [Put(replace(item, position=at)) for item, at in zip(items, places, strict=True)]


def _list(random: Random, snapshot: Snapshot) -> list[Change]:
    """Another list for a tier, or for a private gateway; or none."""
    tier = _one(random, snapshot, Network, PrivateGateway)
    if not isinstance(tier, Network | PrivateGateway) or tier.vpc_id is None:
        return []
    lists = [each.id for each in snapshot.all(AclList) if each.vpc_id in (None, tier.vpc_id)]
    return [Put(replace(tier, acl_id=random.choice((None, *lists))))]


def _all_items(random: Random, snapshot: Snapshot) -> list[Change]:
    """A list's items are replaced by others."""
    chosen = _one(random, snapshot, AclList)
    if chosen is None:
        return []
    items = snapshot.where(AclItem, "list_id", chosen.id)
    found: list[Change] = [Delete(AclItem, item.id) for item in items]
    pattern = list(snapshot.all(AclItem))
    for at in range(random.choice((0, 1, 2, 4)) if pattern else 0):
        like, verdict = random.choice(pattern), random.choice(list(Verdict))
        position = random.choice([item.position + random.choice((0, 1)) for item in pattern])
        item = replace(like, id=f"{chosen.id}/other{at}", list_id=chosen.id, number=0, verdict=verdict)
        found.append(Put(replace(item, position=min(position + 2 * at, 65_535))))
    return found


def _network(random: Random, snapshot: Snapshot) -> list[Change]:
    """What a network's offering says."""
    networks = [each for each in snapshot.all(Network) if each.kind is not NetworkKind.L2]
    if not networks:
        return []
    network = random.choice(networks)
    if network.vpc_id is None and random.random() < 0.6:
        return [Put(replace(network, egress_open=not network.egress_open))]
    return [Put(replace(network, cuts_connections=not network.cuts_connections))]


def _groups(random: Random, snapshot: Snapshot) -> list[Change]:
    """NICs that join groups, or leave them."""
    found: list[Change] = []
    for nic in snapshot.all(Nic):
        network = snapshot.need(Network, nic.network_id)
        if network.vpc_id is None and network.kind is not NetworkKind.L2 and random.random() < 0.4:
            mine = [each.id for each in snapshot.all(SecurityGroup) if each.account_id == network.account_id]
            chosen = random.sample(mine, min(len(mine), random.choice((0, 1, 2))))
            found.append(Put(replace(nic, group_ids=tuple(chosen))))
    return found


def _static_nat(random: Random, snapshot: Snapshot) -> list[Change]:
    """An address is given to a machine alone, to another one, or to nobody."""
    address = _one(random, snapshot, PublicAddress)
    if not isinstance(address, PublicAddress):
        return []
    home = address.network_id or next((n.id for n in snapshot.where(Network, "vpc_id", address.vpc_id)), "")
    nics = [nic for nic in snapshot.where(Nic, "network_id", home) if nic.ipv4 is not None]
    nic = random.choice((None, *nics, *nics))
    if nic is None:
        return [Put(replace(address, nic_id=None, guest=None))]
    used: list[Record] = [*snapshot.where(Forward, "address_id", address.id)]
    used += snapshot.where(Balancer, "address_id", address.id)
    taken = [other for other in snapshot.where(PublicAddress, "nic_id", nic.id) if other.id != address.id]
    freed = [Put(replace(other, nic_id=None, guest=None)) for other in taken]
    to = replace(address, network_id=home, nic_id=nic.id, guest=nic.ipv4, is_source_nat=False)
    return [*_without(snapshot, *used), *freed, Put(to)]


def _forward(random: Random, snapshot: Snapshot) -> list[Change]:
    """A forwarded port leads to another machine, or to another port."""
    forward = _one(random, snapshot, Forward)
    if not isinstance(forward, Forward):
        return []
    old = snapshot.need(Nic, forward.nic_id)
    nic = random.choice([nic for nic in snapshot.where(Nic, "network_id", old.network_id) if nic.ipv4])
    width = forward.private[1] - forward.private[0]
    first = random.choice((forward.private[0], 80, 8080))
    to = replace(forward, nic_id=nic.id, guest=nic.ipv4 or forward.guest, private=(first, first + width))
    return [Put(to)]


def _balancer(random: Random, snapshot: Snapshot) -> list[Change]:
    """A balancer's members come, go, have other weights, or fail."""
    balancer = _one(random, snapshot, Balancer)
    if not isinstance(balancer, Balancer):
        return []
    found: list[Change] = []
    members = snapshot.where(Member, "balancer_id", balancer.id)
    for member in members:
        kind = random.choice(("go", "weight", "stay", "fail"))
        if kind == "go":
            found += _without(snapshot, member)
        elif kind == "weight":
            found.append(Put(replace(member, weight=random.choice((0, 1, 5)))))
        elif kind == "fail" and snapshot.get(Failing, f"{member.id} fails") is None:
            found.append(Put(Failing(id=f"{member.id} fails", member_id=member.id)))
    taken = {member.nic_id for member in members}
    nics = snapshot.where(Nic, "network_id", balancer.network_id)
    own = [nic for nic in nics if nic.id not in taken and (nic.ipv4 if balancer.version == 4 else nic.ipv6)]
    for seat, nic in enumerate(own):
        if random.random() < 0.4 and nic.balancer_id is None:
            id = f"{balancer.id}/new{seat}"
            found.append(Put(Member(id=id, balancer_id=balancer.id, nic_id=nic.id, seat=50 + seat)))
    return found


def _gateway(random: Random, snapshot: Snapshot) -> list[Change]:
    """Gateways come and go, so that routers have others."""
    edges = [switch for switch in snapshot.all(Switch) if switch.role is SwitchRole.EDGE]
    found: list[Change] = []
    for switch in random.sample(edges, min(len(edges), random.choice((1, 2)))):
        if switch.is_gateway and random.random() < 0.5:
            found.append(Put(replace(switch, outside_down=not switch.outside_down)))
        else:
            found.append(Put(replace(switch, public_port=None if switch.is_gateway else PUBLIC_PORT)))
    return found


def _owner(random: Random, snapshot: Snapshot) -> list[Change]:
    """An address goes to somebody else, as nobody's yet has."""
    address, other = _one(random, snapshot, PublicAddress), _one(random, snapshot, Network)
    if not isinstance(address, PublicAddress) or not isinstance(other, Network):
        return []
    to = PublicAddress(
        id="come",
        range_id=address.range_id,
        account_id=other.account_id,
        address=address.address,
        network_id=None if other.vpc_id else other.id,
        vpc_id=other.vpc_id,
        is_source_nat=not snapshot.where(PublicAddress, "source_nat_of", other.vpc_id or other.id),
    )
    rules: list[Change] = []
    if other.vpc_id is None:
        rules.append(Put(FirewallRule(id="come/rule", address_id="come", **random.choice(_PACKETS))))
    return [*_without(snapshot, address), Put(to), *rules]


def _source_nat(random: Random, snapshot: Snapshot) -> list[Change]:
    """Another address is what a router goes out under."""
    addresses = [each for each in snapshot.all(PublicAddress) if each.guest is None and each.router_id]
    if not addresses:
        return []
    to = random.choice(addresses)
    others = snapshot.where(PublicAddress, "source_nat_of", to.router_id)
    freed = [Put(replace(other, is_source_nat=False)) for other in others if other.id != to.id]
    return [*freed, Put(replace(to, is_source_nat=not to.is_source_nat))]


def _private(random: Random, snapshot: Snapshot) -> list[Change]:
    """A private gateway translates, or does not any more."""
    gateway = _one(random, snapshot, PrivateGateway)
    if not isinstance(gateway, PrivateGateway):
        return []
    return [Put(replace(gateway, source_nat=not gateway.source_nat))]


def all_anew(random: Random, cloud: Cloud) -> list[Change]:
    """Everything outside and all rules go, and there are others."""
    snapshot = cloud.snapshot
    kinds = (PublicAddress, PublicRange, PrivateGateway, AclList, SecurityGroup, Balancer, Forward)
    gone: list[Record] = [record for kind in kinds for record in snapshot.all(kind)]
    gone += [rule for kind in _RULES for rule in snapshot.all(kind)]
    gone += [route for route in snapshot.all(StaticRoute) if route.gateway_id is not None]
    proxies = [nic for nic in snapshot.all(Nic) if nic.balancer_id is not None]
    gone += [*proxies, *(at for nic in proxies for at in snapshot.where(Attachment, "nic_id", nic.id))]
    bare = {(type(record), record.id) for record in gone}
    deletes = _without(snapshot, *gone)
    freed: list[Change] = []
    for nic in snapshot.all(Nic):
        if (Nic, nic.id) not in bare:
            freed.append(Put(replace(nic, group_ids=())))
    for network in snapshot.all(Network):
        freed.append(Put(replace(network, acl_id=None, egress_open=False, routed4=False)))
    for switch in snapshot.all(Switch):
        freed.append(Put(replace(switch, public_port=None)))
    empty = replace(cloud, snapshot=snapshot.change([*freed, *deletes]))
    return [*freed, *deletes, *_made(empty, with_policies(random, with_outside(random, empty)))]


def _made(before: Cloud, after: Cloud) -> list[Change]:
    """What was put on the way from one to the other."""
    found: list[Change] = []
    for kind in sorted(after.snapshot.kinds(Record), key=lambda kind: kind.__name__):
        for record in after.snapshot.all(kind):
            if before.snapshot.get(kind, record.id) != record:
                found.append(Put(record))
    return found


_TURNS: tuple[Callable[[Random, Snapshot], list[Change]], ...] = (
    *(_gone, _gone, _about_others, _about_others, _order, _list, _all_items, _network, _groups),
    *(_static_nat, _static_nat, _forward, _balancer, _balancer, _gateway, _gateway, _owner, _owner),
    *(_source_nat, _private),
)
