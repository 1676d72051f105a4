"""What rules about ports of public addresses have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from sdn_orch.intent.address_use import PortUse, conflicts, is_used
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.traffic import TCP, UDP, Ports
from sdn_orch.northbound.cloudstack.declare import Call
from sdn_orch.northbound.cloudstack.faults import bad, conflict
from sdn_orch.northbound.cloudstack.parameters import Parameter, entity
from sdn_orch.northbound.cloudstack.scope import one_or, owned

ADDRESS_ID = entity("ipaddressid", PublicAddress, "the id of the public address")


class ForwardedProtocol(StrEnum):
    """What can be forwarded."""

    TCP = "tcp"
    UDP = "udp"

    @property
    def number(self) -> int:
        """IANA's."""
        return TCP if self is ForwardedProtocol.TCP else UDP


def ports(first: int | None, last: int | None, last_name: str) -> Ports:
    """First and last port, the last being the first by default; raises a parameter fault."""
    if first is None:
        raise bad(f"{last_name} is given, but not the first port")
    if last is not None and last < first:
        raise bad(f"Invalid value {last} for parameter {last_name}: it is below the first port, {first}")
    return first, last or first


def check_unused(call: Call, address: PublicAddress) -> None:
    """Raises a conflict if anything uses ports of the address."""
    if is_used(call.snapshot, address.id):
        raise conflict(f"There are already rules for the IP address {address.address} ({address.id})")


def check_free(call: Call, wanted: PortUse) -> None:
    """Raises a conflict if others use one of the ports."""
    first, last = wanted.taken
    for other in conflicts(call.snapshot, wanted):
        raise conflict(
            f"The range specified, {first}-{last}, conflicts with rule {other.id} which has"
            f" {other.taken[0]}-{other.taken[1]}"
        )


def forwards(call: Call, id: Parameter[Forward], network: Network | None) -> Iterable[Forward]:
    """The forwards in scope, those of the address or network that is asked for."""
    address = call.get(ADDRESS_ID)

    def others() -> Iterator[Forward]:
        addresses: Iterable[PublicAddress]
        if address is not None:
            addresses = (address,)
        elif network is not None:
            addresses = call.snapshot.where(PublicAddress, "network_id", network.id)
        else:
            addresses = owned(call, PublicAddress)
        for each in addresses:
            for forward in call.snapshot.where(Forward, "address_id", each.id):
                if network is None or call.snapshot.need(Nic, forward.nic_id).network_id == network.id:
                    yield forward

    return one_or(call, id, others)
