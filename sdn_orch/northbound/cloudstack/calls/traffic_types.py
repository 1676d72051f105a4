"""Traffic types of physical networks, how networks are told apart, VLANs kept for accounts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from uuid import uuid4

from sdn_orch.errors import InUse
from sdn_orch.intent.model import Account, Network
from sdn_orch.northbound import pool
from sdn_orch.northbound.cloudstack import segments
from sdn_orch.northbound.cloudstack.answers.fabric import (
    IMPLEMENTOR,
    ISOLATION_METHOD,
    KEPT_VLANS,
    TRAFFIC_TYPE,
    Name,
)
from sdn_orch.northbound.cloudstack.callers import Access
from sdn_orch.northbound.cloudstack.calls.common import ZONE
from sdn_orch.northbound.cloudstack.calls.physical_networks import read_ranges
from sdn_orch.northbound.cloudstack.declare import ROOT, Call, Mode, changes, lists
from sdn_orch.northbound.cloudstack.faults import bad
from sdn_orch.northbound.cloudstack.model import NetworkDetails, PhysicalNetwork
from sdn_orch.northbound.cloudstack.model_fabric import KeptVlans, Traffic, TrafficType
from sdn_orch.northbound.cloudstack.model_public import PublicRangeDetails
from sdn_orch.northbound.cloudstack.parameters import choice, entity, required, text
from sdn_orch.northbound.cloudstack.scope import ACCOUNT, DOMAIN, IN_PROJECT, chosen, new_owner, one_or
from sdn_orch.northbound.cloudstack.shapes import SUCCESS

ID = entity("id", TrafficType, "the id of the traffic type", Access.ANY)
PHYSICAL = entity("physicalnetworkid", PhysicalNetwork, "the physical network", Access.ANY)
TRAFFIC = choice("traffictype", "Guest, Public, Management or Storage", Traffic)
KVM = text("kvmnetworklabel", "the bridge of KVM hosts")
VMWARE = text("vmwarenetworklabel", "the switch of VMware")
XEN = text("xennetworklabel", "the network of Xen hosts")
HYPERV = text("hypervnetworklabel", "the switch of Hyper-V")
OVM3 = text("ovm3networklabel", "the network of OVM3 hosts")
KEPT = entity("id", KeptVlans, "the id of the range", Access.ANY)
VLANS = text("vlanrange", "the VLANs or VNIs, as 500-599")
LISTED_VLANS = text("guestvlanrange", "the VLANs or VNIs, as 500-599")


@lists(
    "listTrafficTypes", TRAFFIC_TYPE, "Lists what a physical network carries", required(PHYSICAL), roles=ROOT
)
def list_traffic_types(call: Call) -> Iterable[TrafficType]:
    """The traffic types of a physical network."""
    return call.snapshot.where(TrafficType, "physical_network_id", call[PHYSICAL].id)


@changes(
    "addTrafficType",
    TRAFFIC_TYPE,
    "Lets a physical network carry a sort of traffic",
    required(PHYSICAL),
    required(TRAFFIC),
    KVM,
    VMWARE,
    XEN,
    HYPERV,
    OVM3,
    roles=ROOT,
    mode=Mode.ASYNC_CREATE,
    event="TRAFFIC.TYPE.CREATE",
)
def add_traffic_type(call: Call) -> TrafficType:
    """Each sort once a physical network, and all but Guest once a zone."""
    physical, traffic = call[PHYSICAL], call[TRAFFIC]
    zone = call.snapshot.where(PhysicalNetwork, "zone_id", physical.zone_id)
    for other in (physical,) if traffic is Traffic.GUEST else zone:
        for present in call.snapshot.where(TrafficType, "physical_network_id", other.id):
            if present.traffic is traffic:
                raise bad(f"This physical network already supports the traffic type: {traffic} ({other.id})")
    return call.transaction.put(
        TrafficType(
            id=str(uuid4()),
            physical_network_id=physical.id,
            traffic=traffic,
            kvm_label=call.get(KVM) or "",
            vmware_label=call.get(VMWARE) or "",
            xen_label=call.get(XEN) or "",
            hyperv_label=call.get(HYPERV) or "",
            ovm3_label=call.get(OVM3) or "",
        )
    )


@changes(
    "updateTrafficType",
    TRAFFIC_TYPE,
    "Updates the labels of a traffic type",
    required(ID),
    KVM,
    VMWARE,
    XEN,
    HYPERV,
    OVM3,
    roles=ROOT,
    mode=Mode.ASYNC,
    event="TRAFFIC.TYPE.UPDATE",
)
def update_traffic_type(call: Call) -> TrafficType:
    """The traffic type with other labels."""
    old = call[ID]
    return call.transaction.put(
        dataclasses.replace(
            old,
            kvm_label=call.get(KVM) or old.kvm_label,
            vmware_label=call.get(VMWARE) or old.vmware_label,
            xen_label=call.get(XEN) or old.xen_label,
            hyperv_label=call.get(HYPERV) or old.hyperv_label,
            ovm3_label=call.get(OVM3) or old.ovm3_label,
        )
    )


@changes(
    "deleteTrafficType",
    SUCCESS,
    "Lets a physical network carry a sort of traffic no more",
    required(ID),
    roles=ROOT,
    mode=Mode.ASYNC,
    event="TRAFFIC.TYPE.DELETE",
)
def delete_traffic_type(call: Call) -> None:
    """Only while there is none of it."""
    old = call[ID]
    kind = {Traffic.GUEST: NetworkDetails, Traffic.PUBLIC: PublicRangeDetails}.get(old.traffic)
    if kind is not None and call.snapshot.count_where(kind, "physical_network_id", old.physical_network_id):
        raise InUse(
            f"The Traffic Type is not deletable because there are networks of type {old.traffic} on physical"
            f" network {old.physical_network_id}"
        )
    call.transaction.delete(old)


@lists(
    "listTrafficTypeImplementors", IMPLEMENTOR, "Lists who makes networks of each sort", TRAFFIC, roles=ROOT
)
def list_traffic_type_implementors(call: Call) -> Iterable[Name]:
    """We do, of what belongs to tenants."""
    wanted = call.get(TRAFFIC)
    return [Name("sdn-orch", each) for each in (Traffic.GUEST, Traffic.PUBLIC) if wanted in (None, each)]


@lists("listNetworkIsolationMethods", ISOLATION_METHOD, "Lists how networks are told apart", roles=ROOT)
def list_network_isolation_methods(_call: Call) -> Iterable[Name]:
    """What underlays can be: the transports `vlan` and `vxlan`; labels need neither."""
    return Name("VLAN"), Name("VXLAN")


@changes(
    "dedicateGuestVlanRange",
    KEPT_VLANS,
    "Keeps VLANs or VNIs for an account",
    required(PHYSICAL),
    required(VLANS),
    ACCOUNT,
    DOMAIN,
    IN_PROJECT,
    roles=ROOT,
    event="GUESTVLANRANGE.DEDICATE",
)
def dedicate_guest_vlan_range(call: Call) -> KeptVlans:
    """A range that lies in the physical network's and that nobody else uses."""
    physical = call[PHYSICAL]
    ranges = read_ranges(call[VLANS], segments.largest(physical))
    if len(ranges) != 1:
        raise bad(f"Invalid value {call[VLANS]} for parameter vlanrange: it must be one range")
    ((first, last),) = ranges
    if not any(low <= first and last <= high for low, high in physical.segments):
        raise bad(f"Unable to find guest vlan by range {call[VLANS]} on physical network {physical.id}")
    account = new_owner(call)
    for other in call.snapshot.where(KeptVlans, "physical_network_id", physical.id):
        if other.first <= last and first <= other.last:
            raise bad(f"Guest vlan range {first}-{last} is dedicated already: {other.first}-{other.last}")
    for details in call.snapshot.where(NetworkDetails, "physical_network_id", physical.id):
        if details.segment is None or not first <= details.segment <= last:
            continue
        owner = call.snapshot.need(Account, call.snapshot.need(Network, details.id).account_id)
        if owner.id != account.id:
            raise InUse(f"{details.segment} is in use by network {details.id} of account {owner.name}")
    kept = KeptVlans(
        id=str(uuid4()),
        physical_network_id=physical.id,
        account_id=account.id,
        first=first,
        last=last,
    )
    call.transaction.put(kept)
    pool.provide(call.transaction, physical.id, segments.anybodys(call.snapshot, physical))
    return kept


@changes(
    "releaseDedicatedGuestVlanRange",
    SUCCESS,
    "Keeps VLANs or VNIs for nobody",
    required(KEPT),
    roles=ROOT,
    mode=Mode.ASYNC,
    event="GUESTVLANRANGE.RELEASE",
)
def release_dedicated_guest_vlan_range(call: Call) -> None:
    """Any network may get them."""
    physical = call.snapshot.need(PhysicalNetwork, call[KEPT].physical_network_id)
    call.transaction.delete(call[KEPT])
    pool.provide(call.transaction, physical.id, segments.anybodys(call.snapshot, physical))


@lists(
    "listDedicatedGuestVlanRanges",
    KEPT_VLANS,
    "Lists VLANs or VNIs that are kept for accounts",
    KEPT,
    PHYSICAL,
    ZONE,
    LISTED_VLANS,
    ACCOUNT,
    DOMAIN,
    IN_PROJECT,
    roles=ROOT,
)
def list_dedicated_guest_vlan_ranges(call: Call) -> Iterable[KeptVlans]:
    """Ranges by account and place."""
    physical, zone = call.get(PHYSICAL), call.get(ZONE)
    account = new_owner(call) if call.get(ACCOUNT) or call.get(IN_PROJECT) else None
    domain = call.get(DOMAIN)
    return chosen(
        one_or(call, KEPT, lambda: call.snapshot.all(KeptVlans)),
        (physical.id if physical else None, lambda each: each.physical_network_id),
        (
            zone.id if zone else None,
            lambda each: call.snapshot.need(PhysicalNetwork, each.physical_network_id).zone_id,
        ),
        (call.get(LISTED_VLANS), lambda each: f"{each.first}-{each.last}"),
        (account.id if account else None, lambda each: each.account_id),
        (domain.id if domain else None, lambda each: call.snapshot.need(Account, each.account_id).domain_id),
    )
