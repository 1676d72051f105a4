"""What answers about rules have in common: state, protocol, ports and prefixes as CloudStack writes them."""

from __future__ import annotations

from sdn_orch.intent.traffic import ICMP, ICMPV6, TCP, UDP, TrafficRule
from sdn_orch.northbound.cloudstack.shapes import Scene

_NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmp"}


def rule_state(_scene: Scene, _rule: object) -> str:
    """CloudStack's word for a rule that is accepted and not in force: the data plane has no table for it."""
    return "Add"


def protocol(_scene: Scene, rule: TrafficRule) -> str:
    """The protocol's name, its number if it has none, or `all`."""
    return "all" if rule.protocol is None else _NAMES.get(rule.protocol, str(rule.protocol))


def prefixes(_scene: Scene, rule: TrafficRule) -> str:
    """The source prefixes, joined by commas."""
    return ",".join(map(str, rule.sources))
