"""What a balancer means: to whom it gives connections, and what no switch can do of it."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.balancers import Address, Affinity, Algorithm, Balancer, Draining, Member, Stickiness
from sdn_orch.intent.health import is_failing
from sdn_orch.intent.model import Nic
from sdn_orch.intent.proxies import needs_proxy, proxy_obstacle
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import SCTP, TCP, UDP, translations

#: Clients of a balancer that are remembered at most, and for how many seconds at most: of an idle flow.
MOST_CLIENTS, LONGEST_MEMORY = 1024, 2**16 - 1
#: Ports that each lead to another one of the members, of one balancer.
_SHIFTED_PORTS = 16


def obstacle(snapshot: Snapshot, balancer: Balancer) -> str | None:
    """What it asks for that neither switches nor a proxy can do; None if all of it can be done."""
    if needs_proxy(snapshot, balancer):
        return proxy_obstacle(snapshot, balancer)
    memory = remembered(snapshot, balancer)
    if memory is not None and memory[0] > LONGEST_MEMORY:
        return f"clients cannot be remembered for {memory[0]} seconds: {LONGEST_MEMORY} are the most"
    if balancer.protocol not in (TCP, UDP, SCTP):
        return f"connections of protocol {balancer.protocol} are not translated: TCP, UDP and SCTP are"
    if balancer.protocol == SCTP and _is_gone_out_under(snapshot, balancer):
        return (
            "associations with an address that machines go out under are not told from theirs: take another"
        )
    if len(list(translations(balancer.ports, balancer.guest_ports))) > _SHIFTED_PORTS:
        return f"more than {_SHIFTED_PORTS} ports must be the same ones of the members, or one of theirs"
    return None


def _is_gone_out_under(snapshot: Snapshot, balancer: Balancer) -> bool:
    """Whether its address is that of source NAT."""
    address = None if balancer.address_id is None else snapshot.need(PublicAddress, balancer.address_id)
    return address is not None and address.is_source_nat


def by_source(snapshot: Snapshot, balancer: Balancer) -> bool:
    """Whether a client always comes to the same member, as long as the members are the same.

    That is so of SCTP: an association's packets are not told from those of others of its client.
    """
    is_asked = balancer.is_by_source or balancer.protocol == SCTP
    return is_asked or snapshot.count_where(Stickiness, "balancer_id", balancer.id) > 0


def remembered(snapshot: Snapshot, balancer: Balancer) -> tuple[int, int] | None:
    """For how many seconds clients are remembered that stay away, and how many of them; None: none is.

    Those that are not come to a member by their address, which is the same one as long as the members are.
    """
    found = snapshot.first(Stickiness, "balancer_id", balancer.id)
    if found is None or found.affinity is not Affinity.SOURCE or found.expire is None:
        # It is what an association keeps its member by.
        return (LONGEST_MEMORY, MOST_CLIENTS) if balancer.protocol == SCTP else None
    return found.expire, min(found.clients or MOST_CLIENTS, MOST_CLIENTS)


def counts_open(snapshot: Snapshot, balancer: Balancer) -> bool:
    """Whether switches count its open connections, and who has many of them gives slots to who has few."""
    is_wanted = balancer.algorithm is Algorithm.LEAST_CONNECTIONS and balancer.protocol == TCP
    return is_wanted and not (by_source(snapshot, balancer) or needs_proxy(snapshot, balancer))


def balanced_inside(snapshot: Snapshot, network_id: str) -> list[int]:
    """By which versions of IP machines of a network answer for balancers inside of networks as themselves."""
    found = snapshot.where(Balancer, "network_id", network_id)
    return sorted({each.version for each in found if each.inner is not None and not each.direct_return})


def holders(snapshot: Snapshot, balancer: Balancer) -> dict[int, tuple[Nic, Address]]:
    """The marks of connections that stand: who has each, and where it is reached, or was as a member."""
    found: dict[int, tuple[Nic, Address]] = {}
    with_weight = (each for each in snapshot.where(Member, "balancer_id", balancer.id) if each.weight)
    kept: list[Member | Draining] = [*with_weight, *snapshot.where(Draining, "balancer_id", balancer.id)]
    for each in kept:
        nic = snapshot.need(Nic, each.nic_id)
        address = each.address(nic, balancer.version)
        if address is not None:
            found[each.mark] = nic, address
    return found


def standing(snapshot: Snapshot, balancer: Balancer) -> dict[int, Address]:
    """The marks of connections that stand, and where each member is reached, or was when it was one."""
    return {mark: address for mark, (_, address) in holders(snapshot, balancer).items()}


def returns(snapshot: Snapshot, balancer: Balancer) -> tuple[int, ...]:
    """The marks of members that take no new clients, and remembered ones back while they are drained.

    That is SCTP's alone, whose associations are known as their clients'.
    """
    if balancer.protocol != SCTP:
        return ()
    drained = {each.mark for each in snapshot.where(Draining, "balancer_id", balancer.id)}
    return tuple(mark for mark in standing(snapshot, balancer) if mark in drained)


def takers(snapshot: Snapshot, balancer: Balancer) -> Iterator[tuple[Member, Nic, Address]]:
    """Its members that may get connections, with their NICs and where they are reached.

    Those that do not answer checks get none, unless there is nobody else and it fails open.
    """
    found: list[tuple[Member, Nic, Address]] = []
    for member in snapshot.where(Member, "balancer_id", balancer.id):
        nic = snapshot.need(Nic, member.nic_id)
        address = member.address(nic, balancer.version)
        if member.weight and nic.active and address is not None:
            found.append((member, nic, address))
    living = [taker for taker in found if not is_failing(snapshot, taker[0])]
    yield from living if living or not balancer.fails_open else found
