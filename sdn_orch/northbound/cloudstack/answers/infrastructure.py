"""Zones, physical networks, service offerings and templates."""

from __future__ import annotations

from sdn_orch.northbound.cloudstack.answers.owners import place
from sdn_orch.northbound.cloudstack.answers.tags import tags
from sdn_orch.northbound.cloudstack.model import PhysicalNetwork, ServiceOffering, Template, Zone
from sdn_orch.northbound.cloudstack.shapes import Shape, always, flag, moment, number, string


def _at(values: tuple[str, ...], index: int) -> str | None:
    return values[index] if index < len(values) else None


ZONE: Shape[Zone] = Shape(
    key="zone",
    resource="Zone",
    kind=Zone,
    fields=(
        string("id", "the zone id", lambda _, zone: zone.id),
        string("name", "the zone name", lambda _, zone: zone.name),
        string("networktype", "the network type of the zone", always("Advanced")),
        flag("securitygroupsenabled", "whether security groups are enabled", always(False)),
        string("allocationstate", "whether users may use the zone", lambda _, zone: zone.allocation_state),
        string("dns1", "the first DNS server", lambda _, zone: _at(zone.dns, 0)),
        string("dns2", "the second DNS server", lambda _, zone: _at(zone.dns, 1)),
        string(
            "internaldns1",
            "the first internal DNS server",
            lambda _, zone: _at(zone.internal_dns, 0),
            is_for_admins=True,
        ),
        string(
            "internaldns2",
            "the second internal DNS server",
            lambda _, zone: _at(zone.internal_dns, 1),
            is_for_admins=True,
        ),
        string("ip6dns1", "the first IPv6 DNS server", lambda _, zone: _at(zone.ip6_dns, 0)),
        string("ip6dns2", "the second IPv6 DNS server", lambda _, zone: _at(zone.ip6_dns, 1)),
        string("domain", "the network domain of the zone", lambda _, zone: zone.domain_name or None),
        string("guestcidraddress", "the prefix of isolated networks", lambda _, zone: zone.guest_cidr),
        string("dhcpprovider", "the DHCP provider", always("VirtualRouter")),
        flag("localstorageenabled", "whether local storage is enabled", lambda _, zone: zone.local_storage),
        string("zonetoken", "the zone token", lambda _, zone: zone.id),
        string("type", "core or edge", always("Core")),
        tags(),
    ),
)

PHYSICAL_NETWORK: Shape[PhysicalNetwork] = Shape(
    key="physicalnetwork",
    resource="PhysicalNetwork",
    kind=PhysicalNetwork,
    fields=(
        string("id", "the id of the physical network", lambda _, physical: physical.id),
        string("name", "the name of the physical network", lambda _, physical: physical.name),
        *place(lambda _, physical: physical.zone_id),
        string("state", "Enabled or Disabled", lambda _, physical: physical.state),
        string(
            "isolationmethods",
            "the isolation methods",
            lambda _, physical: ",".join(physical.isolation_methods),
        ),
        string("broadcastdomainrange", "ZONE or POD", lambda _, physical: physical.broadcast_domain_range),
        string(
            "vlan",
            "the ranges of VLANs or VNIs",
            lambda _, physical: ",".join(f"{low}-{high}" for low, high in physical.segments) or None,
        ),
        string("networkspeed", "the speed", lambda _, physical: physical.speed or None),
        string("tags", "the tags", lambda _, physical: ",".join(physical.tags) or None),
    ),
)

SERVICE_OFFERING: Shape[ServiceOffering] = Shape(
    key="serviceoffering",
    resource="ServiceOffering",
    kind=ServiceOffering,
    keywords=("name", "displaytext"),
    fields=(
        string("id", "the id of the service offering", lambda _, offering: offering.id),
        string("name", "the name of the service offering", lambda _, offering: offering.name),
        string("displaytext", "the text shown for it", lambda _, offering: offering.display_text),
        number("cpunumber", "the number of CPUs", lambda _, offering: offering.cpu_number),
        number("cpuspeed", "the speed of a CPU in MHz", lambda _, offering: offering.cpu_speed),
        number("memory", "the memory in MB", lambda _, offering: offering.memory),
        number(
            "networkrate",
            "megabits a second that a machine's default NIC may send, and receive",
            lambda _, offering: offering.network_rate,
        ),
        moment("created", "when it was created", lambda _, offering: offering.created),
        string("storagetype", "shared or local", always("shared")),
        flag("offerha", "whether it offers high availability", always(False)),
        flag("limitcpuuse", "whether CPU use is limited", always(False)),
        flag("issystem", "whether it is for system machines", lambda _, offering: offering.is_system),
        flag("iscustomized", "whether the size is chosen at deployment", always(False)),
        flag("defaultuse", "whether it is a default system offering", lambda _, offering: offering.is_system),
        string("state", "Active or Inactive", always("Active")),
    ),
)

TEMPLATE: Shape[Template] = Shape(
    key="template",
    resource="Template",
    kind=Template,
    keywords=("name", "displaytext"),
    fields=(
        string("id", "the template id", lambda _, template: template.id),
        string("name", "the template name", lambda _, template: template.name),
        string("displaytext", "the text shown for it", lambda _, template: template.display_text),
        flag("ispublic", "whether it is public", always(True)),
        flag("isfeatured", "whether it is featured", always(True)),
        flag("isready", "whether it can be used", always(True)),
        flag("isextractable", "whether it can be downloaded", always(False)),
        flag("crossZones", "whether it is in all zones", always(True)),
        flag("passwordenabled", "whether the password can be reset", always(False)),
        string("format", "the format", always("QCOW2")),
        string("hypervisor", "the hypervisor", lambda _, template: template.hypervisor),
        string("templatetype", "the type", always("USER")),
        string("status", "how far it is", always("Download Complete")),
        string("ostypename", "the operating system", always("Other (64-bit)")),
        moment("created", "when it was created", lambda _, template: template.created),
        tags(),
    ),
)
