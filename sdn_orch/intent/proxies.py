"""Balancers that switches cannot serve: a proxy takes their connections, and begins others to the members.

The proxy is HAProxy in a network namespace on a gateway's host. It has a NIC in the members' network, like a
machine: the switches give it all connections of the balancer, and it sees who asks; the members see it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.balancers import Affinity, Balancer, Stickiness
from sdn_orch.intent.model import Attachment, Nic
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import TCP

#: The bit that marks of proxies have, of 32.
PROXY_MARK = 1 << 31
_COOKIES = (Affinity.COOKIE, Affinity.APPLICATION_COOKIE)


def needs_proxy(snapshot: Snapshot, balancer: Balancer) -> bool:
    """Whether it asks for more than switches can do of a connection."""
    return balancer.tls or balancer.proxy_protocol or has_cookies(snapshot, balancer)


def has_cookies(snapshot: Snapshot, balancer: Balancer) -> bool:
    """Whether clients are known again by a cookie, which only HTTP has."""
    return any(each.affinity in _COOKIES for each in snapshot.where(Stickiness, "balancer_id", balancer.id))


def speaks_http(snapshot: Snapshot, balancer: Balancer) -> bool:
    """Whether its proxy understands connections as HTTP. What is behind TLS is, as for CloudStack."""
    return balancer.tls or has_cookies(snapshot, balancer)


def proxy_of(snapshot: Snapshot, balancer: Balancer) -> Nic | None:
    """The NIC of its proxy, for one that needs it and has it."""
    return snapshot.first(Nic, "balancer_id", balancer.id) if needs_proxy(snapshot, balancer) else None


def mark_of(proxy: Nic) -> int:
    """The mark of connections with a proxy, which no member has: their numbers are below the top bit."""
    return PROXY_MARK | proxy.number


def is_served(snapshot: Snapshot, balancer: Balancer) -> bool:
    """Whether its proxy is anywhere, for one that needs it."""
    nic = proxy_of(snapshot, balancer)
    if nic is None:
        return not needs_proxy(snapshot, balancer)
    return snapshot.count_where(Attachment, "nic_id", nic.id) > 0


def proxy_obstacle(snapshot: Snapshot, balancer: Balancer) -> str | None:
    """What a balancer that needs a proxy asks for that the proxy cannot do; None if it can do all of it."""
    return next(_obstacles(snapshot, balancer), None)


def _obstacles(snapshot: Snapshot, balancer: Balancer) -> Iterator[str]:
    if balancer.protocol != TCP:
        yield "cookies are HTTP's, which TCP carries"
    if balancer.tls and balancer.certificate_id is None:
        yield "it has no certificate to show to clients"
    for policy in snapshot.where(Stickiness, "balancer_id", balancer.id):
        if policy.affinity is Affinity.APPLICATION_COOKIE and "cookie-name" not in dict(policy.options):
            yield "it is not said how the application's cookie is called"
    nic = proxy_of(snapshot, balancer)
    if nic is None:
        yield "its proxy has no address in the network"
