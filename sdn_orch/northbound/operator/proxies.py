"""The proxies of load balancers that a gateway's host is to run."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from sdn_orch.dataplane.world import World
from sdn_orch.intent.balancers import Balancer, Certificate, Member, Stickiness
from sdn_orch.intent.balancing import obstacle, takers
from sdn_orch.intent.gateways import gateway_of, router_id
from sdn_orch.intent.health import is_failing
from sdn_orch.intent.model import Attachment, Network, Nic, Switch
from sdn_orch.intent.proxies import proxy_of, speaks_http
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.operator.models_proxies import ProxyAnswer, ServerAnswer, StickinessAnswer
from sdn_orch.vault import Vault


def proxies(world: World, switch: Switch, hosts: tuple[Switch, ...], vault: Vault) -> Iterator[ProxyAnswer]:
    """Those that are to run on the host of this gateway, where `hosts` run any, in a fixed order.

    It is the gateway at which the balancer's address lives, or another one while that runs none. Where a
    proxy is it stays until it is where it should be.
    """
    snapshot = world.snapshot
    for balancer in snapshot.all(Balancer):
        nic = proxy_of(snapshot, balancer)
        if nic is None or obstacle(snapshot, balancer) is not None:
            continue
        network = snapshot.need(Network, balancer.network_id)
        host = gateway_of(snapshot, router_id(network), hosts)
        is_here = any(each.switch_id == switch.id for each in snapshot.where(Attachment, "nic_id", nic.id))
        if host is not None and (host.id == switch.id or is_here):
            yield _proxy(snapshot, balancer, nic, network, vault, is_here=is_here)


def _proxy(
    snapshot: Snapshot, balancer: Balancer, nic: Nic, network: Network, vault: Vault, *, is_here: bool
) -> ProxyAnswer:
    prefix = network.ipv4.prefixlen if network.ipv4 else 32
    policy = snapshot.first(Stickiness, "balancer_id", balancer.id)
    return ProxyAnswer(
        nic=nic.id,
        here=is_here,
        mac=nic.mac,
        address=f"{nic.ipv4}/{prefix}",
        gateway=str(network.gateway4),
        mtu=network.mtu,
        balancer=balancer.id,
        name=balancer.name,
        ports=list(balancer.guest_ports),
        algorithm=balancer.algorithm,
        http=speaks_http(snapshot, balancer),
        certificate=_certificate(snapshot, balancer, vault),
        proxy_protocol=balancer.proxy_protocol,
        stickiness=_stickiness(policy) if policy else None,
        servers=list(_servers(snapshot, balancer)),
    )


def _certificate(snapshot: Snapshot, balancer: Balancer, vault: Vault) -> str | None:
    if not balancer.tls:
        return None
    found = snapshot.need(Certificate, balancer.certificate_id or "")
    private_key = vault.unseal(found.id, "private_key", found.private_key).decode()
    return "\n".join(part.strip() for part in (found.certificate, found.chain, private_key) if part) + "\n"


def _stickiness(policy: Stickiness) -> StickinessAnswer:
    options: dict[str, list[str]] = {}
    for name, value in policy.options:
        options.setdefault(name, []).append(value)
    return StickinessAnswer(
        affinity=policy.affinity, expire=policy.expire, clients=policy.clients, options=options
    )


def _servers(snapshot: Snapshot, balancer: Balancer) -> Iterator[ServerAnswer]:
    first, last = balancer.guest_ports
    chosen = {member.id for member, _, _ in takers(snapshot, balancer)}
    for member in snapshot.where(Member, "balancer_id", balancer.id):
        nic = snapshot.need(Nic, member.nic_id)
        address = member.address(nic, balancer.version)
        if nic.active and address is not None:
            yield ServerAnswer(
                name=blake2b(member.id.encode(), digest_size=8).hexdigest(),
                address=str(address),
                port=first if first == last else None,
                weight=member.weight,
                # Where nobody answers checks, all may be tried all the same.
                failing=is_failing(snapshot, member) and member.id not in chosen,
            )
