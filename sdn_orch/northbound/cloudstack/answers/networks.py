"""Networks and VPCs."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from sdn_orch.intent.acls import AclList
from sdn_orch.intent.gateways import router_id
from sdn_orch.intent.model import Network, NetworkKind, Nic, Vpc
from sdn_orch.intent.routed import prefix_of, uplink_of
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.answers.offerings import GUEST_TYPES
from sdn_orch.northbound.cloudstack.answers.owners import owner, place
from sdn_orch.northbound.cloudstack.answers.tags import tags
from sdn_orch.northbound.cloudstack.model import (
    NetworkDetails,
    NetworkOffering,
    PhysicalNetwork,
    VpcDetails,
    VpcOffering,
)
from sdn_orch.northbound.cloudstack.services import services
from sdn_orch.northbound.cloudstack.shapes import (
    Field,
    Scene,
    Shape,
    always,
    flag,
    items,
    moment,
    nested,
    number,
    of,
    string,
)


def details(snapshot: Snapshot, network: Network) -> NetworkDetails:
    """What CloudStack knows of the network."""
    return snapshot.need(NetworkDetails, network.id)


def offering(snapshot: Snapshot, network: Network) -> NetworkOffering:
    """The offering that the network was made from."""
    return snapshot.need(NetworkOffering, details(snapshot, network).offering_id)


def state(snapshot: Snapshot, network: Network) -> str:
    """Setup for shared networks; else Implemented from its first machine's start until it is collected."""
    if network.kind is NetworkKind.SHARED:
        return "Setup"
    if details(snapshot, network).implemented is not None or offering(snapshot, network).is_persistent:
        return "Implemented"
    # Of networks that machines have run in since before this was noted.
    nics = snapshot.where(Nic, "network_id", network.id)
    return "Implemented" if any(nic.active_in for nic in nics) else "Allocated"


def broadcast_uri(network: Network) -> str | None:
    """The broadcast domain, if it has a number that means something outside."""
    if network.vlan is not None:
        return f"vlan://{network.vlan}"
    return f"vxlan://{network.vni}" if network.vni is not None else None


def dns(network: Network | Vpc, version: int, index: int) -> str | None:
    """The first or second DNS server of an IP version."""
    found = [server for server in network.dns if (":" in server) == (version == 6)]
    return found[index] if index < len(found) else None


def _physical(scene: Scene, network: Network) -> PhysicalNetwork:
    return scene.snapshot.need(PhysicalNetwork, details(scene.snapshot, network).physical_network_id)


def _vpc_name(scene: Scene, network: Network) -> str | None:
    return scene.snapshot.need(Vpc, network.vpc_id).name if network.vpc_id else None


def _acl_name(scene: Scene, network: Network) -> str | None:
    return scene.snapshot.need(AclList, network.acl_id).name if network.acl_id else None


_Route = tuple[IPv4Network | IPv6Network, IPv4Address | IPv6Address]


def _routes(snapshot: Snapshot, version: int, *networks: Network) -> list[_Route]:
    """The prefixes of networks that are routed from outside, each with its router's address there."""
    # Looked for first, since most networks have none of a version; how a router leads outside costs more.
    return [
        (prefix, uplink.address)
        for network in networks
        if (prefix := prefix_of(network, version)) is not None
        and (uplink := uplink_of(snapshot, router_id(network), version)) is not None
    ]


def _routing(snapshot: Snapshot, version: int, network: Network) -> str | None:
    return "Static" if _routes(snapshot, version, network) else None


_ROUTE_FIELDS: tuple[Field[_Route], ...] = (
    string("subnet", "the prefix", lambda _, route: route[0]),
    string("gateway", "who leads there", lambda _, route: route[1]),
)

NETWORK: Shape[Network] = Shape(
    key="network",
    resource="Network",
    kind=Network,
    keywords=("name", "displaytext"),
    fields=(
        string("id", "the id of the network", lambda _, network: network.id),
        string("name", "the name of the network", lambda _, network: network.name),
        string("type", "Isolated, Shared or L2", lambda _, network: GUEST_TYPES[network.kind]),
        string("traffictype", "the traffic type", always("Guest")),
        string("state", "Allocated, Implemented or Setup", lambda s, n: state(s.snapshot, n)),
        string("cidr", "the IPv4 prefix", lambda _, network: network.ipv4),
        string("gateway", "the IPv4 gateway", lambda _, network: network.gateway4),
        string("netmask", "the netmask", lambda _, n: n.ipv4.netmask if n.ipv4 else None),
        string("ip6cidr", "the IPv6 prefix", lambda _, network: network.ipv6),
        string("ip6gateway", "the IPv6 gateway", lambda _, network: network.gateway6),
        string("ip4routing", "Static, where its IPv4 is routed", lambda s, n: _routing(s.snapshot, 4, n)),
        string("ip6routing", "Static, where its IPv6 leads outside", lambda s, n: _routing(s.snapshot, 6, n)),
        items(
            "ip4routes",
            "the routes that the router outside needs",
            lambda scene, network: _routes(scene.snapshot, 4, network),
            _ROUTE_FIELDS,
        ),
        items(
            "ip6routes",
            "the routes that the router outside needs",
            lambda scene, network: _routes(scene.snapshot, 6, network),
            _ROUTE_FIELDS,
        ),
        string("networkdomain", "the network domain", lambda _, network: network.domain_name or None),
        string("dns1", "the first DNS server", lambda _, network: dns(network, 4, 0)),
        string("dns2", "the second DNS server", lambda _, network: dns(network, 4, 1)),
        string("ip6dns1", "the first IPv6 DNS server", lambda _, network: dns(network, 6, 0)),
        string("ip6dns2", "the second IPv6 DNS server", lambda _, network: dns(network, 6, 1)),
        number("privatemtu", "the MTU of guests", lambda _, network: network.mtu),
        *of(
            _physical,
            string("physicalnetworkid", "the physical network", lambda _, physical: physical.id),
            string(
                "broadcastdomaintype",
                "how the network is told apart",
                lambda _, physical: "Vxlan" if physical.is_vxlan else "Vlan",
            ),
        ),
        string("broadcasturi", "the broadcast domain", lambda _, n: broadcast_uri(n), is_for_admins=True),
        string(
            "vlan",
            "the VLAN or VNI",
            lambda _, network: network.vlan if network.vlan is not None else network.vni,
            is_for_admins=True,
        ),
        *of(
            lambda scene, network: offering(scene.snapshot, network),
            string("networkofferingid", "the offering id", lambda _, offering: offering.id),
            string("networkofferingname", "the offering name", lambda _, offering: offering.name),
            string(
                "networkofferingdisplaytext",
                "the text shown for the offering",
                lambda _, offering: offering.display_text,
            ),
            flag(
                "networkofferingconservemode",
                "whether addresses may be shared",
                lambda _, offering: offering.conserve_mode,
            ),
            string(
                "networkofferingavailability",
                "the offering's availability",
                lambda _, offering: offering.availability,
            ),
            flag("specifyvlan", "whether the VLAN is given", lambda _, offering: offering.specify_vlan),
            flag(
                "specifyipranges",
                "whether the range of addresses is given",
                lambda _, offering: offering.specify_ip_ranges,
            ),
            flag("ispersistent", "whether it is persistent", lambda _, offering: offering.is_persistent),
            flag(
                "egressdefaultpolicy",
                "whether guests may send by default",
                lambda _, offering: offering.egress_default_allow,
            ),
            services("the services of the network"),
        ),
        flag(
            "subdomainaccess",
            "whether domains below may use it",
            lambda scene, n: (
                details(scene.snapshot, n).subdomain_access if n.kind is NetworkKind.SHARED else None
            ),
        ),
        *owner(lambda network: network.account_id),
        *place(lambda scene, network: details(scene.snapshot, network).zone_id),
        string("vpcid", "the VPC of a tier", lambda _, network: network.vpc_id),
        string("vpcname", "the name of the tier's VPC", _vpc_name),
        string("aclid", "the list of rules of the tier", lambda _, network: network.acl_id),
        string("aclname", "the name of the list", _acl_name),
        string("related", "the network that it is related to", lambda _, network: network.id),
        flag("canusefordeploy", "whether machines can be deployed in it", always(True)),
        flag("issystem", "whether it is a system network", always(False)),
        flag("isdefault", "whether it is a default network", always(False)),
        flag("restartrequired", "whether it must be restarted", always(False)),
        flag("redundantrouter", "whether its router is redundant", always(True)),
        flag("strechedl2subnet", "whether it spans zones", always(False)),
        *of(
            lambda scene, network: details(scene.snapshot, network),
            string("displaytext", "the text shown for it", lambda _, known: known.display_text),
            number("publicmtu", "the MTU of the public side", lambda _, known: known.public_mtu),
            string("acltype", "Account or Domain", lambda _, known: known.acl_type),
            string("externalid", "the id outside", lambda _, known: known.external_id),
            flag("displaynetwork", "whether users see it", lambda _, known: known.display_network),
            moment("created", "when it was created", lambda _, known: known.created),
        ),
        tags(),
    ),
)


def vpc_details(snapshot: Snapshot, vpc: Vpc) -> VpcDetails:
    """What CloudStack knows of the VPC."""
    return snapshot.need(VpcDetails, vpc.id)


def _vpc_offering(scene: Scene, vpc: Vpc) -> VpcOffering:
    return scene.snapshot.need(VpcOffering, vpc_details(scene.snapshot, vpc).offering_id)


VPC: Shape[Vpc] = Shape(
    key="vpc",
    resource="Vpc",
    kind=Vpc,
    keywords=("name", "displaytext"),
    fields=(
        string("id", "the id of the VPC", lambda _, vpc: vpc.id),
        string("name", "the name of the VPC", lambda _, vpc: vpc.name),
        string("displaytext", "the text shown for it", lambda s, v: vpc_details(s.snapshot, v).display_text),
        string("state", "Enabled or Inactive", always("Enabled")),
        string("cidr", "the prefix that tiers lie in", lambda _, vpc: vpc.ipv4),
        string("networkdomain", "the network domain", lambda _, vpc: vpc.domain_name or None),
        string("dns1", "the first DNS server", lambda _, vpc: dns(vpc, 4, 0)),
        string("dns2", "the second DNS server", lambda _, vpc: dns(vpc, 4, 1)),
        string("ip6dns1", "the first IPv6 DNS server", lambda _, vpc: dns(vpc, 6, 0)),
        string("ip6dns2", "the second IPv6 DNS server", lambda _, vpc: dns(vpc, 6, 1)),
        items(
            "ip6routes",
            "the routes that the router outside needs",
            lambda s, v: _routes(s.snapshot, 6, *s.snapshot.where(Network, "vpc_id", v.id)),
            _ROUTE_FIELDS,
        ),
        number("publicmtu", "the MTU of the public side", lambda s, v: vpc_details(s.snapshot, v).public_mtu),
        *of(
            _vpc_offering,
            string("vpcofferingid", "the offering id", lambda _, offering: offering.id),
            string("vpcofferingname", "the offering name", lambda _, offering: offering.name),
            services("the services of the VPC"),
        ),
        *owner(lambda vpc: vpc.account_id),
        *place(lambda scene, vpc: vpc_details(scene.snapshot, vpc).zone_id),
        flag("restartrequired", "whether it must be restarted", always(False)),
        flag("redundantvpcrouter", "whether its router is redundant", always(True)),
        flag("distributedvpcrouter", "whether tiers are routed at the edge", always(True)),
        flag("regionlevelvpc", "whether it spans zones", always(False)),
        flag("fordisplay", "whether users see it", lambda s, v: vpc_details(s.snapshot, v).for_display),
        moment("created", "when it was created", lambda s, v: vpc_details(s.snapshot, v).created),
        nested("network", "the tiers", NETWORK, lambda s, v: s.snapshot.where(Network, "vpc_id", v.id)),
        tags(),
    ),
)
