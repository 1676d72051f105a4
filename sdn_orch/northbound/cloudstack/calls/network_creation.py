"""createNetwork: isolated, shared and L2 networks, and tiers of VPCs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from uuid import uuid4

from sdn_orch.intent.acls import AclList
from sdn_orch.intent.model import Account, Domain, Network, NetworkKind, Role, Vpc
from sdn_orch.intent.public import PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import networks, pool
from sdn_orch.northbound.cloudstack import providers, segments, source_nat
from sdn_orch.northbound.cloudstack.answers.networks import NETWORK as SHAPE
from sdn_orch.northbound.cloudstack.answers.networks import vpc_details
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.acl_lists import default_deny, list_for
from sdn_orch.northbound.cloudstack.calls.common import (
    DISPLAY_TEXT,
    DNS,
    NAME,
    NETWORK_DOMAIN,
    PRIVATE_MTU,
    PUBLIC_MTU,
    ZONE,
    guest_mtu,
)
from sdn_orch.northbound.cloudstack.calls.networks import (
    ACL_TYPE,
    DISPLAY_NETWORK,
    OFFERING,
    PHYSICAL,
    VLAN,
    VPC,
    merge_dns,
)
from sdn_orch.northbound.cloudstack.declare import Call, changes
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.model import (
    AccountDetails,
    AclType,
    DomainDetails,
    Enabled,
    NetworkDetails,
    NetworkOffering,
    PhysicalNetwork,
    Zone,
)
from sdn_orch.northbound.cloudstack.model_public import GuestRange
from sdn_orch.northbound.cloudstack.parameters import (
    boolean,
    cidr6,
    entity,
    ipv4,
    ipv6,
    required,
    text,
)
from sdn_orch.northbound.cloudstack.scope import ACCOUNT, DOMAIN, OWNER, new_owner

GATEWAY = ipv4("gateway", "the gateway of the network; needed for shared networks and tiers")
NETMASK = ipv4("netmask", "the netmask of the network; needed for shared networks and tiers")
START_IP = ipv4("startip", "the first address of the range")
END_IP = ipv4("endip", "the last address of the range; the first by default")
IP6_CIDR = cidr6("ip6cidr", "the IPv6 prefix, a /64")
IP6_GATEWAY = ipv6("ip6gateway", "the IPv6 gateway; the first address of the prefix by default")
SUBDOMAIN_ACCESS = boolean("subdomainaccess", "whether domains below may use a shared network")
ACL = entity("aclid", AclList, "the list of rules of a tier; default_deny by default", Access.USE)
SOURCE_NAT_ADDRESS = ipv4("sourcenatipaddress", "the public address under which it shall go out")
EXTERNAL_ID = text("externalid", "the id of the network outside")


@dataclass(frozen=True, slots=True)
class Addressing:
    """The prefixes of a network, its gateways, and which IPv4 addresses guests are given."""

    ipv4: IPv4Network | None = None
    gateway4: IPv4Address | None = None
    hosts: tuple[IPv4Address, IPv4Address] | None = None
    ipv6: IPv6Network | None = None
    gateway6: IPv6Address | None = None


@changes(
    "createNetwork",
    SHAPE,
    "Creates a network",
    required(NAME),
    required(OFFERING),
    required(ZONE),
    DISPLAY_TEXT,
    GATEWAY,
    NETMASK,
    START_IP,
    END_IP,
    IP6_CIDR,
    IP6_GATEWAY,
    VPC,
    ACL,
    VLAN,
    PHYSICAL,
    *OWNER,
    ACL_TYPE,
    SUBDOMAIN_ACCESS,
    NETWORK_DOMAIN,
    *DNS,
    PRIVATE_MTU,
    PUBLIC_MTU,
    DISPLAY_NETWORK,
    EXTERNAL_ID,
    SOURCE_NAT_ADDRESS,
    event="NETWORK.CREATE",
)
def create_network(call: Call) -> Network:
    """A network of the kind that the offering says."""
    offering, zone, vpc = call[OFFERING], call[ZONE], call.get(VPC)
    _check_offering(call, offering, zone, vpc)
    owner = call.snapshot.need(Account, vpc.account_id) if vpc else new_owner(call)
    addressing = _addressing(call, offering, zone)
    if offering.is_routed:
        _check_routed(call, addressing.ipv4)
    physical = _physical_network(call, zone)
    providers.check(call.snapshot, offering, physical)
    network = Network(
        id=str(uuid4()),
        account_id=owner.id,
        name=call[NAME],
        kind=offering.guest_type,
        vpc_id=vpc.id if vpc else None,
        ipv4=addressing.ipv4,
        gateway4=addressing.gateway4,
        ipv6=addressing.ipv6,
        gateway6=addressing.gateway6,
        domain_name=call.get(NETWORK_DOMAIN) or (vpc.domain_name if vpc else domain_name(call, owner, zone)),
        dns=merge_dns(call, vpc.dns if vpc else (*zone.dns, *zone.ip6_dns)),
        mtu=guest_mtu(call, call.transaction.fabric_mtu),
        acl_id=_acl_list(call, offering, vpc),
        egress_open=offering.egress_default_allow,
        routed4=offering.is_routed,
        answers_names=offering.answers_names,
        rate=offering.network_rate or None,
    )
    if network.kind is NetworkKind.L2:
        network = replace(network, domain_name="", dns=())
    network, segment = _with_segment(call, network, offering, physical)
    networks.create_network(call.transaction, network, addressing.hosts)
    if network.kind is NetworkKind.SHARED and network.ipv4 is not None:
        first, last = addressing.hosts or (network.ipv4[1], network.ipv4[-2])
        call.transaction.put(GuestRange(id=str(uuid4()), network_id=network.id, first=first, last=last))
    acl_type, domain = _acl(call, network, owner)
    call.transaction.put(
        NetworkDetails(
            id=network.id,
            zone_id=zone.id,
            offering_id=offering.id,
            physical_network_id=physical.id,
            domain_id=domain.id,
            display_text=call.get(DISPLAY_TEXT) or call[NAME],
            created=call.now,
            acl_type=acl_type,
            subdomain_access=call.get(SUBDOMAIN_ACCESS) is not False,
            display_network=call.get(DISPLAY_NETWORK) is not False,
            external_id=call.get(EXTERNAL_ID),
            public_mtu=call.get(PUBLIC_MTU) or 1500,
            segment=segment,
        )
    )
    wanted = call.get(SOURCE_NAT_ADDRESS)
    if wanted is not None and not source_nat.lacks_source_nat(call.snapshot, network):
        raise bad("sourcenatipaddress: the offering has no SourceNat, or the network is a tier of a VPC")
    if wanted is not None:
        source_nat.ensure(call.transaction, network, wanted)
    return network


def _acl_list(call: Call, offering: NetworkOffering, vpc: Vpc | None) -> str | None:
    """The list of rules of a tier: the one given, or the common one that denies everything."""
    given = call.get(ACL)
    if vpc is None or "NetworkACL" not in dict(offering.services):
        if given is not None:
            raise bad("aclid can only be specified for tiers of VPCs whose offering has NetworkACL")
        return None
    return (list_for(given, vpc.id) if given is not None else default_deny(call.snapshot)).id


def check_zone(call: Call, zone: Zone) -> None:
    """Raises a permission fault if the zone is disabled and the caller is not the root administrator."""
    if zone.allocation_state is not Enabled.ENABLED and not call.caller.is_root_admin:
        raise denied(f"Cannot perform this operation, Zone is currently disabled: {zone.name}")


def domain_name(call: Call, owner: Account, zone: Zone) -> str:
    """The network domain of the account, its domain, the zone, or one made for the account."""
    account = call.snapshot.get(AccountDetails, owner.id)
    domain = call.snapshot.get(DomainDetails, owner.domain_id)
    known = (account and account.network_domain) or (domain and domain.network_domain) or zone.domain_name
    return known or f"cs{owner.number:x}cloud.internal"


def _check_offering(call: Call, offering: NetworkOffering, zone: Zone, vpc: Vpc | None) -> None:
    check_zone(call, zone)
    if offering.state is not Enabled.ENABLED:
        raise bad("Can't use specified network offering id as its state is not Enabled")
    if offering.for_vpc and vpc is None:
        raise bad("Network offering can be used for VPC networks only")
    if vpc is not None and not offering.for_vpc:
        raise bad(f"Network offering {offering.name} can't be used for VPC networks")
    if vpc is not None and vpc_details(call.snapshot, vpc).zone_id != zone.id:
        raise bad(f"VPC {vpc.name} is not in zone {zone.name}")
    if vpc is not None and (name := call.get(ACCOUNT)) is not None:
        owner = call.snapshot.need(Account, vpc.account_id)
        if owner.name != name:
            raise bad(f"VPC {vpc.name} belongs to another account than {name}")
    if offering.guest_type is NetworkKind.SHARED and call.caller.account.role is Role.USER:
        raise denied("Only administrators may create networks of type Shared")


def _addressing(call: Call, offering: NetworkOffering, zone: Zone) -> Addressing:
    gateway, netmask = call.get(GATEWAY), call.get(NETMASK)
    start, end = call.get(START_IP), call.get(END_IP) or call.get(START_IP)
    prefix6, gateway6 = call.get(IP6_CIDR), call.get(IP6_GATEWAY)
    if (gateway is None) != (netmask is None):
        raise bad("gateway and netmask must be defined together")
    if offering.guest_type is NetworkKind.L2:
        if any(given is not None for given in (gateway, start, end, prefix6, gateway6)):
            raise bad("L2 networks have no gateway, netmask or addresses")
        return Addressing()
    prefix4 = prefix_of(gateway, netmask) if gateway is not None and netmask is not None else None
    is_shared = offering.guest_type is NetworkKind.SHARED
    if prefix4 is None and prefix6 is None and (is_shared or offering.for_vpc):
        raise bad(f"gateway and netmask are required for this network of type {offering.guest_type.title()}")
    if (prefix4 is None and prefix6 is None) or (prefix4 is None and not is_shared and not offering.for_vpc):
        prefix4 = IPv4Network(zone.guest_cidr)
        gateway = prefix4[1]
    if is_shared and offering.specify_ip_ranges and prefix4 is not None and start is None:
        raise bad("startip is required for networks of this offering: its range of addresses is given")
    if start is None and end is not None:
        raise bad("startip is missing: endip is given")
    if (gateway6 is not None) and prefix6 is None:
        raise bad("ip6gateway and ip6cidr must be defined together")
    if prefix6 is not None and prefix6.prefixlen != 64:
        raise bad(f"The IPv6 prefix must be a /64: {prefix6}")
    for address in (start, end):
        if address is not None and (prefix4 is None or address not in prefix4):
            raise bad(f"{address} is not inside {prefix4 or 'a prefix of the network'}")
    if start is not None and end is not None and end < start:
        raise bad(f"endip {end} is below startip {start}")
    return Addressing(
        ipv4=prefix4,
        gateway4=gateway if prefix4 else None,
        hosts=(start, end) if start is not None and end is not None else None,
        ipv6=prefix6,
        gateway6=gateway6 or (prefix6[1] if prefix6 else None),
    )


def _check_routed(call: Call, prefix: IPv4Network | None) -> None:
    """Raises faults for a prefix that who is outside could not know, or could take for another one."""
    if call.get(GATEWAY) is None or prefix is None:
        raise bad("gateway and netmask are required: networks of mode ROUTED are known outside by theirs")
    routed = (network.ipv4 for network in call.snapshot.all(Network) if network.routed4)
    public = (known.ipv4 for known in call.snapshot.all(PublicRange))
    if any(other is not None and prefix.overlaps(other) for other in (*routed, *public)):
        raise bad(f"{prefix} overlaps the prefix of another routed network or of a public range")


def prefix_of(gateway: IPv4Address, netmask: IPv4Address) -> IPv4Network:
    """The prefix that the gateway is in; raises a fault for what is no netmask of networks."""
    try:
        prefix = IPv4Network(f"{gateway}/{netmask}", strict=False)
    except ValueError:
        raise bad(f"Invalid netmask {netmask}") from None
    # `ipaddress` also reads wildcard masks.
    if prefix.netmask != netmask or not 8 <= prefix.prefixlen <= 30:
        raise bad(f"Invalid netmask {netmask}")
    return prefix


def _physical_network(call: Call, zone: Zone) -> PhysicalNetwork:
    given = call.get(PHYSICAL)
    if given is not None:
        if given.zone_id != zone.id:
            raise bad(f"Physical network {given.id} is not in zone {zone.name}")
        if given.state is not Enabled.ENABLED:
            raise bad(f"Unable to create a network in the physical network having state {given.state}")
        return given
    return physical_networks_for(call.snapshot, zone, call[OFFERING])[0]


def physical_networks_for(snapshot: Snapshot, zone: Zone, offering: NetworkOffering) -> list[PhysicalNetwork]:
    """The zone's physical networks, one at least, that networks of the offering can be on; raises faults."""
    found = snapshot.where(PhysicalNetwork, "zone_id", zone.id)
    enabled = [physical for physical in found if physical.state is Enabled.ENABLED]
    if not enabled:
        raise bad(f"Unable to find physical network in zone {zone.name} that is enabled")
    tags = offering.tags
    tagged = [physical for physical in enabled if not tags or tags in physical.tags]
    if not tagged:
        raise bad(f"Unable to find physical network which match the tags {tags}")
    return tagged


def _with_segment(
    call: Call, network: Network, offering: NetworkOffering, physical: PhysicalNetwork
) -> tuple[Network, int | None]:
    """The network with the VLAN or VNI that is given, and what was claimed of the pool for that.

    All others get one when they are implemented.
    """
    given = call.get(VLAN)
    if given is None and offering.specify_vlan:
        raise bad("vlan is required: the offering says that it is given")
    if given is not None and not offering.specify_vlan:
        raise bad("Can't specify vlan: the offering says that it is assigned")
    if given is None or given.lower() in ("untagged", "vlan://untagged"):
        return network, None
    number = _segment_number(given, physical)
    claimed: int | None = None
    if physical.deals(number):
        if not segments.may_have(call.snapshot, physical, network.account_id, number):
            raise bad(f"Vlan {given} is dedicated to another account")
        if pool.is_taken(call.snapshot, physical.id, number):
            raise bad(f"Network with vlan {given} already exists in zone {call[ZONE].name}")
        pool.claim_this(call.transaction, physical.id, number)
        claimed = number
    elif call.snapshot.where(Network, "vni" if physical.is_vxlan else "vlan", number):
        raise bad(f"Network with vlan {given} already exists in zone {call[ZONE].name}")
    return segments.on(network, physical, number), claimed


def _segment_number(given: str, physical: PhysicalNetwork) -> int:
    text = given.lower().removeprefix("vxlan://" if physical.is_vxlan else "vlan://")
    largest = segments.largest(physical)
    if not text.isascii() or not text.isdigit() or len(text) > 8 or not 1 <= int(text) <= largest:
        raise bad(f"Invalid vlan {given[:255]}: it must be a number in 1..{largest}")
    return int(text)


def _acl(call: Call, network: Network, owner: Account) -> tuple[AclType, Domain]:
    """Who may use the network: shared ones a whole domain unless an account is named."""
    given, domain = call.get(ACL_TYPE), call.get(DOMAIN)
    own = domain or call.snapshot.need(Domain, owner.domain_id)
    if network.kind is not NetworkKind.SHARED:
        if given is AclType.DOMAIN:
            raise bad("Only ACL type Account is supported for networks of type Isolated and L2")
        return AclType.ACCOUNT, own
    if given is None:
        given = AclType.ACCOUNT if call.get(ACCOUNT) is not None else AclType.DOMAIN
    return given, own
