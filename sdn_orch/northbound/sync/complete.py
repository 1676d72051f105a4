"""What only the API says: names, rates, MTUs, further addresses, who may use ports, policies of balancers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface

from sdn_orch.errors import Invalid
from sdn_orch.intent.balancers import Balancer, HealthCheck, Stickiness
from sdn_orch.intent.firewall import EgressRule, RoutedRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network, Nic, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.traffic import Prefix
from sdn_orch.northbound.cloudstack import stickiness
from sdn_orch.northbound.cloudstack.faults import ApiFault
from sdn_orch.northbound.extension import addresses, balancing, nics, payload, proxied, rules
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.sync import rows, security
from sdn_orch.northbound.sync.groups import BalancerSaid, NetworkSaid, NicSaid, VpcSaid

#: What of a NIC commands tell of.
_AS_IT_IS = {"ip": None, "ip6_address": None, "default_nic": None, "hostname": "", "machine": None}


def network(cloud: Cloud, found: Network, said: NetworkSaid) -> None:
    """A network that commands tell of, and what is in it as far as they have told."""
    found = facts(cloud, found, said)
    for home in said.addresses if found.routed4 else ():
        addresses.make(cloud, home, found)
    for each in said.nics:
        known = cloud.snapshot.get(Nic, each.nic.nic_uuid or "")
        if known is not None and known.network_id == found.id:
            further = each.nic.model_copy(update=_AS_IT_IS)
            nic(cloud, nics.make(cloud, found, further, active=None), each)
    for rule in said.forwards:
        forward = cloud.snapshot.get(Forward, addresses.forward_id(cloud, rule))
        if forward is not None and forward.sources != addresses.sources(rule, forward):
            cloud.put(replace(forward, sources=addresses.sources(rule, forward)))
    for balanced in said.balancers:
        for balancer in _balancers_like(cloud, found, balanced.rule):
            sources = balancing.sources(balanced.rule, balancer)
            if sources != balancer.sources:
                cloud.put(replace(balancer, sources=sources))
            policies(cloud, balancer, balanced)
    routed(cloud, found, said)


def facts(cloud: Cloud, found: Network, said: NetworkSaid) -> Network:
    """Its name, and what it carries: as large packets as the fabric does, at its offering's rate.

    Its offering says, too, whether its IPv4 is routed, not translated.
    """
    wanted = replace(
        found,
        name=said.name,
        mtu=min(said.mtu, cloud.transaction.fabric_mtu),
        rate=said.rate,
        routed4=said.routed4,
    )
    if wanted.routed4 and not found.routed4:
        _end_translation(cloud, found)
    return found if wanted == found else cloud.put(wanted)


def _end_translation(cloud: Cloud, found: Network) -> None:
    """What only translated networks have, which commands may have told before."""
    cloud.transaction.delete(*cloud.snapshot.where(EgressRule, "network_id", found.id))
    for address in cloud.snapshot.where(PublicAddress, "network_id", found.id):
        addresses.clear(cloud, address)
        cloud.put(replace(cloud.snapshot.need(PublicAddress, address.id), is_source_nat=False))


def name_vpc(cloud: Cloud, found: Vpc, said: VpcSaid) -> Vpc:
    """Its name."""
    return found if said.name == found.name else cloud.put(replace(found, name=said.name))


def nic(cloud: Cloud, found: Nic, said: NicSaid) -> None:
    """The security groups that it is in, and the rate of its machine's offering."""
    security.join(cloud, found, said.groups)
    machine = nics.machine_of(cloud, found)
    if machine.rate != said.rate:
        cloud.put(replace(machine, rate=said.rate))


def routed(cloud: Cloud, found: Network, said: NetworkSaid) -> None:
    """The rules of what passes between it and the outside without translation: these and no others."""
    wanted = [
        RoutedRule(
            id=each.id,
            network_id=found.id,
            direction=each.direction,
            version=each.version,
            sources=_side(each.source_cidrs),
            destinations=_side(each.destination_cidrs),
            **rules.packets(each, is_ipv6=each.version == 6),
        )
        for each in said.routed
    ]
    rules.bring_to(cloud, cloud.snapshot.where(RoutedRule, "network_id", found.id), wanted)


def _side(said: list[IPv4Interface | IPv6Interface]) -> tuple[Prefix, ...]:
    """None where everything is meant."""
    found = rules.prefixes(said)
    return found if all(prefix.prefixlen for prefix in found) else ()


def policies(cloud: Cloud, balancer: Balancer, said: BalancerSaid) -> None:
    """The balancer has these and no others. Raises Invalid for those that it cannot have."""
    sticky = [_stickiness(balancer, said.stickiness)] if said.stickiness else []
    checks = [_check(balancer, said.check)] if said.check else []
    rules.bring_to(cloud, cloud.snapshot.where(Stickiness, "balancer_id", balancer.id), sticky)
    rules.bring_to(cloud, cloud.snapshot.where(HealthCheck, "balancer_id", balancer.id), checks)
    proxied.follow(cloud, balancer)


def _balancers_like(cloud: Cloud, found: Network, said: payload.BalancerFields) -> Iterator[Balancer]:
    """The balancer of a rule, which commands name differently: at the same ports of the same address."""
    for balancer in cloud.snapshot.where(Balancer, "network_id", found.id):
        address = cloud.snapshot.get(PublicAddress, balancer.address_id or "")
        if address is not None and balancing.is_at(balancer, address, said):
            yield balancer


def _stickiness(balancer: Balancer, said: rows.Stickiness) -> Stickiness:
    method = stickiness.method(said.methodname)
    if method is None:
        raise Invalid(f"balancer {balancer.name}: stickiness: there is no method {said.methodname[:60]}")
    entries = [
        {"name": name, "value": each}
        for name, value in said.params.items()
        # A cookie may be for several domains, which stand in one text.
        for each in (value.split(",") if name == "domain" else [value])
    ]
    try:
        given = stickiness.read_parameters(method, entries)
    except ApiFault as fault:
        raise Invalid(f"balancer {balancer.name}: stickiness: {fault}") from None
    expire, clients, options = stickiness.meaning(method, given)
    return Stickiness(
        id=said.id,
        balancer_id=balancer.id,
        name=said.name,
        affinity=method.affinity,
        expire=expire,
        clients=clients,
        options=options,
    )


def _check(balancer: Balancer, said: rows.HealthCheck) -> HealthCheck:
    usual = HealthCheck(id=said.id, balancer_id=balancer.id)
    return replace(
        usual,
        path=said.pingpath or "",
        timeout=said.responsetime or usual.timeout,
        interval=said.healthcheckinterval or usual.interval,
        healthy=said.healthcheckthresshold or usual.healthy,
        unhealthy=said.unhealthcheckthresshold or usual.unhealthy,
    )
