"""Which guest sent a packet, and what its network tells it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from sdn_orch.dataplane import addresses
from sdn_orch.guest.frame import Frame, link_local, mac_bytes
from sdn_orch.intent.gateways import router_id
from sdn_orch.intent.model import Arrival, Attachment, Network, Nic, Switch, Vpc
from sdn_orch.intent.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Guest:
    """A NIC, its network, and where it is plugged in."""

    nic: Nic
    network: Network
    attachment: Attachment

    @property
    def mac(self) -> bytes:
        """The NIC's MAC address."""
        return mac_bytes(self.nic.mac)


def gateway_mac(network: Network) -> bytes:
    """The MAC address of the network's gateway."""
    return addresses.gateway_mac(network.number).to_bytes(6)


def gateway_link_local(network: Network) -> bytes:
    """The gateway's IPv6 link-local address, from its MAC address."""
    return link_local(gateway_mac(network))


def sender(snapshot: Snapshot, switch: Switch, port: int, network: Network, frame: Frame) -> Guest | None:
    """The active guest of this network at this port that the frame's source MAC names."""
    for guest in guests_at(snapshot, switch, port):
        if (
            guest.network.id == network.id
            and guest.mac == frame.source
            and frame.vlan in (None, guest.attachment.vlan)
        ):
            return guest
    return None


def routed_sender(
    snapshot: Snapshot, switch: Switch, port: int, other: Network, address: bytes
) -> Guest | None:
    """The active guest at this port with this source address, on the router of the network `other`.

    For packets that a router has begun to forward: their source MAC and network may be the next ones.
    """
    for guest in guests_at(snapshot, switch, port):
        is_on_router = router_id(guest.network) == router_id(other)
        if is_on_router and any(own.packed == address for own in guest.nic.addresses):
            return guest
    return None


def guest_of(snapshot: Snapshot, nic_id: str) -> Guest | None:
    """A NIC where it is now, if it takes part."""
    nic = snapshot.get(Nic, nic_id)
    places = snapshot.where(Attachment, "nic_id", nic_id)
    network = snapshot.get(Network, nic.network_id) if nic is not None and nic.active else None
    return Guest(nic, network, places[0]) if nic is not None and network is not None and places else None


def guests_at(snapshot: Snapshot, switch: Switch, port: int) -> Iterator[Guest]:
    """The active guests at one port, and those that are about to come there."""
    places = list(snapshot.where(Attachment, "ports", (switch.id, port)))
    for arrival in snapshot.where(Arrival, "ports", (switch.id, port)):
        there = snapshot.first(Attachment, "nic_id", arrival.nic_id)
        if there is not None and arrival.admitted:
            places.append(replace(there, switch_id=switch.id, port=port, vlan=None))
    for attachment in places:
        nic = snapshot.get(Nic, attachment.nic_id)
        network = snapshot.get(Network, nic.network_id) if nic is not None and nic.active else None
        if nic is not None and network is not None:
            yield Guest(nic, network, attachment)


def configured_name_servers(snapshot: Snapshot, network: Network) -> tuple[IPv4Address | IPv6Address, ...]:
    """The network's name servers, else its VPC's."""
    stated = network.dns
    if not stated and network.vpc_id is not None:
        vpc = snapshot.get(Vpc, network.vpc_id)
        stated = vpc.dns if vpc is not None else ()
    return tuple(ip_address(server) for server in stated)


def name_servers(snapshot: Snapshot, network: Network) -> tuple[IPv4Address | IPv6Address, ...]:
    """What guests are told: the gateways where they answer, then the configured ones."""
    gateways = (network.gateway4, network.gateway6) if network.answers_names else ()
    own = (gateway for gateway in gateways if gateway is not None)
    return tuple(dict.fromkeys((*own, *configured_name_servers(snapshot, network))))


def name_servers4(snapshot: Snapshot, network: Network) -> bytes:
    """The IPv4 ones, packed one after the other."""
    return b"".join(server.packed for server in name_servers(snapshot, network) if server.version == 4)


def name_servers6(snapshot: Snapshot, network: Network) -> bytes:
    """The IPv6 ones, packed one after the other."""
    return b"".join(server.packed for server in name_servers(snapshot, network) if server.version == 6)


def domain_name(snapshot: Snapshot, network: Network) -> str:
    """The network's domain name, else its VPC's; may be empty."""
    if network.domain_name or network.vpc_id is None:
        return network.domain_name
    vpc = snapshot.get(Vpc, network.vpc_id)
    return vpc.domain_name if vpc is not None else ""


def encode_domain(name: str) -> bytes:
    """A domain name as DNS writes it, uncompressed (RFC 1035, section 3.1)."""
    labels = [label.encode("ascii", "ignore")[:63] for label in name.split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
