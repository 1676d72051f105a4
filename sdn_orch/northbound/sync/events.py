"""CloudStack's events: whether a message is from it, what it is about, and where that is looked up.

An event only says that something is worth reading again: what has become of it is read through the API.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: Bytes of a message at most, wherever it comes from.
LARGEST = 64 * 1024
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
#: What is not looked up: who did it.
_WHO = ("user", "account", "project", "domain")

_PASSED_OVER = ""
#: By how the event's type begins, longer ones first: the list that shows where its object belongs; None where
#: that is itself a network or a VPC.
_LISTS: tuple[tuple[str, str | None], ...] = (
    ("NETWORK.ACL.", "listNetworkACLs"),
    ("NETWORK.OFFERING.", _PASSED_OVER),
    ("NETWORK.", None),
    ("VPC.OFFERING.", _PASSED_OVER),
    ("VPC.", None),
    ("NIC.", "listVirtualMachines"),
    ("VM.SNAPSHOT", _PASSED_OVER),
    ("VM.", "listVirtualMachines"),
    ("NET.RULE", "listPortForwardingRules"),
    ("NET.IP", "listPublicIpAddresses"),
    ("STATICNAT.", "listPublicIpAddresses"),
    ("STATIC.ROUTE.", "listStaticRoutes"),
    ("PRIVATE.GATEWAY.", "listPrivateGateways"),
    ("IPV6.FIREWALL.", "listIpv6FirewallRules"),
    ("ROUTING.IPV4.FIREWALL.", "listRoutingFirewallRules"),
    ("SG.", "listSecurityGroups"),
    ("FIREWALL.EGRESS.", "listEgressFirewallRules"),
    ("FIREWALL.", "listFirewallRules"),
    ("LB.STICKINESSPOLICY.", "listLBStickinessPolicies"),
    ("LB.HEALTHCHECKPOLICY.", "listLBHealthCheckPolicies"),
    ("LB.", "listLoadBalancerRules"),
)
#: The same for changes of an object's state, by its kind.
_STATES: dict[str, str | None] = {
    "VirtualMachine": "listVirtualMachines",
    "Nic": "listVirtualMachines",
    "Network": None,
    "Vpc": None,
    "IpAddress": "listPublicIpAddresses",
}


@dataclass(frozen=True, slots=True)
class Event:
    """Objects that are worth reading again; `command` lists them, None: they are networks or VPCs."""

    ids: frozenset[str]
    command: str | None
    at: datetime


def signature(secret: str, body: bytes) -> str:
    """What CloudStack puts in `X-CS-Signature`."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def is_signed(secret: str, body: bytes, given: str) -> bool:
    """Whether the message is from somebody who knows the secret; takes as long for every wrong one."""
    return hmac.compare_digest(signature(secret, body).encode(), given.strip().encode())


def read(body: bytes) -> Event | None:
    """The event, or None for what has nothing to do with networks. Raises ValueError for no event at all."""
    said = json.loads(body)
    if not isinstance(said, dict):
        raise ValueError("an event is a JSON object")  # noqa: TRY004 (whatever was sent)
    command = _list_of(said)
    if command == _PASSED_OVER or str(said.get("status", "Completed")).lower() not in ("completed", "post"):
        return None
    ids = frozenset(_ids(said))
    return Event(ids, command, _time(said)) if ids else None


def _list_of(said: dict[str, Any]) -> str | None:
    """See Event."""
    name = said.get("event")
    if isinstance(name, str):
        return next((command for start, command in _LISTS if name.upper().startswith(start)), _PASSED_OVER)
    return _STATES.get(str(said.get("resource")), _PASSED_OVER)


def _ids(said: dict[str, Any]) -> Iterator[str]:
    for name, value in said.items():
        if name.lower() not in _WHO and isinstance(value, str) and _UUID.fullmatch(value):
            yield value.lower()


def _time(said: dict[str, Any]) -> datetime:
    return datetime.strptime(str(said.get("eventDateTime")), "%Y-%m-%d %H:%M:%S %z")
