"""deployVirtualMachine: a machine is registered with its NICs; a hypervisor elsewhere runs it."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.intent.metadata import MachineData
from sdn_orch.intent.model import Account, Machine, Network, NetworkKind
from sdn_orch.northbound import machine_data, machines
from sdn_orch.northbound.cloudstack.answers.machines import MACHINE as SHAPE
from sdn_orch.northbound.cloudstack.answers.networks import details
from sdn_orch.northbound.cloudstack.callers import Access, may_use
from sdn_orch.northbound.cloudstack.calls.common import NAME, ZONE, new_id
from sdn_orch.northbound.cloudstack.calls.key_pairs import PAIR, PAIRS, public_keys
from sdn_orch.northbound.cloudstack.calls.machine_passwords import PASSWORD
from sdn_orch.northbound.cloudstack.calls.machine_passwords import given as given_password
from sdn_orch.northbound.cloudstack.calls.machines import (
    DISPLAY_NAME,
    DISPLAY_VM,
    GROUP,
    SIZE,
    TEMPLATE,
    check_host_name,
)
from sdn_orch.northbound.cloudstack.calls.network_creation import check_zone
from sdn_orch.northbound.cloudstack.calls.security_groups import (
    GROUP_NAMES,
    GROUPS,
    groups_in,
)
from sdn_orch.northbound.cloudstack.calls.user_data import REGISTERED, USER_DATA
from sdn_orch.northbound.cloudstack.calls.user_data import given as given_user_data
from sdn_orch.northbound.cloudstack.declare import Call, Mode, changes
from sdn_orch.northbound.cloudstack.faults import bad, denied
from sdn_orch.northbound.cloudstack.model import MachineDetails
from sdn_orch.northbound.cloudstack.parameters import (
    Entry,
    boolean,
    entities,
    entity,
    ipv4,
    ipv6,
    mac,
    mapping,
    required,
    text,
    uuid_of_choice,
)
from sdn_orch.northbound.cloudstack.scope import OWNER, new_owner
from sdn_orch.northbound.machines import Wish

NETWORKS = entities("networkids", Network, "the networks, the first of them for the default NIC", Access.USE)
IP_TO_NETWORK = mapping(
    "iptonetworklist", "instead of networkids: networkid, and optionally ip, ipv6 and mac, of each NIC"
)
IP_ADDRESS = ipv4("ipaddress", "the IPv4 address of the default NIC")
IP6_ADDRESS = ipv6("ip6address", "the IPv6 address of the default NIC")
MAC_ADDRESS = mac("macaddress", "the MAC address of the default NIC")
ENTRY_NETWORK = entity("networkid", Network, "the network", Access.USE)
ENTRY_IP = ipv4("ip", "the IPv4 address")
ENTRY_IP6 = ipv6("ipv6", "the IPv6 address")
ENTRY_MAC = mac("mac", "the MAC address")
START = boolean("startvm", "false: registered, but stopped")
NEW_ID = uuid_of_choice("customid", "the id that the machine shall have")
HYPERVISOR = text("hypervisor", "the hypervisor")


@changes(
    "deployVirtualMachine",
    SHAPE,
    "Registers a machine with its NICs",
    required(SIZE),
    required(TEMPLATE),
    required(ZONE),
    NAME,
    DISPLAY_NAME,
    NETWORKS,
    IP_TO_NETWORK,
    IP_ADDRESS,
    IP6_ADDRESS,
    MAC_ADDRESS,
    START,
    HYPERVISOR,
    GROUP,
    GROUPS,
    GROUP_NAMES,
    DISPLAY_VM,
    USER_DATA,
    REGISTERED,
    PASSWORD,
    PAIR,
    PAIRS,
    NEW_ID,
    *OWNER,
    mode=Mode.ASYNC_CREATE,
    event="VM.CREATE",
)
def deploy_virtual_machine(call: Call) -> Machine:
    """The machine, running unless `startvm` is false."""
    owner, zone = new_owner(call), call[ZONE]
    check_zone(call, zone)
    wishes = _wishes(call, owner)
    id = new_id(call, NEW_ID)
    name = call.get(NAME) or f"VM-{id}"
    check_host_name(name)
    size, template = call[SIZE], call[TEMPLATE]
    machine = Machine(
        id=id,
        account_id=owner.id,
        name=name,
        display_name=call.get(DISPLAY_NAME) or "",
        running=call.get(START) is not False,
        rate=size.network_rate or None,
    )
    machines.create_machine(call.transaction, machine, wishes)
    call.transaction.put(
        MachineDetails(
            id=id,
            zone_id=zone.id,
            service_offering_id=size.id,
            template_id=template.id,
            created=call.now,
            user_id=call.caller.user.id,
            username=call.caller.user.username,
            hypervisor=call.get(HYPERVISOR) or template.hypervisor,
            group=call.get(GROUP) or "",
            display_vm=call.get(DISPLAY_VM) is not False,
        )
    )
    call.transaction.put(
        MachineData(
            id=id,
            service_offering=size.name,
            availability_zone=zone.name,
            cloud=zone.id,
            public_keys=public_keys(call, owner),
        )
    )
    if user_data := given_user_data(call):
        machine_data.set_user_data(call.transaction, machine, user_data)
    if password := given_password(call):
        machine_data.set_password(call.transaction, machine, password)
    return call.snapshot.need(Machine, id)


def check_network(call: Call, network: Network, owner: Account) -> None:
    """Raises a permission fault if machines of the account may not be in the network."""
    if network.account_id != owner.id and not may_use(call.snapshot, owner, network):
        raise denied(
            f"Unable to use network with id= {network.id}, permission denied for account {owner.name}"
        )


def _wishes(call: Call, owner: Account) -> list[Wish]:
    """What every NIC should have, the default one first."""
    networks, entries = call.get(NETWORKS), call.get(IP_TO_NETWORK)
    wanted4, wanted6, wanted_mac = call.get(IP_ADDRESS), call.get(IP6_ADDRESS), call.get(MAC_ADDRESS)
    if entries is not None and (networks is not None or wanted4 is not None or wanted6 is not None):
        raise bad("ipToNetworkMap can't be specified along with networkIds or ipAddress")
    if entries is not None:
        wishes = [_wish(call, entry) for entry in entries]
    else:
        wishes = [Wish(network=network) for network in networks or (_only_network(call, owner),)]
        wishes[0] = replace(wishes[0], ipv4=wanted4, ipv6=wanted6)
    if wanted_mac is not None:
        wishes[0] = replace(wishes[0], mac=wanted_mac)
    if len({wish.network.id for wish in wishes}) < len(wishes):
        raise bad("A machine can have only one NIC in a network")
    for wish in wishes:
        check_network(call, wish.network, owner)
        if details(call.snapshot, wish.network).zone_id != call[ZONE].id:
            raise bad(f"Network {wish.network.id} is not in zone {call[ZONE].name}")
    groups = groups_in(call, owner, [wish.network for wish in wishes])
    return [replace(wish, groups=found) for wish, found in zip(wishes, groups, strict=True)]


def _wish(call: Call, entry: Entry) -> Wish:
    network = call.within(entry, ENTRY_NETWORK)
    if network is None:
        raise bad("iptonetworklist: networkid is missing")
    return Wish(
        network=network,
        ipv4=call.within(entry, ENTRY_IP),
        ipv6=call.within(entry, ENTRY_IP6),
        mac=call.within(entry, ENTRY_MAC),
    )


def _only_network(call: Call, owner: Account) -> Network:
    """The account's only isolated network: where a machine goes that names none."""
    own = call.snapshot.where(Network, "account_id", owner.id)
    found = [
        network
        for network in own
        if network.kind is NetworkKind.ISOLATED
        and network.vpc_id is None
        and details(call.snapshot, network).zone_id == call[ZONE].id
    ]
    if len(found) > 1:
        raise bad(
            f"Error, more than 1 default Isolated networks are found for account {owner.name}; please specify"
            " networkIds"
        )
    if not found:
        raise bad(f"No default Isolated network is found for account {owner.name}; please specify networkIds")
    return found[0]
