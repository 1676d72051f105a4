"""Traffic types, service providers and their elements, kept VLANs, ranges for storage."""

from __future__ import annotations

from dataclasses import dataclass

from sdn_orch.northbound.cloudstack.answers.owners import owner
from sdn_orch.northbound.cloudstack.model import PhysicalNetwork
from sdn_orch.northbound.cloudstack.model_fabric import (
    Element,
    KeptVlans,
    ServiceProvider,
    StorageRange,
    TrafficType,
)
from sdn_orch.northbound.cloudstack.model_places import Pod
from sdn_orch.northbound.cloudstack.shapes import Scene, Shape, always, flag, items, number, string

TRAFFIC_TYPE: Shape[TrafficType] = Shape(
    key="traffictype",
    resource="TrafficType",
    kind=TrafficType,
    keywords=("traffictype",),
    fields=(
        string("id", "the id of the traffic type", lambda _, each: each.id),
        string("traffictype", "Guest, Public, Management or Storage", lambda _, each: each.traffic),
        string("physicalnetworkid", "the physical network", lambda _, each: each.physical_network_id),
        string("kvmnetworklabel", "the bridge of KVM hosts", lambda _, each: each.kvm_label or None),
        string("vmwarenetworklabel", "the switch of VMware", lambda _, each: each.vmware_label or None),
        string("xennetworklabel", "the network of Xen hosts", lambda _, each: each.xen_label or None),
        string("hypervnetworklabel", "the switch of Hyper-V", lambda _, each: each.hyperv_label or None),
        string("ovm3networklabel", "the network of OVM3 hosts", lambda _, each: each.ovm3_label or None),
    ),
)

PROVIDER: Shape[ServiceProvider] = Shape(
    key="networkserviceprovider",
    resource="PhysicalNetworkServiceProvider",
    kind=ServiceProvider,
    fields=(
        string("id", "the id of the provider", lambda _, each: each.id),
        string("name", "the name of the provider", lambda _, each: each.name),
        string("state", "Disabled, Enabled or Shutdown", lambda _, each: each.state),
        string("physicalnetworkid", "the physical network", lambda _, each: each.physical_network_id),
        items("servicelist", "what it serves", lambda _, each: list(each.services)),
        flag("canenableindividualservice", "whether services can be enabled one by one", always(True)),
    ),
)


def _element(key: str) -> Shape[Element]:
    return Shape(
        key=key,
        resource="VirtualRouterProvider",
        kind=Element,
        keywords=("id",),
        fields=(
            string("id", "the id of the element", lambda _, each: each.id),
            string("nspid", "the provider that it belongs to", lambda _, each: each.provider_id),
            flag("enabled", "whether it is enabled", lambda _, each: each.enabled),
        ),
    )


ROUTER_ELEMENT = _element("virtualrouterelement")
BALANCER_ELEMENT = _element("internalloadbalancerelement")
OVS_ELEMENT = _element("ovselement")

KEPT_VLANS: Shape[KeptVlans] = Shape(
    key="dedicatedguestvlanrange",
    resource="DedicatedGuestVlanRange",
    kind=KeptVlans,
    keywords=("guestvlanrange",),
    fields=(
        string("id", "the id of the range", lambda _, each: each.id),
        string("guestvlanrange", "the VLANs", lambda _, each: f"{each.first}-{each.last}"),
        string("physicalnetworkid", "the physical network", lambda _, each: each.physical_network_id),
        string("zoneid", "the zone", lambda s, each: _physical(s, each.physical_network_id).zone_id),
        *owner(lambda each: each.account_id),
    ),
)


def _physical(scene: Scene, id: str) -> PhysicalNetwork:
    return scene.snapshot.need(PhysicalNetwork, id)


STORAGE_RANGE: Shape[StorageRange] = Shape(
    key="storagenetworkiprange",
    resource="StorageNetworkIpRange",
    kind=StorageRange,
    keywords=("startip",),
    fields=(
        string("id", "the id of the range", lambda _, each: each.id),
        string("podid", "the pod", lambda _, each: each.pod_id),
        string("zoneid", "the zone", lambda s, each: s.snapshot.need(Pod, each.pod_id).zone_id),
        string("gateway", "the gateway", lambda _, each: each.gateway),
        string("netmask", "the netmask", lambda _, each: each.ipv4.netmask),
        string("startip", "the first address", lambda _, each: each.first),
        string("endip", "the last address", lambda _, each: each.last),
        number("vlan", "the VLAN", lambda _, each: each.vlan),
    ),
)


@dataclass(frozen=True, slots=True)
class Name:
    """Something that only has a name, and perhaps what it is of."""

    name: str
    of: str = ""


ISOLATION_METHOD: Shape[Name] = Shape(
    key="isolationmethod",
    resource="",
    fields=(string("name", "the name of the method", lambda _, each: each.name),),
)

IMPLEMENTOR: Shape[Name] = Shape(
    key="traffictypeimplementorresponse",
    resource="",
    keywords=("traffictypeimplementor",),
    fields=(
        string("traffictype", "the traffic type", lambda _, each: each.of),
        string("traffictypeimplementor", "who makes networks of it", lambda _, each: each.name),
    ),
)
