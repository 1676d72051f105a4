"""Virtual machines, their NICs and secondary addresses."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.intent.model import Machine, Network, Nic, Vpc
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.answers.networks import broadcast_uri
from sdn_orch.northbound.cloudstack.answers.offerings import GUEST_TYPES
from sdn_orch.northbound.cloudstack.answers.owners import owner, place
from sdn_orch.northbound.cloudstack.answers.security_groups import MEMBERSHIP, groups_of
from sdn_orch.northbound.cloudstack.answers.tags import tags
from sdn_orch.northbound.cloudstack.model import (
    MachineDetails,
    SecondaryAddress,
    ServiceOffering,
    Template,
)
from sdn_orch.northbound.cloudstack.shapes import (
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


def machine_details(snapshot: Snapshot, machine: Machine) -> MachineDetails:
    """What CloudStack knows of the machine."""
    return snapshot.need(MachineDetails, machine.id)


def nics(snapshot: Snapshot, machine_id: str) -> list[Nic]:
    """The machine's NICs, the default one first."""
    return sorted(snapshot.where(Nic, "machine_id", machine_id), key=lambda nic: not nic.is_default)


def _network(scene: Scene, nic: Nic) -> Network:
    return scene.snapshot.need(Network, nic.network_id)


def _netmask(scene: Scene, nic: Nic) -> object:
    prefix = _network(scene, nic).ipv4
    return prefix.netmask if prefix else None


def _device(scene: Scene, nic: Nic) -> int | None:
    if nic.machine_id is None:
        return None
    return [each.id for each in nics(scene.snapshot, nic.machine_id)].index(nic.id)


def _vpc_name(scene: Scene, nic: Nic) -> str | None:
    vpc_id = _network(scene, nic).vpc_id
    return scene.snapshot.need(Vpc, vpc_id).name if vpc_id else None


NIC: Shape[Nic] = Shape(
    key="nic",
    resource="Nic",
    kind=Nic,
    keywords=("macaddress", "ipaddress", "networkname"),
    fields=(
        string("id", "the id of the NIC", lambda _, nic: nic.id),
        string("virtualmachineid", "the id of its machine", lambda _, nic: nic.machine_id),
        string("networkid", "the id of its network", lambda _, nic: nic.network_id),
        string("networkname", "the name of its network", lambda scene, nic: _network(scene, nic).name),
        string("macaddress", "the MAC address", lambda _, nic: nic.mac),
        string("ipaddress", "the IPv4 address", lambda _, nic: nic.ipv4),
        string("netmask", "the netmask", _netmask),
        string("gateway", "the IPv4 gateway", lambda scene, nic: _network(scene, nic).gateway4),
        string("ip6address", "the IPv6 address", lambda _, nic: nic.ipv6),
        string("ip6cidr", "the IPv6 prefix", lambda scene, nic: _network(scene, nic).ipv6),
        string("ip6gateway", "the IPv6 gateway", lambda scene, nic: _network(scene, nic).gateway6),
        flag("isdefault", "whether it is the machine's default NIC", lambda _, nic: nic.is_default),
        string("deviceid", "its place in the machine", _device),
        string("type", "the type of its network", lambda scene, nic: GUEST_TYPES[_network(scene, nic).kind]),
        string("traffictype", "the traffic type", always("Guest")),
        number("mtu", "the MTU", lambda scene, nic: _network(scene, nic).mtu),
        string(
            "broadcasturi",
            "the broadcast domain",
            lambda scene, nic: broadcast_uri(_network(scene, nic)),
            is_for_admins=True,
        ),
        string(
            "isolationuri",
            "the broadcast domain",
            lambda scene, nic: broadcast_uri(_network(scene, nic)),
            is_for_admins=True,
        ),
        string("vpcid", "the VPC of its tier", lambda scene, nic: _network(scene, nic).vpc_id),
        string("vpcname", "the name of the VPC", _vpc_name),
        items(
            "secondaryip",
            "the secondary addresses",
            lambda scene, nic: list(scene.snapshot.where(SecondaryAddress, "nic_id", nic.id)),
            (
                string("id", "the id of the address", lambda _, secondary: secondary.id),
                string("ipaddress", "the address", lambda _, secondary: secondary.address),
            ),
        ),
        items("extradhcpoption", "further DHCP options", always([])),
    ),
)

SECONDARY_ADDRESS: Shape[SecondaryAddress] = Shape(
    key="nicsecondaryip",
    resource="NicSecondaryIp",
    kind=SecondaryAddress,
    keywords=("ipaddress",),
    fields=(
        string("id", "the id of the address", lambda _, secondary: secondary.id),
        string("ipaddress", "the address", lambda _, secondary: secondary.address),
        string("nicid", "the NIC that has it", lambda _, secondary: secondary.nic_id),
        string(
            "networkid",
            "the network that it is in",
            lambda scene, secondary: scene.snapshot.need(Nic, secondary.nic_id).network_id,
        ),
        string(
            "virtualmachineid",
            "the machine that has it",
            lambda scene, secondary: scene.snapshot.need(Nic, secondary.nic_id).machine_id,
        ),
        items("secondaryip", "addresses beside it", always([])),
    ),
)


def _size(scene: Scene, machine: Machine) -> ServiceOffering:
    return scene.snapshot.need(ServiceOffering, machine_details(scene.snapshot, machine).service_offering_id)


def _template(scene: Scene, machine: Machine) -> Template:
    return scene.snapshot.need(Template, machine_details(scene.snapshot, machine).template_id)


def _default_address(scene: Scene, machine: Machine) -> object:
    found = nics(scene.snapshot, machine.id)
    return found[0].ipv4 if found else None


MACHINE: Shape[Machine] = Shape(
    key="virtualmachine",
    resource="VirtualMachine",
    kind=Machine,
    keywords=("name", "displayname"),
    fields=(
        string("id", "the id of the machine", lambda _, machine: machine.id),
        string("name", "the name of the machine", lambda _, machine: machine.name),
        string("displayname", "the name shown for it", lambda _, m: m.display_name or m.name),
        string("state", "Running or Stopped", lambda _, m: "Running" if m.running else "Stopped"),
        string("instancename", "the name on its host", lambda _, m: f"i-{m.number}-VM", is_for_admins=True),
        *owner(lambda machine: machine.account_id),
        *place(lambda scene, machine: machine_details(scene.snapshot, machine).zone_id),
        string("userid", "who deployed it", lambda s, m: machine_details(s.snapshot, m).user_id),
        string("username", "who deployed it", lambda s, m: machine_details(s.snapshot, m).username),
        string("templateid", "the template id", lambda s, m: _template(s, m).id),
        string("templatename", "the template name", lambda s, m: _template(s, m).name),
        string("templatedisplaytext", "the template's text", lambda s, m: _template(s, m).display_text),
        string("serviceofferingid", "the service offering id", lambda s, m: _size(s, m).id),
        string("serviceofferingname", "the service offering name", lambda s, m: _size(s, m).name),
        number("cpunumber", "the number of CPUs", lambda s, m: _size(s, m).cpu_number),
        number("cpuspeed", "the speed of a CPU in MHz", lambda s, m: _size(s, m).cpu_speed),
        number("memory", "the memory in MB", lambda s, m: _size(s, m).memory),
        string("hypervisor", "the hypervisor", lambda s, m: machine_details(s.snapshot, m).hypervisor),
        string("group", "the group", lambda s, m: machine_details(s.snapshot, m).group or None),
        flag("displayvm", "whether users see it", lambda s, m: machine_details(s.snapshot, m).display_vm),
        flag("haenable", "whether it is highly available", always(False)),
        flag("passwordenabled", "whether the password can be reset", always(True)),
        flag("isdynamicallyscalable", "whether it can grow while it runs", always(False)),
        string("vmtype", "the type", always("User")),
        moment("created", "when it was created", lambda s, m: machine_details(s.snapshot, m).created),
        string("ipaddress", "the IPv4 address of the default NIC", _default_address),
        nested("nic", "the NICs", NIC, lambda scene, machine: nics(scene.snapshot, machine.id)),
        items("securitygroup", "the security groups", lambda s, m: groups_of(s.snapshot, m), MEMBERSHIP),
        items("affinitygroup", "the affinity groups", always([])),
        tags(),
    ),
)

#: What shows a password, once.
MACHINE_WITH_PASSWORD: Shape[Machine] = replace(
    MACHINE,
    fields=(*MACHINE.fields, string("password", "the password that the machine asks for", always(None))),
)

USER_DATA: Shape[Machine] = Shape(
    key="virtualmachineuserdata",
    resource="VirtualMachine",
    fields=(
        string("virtualmachineid", "the id of the machine", lambda _, machine: machine.id),
        string("userdata", "the user data in Base64", always(None)),
    ),
)
