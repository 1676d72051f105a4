"""create, update, delete and listPortForwardingRule(s)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from ipaddress import IPv4Network
from uuid import uuid4

from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Machine, Network
from sdn_orch.intent.public import PublicAddress
from sdn_orch.northbound import public
from sdn_orch.northbound.cloudstack.answers.addresses import PORT_FORWARD as SHAPE
from sdn_orch.northbound.cloudstack.calls.firewall import open_ports
from sdn_orch.northbound.cloudstack.calls.forwarding import (
    ADDRESS_ID,
    ForwardedProtocol,
    check_free,
    forwards,
    ports,
)
from sdn_orch.northbound.cloudstack.calls.static_nat import target
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.display import FOR_DISPLAY, is_shown, show
from sdn_orch.northbound.cloudstack.faults import bad, conflict
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    choice,
    cidrs,
    entity,
    integer,
    ipv4,
    required,
)
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", Forward, "the id of the rule")
MACHINE = entity("virtualmachineid", Machine, "the machine that the ports lead to")
NETWORK = entity("networkid", Network, "the network of the machine's NIC; needed for addresses of VPCs")
GUEST = ipv4("vmguestip", "an address of the machine's NIC; its first by default")
PROTOCOL = choice("protocol", "tcp or udp", ForwardedProtocol)
PUBLIC = integer("publicport", "the first public port", 1, 65_535)
PUBLIC_END = integer("publicendport", "the last public port; the first by default", 1, 65_535)
PRIVATE = integer("privateport", "the first port of the machine", 1, 65_535)
PRIVATE_END = integer("privateendport", "the last port of the machine; the first by default", 1, 65_535)
SOURCES = cidrs("cidrlist", "who may use it; everybody by default")
OPEN = boolean(
    "openfirewall", "true, which is the default outside of VPCs: also a firewall rule for the ports"
)


@changes(
    "createPortForwardingRule",
    SHAPE,
    "Forwards ports of a public address to a machine",
    required(ADDRESS_ID),
    required(PROTOCOL),
    required(PUBLIC),
    required(PRIVATE),
    required(MACHINE),
    PUBLIC_END,
    PRIVATE_END,
    NETWORK,
    GUEST,
    SOURCES,
    OPEN,
    FOR_DISPLAY,
    mode=Mode.ASYNC_CREATE,
    event="NET.RULEADD",
)
def create_port_forwarding_rule(call: Call) -> Forward:
    """The rule; its ports are nobody else's."""
    address, protocol = call[ADDRESS_ID], call[PROTOCOL].number
    if address.nic_id is not None:
        raise conflict(f"Can't forward ports of {address.address}: it has static nat")
    if address.vpc_id is not None and call.get(OPEN):
        raise bad("Can't set openFirewall=true when IP address belongs to VPC")
    outside = ports(call[PUBLIC], call.get(PUBLIC_END), "publicendport")
    inside = ports(call[PRIVATE], call.get(PRIVATE_END), "privateendport")
    if outside[1] - outside[0] != inside[1] - inside[0]:
        raise bad("The public and the private port ranges must have the same length")
    nic, guest = target(call, address, call[MACHINE], call.get(NETWORK), call.get(GUEST))
    forward = Forward(
        id=str(uuid4()),
        address_id=address.id,
        nic_id=nic.id,
        guest=guest,
        protocol=protocol,
        public=outside,
        private=inside,
        sources=_sources(call) or (),
    )
    check_free(call, forward)
    public.create_forward(call.transaction, forward)
    show(call.transaction, forward, call.get(FOR_DISPLAY))
    open_ports(call, call.get(OPEN), address, protocol, outside, forward_id=forward.id)
    return forward


def _sources(call: Call) -> tuple[IPv4Network, ...] | None:
    given = call.get(SOURCES)
    if given is None:
        return None
    sources = tuple(prefix for prefix in given if isinstance(prefix, IPv4Network))
    if len(sources) < len(given):
        raise bad(f"Invalid value {given[0]} for parameter cidrlist: public addresses are IPv4")
    return sources


@changes(
    "updatePortForwardingRule",
    SHAPE,
    "Leads forwarded ports elsewhere",
    required(ID),
    PRIVATE,
    PRIVATE_END,
    MACHINE,
    GUEST,
    SOURCES,
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="NET.RULEMODIFY",
)
def update_port_forwarding_rule(call: Call) -> Forward:
    """The rule with another machine, other ports there or other users."""
    old, machine = call[ID], call.get(MACHINE)
    if old.is_static:
        raise bad(f"Rule {old.id} is an ip forwarding rule")
    sources = _sources(call)
    changed = dataclasses.replace(old, sources=old.sources if sources is None else sources)
    if call.get(PRIVATE) is not None or call.get(PRIVATE_END) is not None:
        inside = ports(call.get(PRIVATE) or old.private[0], call.get(PRIVATE_END), "privateendport")
        length = old.public[1] - old.public[0]
        if call.get(PRIVATE_END) is None:
            inside = inside[0], inside[0] + length
        if inside[1] - inside[0] != length:
            raise bad("The public and the private port ranges must have the same length")
        changed = dataclasses.replace(changed, private=inside)
    if machine is not None:
        address = call.snapshot.need(PublicAddress, old.address_id)
        nic, guest = target(call, address, machine, None, call.get(GUEST))
        changed = dataclasses.replace(changed, nic_id=nic.id, guest=guest)
    elif (guest_ip := call.get(GUEST)) is not None:
        changed = dataclasses.replace(changed, guest=guest_ip)
    show(call.transaction, old, call.get(FOR_DISPLAY))
    return call.transaction.put(changed)


@changes(
    "deletePortForwardingRule",
    SUCCESS,
    "Forwards ports no more",
    required(ID),
    mode=Mode.ASYNC,
    event="NET.RULEDELETE",
)
def delete_port_forwarding_rule(call: Call) -> None:
    """The ports may be used otherwise."""
    if call[ID].is_static:
        raise bad(f"Rule {call[ID].id} is an ip forwarding rule")
    public.delete_forward(call.transaction, call[ID])


@lists(
    "listPortForwardingRules",
    SHAPE,
    "Lists forwarded ports",
    ID,
    ADDRESS_ID,
    NETWORK,
    FOR_DISPLAY,
    *SCOPE,
)
def list_port_forwarding_rules(call: Call) -> Iterable[Forward]:
    """Rules by owner, address and network."""
    return chosen(
        (forward for forward in forwards(call, ID, call.get(NETWORK)) if not forward.is_static),
        (call.get(FOR_DISPLAY), lambda forward: is_shown(call.snapshot, forward)),
    )
