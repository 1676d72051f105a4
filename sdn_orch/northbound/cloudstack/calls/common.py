"""Parameters that many commands have."""

from __future__ import annotations

from uuid import uuid4

from sdn_orch.intent.model import Record, Role
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.declare import Call
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.model import Enabled, Zone
from sdn_orch.northbound.cloudstack.parameters import (
    Parameter,
    choice,
    entity,
    integer,
    ipv4,
    ipv6,
    text,
)

NAME = text("name", "the name")
DISPLAY_TEXT = text("displaytext", "the text shown for it; the name by default", length=4096)
ZONE = entity("zoneid", Zone, "the zone id", Access.ANY)
STATE = choice("state", "Enabled or Disabled", Enabled)
NETWORK_DOMAIN = text("networkdomain", "the network domain")
DNS = (
    ipv4("dns1", "the first DNS server"),
    ipv4("dns2", "the second DNS server"),
    ipv6("ip6dns1", "the first IPv6 DNS server"),
    ipv6("ip6dns2", "the second IPv6 DNS server"),
)
PUBLIC_MTU = integer("publicmtu", "the MTU of the public side, bytes", 576, 9216)
PRIVATE_MTU = integer("privatemtu", "the MTU of guests, bytes", 576, 9216)


def new_id(call: Call, parameter: Parameter[str]) -> str:
    """The id that an administrator wants for a new object, or one of our own; raises faults."""
    wanted = call.get(parameter)
    if wanted is None:
        return str(uuid4())
    if call.caller.account.role is Role.USER:
        raise denied(f"Only administrators may choose ids: {parameter.name}")
    # Tags and details know what they are of by its id alone.
    if any(call.snapshot.get(kind, wanted) is not None for kind in call.snapshot.kinds(Record)):
        raise bad(f"Invalid value {wanted} for parameter {parameter.name}: that id is taken")
    return wanted


def guest_mtu(call: Call, otherwise: int) -> int:
    """The MTU of guests that a call gives, but no more than the fabric carries; else `otherwise`.

    CloudStack too takes the largest it has for one that is too large (`vr.private.interface.max.mtu`).
    """
    given = call.get(PRIVATE_MTU)
    return otherwise if given is None else min(given, call.transaction.fabric_mtu)
