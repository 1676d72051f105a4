"""createLoadBalancer, updateLoadBalancer, deleteLoadBalancer, listLoadBalancers: those inside of networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from ipaddress import IPv4Address
from uuid import uuid4

from sdn_orch.intent.address_use import uses
from sdn_orch.intent.balancers import Balancer, inner_place
from sdn_orch.intent.model import Network
from sdn_orch.northbound import balancers
from sdn_orch.northbound.cloudstack.answers.balancers import INNER as SHAPE
from sdn_orch.northbound.cloudstack.answers.balancers import PROTOCOLS, details
from sdn_orch.northbound.cloudstack.calls.balancers import (
    ALGORITHM,
    DESCRIPTION,
    FOR_DISPLAY,
    algorithm,
    check_offers,
    port,
)
from sdn_orch.northbound.cloudstack.calls.common import NAME
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.filters import all_have
from sdn_orch.northbound.cloudstack.model_balancers import BalancerDetails
from sdn_orch.northbound.cloudstack.parameters import entity, integer, ipv4, required, text
from sdn_orch.northbound.cloudstack.scope import SCOPE, chosen, one_or, owned, visible
from sdn_orch.northbound.cloudstack.shapes import SUCCESS
from sdn_orch.northbound.networks import give_ipv4

ID = entity("id", Balancer, "the id of the load balancer")
NETWORK = entity("networkid", Network, "the network of the machines")
SOURCE_NETWORK = entity("sourceipaddressnetworkid", Network, "the network of its address")
SOURCE_ADDRESS = ipv4("sourceipaddress", "its address; by default the next free one")
SOURCE_PORT = integer("sourceport", "its port")
INSTANCE_PORT = integer("instanceport", "the port of the machines")
SCHEME = text("scheme", "Internal")
_INTERNAL = "Internal"


@changes(
    "createLoadBalancer",
    SHAPE,
    "Creates an internal load balancer",
    required(ALGORITHM),
    required(INSTANCE_PORT),
    required(NAME),
    required(NETWORK),
    required(SCHEME),
    required(SOURCE_NETWORK),
    required(SOURCE_PORT),
    SOURCE_ADDRESS,
    DESCRIPTION,
    FOR_DISPLAY,
    mode=Mode.ASYNC_CREATE,
    event="LB.CREATE",
    since="4.2.0",
)
def create_load_balancer(call: Call) -> Balancer:
    """A load balancer without machines, at an address of the network that others of it may share."""
    network, home = call[NETWORK], call[SOURCE_NETWORK]
    if call[SCHEME].lower() != _INTERNAL.lower():
        raise bad(f"Invalid scheme {call[SCHEME]}: only {_INTERNAL} load balancers are created so")
    for each in (network, home):
        check_offers(call, each, _INTERNAL)
    source_port, instance_port = port(call, SOURCE_PORT), port(call, INSTANCE_PORT)
    protocol, proxy_protocol, tls = PROTOCOLS["tcp"]
    balancer = balancers.create_balancer(
        call.transaction,
        Balancer(
            id=str(uuid4()),
            account_id=network.account_id,
            network_id=network.id,
            inner_network_id=home.id,
            inner=_address(call, home),
            name=call[NAME],
            protocol=protocol,
            ports=(source_port, source_port),
            guest_ports=(instance_port, instance_port),
            algorithm=algorithm(call[ALGORITHM]),
            proxy_protocol=proxy_protocol,
            tls=tls,
        ),
    )
    call.transaction.put(
        BalancerDetails(
            id=balancer.id,
            created=call.now,
            description=call.get(DESCRIPTION) or "",
            for_display=call.get(FOR_DISPLAY) is not False,
        )
    )
    return balancer


def _address(call: Call, home: Network) -> IPv4Address:
    """The wanted address, which load balancers may share, or the next free one."""
    wanted = call.get(SOURCE_ADDRESS)
    if wanted is not None and any(uses(call.snapshot, inner_place(home.id, wanted))):
        return wanted
    return give_ipv4(call.transaction, home, wanted)


@changes(
    "updateLoadBalancer",
    SHAPE,
    "Updates an internal load balancer",
    required(ID),
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="LB.UPDATE",
    since="4.4.0",
)
def update_load_balancer(call: Call) -> Balancer:
    """The load balancer, shown to users or not."""
    balancer, shown = _inner(call[ID]), call.get(FOR_DISPLAY)
    if shown is not None:
        call.transaction.put(dataclasses.replace(details(call.snapshot, balancer), for_display=shown))
    return balancer


@changes(
    "deleteLoadBalancer",
    SUCCESS,
    "Deletes an internal load balancer",
    required(ID),
    mode=Mode.ASYNC,
    event="LB.DELETE",
    since="4.2.0",
)
def delete_load_balancer(call: Call) -> None:
    """Its address is free at once, if no other load balancer has it too."""
    balancers.delete_balancer(call.transaction, _inner(call[ID]))


@lists(
    "listLoadBalancers",
    SHAPE,
    "Lists internal load balancers",
    ID,
    NAME,
    NETWORK,
    all_have(SCHEME, _INTERNAL),
    SOURCE_ADDRESS,
    SOURCE_NETWORK,
    FOR_DISPLAY,
    *SCOPE,
    since="4.2.0",
)
def list_load_balancers(call: Call) -> Iterable[Balancer]:
    """Internal load balancers by owner and by what they are."""
    network, home = call.get(NETWORK), call.get(SOURCE_NETWORK)
    return chosen(
        (each for each in one_or(call, ID, lambda: _seen(call)) if each.inner is not None),
        (call.get(NAME), lambda balancer: balancer.name),
        (network.id if network else None, lambda balancer: balancer.network_id),
        (home.id if home else None, lambda balancer: balancer.inner_network_id),
        (call.get(SOURCE_ADDRESS), lambda balancer: balancer.inner),
        (call.get(FOR_DISPLAY), lambda balancer: details(call.snapshot, balancer).for_display),
    )


def _seen(call: Call) -> Iterable[Balancer]:
    network = call.get(NETWORK)
    if network is not None:
        return visible(call, call.snapshot.where(Balancer, "network_id", network.id))
    return owned(call, Balancer)


def _inner(balancer: Balancer) -> Balancer:
    if balancer.inner is None:
        raise bad(f"Load balancer rule {balancer.id} is one of a public IP address, not an internal one")
    return balancer
