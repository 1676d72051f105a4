"""What a gateway can do for a public address without knowing connections: static NAT that nothing filters."""

from __future__ import annotations

from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.model import Network
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.snapshot import Snapshot


def needs_state(snapshot: Snapshot, address: PublicAddress) -> str:
    """What of a public address that has a router asks for connection tracking; empty if nothing does.

    Where all may come in and all may leave, answers need not be told from first words.
    """
    if address.guest is None:
        return "source NAT, forwarded ports and load balancers"
    if address.vpc_id is not None or address.network_id is None:
        return ""
    rules = snapshot.where(FirewallRule, "address_id", address.id)
    if not any(rule.protocol is None and not rule.sources for rule in rules):
        return "a firewall that does not let everything in"
    network = snapshot.need(Network, address.network_id)
    if not network.egress_open or snapshot.count_where(EgressRule, "network_id", network.id):
        return f"the egress rules of network {network.name}"
    return ""
