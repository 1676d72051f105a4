"""Public addresses as CloudStack gives them to networks and VPCs, and what they lead to.

The last word is CloudStack's: what it says takes the place of what stood there, of which it knows nothing
any more.
"""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from sdn_orch.errors import Invalid
from sdn_orch.intent.address_use import PortUse, conflicts, uses
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network, Vpc
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.traffic import LARGEST_PORT, TCP, UDP, Ports
from sdn_orch.northbound import balancers, public
from sdn_orch.northbound.extension import nics
from sdn_orch.northbound.extension.cloud import Cloud
from sdn_orch.northbound.extension.payload import (
    NetworkAddress,
    PortForward,
    PublicFields,
    StaticNat,
)

_PROTOCOLS = {"tcp": TCP, "udp": UDP}


def find(cloud: Cloud, address: IPv4Address) -> PublicAddress | None:
    """The address, if the cloud has it."""
    found = cloud.snapshot.first(PublicAddress, "address", address)
    return found if found is not None and found.account_id == cloud.account.id else None


def find_of(cloud: Cloud, said: NetworkAddress) -> PublicAddress | None:
    """The address, if it is still the network's, or its VPC's: it may have become another one's meanwhile."""
    kind, number = ("vpc", said.vpc_id) if said.vpc_id else ("network", said.network_id)
    found = find(cloud, said.public_ip)
    return found if found is not None and found.router_id == cloud.id(kind, number) else None


def make(cloud: Cloud, said: PublicFields, owner: Network | Vpc) -> PublicAddress:
    """The address, which is the network's or the VPC's from now on; a tier's is its VPC's."""
    snapshot = cloud.snapshot
    vpc = snapshot.need(Vpc, owner.vpc_id) if isinstance(owner, Network) and owner.vpc_id else None
    router = vpc or owner
    home = _range(cloud, said)
    found = find(cloud, said.public_ip)
    if found is not None and found.router_id != router.id:
        public.release_address(cloud.transaction, found)
        found = None
    if found is None:
        taken = public.take_address(
            cloud.transaction,
            [home],
            cloud.account,
            wanted=said.public_ip,
            network=router if isinstance(router, Network) else None,
            vpc=router if isinstance(router, Vpc) else None,
        )
        found = cloud.snapshot.need(PublicAddress, taken.id)
    # A tier goes out by its VPC's address, and does not choose another one for it; what is routed by none.
    is_chosen = vpc is None or public.source_nat_of(snapshot, vpc) is None
    if said.source_nat and is_chosen and not (isinstance(router, Network) and router.routed4):
        found = public.go_out_by(cloud.transaction, found, router)
    return found


def map_to_nic(cloud: Cloud, said: StaticNat, network: Network) -> None:
    """All of the address is one machine's."""
    address = make(cloud, said, network)
    nic = nics.at(cloud, network, said.private_ip)
    if (address.nic_id, address.guest) == (nic.id, said.private_ip):
        return
    clear(cloud, address)
    for other in cloud.snapshot.where(PublicAddress, "nic_id", nic.id):
        if other.guest == said.private_ip:
            public.unmap_address(cloud.transaction, other)
    public.map_address(
        cloud.transaction, cloud.snapshot.need(PublicAddress, address.id), nic, said.private_ip
    )


def unmap(cloud: Cloud, said: StaticNat) -> None:
    """The address leads to this machine no more."""
    address = find_of(cloud, said)
    if address is not None and address.guest == said.private_ip:
        public.unmap_address(cloud.transaction, address)


def forward(cloud: Cloud, said: PortForward, network: Network) -> None:
    """Ports of the address are a machine's."""
    address = make(cloud, said, network)
    if said.private_ip is None:
        raise Invalid("payload: private_ip: Field required")
    nic = nics.at(cloud, network, said.private_ip)
    id = forward_id(cloud, said)
    known = cloud.snapshot.get(Forward, id)
    wanted = Forward(
        id=id,
        number=known.number if known else 0,
        address_id=address.id,
        nic_id=nic.id,
        guest=said.private_ip,
        protocol=_protocol(said.protocol),
        public=read_ports("public_port", said.public_port),
        private=read_ports("private_port", said.private_port or said.public_port),
        sources=sources(said, known),
    )
    if wanted == known:
        return
    make_room(cloud, address, wanted)
    public.create_forward(cloud.transaction, wanted)


def sources(said: PortForward, known: Forward | None) -> tuple[IPv4Network, ...]:
    """Who may use the ports; where that is not told, who might."""
    if said.sources is None:
        return known.sources if known else ()
    return tuple(dict.fromkeys(each.network for each in said.sources))


def end_forward(cloud: Cloud, said: PortForward) -> None:
    """The ports lead nowhere."""
    address = find_of(cloud, said)
    found = cloud.snapshot.get(Forward, forward_id(cloud, said)) if address else None
    if found is not None:
        public.delete_forward(cloud.transaction, found)


def make_room(cloud: Cloud, address: PublicAddress, wanted: PortUse) -> None:
    """Nothing else uses the ports that are wanted at the address any more."""
    if address.nic_id is not None:
        public.unmap_address(cloud.transaction, address)
    for use in conflicts(cloud.snapshot, wanted):
        _end(cloud, use)


def clear(cloud: Cloud, address: PublicAddress) -> None:
    """Nothing uses ports of the address any more; its firewall rules stay."""
    for use in list(uses(cloud.snapshot, address.id)):
        _end(cloud, use)
    address = cloud.snapshot.need(PublicAddress, address.id)
    if address.nic_id is not None:
        public.unmap_address(cloud.transaction, address)


def read_ports(field: str, said: str) -> Ports:
    """One port, or the first and the last. Raises Invalid."""
    parts = re.fullmatch(r"(\d{1,5})(?:[-:](\d{1,5}))?", said, re.ASCII)
    first, last = (int(parts[1]), int(parts[2] or parts[1])) if parts else (0, 0)
    if not 1 <= first <= last <= LARGEST_PORT:
        raise Invalid(f"payload: {field}: it is neither a port nor a first and a last one")
    return first, last


def _end(cloud: Cloud, use: PortUse) -> None:
    if isinstance(use, Forward):
        public.delete_forward(cloud.transaction, use)
    elif isinstance(use, Balancer):
        balancers.delete_balancer(cloud.transaction, use)


def forward_id(cloud: Cloud, said: PortForward) -> str:
    """Forwards have no numbers: their protocol and ports at the address tell them apart."""
    first, last = read_ports("public_port", said.public_port)
    return cloud.made_id("forward", f"{said.public_ip}/{_protocol(said.protocol)}/{first}-{last}")


def _protocol(said: str) -> int:
    try:
        return _PROTOCOLS[said]
    except KeyError:
        raise Invalid("payload: protocol: it is neither tcp nor udp") from None


def _range(cloud: Cloud, said: PublicFields) -> PublicRange:
    """The range with the address: a known one, in the VLAN that is said now, or a new one.

    A new one has all of the subnet that no other range has, since CloudStack says what is taken of it.
    """
    snapshot, address = cloud.snapshot, said.public_ip
    if said.public_gateway is None or said.public_cidr is None:
        raise Invalid("payload: public_gateway, public_cidr: a public address needs both")
    prefix = IPv4Network((said.public_gateway, said.public_cidr.network.prefixlen), strict=False)
    vlan = read_vlan("public_vlan", said.public_vlan)
    for known in snapshot.all(PublicRange):
        if known.first <= address <= known.last:
            wanted = replace(known, ipv4=prefix, gateway=said.public_gateway, vlan=vlan)
            return known if wanted == known else cloud.put(wanted)
    if address not in prefix or address == said.public_gateway:
        raise Invalid(f"payload: public_ip: {address} is not an address in {prefix} besides its gateway")
    first, last = prefix[1], prefix[-2]
    taken = [(each.first, each.last) for each in snapshot.all(PublicRange)]
    for low, high in [*taken, (said.public_gateway, said.public_gateway)]:
        if high < address:
            first = max(first, high + 1)
        else:
            last = min(last, low - 1)
    made = PublicRange(
        id=cloud.made_id("public-range", f"{first}-{last}"),
        ipv4=prefix,
        gateway=said.public_gateway,
        first=first,
        last=last,
        vlan=vlan,
    )
    public.create_range(cloud.transaction, made)
    return cloud.snapshot.need(PublicRange, made.id)


def read_vlan(field: str, said: str) -> int | None:
    """`101`, `vlan://101`; `untagged`, `vlan://untagged` or nothing. Raises Invalid."""
    name = said.removeprefix("vlan://").lower()
    if name in ("", "untagged"):
        return None
    if not re.fullmatch(r"\d{1,4}", name, re.ASCII):
        raise Invalid(f"payload: {field}: it is neither a VLAN nor untagged")
    return int(name)
