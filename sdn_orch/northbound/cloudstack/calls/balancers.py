"""createLoadBalancerRule, updateLoadBalancerRule, deleteLoadBalancerRule, listLoadBalancerRules."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from ipaddress import IPv4Network
from uuid import uuid4

from sdn_orch.intent.balancers import Algorithm, Balancer, Member
from sdn_orch.intent.model import Machine, Network, Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.northbound import balancers, proxies
from sdn_orch.northbound.cloudstack.answers.balancers import ALGORITHMS, PROTOCOLS, details, zone_id
from sdn_orch.northbound.cloudstack.answers.balancers import RULE as SHAPE
from sdn_orch.northbound.cloudstack.answers.networks import details as network_details
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import NAME, ZONE
from sdn_orch.northbound.cloudstack.calls.firewall import open_ports
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import NetworkOffering
from sdn_orch.northbound.cloudstack.model_balancers import BalancerDetails
from sdn_orch.northbound.cloudstack.parameters import (
    Parameter,
    boolean,
    entity,
    integer,
    required,
    text,
    words,
)
from sdn_orch.northbound.cloudstack.scope import (
    ACCOUNT,
    DOMAIN,
    SCOPE,
    check_owner,
    chosen,
    one_or,
    owned,
    visible,
)
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", Balancer, "the id of the load balancer rule")
RULE_ID = entity("lbruleid", Balancer, "the id of the load balancer rule")
ADDRESS = entity("publicipid", PublicAddress, "the id of the public IP address")
NETWORK = entity("networkid", Network, "the network of the machines", Access.USE)
MACHINE = entity("virtualmachineid", Machine, "rules with this machine behind them")
ALGORITHM = text("algorithm", "how machines are chosen: roundrobin, leastconn or source")
PROTOCOL = text("protocol", "tcp, udp, tcp-proxy or ssl; tcp by default")
PUBLIC_PORT = integer("publicport", "the public port")
PRIVATE_PORT = integer("privateport", "the port of the machines")
CIDR_LIST = words("cidrlist", "who may connect, prefixes joined by commas; by default anybody")
DESCRIPTION = text("description", "what it is for", length=4096)
FOR_DISPLAY = boolean("fordisplay", "whether users see it")
OPEN_FIREWALL = boolean(
    "openfirewall", "true, which is the default outside of VPCs: also a firewall rule for the port"
)

_LARGEST_PORT = 65_535


@lists(
    "listLoadBalancerRules",
    SHAPE,
    "Lists load balancer rules",
    ID,
    NAME,
    ADDRESS,
    NETWORK,
    MACHINE,
    ZONE,
    FOR_DISPLAY,
    *SCOPE,
    key="loadbalancerrule",
)
def list_load_balancer_rules(call: Call) -> Iterable[Balancer]:
    """Rules by owner and by what they are."""
    snapshot, zone, address, network = call.snapshot, call.get(ZONE), call.get(ADDRESS), call.get(NETWORK)
    return chosen(
        (each for each in one_or(call, ID, lambda: _seen(call)) if each.address_id is not None),
        (call.get(NAME), lambda balancer: balancer.name),
        (address.id if address else None, lambda balancer: balancer.address_id),
        (network.id if network else None, lambda balancer: balancer.network_id),
        (zone.id if zone else None, lambda balancer: zone_id(snapshot, balancer)),
        (call.get(FOR_DISPLAY), lambda balancer: details(snapshot, balancer).for_display),
    )


def _seen(call: Call) -> Iterable[Balancer]:
    """The rules in scope; those of a machine, an address or a network are found by it."""
    snapshot, machine, address, network = (
        call.snapshot,
        call.get(MACHINE),
        call.get(ADDRESS),
        call.get(NETWORK),
    )
    if machine is not None:
        found = {
            member.balancer_id: snapshot.need(Balancer, member.balancer_id)
            for nic in snapshot.where(Nic, "machine_id", machine.id)
            for member in snapshot.where(Member, "nic_id", nic.id)
        }
        return visible(call, found.values())
    if address is not None:
        return visible(call, snapshot.where(Balancer, "address_id", address.id))
    if network is not None:
        return visible(call, snapshot.where(Balancer, "network_id", network.id))
    return owned(call, Balancer)


@changes(
    "createLoadBalancerRule",
    SHAPE,
    "Creates a load balancer rule",
    required(ALGORITHM),
    required(NAME),
    required(PRIVATE_PORT),
    required(PUBLIC_PORT),
    ADDRESS,
    NETWORK,
    PROTOCOL,
    CIDR_LIST,
    DESCRIPTION,
    OPEN_FIREWALL,
    FOR_DISPLAY,
    ZONE,
    ACCOUNT,
    DOMAIN,
    mode=Mode.ASYNC_CREATE,
    event="LB.CREATE",
)
def create_load_balancer_rule(call: Call) -> Balancer:
    """A rule without machines."""
    address = call.get(ADDRESS)
    if address is None:
        raise bad("Unable to create load balancer rule: publicipid must be given, none is taken for a rule")
    network = _network(call, address)
    _check_place(call, address, network)
    if address.vpc_id is not None and call.get(OPEN_FIREWALL):
        raise bad("Can't have openFirewall=true when IP address belongs to VPC")
    public_port, private_port = port(call, PUBLIC_PORT), port(call, PRIVATE_PORT)
    protocol, proxy_protocol, tls = PROTOCOLS[_protocol(call) or "tcp"]
    cidr_list = call.get(CIDR_LIST) or ()
    balancer = balancers.create_balancer(
        call.transaction,
        Balancer(
            id=str(uuid4()),
            account_id=address.account_id,
            network_id=network.id,
            address_id=address.id,
            name=call[NAME],
            protocol=protocol,
            ports=(public_port, public_port),
            guest_ports=(private_port, private_port),
            algorithm=algorithm(call[ALGORITHM]),
            sources=_sources(cidr_list),
            proxy_protocol=proxy_protocol,
            tls=tls,
        ),
    )
    call.transaction.put(
        BalancerDetails(
            id=balancer.id,
            created=call.now,
            description=call.get(DESCRIPTION) or "",
            cidr_list=cidr_list,
            for_display=call.get(FOR_DISPLAY) is not False,
        )
    )
    open_ports(call, call.get(OPEN_FIREWALL), address, protocol, balancer.ports, balancer_id=balancer.id)
    proxies.follow(call.transaction, balancer)
    return balancer


@changes(
    "updateLoadBalancerRule",
    SHAPE,
    "Updates a load balancer rule",
    required(ID),
    ALGORITHM,
    NAME,
    PROTOCOL,
    CIDR_LIST,
    DESCRIPTION,
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="LB.UPDATE",
)
def update_load_balancer_rule(call: Call) -> Balancer:
    """The rule with another name, algorithm, protocol or sources; its ports stay."""
    balancer, old = public_rule(call[ID]), details(call.snapshot, call[ID])
    cidr_list, protocol, shown = call.get(CIDR_LIST), _protocol(call), call.get(FOR_DISPLAY)
    given = call.get(DESCRIPTION)
    call.transaction.put(
        dataclasses.replace(
            old,
            description=old.description if given is None else given,
            cidr_list=old.cidr_list if cidr_list is None else cidr_list,
            for_display=old.for_display if shown is None else shown,
        )
    )
    if protocol is not None:
        number, proxy_protocol, tls = PROTOCOLS[protocol]
        balancer = dataclasses.replace(balancer, protocol=number, proxy_protocol=proxy_protocol, tls=tls)
    changed = balancers.change_balancer(
        call.transaction,
        dataclasses.replace(
            balancer,
            name=call.get(NAME) or balancer.name,
            algorithm=algorithm(wanted) if (wanted := call.get(ALGORITHM)) else balancer.algorithm,
            sources=balancer.sources if cidr_list is None else _sources(cidr_list),
        ),
    )
    proxies.follow(call.transaction, changed)
    return changed


@changes(
    "deleteLoadBalancerRule",
    SUCCESS,
    "Deletes a load balancer rule",
    required(ID),
    mode=Mode.ASYNC,
    event="LB.DELETE",
)
def delete_load_balancer_rule(call: Call) -> None:
    """The rule goes with its policies; its machines and its address stay."""
    balancers.delete_balancer(call.transaction, public_rule(call[ID]))


def public_rule(balancer: Balancer) -> Balancer:
    """The rule, if it is one of a public address; raises a parameter fault."""
    if balancer.address_id is None:
        raise bad(f"Load balancer {balancer.id} is an internal one, not a rule of a public IP address")
    return balancer


def algorithm(name: str) -> Algorithm:
    """The algorithm of this name, in any case; raises a parameter fault."""
    found = ALGORITHMS.get(name.lower())
    if found is None:
        raise bad(f"Invalid algorithm: {name}")
    return found


def port(call: Call, parameter: Parameter[int]) -> int:
    """A port; raises a parameter fault for numbers that are none."""
    value = call[parameter]
    if not 1 <= value <= _LARGEST_PORT:
        raise bad(f"{parameter.name} is an invalid value: {value}")
    return value


def check_offers(call: Call, network: Network, scheme: str) -> None:
    """Raises a parameter fault if the network has no load balancers of this scheme, Public or Internal."""
    offering = call.snapshot.need(NetworkOffering, network_details(call.snapshot, network).offering_id)
    providers = dict(offering.services).get("Lb")
    if providers is None:
        raise bad(f"LB service is not supported in the network id={network.id}")
    schemes = next(
        (value for name, kind, value in offering.capabilities if (name, kind) == ("Lb", "LbSchemes")),
        "Public",
    )
    offered = {each.strip().lower() for each in schemes.split(",")}
    if scheme.lower() not in offered and not (scheme == "Internal" and "InternalLbVm" in providers):
        raise bad(f"LB scheme {scheme} is not supported in the network id={network.id}")


def _check_place(call: Call, address: PublicAddress, network: Network) -> None:
    """Raises a fault if the zone or the account that the call names is not the address's."""
    zone = call.get(ZONE)
    if zone is not None and network_details(call.snapshot, network).zone_id != zone.id:
        raise bad(f"Ip address {address.address} is not in zone {zone.id}")
    check_owner(call, address.account_id)


def _network(call: Call, address: PublicAddress) -> Network:
    """Where the machines are: the network given, or the one that the address leads to."""
    network = call.get(NETWORK)
    if network is None:
        if address.network_id is None:
            raise bad(
                f"Unable to create load balancer rule: IP address {address.id} is associated with no network,"
                " networkid must be given"
            )
        network = call.snapshot.need(Network, address.network_id)
    check_offers(call, network, "Public")
    return network


def _protocol(call: Call) -> str | None:
    given = call.get(PROTOCOL)
    if given is not None and given.lower() not in PROTOCOLS:
        raise bad(f"Invalid protocol: {given}; it must be one of {', '.join(PROTOCOLS)}")
    return given.lower() if given else None


def _sources(cidr_list: tuple[str, ...]) -> tuple[IPv4Network, ...]:
    """The prefixes; an address with host bits stands for the prefix that it is in."""
    found = []
    for cidr in cidr_list:
        try:
            if "/" not in cidr:
                raise ValueError(cidr)
            found.append(IPv4Network(cidr, strict=False))
        except ValueError:
            raise bad(f"Invalid cidrlist: {cidr[:255]} is not an IPv4 CIDR") from None
    return tuple(found)
