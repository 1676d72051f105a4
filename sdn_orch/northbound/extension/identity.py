"""Commands and the API name an object differently: by what the two say of it they are found to mean the same.

NICs have one name for both. A network is the one with the NIC, or the one in its VLAN or VNI with its prefix;
a VPC is that of a tier, or the one with a public address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sdn_orch.intent.model import Network, Nic, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.northbound import networks
from sdn_orch.northbound.extension.cloud import Cloud, is_commanded, listed_ids
from sdn_orch.northbound.extension.payload import NetworkFields, NicOf, PublicFields

_LARGEST_VLAN = 4094
#: VNIs from here up are derived from the numbers of networks that have none.
_VNIS = 2**23


def network_of(cloud: Cloud, said: NetworkFields, nics: Iterable[NicOf] = ()) -> Network | None:
    """A network that only the other of the two has spoken of, and that this must be."""
    told = (*nics, said) if isinstance(said, NicOf) else nics
    for each in told:
        nic = cloud.snapshot.get(Nic, each.nic_uuid) if each.nic_uuid else None
        if nic is not None:
            return _if_nameless(cloud, said, cloud.snapshot.need(Network, nic.network_id))
    for segment in _segments(said.vlan):
        for found in cloud.snapshot.where(Network, *segment):
            if said.cidr is None or said.cidr.network == found.ipv4:
                return _if_nameless(cloud, said, found)
    return None


def name_vpc_of(cloud: Cloud, addresses: Iterable[PublicFields], name: str) -> None:
    """The VPC with one of the addresses has this name, unless it has one of the same sort."""
    for each in addresses:
        found = cloud.snapshot.first(PublicAddress, "address", each.public_ip)
        if found is not None and found.account_id == cloud.account.id and found.vpc_id is not None:
            name_vpc(cloud, found.vpc_id, name)


def name_vpc(cloud: Cloud, id: str, name: str) -> None:
    """A tier's VPC has this name, unless it has one of the same sort."""
    vpc = cloud.snapshot.need(Vpc, id)
    other = cloud.snapshot.get(Vpc, cloud.id("vpc", name))
    if other is not None and (other.id == id or cloud.snapshot.count_where(Network, "vpc_id", other.id)):
        return
    if not _has_such(cloud, vpc, name):
        if other is not None:
            # Nothing but its prefix was known of it.
            networks.delete_vpc(cloud.transaction, other)
        cloud.call(vpc, "vpc", name)


def read_segment(said: str) -> tuple[str, int] | None:
    """`vlan` or `vni` and the number; without a scheme what no VLAN can be is a VNI."""
    parts = re.fullmatch(r"(?:([a-z]+)://)?(\d{1,8})", said, re.ASCII)
    number = int(parts[2]) if parts else 0
    if parts is None or not 1 <= number < _VNIS:
        return None
    return ("vlan" if number <= _LARGEST_VLAN and parts[1] != "vxlan" else "vni"), number


def _segments(said: str) -> list[tuple[str, int]]:
    """What a number may be: where it has no scheme, the other of the two, too."""
    segment = read_segment(said)
    if segment is None:
        return []
    return [segment] if "://" in said or segment[0] == "vni" else [segment, ("vni", segment[1])]


def _if_nameless(cloud: Cloud, said: NetworkFields, found: Network) -> Network | None:
    is_ours = found.account_id == cloud.account.id
    return found if is_ours and not _has_such(cloud, found, said.network_id) else None


def _has_such(cloud: Cloud, record: Network | Vpc, name: str) -> bool:
    """Whether the record has a name of the sort already, and is another one therefore."""
    if name.isdigit():
        return is_commanded(cloud.snapshot, record)
    return bool(listed_ids(cloud.snapshot, record))
