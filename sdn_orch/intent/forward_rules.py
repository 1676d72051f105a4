"""What must hold of forwarded ports. Yields `field: reason` per fault."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.intent.address_use import conflicts
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import TCP, UDP
from sdn_orch.intent.traffic_rules import port_range


def forward(after: Snapshot, record: Forward) -> Iterator[str]:
    """As many ports on both sides, nobody else's, towards a NIC of the network or VPC of the address."""
    if record.protocol not in (TCP, UDP):
        yield f"protocol: {record.protocol} is neither TCP nor UDP"
    yield from port_range("public", record.public)
    yield from port_range("private", record.private)
    if record.public[1] - record.public[0] != record.private[1] - record.private[0]:
        yield "private: there are not as many ports as in public"
    nic, address = after.need(Nic, record.nic_id), after.need(PublicAddress, record.address_id)
    if record.guest not in nic.addresses:
        yield f"guest: {record.guest} is not an address of NIC {nic.id}"
    network = after.need(Network, nic.network_id)
    if address.network_id != network.id or address.vpc_id not in (None, network.vpc_id):
        yield f"nic_id: NIC {nic.id} is not where public address {address.address} ({address.id}) leads"
    if record.is_static:
        if address.nic_id != record.nic_id or record.public != record.private:
            yield f"is_static: public address {address.address} ({address.id}) is not mapped so"
    elif address.nic_id is not None:
        yield f"address_id: public address {address.address} ({address.id}) has static NAT"
    for other in conflicts(after, record):
        yield f"public: {record.public[0]}..{record.public[1]} meets {type(other).__name__} {other.id}"
