"""Direct server return: members of a balancer answer from its address, straight to the client.

They get what clients sent as it was sent, for the balancer's address and port. From there they may answer and
no more: who knows the connections, the client's edge or the gateway, drops what belongs to none. A part of
`meaning`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from sdn_orch.intent.admission import Others
from sdn_orch.intent.balancers import Address, Balancer, Draining, Member
from sdn_orch.intent.balancing import obstacle
from sdn_orch.intent.gateways import gateway_of, networks_of, principal, rival, router_id
from sdn_orch.intent.mac import mac_number
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.packet import ARP, TCP, UDP, Packet
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routes import carried_by
from sdn_orch.intent.snapshot import Snapshot

_PORTS = {TCP: "tcp", UDP: "udp"}
_REQUEST = 1


def front(snapshot: Snapshot, balancer: Balancer) -> Address:
    """The address that clients ask."""
    if balancer.inner is not None:
        return balancer.inner
    return snapshot.need(PublicAddress, balancer.address_id or "").address


def is_lent(snapshot: Snapshot, balancer: Balancer) -> bool:
    """Whether members may answer from its address: only where somebody looks at what they say."""
    if not balancer.direct_return or obstacle(snapshot, balancer) is not None:
        return False
    if balancer.inner_network_id is not None:
        home = snapshot.need(Network, balancer.inner_network_id)
        return principal(snapshot, router_id(home)) is not None
    address = snapshot.need(PublicAddress, balancer.address_id or "")
    router, is_its = address.router_id, address.guest is None and rival(snapshot, address) is None
    return is_its and router is not None and gateway_of(snapshot, router) is not None


def lent_to(snapshot: Snapshot, nic: Nic) -> Iterator[Balancer]:
    """The balancers from whose addresses a NIC may answer: it is a member, or is drained."""
    weighed = (each for each in snapshot.where(Member, "nic_id", nic.id) if each.weight)
    held: list[Member | Draining] = [*weighed, *snapshot.where(Draining, "nic_id", nic.id)]
    for id in dict.fromkeys(each.balancer_id for each in held):
        balancer = snapshot.need(Balancer, id)
        if balancer.network_id == nic.network_id and is_lent(snapshot, balancer):
            yield balancer


def members_of(snapshot: Snapshot, balancer: Balancer) -> Iterator[str]:
    """The NICs that a balancer with direct return lends its address to, or would; some of them twice."""
    if balancer.direct_return:
        yield from (each.nic_id for each in snapshot.where(Member, "balancer_id", balancer.id))
        yield from (each.nic_id for each in snapshot.where(Draining, "balancer_id", balancer.id))


def others(snapshot: Snapshot, network: Network, nic: Nic, packet: Packet) -> Others:
    """What else than its own addresses a NIC may send a packet from.

    Whoever has one asks for its gateway under it. An answer is for one station; from a public address it goes
    outside, whatever its destination is.
    """
    found: set[int] = set()
    is_routed = packet["eth_dst"] == mac_number(network.gateway_mac)
    for balancer in lent_to(snapshot, nic):
        address = front(snapshot, balancer)
        if packet["eth_type"] == ARP:
            is_its = packet["arp_op"] == _REQUEST and address.version == 4
        else:
            is_to_one = is_routed or (balancer.inner is not None and not packet.is_multicast)
            is_its = is_to_one and is_from(snapshot, balancer, packet)
        if is_its:
            found.add(int(address))
    return Others(carried_by(snapshot, nic), found)


def asks_under(snapshot: Snapshot, nic: Nic, address: IPv4Address) -> bool:
    """Whether a NIC may ask for its gateway under an address that is not its own."""
    is_behind = any(address in prefix for prefix in carried_by(snapshot, nic))
    return is_behind or any(front(snapshot, each) == address for each in lent_to(snapshot, nic))


def is_from(snapshot: Snapshot, balancer: Balancer, packet: Packet) -> bool:
    """Whether a packet says that it comes from a balancer."""
    return _is_at(snapshot, balancer, packet, "src")


def answering(snapshot: Snapshot, nic: Nic, packet: Packet) -> Balancer | None:
    """The balancer from which a NIC says something, and may."""
    return next((each for each in lent_to(snapshot, nic) if is_from(snapshot, each, packet)), None)


def asked(snapshot: Snapshot, nic: Nic, packet: Packet) -> Balancer | None:
    """The balancer that a packet is for, if it is one from whose address a NIC may answer."""
    return next((each for each in lent_to(snapshot, nic) if _is_at(snapshot, each, packet, "dst")), None)


def said_from(snapshot: Snapshot, router: str, packet: Packet) -> Balancer | None:
    """The balancer of a router with direct return that a packet says it comes from."""
    return next((each for each in _of_router(snapshot, router) if is_from(snapshot, each, packet)), None)


def said_from_inside(snapshot: Snapshot, router: str, packet: Packet) -> Balancer | None:
    """That, if it is one inside of the router's networks."""
    found = (each for each in _inside(snapshot, router) if is_from(snapshot, each, packet))
    return next(found, None)


def asked_outside(snapshot: Snapshot, router: str, packet: Packet) -> Balancer | None:
    """The balancer with direct return at a public address of a router that a packet is for."""
    found = (each for each in _outside(snapshot, router) if _is_at(snapshot, each, packet, "dst"))
    return next(found, None)


def _of_router(snapshot: Snapshot, router: str) -> Iterator[Balancer]:
    yield from _inside(snapshot, router)
    yield from _outside(snapshot, router)


def _inside(snapshot: Snapshot, router: str) -> Iterator[Balancer]:
    for network in networks_of(snapshot, router):
        yield from _lent(snapshot, snapshot.where(Balancer, "inner_network_id", network.id))


def _outside(snapshot: Snapshot, router: str) -> Iterator[Balancer]:
    for address in snapshot.where(PublicAddress, "router_id", router):
        yield from _lent(snapshot, snapshot.where(Balancer, "address_id", address.id))


def _lent(snapshot: Snapshot, balancers: Iterable[Balancer]) -> Iterator[Balancer]:
    return (each for each in balancers if is_lent(snapshot, each))


def _is_at(snapshot: Snapshot, balancer: Balancer, packet: Packet, side: str) -> bool:
    name = _PORTS.get(packet.get("ip_proto") or 0)
    port = None if name is None else packet.get(f"{name}_{side}")
    if port is None or not balancer.takes(packet["ip_proto"], port):
        return False
    return packet.get(f"ipv{balancer.version}_{side}") == int(front(snapshot, balancer))
