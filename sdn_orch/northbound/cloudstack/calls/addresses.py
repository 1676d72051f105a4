"""associate, disassociate, update, reserve, release and list(Public)IpAddress(es)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.model import Account, Network, NetworkKind, Vpc
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.northbound import public
from sdn_orch.northbound.cloudstack import portable, source_nat
from sdn_orch.northbound.cloudstack.answers.addresses import ADDRESS as SHAPE
from sdn_orch.northbound.cloudstack.answers.addresses import (
    address_details,
    address_state,
    physical_network_of_address,
    zone_of_address,
)
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import ZONE
from sdn_orch.northbound.cloudstack.calls.network_creation import check_zone
from sdn_orch.northbound.cloudstack.declare import COUNT_ONLY, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.display import FOR_DISPLAY, is_shown, show
from sdn_orch.northbound.cloudstack.faults import bad, denied, invalid_value, missing_parameter, no_entity
from sdn_orch.northbound.cloudstack.filters import all_have, of_none, where
from sdn_orch.northbound.cloudstack.model import PhysicalNetwork, Zone
from sdn_orch.northbound.cloudstack.model_public import PublicRangeDetails
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    entity,
    ipv4,
    required,
    text,
    uuid_of_choice,
)
from sdn_orch.northbound.cloudstack.scope import OWNER, SCOPE, chosen, new_owner, one_or, owned
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

#: What makes a network one that public addresses can lead into.
_REACHABLE = frozenset(("SourceNat", "StaticNat", "PortForwarding", "Lb"))

ID = entity("id", PublicAddress, "the id of the public address")
FREE_ID = uuid_of_choice("id", "the id of a public address that is free")
NETWORK = entity("networkid", Network, "the network that the address is to lead into")
VPC = entity("vpcid", Vpc, "the VPC that the address is for")
ADDRESS = ipv4("ipaddress", "the address")
IS_PORTABLE = boolean("isportable", "true: one that can move to another zone")
LED_TO = entity("associatednetworkid", Network, "addresses that lead into the network")
RANGE = entity("vlanid", PublicRange, "addresses of the range", Access.ANY)
PHYSICAL = entity("physicalnetworkid", PhysicalNetwork, "addresses on the physical network", Access.ANY)
IS_SOURCE_NAT = boolean("issourcenat", "addresses of source NAT, or others")
IS_STATIC_NAT = boolean("isstaticnat", "addresses with static NAT, or others")
ALLOCATED_ONLY = boolean("allocatedonly", "false: free addresses too, for administrators")
FOR_VIRTUAL = boolean("forvirtualnetwork", "true: public addresses, and these are")
STATE = text("state", "Allocated, Reserved or Free")


@lists(
    "listPublicIpAddresses",
    SHAPE,
    "Lists public addresses",
    ID,
    ADDRESS,
    ZONE,
    LED_TO,
    VPC,
    RANGE,
    PHYSICAL,
    IS_SOURCE_NAT,
    IS_STATIC_NAT,
    ALLOCATED_ONLY,
    FOR_VIRTUAL,
    FOR_DISPLAY,
    STATE,
    where(
        boolean("forloadbalancing", "addresses with load balancer rules, or others"),
        lambda scene, each: scene.snapshot.count_where(Balancer, "address_id", each.id) > 0,
    ),
    all_have(boolean("forsystemvms", "addresses for system machines, or others"), False),
    all_have(boolean("forprovider", "addresses that a provider manages, or others"), False),
    of_none("networkid", Network, "addresses from the range of the network"),
    COUNT_ONLY,
    *SCOPE,
    key="publicipaddress",
)
def list_public_ip_addresses(call: Call) -> Iterable[PublicAddress]:
    """Addresses by owner, by place and by what they are used for."""
    if call.get(FOR_VIRTUAL) is False:
        return ()
    snapshot, zone, state = call.snapshot, call.get(ZONE), call.get(STATE)
    network, vpc, public_range = call.get(LED_TO), call.get(VPC), call.get(RANGE)
    physical = call.get(PHYSICAL)
    return chosen(
        _seen(call),
        (call.get(ADDRESS), lambda address: address.address),
        (zone.id if zone else None, lambda address: zone_of_address(snapshot, address)),
        (network.id if network else None, lambda address: address.network_id),
        (vpc.id if vpc else None, lambda address: address.vpc_id),
        (public_range.id if public_range else None, lambda address: address.range_id),
        (
            physical.id if physical else None,
            lambda address: physical_network_of_address(snapshot, address),
        ),
        (call.get(IS_SOURCE_NAT), lambda address: address.is_source_nat),
        (call.get(IS_STATIC_NAT), lambda address: address.nic_id is not None),
        (call.get(FOR_DISPLAY), lambda address: is_shown(snapshot, address)),
        (state.lower() if state else None, lambda address: address_state(snapshot, address).lower()),
    )


def _seen(call: Call) -> Iterator[PublicAddress]:
    """The addresses in scope, and for administrators who ask for them the free ones."""
    network, vpc, wanted = call.get(LED_TO), call.get(VPC), call.get(ADDRESS)

    def others() -> Iterable[PublicAddress]:
        if network is not None:
            return call.snapshot.where(PublicAddress, "network_id", network.id)
        if vpc is not None:
            return call.snapshot.where(PublicAddress, "vpc_id", vpc.id)
        return owned(call, PublicAddress)

    yield from one_or(call, ID, others)
    asks_for_free = call.get(ALLOCATED_ONLY) is False or (call.get(STATE) or "").lower() == "free"
    if call.caller.is_root_admin and asks_for_free and call.get(ID) is None:
        for public_range in source_nat.all_ranges(call.snapshot):
            if wanted is None or public_range.first <= wanted <= public_range.last:
                yield from public.free_addresses(call.snapshot, public_range)


@changes(
    "associateIpAddress",
    SHAPE,
    "Takes a public address for an account, a network or a VPC",
    ZONE,
    NETWORK,
    VPC,
    ADDRESS,
    FOR_DISPLAY,
    IS_PORTABLE,
    *OWNER,
    mode=Mode.ASYNC_CREATE,
    event="NET.IPASSIGN",
)
def associate_ip_address(call: Call) -> PublicAddress:
    """The next free address, or the one that is wanted; a network's first one is that of its source NAT."""
    network, vpc = call.get(NETWORK), call.get(VPC)
    if network is not None and network.vpc_id is not None:
        # Tiers share the addresses of their VPC; a rule says into which tier one leads.
        vpc = vpc or call.snapshot.need(Vpc, network.vpc_id)
        if vpc.id != network.vpc_id:
            raise bad(f"Network {network.id} is not a tier of VPC {vpc.id}")
        network = None
    owner = network or vpc
    if owner is not None:
        account, zone_id = _place(call, owner)
    else:
        account, zone_id = new_owner(call), _zone(call).id
    address = source_nat.take(
        call.transaction,
        zone_id,
        account,
        wanted=call.get(ADDRESS),
        network=network,
        vpc=vpc,
        is_source_nat=owner is not None and source_nat.lacks_source_nat(call.snapshot, owner),
        is_portable=call.get(IS_PORTABLE) is True,
    )
    return _shown(call, address)


def _place(call: Call, owner: Network | Vpc) -> tuple[Account, str]:
    """Whose a network or VPC is and in which zone; raises faults if no address can lead into it."""
    zone_id, services = source_nat.zone_and_services(call.snapshot, owner)
    if not dict(services).keys() & _REACHABLE:
        raise bad(f"{type(owner).__name__} {owner.id} has no service that needs a public address")
    if isinstance(owner, Network) and owner.kind is not NetworkKind.ISOLATED:
        raise bad(f"Public addresses lead into networks of type Isolated only; {owner.id} is {owner.kind}")
    check_zone(call, call.snapshot.need(Zone, zone_id))
    return call.snapshot.need(Account, owner.account_id), zone_id


def _zone(call: Call) -> Zone:
    zone = call.get(ZONE)
    if zone is None:
        raise bad("Unable to figure out zone to assign ip to: zoneid, networkid or vpcid is required")
    check_zone(call, zone)
    return zone


def _shown(call: Call, address: PublicAddress) -> PublicAddress:
    """The address, hidden from users if the call says so."""
    show(call.transaction, address, call.get(FOR_DISPLAY))
    return call.snapshot.need(PublicAddress, address.id)


@changes(
    "disassociateIpAddress",
    SUCCESS,
    "Gives a public address back, with the rules that stand on it",
    ID,
    ADDRESS,
    mode=Mode.ASYNC,
    event="NET.IPRELEASE",
)
def disassociate_ip_address(call: Call) -> None:
    """Not the address of source NAT, or of a router: it goes with its network or VPC."""
    address = call.get(ID)
    if address is None:
        wanted = call.get(ADDRESS)
        if wanted is None:
            raise missing_parameter(call.command.name, "id")
        found = [each for each in owned(call, PublicAddress) if each.address == wanted]
        if not found:
            raise bad(f"Unable to find the public address {wanted}")
        address = found[0]
    if address.is_source_nat:
        raise bad("The IP address is used for source nat purposes and can not be disassociated")
    network = call.snapshot.get(Network, address.network_id or "")
    if network is not None and network.routed4:
        raise bad("The IP address is that of the network's router and can not be disassociated")
    public.release_address(call.transaction, address)


@changes(
    "updateIpAddress",
    SHAPE,
    "Updates a public address",
    required(ID),
    FOR_DISPLAY,
    mode=Mode.ASYNC,
    event="NET.IPUPDATE",
)
def update_ip_address(call: Call) -> PublicAddress:
    """Shown to users, or not."""
    return _shown(call, call[ID])


@changes(
    "reserveIpAddress",
    SHAPE,
    "Keeps a public address for an account",
    required(FREE_ID),
    FOR_DISPLAY,
    *OWNER,
    event="NET.IPRESERVE",
)
def reserve_ip_address(call: Call) -> PublicAddress:
    """The address, which leads nowhere yet."""
    found = public.by_id(call.snapshot, call[FREE_ID])
    if found is None or portable.is_portable(call.snapshot, found[0].id):
        raise invalid_value(call.command.name, no_entity("id", call[FREE_ID]))
    public_range, wanted = found
    account = new_owner(call)
    if public_range not in public.open_to((public_range,), account):
        raise denied(f"Account {account.name} may not take addresses of range {public_range.id}")
    zone_id = call.snapshot.need(PublicRangeDetails, public_range.id).zone_id
    return _shown(call, source_nat.take(call.transaction, zone_id, account, wanted=wanted, is_reserved=True))


@changes(
    "releaseIpAddress",
    SUCCESS,
    "Gives a public address back that was kept",
    required(ID),
    event="NET.IPRELEASE",
)
def release_ip_address(call: Call) -> None:
    """Only one that is kept, and leads nowhere."""
    known = address_details(call.snapshot, call[ID])
    if known is None or not known.is_reserved:
        raise bad(f"Public address {call[ID].address} is not in state Reserved")
    public.release_address(call.transaction, call[ID])
