"""Networks and VPCs."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

from sdn_orch.intent.acls import AclList
from sdn_orch.intent.gateways import router_id
from sdn_orch.intent.model import Network, NetworkKind, Nic, Vpc
from sdn_orch.intent.routed import uplink_of
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
from sdn_orch.northbound.cloudstack.services import SERVICE_FIELDS, offered
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
    return "Implemented" if any(nic.active for nic in nics) else "Allocated"


def broadcast_uri(network: Network) -> str | None:
    """The broadcast domain, if it has a number that means something outside."""
    if network.vlan is not None:
        return f"vlan://{network.vlan}"
    return f"vxlan://{network.vni}" if network.vni is not None else None


def dns(network: Network | Vpc, version: int, index: int) -> str | None:
    """The first or second DNS server of an IP version."""
    found = [server for server in network.dns if ip_address(server).version == version]
    return found[index] if index < len(found) else None


def _physical(scene: Scene, network: Network) -> PhysicalNetwork:
    return scene.snapshot.need(PhysicalNetwork, details(scene.snapshot, network).physical_network_id)


def _vpc_name(scene: Scene, network: Network) -> str | None:
    return scene.snapshot.need(Vpc, network.vpc_id).name if network.vpc_id else None


def _acl_name(scene: Scene, network: Network) -> str | None:
    return scene.snapshot.need(AclList, network.acl_id).name if network.acl_id else None


def _routes(snapshot: Snapshot, *networks: Network) -> list[tuple[IPv6Network, IPv6Address]]:
    """The IPv6 prefixes of networks that are reached from outside, each with its router's address there."""
    found = []
    for network in networks:
        uplink = uplink_of(snapshot, router_id(network))
        if network.ipv6 is not None and uplink is not None:
            found.append((network.ipv6, uplink.address))
    return found


def _routing(snapshot: Snapshot, network: Network) -> str | None:
    return "Static" if _routes(snapshot, network) else None


_ROUTE_FIELDS: tuple[Field[tuple[IPv6Network, IPv6Address]], ...] = (
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
        string("displaytext", "the text shown for it", lambda s, n: details(s.snapshot, n).display_text),
        string("type", "Isolated, Shared or L2", lambda _, network: GUEST_TYPES[network.kind]),
        string("traffictype", "the traffic type", always("Guest")),
        string("state", "Allocated, Implemented or Setup", lambda s, n: state(s.snapshot, n)),
        string("cidr", "the IPv4 prefix", lambda _, network: network.ipv4),
        string("gateway", "the IPv4 gateway", lambda _, network: network.gateway4),
        string("netmask", "the netmask", lambda _, n: n.ipv4.netmask if n.ipv4 else None),
        string("ip6cidr", "the IPv6 prefix", lambda _, network: network.ipv6),
        string("ip6gateway", "the IPv6 gateway", lambda _, network: network.gateway6),
        string("ip6routing", "Static, where its IPv6 leads outside", lambda s, n: _routing(s.snapshot, n)),
        items(
            "ip6routes",
            "the routes that the router outside needs",
            lambda scene, network: _routes(scene.snapshot, network),
            _ROUTE_FIELDS,
        ),
        string("networkdomain", "the network domain", lambda _, network: network.domain_name or None),
        string("dns1", "the first DNS server", lambda _, network: dns(network, 4, 0)),
        string("dns2", "the second DNS server", lambda _, network: dns(network, 4, 1)),
        string("ip6dns1", "the first IPv6 DNS server", lambda _, network: dns(network, 6, 0)),
        string("ip6dns2", "the second IPv6 DNS server", lambda _, network: dns(network, 6, 1)),
        number("privatemtu", "the MTU of guests", lambda _, network: network.mtu),
        number("publicmtu", "the MTU of the public side", lambda s, n: details(s.snapshot, n).public_mtu),
        string(
            "broadcastdomaintype",
            "how the network is told apart",
            lambda scene, network: "Vxlan" if _physical(scene, network).is_vxlan else "Vlan",
        ),
        string("broadcasturi", "the broadcast domain", lambda _, n: broadcast_uri(n), is_for_admins=True),
        string(
            "vlan",
            "the VLAN or VNI",
            lambda _, network: network.vlan if network.vlan is not None else network.vni,
            is_for_admins=True,
        ),
        string(
            "physicalnetworkid",
            "the physical network",
            lambda s, n: details(s.snapshot, n).physical_network_id,
        ),
        string("networkofferingid", "the offering id", lambda s, n: details(s.snapshot, n).offering_id),
        string("networkofferingname", "the offering name", lambda s, n: offering(s.snapshot, n).name),
        string(
            "networkofferingdisplaytext",
            "the text shown for the offering",
            lambda scene, network: offering(scene.snapshot, network).display_text,
        ),
        flag(
            "networkofferingconservemode",
            "whether addresses may be shared",
            lambda scene, network: offering(scene.snapshot, network).conserve_mode,
        ),
        string(
            "networkofferingavailability",
            "the offering's availability",
            lambda scene, network: offering(scene.snapshot, network).availability,
        ),
        flag("specifyvlan", "whether the VLAN is given", lambda s, n: offering(s.snapshot, n).specify_vlan),
        flag(
            "specifyipranges",
            "whether the range of addresses is given",
            lambda scene, network: offering(scene.snapshot, network).specify_ip_ranges,
        ),
        flag("ispersistent", "whether it is persistent", lambda s, n: offering(s.snapshot, n).is_persistent),
        flag(
            "egressdefaultpolicy",
            "whether guests may send by default",
            lambda scene, network: offering(scene.snapshot, network).egress_default_allow,
        ),
        string("acltype", "Account or Domain", lambda s, n: details(s.snapshot, n).acl_type),
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
        string("externalid", "the id outside", lambda scene, n: details(scene.snapshot, n).external_id),
        flag("canusefordeploy", "whether machines can be deployed in it", always(True)),
        flag("displaynetwork", "whether users see it", lambda s, n: details(s.snapshot, n).display_network),
        flag("issystem", "whether it is a system network", always(False)),
        flag("isdefault", "whether it is a default network", always(False)),
        flag("restartrequired", "whether it must be restarted", always(False)),
        flag("redundantrouter", "whether its router is redundant", always(True)),
        flag("strechedl2subnet", "whether it spans zones", always(False)),
        moment("created", "when it was created", lambda s, n: details(s.snapshot, n).created),
        items(
            "service",
            "the services of the network",
            lambda scene, network: offered(
                offering(scene.snapshot, network).services, offering(scene.snapshot, network).capabilities
            ),
            SERVICE_FIELDS,
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
            lambda s, v: _routes(s.snapshot, *s.snapshot.where(Network, "vpc_id", v.id)),
            _ROUTE_FIELDS,
        ),
        number("publicmtu", "the MTU of the public side", lambda s, v: vpc_details(s.snapshot, v).public_mtu),
        string("vpcofferingid", "the offering id", lambda s, v: vpc_details(s.snapshot, v).offering_id),
        string("vpcofferingname", "the offering name", lambda s, v: _vpc_offering(s, v).name),
        *owner(lambda vpc: vpc.account_id),
        *place(lambda scene, vpc: vpc_details(scene.snapshot, vpc).zone_id),
        flag("restartrequired", "whether it must be restarted", always(False)),
        flag("redundantvpcrouter", "whether its router is redundant", always(True)),
        flag("distributedvpcrouter", "whether tiers are routed at the edge", always(True)),
        flag("regionlevelvpc", "whether it spans zones", always(False)),
        flag("fordisplay", "whether users see it", lambda s, v: vpc_details(s.snapshot, v).for_display),
        moment("created", "when it was created", lambda s, v: vpc_details(s.snapshot, v).created),
        nested("network", "the tiers", NETWORK, lambda s, v: s.snapshot.where(Network, "vpc_id", v.id)),
        items(
            "service",
            "the services of the VPC",
            lambda s, v: offered(_vpc_offering(s, v).services, _vpc_offering(s, v).capabilities),
            SERVICE_FIELDS,
        ),
        tags(),
    ),
)
