"""Static NAT and forwarded ports: where they lead, whom they meet, and with what they go."""

from __future__ import annotations

from typing import Any

import pytest

from sdn_orch.intent.firewall import FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.public import PublicAddress
from tests.cloudstack import TIER, Client, Cloud
from tests.contract.everything import public_range
from tests.unit.northbound.test_addresses import refused, taken


@pytest.fixture
def cloud() -> Cloud:
    cloud = Cloud()
    public_range(cloud)
    return cloud


@pytest.fixture
def network(cloud: Cloud, red: Client) -> str:
    return str(cloud.network(red, "net")["id"])


@pytest.fixture
def machine(cloud: Cloud, red: Client, network: str) -> Any:
    return cloud.machine(red, "vm", networkids=network)


def forward(client: Client, address: Any, machine: Any, **more: object) -> Any:
    given: dict[str, object] = {"protocol": "tcp", "publicport": 2222, "privateport": 22} | more
    return client.job(
        "createPortForwardingRule", ipaddressid=address["id"], virtualmachineid=machine["id"], **given
    )["portforwardingrule"]


def test_a_forwarded_port_is_shown_in_texts_and_opens_the_firewall(
    cloud: Cloud, red: Client, network: str, machine: Any
) -> None:
    address = taken(red, networkid=network)
    made = forward(red, address, machine, publicendport=2231, privateendport=31, protocol="TCP")
    wanted = {"publicport": "2222", "publicendport": "2231", "privateport": "22", "privateendport": "31"}
    wanted |= {"protocol": "tcp", "ipaddress": address["ipaddress"], "networkid": network, "state": "Add"}
    wanted |= {"virtualmachineid": machine["id"], "vmguestip": machine["nic"][0]["ipaddress"]}
    assert wanted.items() <= made.items()
    assert red.call("listPortForwardingRules", ipaddressid=address["id"])["portforwardingrule"] == [made]
    (rule,) = cloud.snapshot.all(FirewallRule)
    assert (rule.ports, rule.forward_id) == ((2222, 2231), made["id"])
    red.job("deletePortForwardingRule", id=made["id"])
    assert cloud.snapshot.count(FirewallRule) == cloud.snapshot.count(Forward) == 0


def test_ports_that_meet_conflict(red: Client, network: str, machine: Any) -> None:
    address = taken(red, networkid=network)
    forward(red, address, machine, publicport=100, publicendport=400, privateendport=322)
    arguments = {"ipaddressid": address["id"], "virtualmachineid": machine["id"], "privateport": 1}
    for ports in ((100, 100), (400, 500), (1, 65_000), (300, 310)):
        code, text = refused(
            red, "createPortForwardingRule", **arguments, protocol="tcp", publicport=ports[0],
            publicendport=ports[1], privateendport=1 + ports[1] - ports[0],
        )  # fmt: skip
        assert (code, "conflicts with rule" in text) == (537, True)
    forward(red, address, machine, publicport=100, protocol="udp")
    forward(red, address, machine, publicport=401)


def test_a_firewall_rule_about_the_ports_is_not_made_twice(
    cloud: Cloud, red: Client, network: str, machine: Any
) -> None:
    address = taken(red, networkid=network)
    on = {"ipaddressid": address["id"], "protocol": "tcp"}
    rule = red.job("createFirewallRule", **on, startport=80, endport=80, cidrlist="192.0.2.0/24")
    to = on | {"virtualmachineid": machine["id"], "privateport": 1, "openfirewall": "true"}
    made = red.job("createPortForwardingRule", **to, publicport=80)["portforwardingrule"]["id"]
    (known,) = red.call("listFirewallRules", ipaddressid=address["id"])["firewallrule"]
    assert known == rule["firewallrule"]
    # Some of the ports are not all of them.
    red.job("createFirewallRule", **on, startport=90, endport=99)
    code, text = refused(red, "createPortForwardingRule", **to, publicport=90)
    assert (code, "conflicts with existing rule" in text) == (537, True)
    red.job("createPortForwardingRule", **(to | {"protocol": "udp"}), publicport=80)
    assert red.call("listFirewallRules", ipaddressid=address["id"])["count"] == 3
    red.job("deletePortForwardingRule", id=made)
    assert known in red.call("listFirewallRules", ipaddressid=address["id"])["firewallrule"]
    assert cloud.snapshot.count(Forward) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"publicport": 0}, "publicport"),
        ({"publicport": 65_536}, "publicport"),
        ({"publicport": 10, "publicendport": 9}, "publicendport"),
        ({"publicendport": 2230}, "same length"),
        ({"protocol": "icmp"}, "protocol"),
        ({"vmguestip": "10.1.1.99"}, "10.1.1.99 is not an address of NIC"),
        ({"cidrlist": "2001:db8::/32"}, "cidrlist"),
        ({"cidrlist": "10.0.0.1/8"}, "cidrlist"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    cloud: Cloud, red: Client, network: str, machine: Any, arguments: dict[str, object], said: str
) -> None:
    address = taken(red, networkid=network)
    given: dict[str, object] = {"protocol": "tcp", "publicport": 2222, "privateport": 22} | arguments
    code, text = refused(
        red, "createPortForwardingRule", ipaddressid=address["id"], virtualmachineid=machine["id"], **given
    )
    assert (code, said in text) == (431, True)
    assert cloud.snapshot.count(Forward) == 0


def test_static_nat_takes_the_whole_address(cloud: Cloud, red: Client, network: str, machine: Any) -> None:
    (source,) = red.call("listPublicIpAddresses", issourcenat="true")["publicipaddress"]
    address, on = taken(red, networkid=network), {"virtualmachineid": machine["id"]}
    code, text = refused(red, "enableStaticNat", ipaddressid=source["id"], **on)
    assert code == 431 and "source nat" in text
    red.call("enableStaticNat", ipaddressid=address["id"], virtualmachineid=machine["id"])
    red.call("enableStaticNat", ipaddressid=address["id"], virtualmachineid=machine["id"])
    (shown,) = red.call("listPublicIpAddresses", isstaticnat="true")["publicipaddress"]
    assert shown["virtualmachineid"] == machine["id"]
    assert shown["vmipaddress"] == machine["nic"][0]["ipaddress"]
    arguments = {"ipaddressid": address["id"], "virtualmachineid": machine["id"], "protocol": "tcp"}
    assert refused(red, "createPortForwardingRule", **arguments, publicport=1, privateport=1)[0] == 537
    rule = red.job(
        "createIpForwardingRule", ipaddressid=address["id"], protocol="tcp", startport=80, endport=90
    )
    assert rule["ipforwardingrule"]["publicendport"] == rule["ipforwardingrule"]["privateendport"] == "90"
    assert red.call("listPortForwardingRules") == {}
    second = taken(red, networkid=network)
    assert refused(red, "enableStaticNat", ipaddressid=second["id"], virtualmachineid=machine["id"])[0] == 537
    red.job("disableStaticNat", ipaddressid=address["id"])
    assert cloud.snapshot.count(Forward) == 0
    assert refused(red, "disableStaticNat", ipaddressid=address["id"])[0] == 431


def test_a_firewall_rule_that_is_made_along_meets_no_other(
    cloud: Cloud, red: Client, network: str, machine: Any
) -> None:
    forwarded, mapped = taken(red, networkid=network), taken(red, networkid=network)
    red.call("enableStaticNat", ipaddressid=mapped["id"], virtualmachineid=machine["id"])
    ports = {"protocol": "tcp", "startport": 20, "endport": 30}
    for address in (forwarded, mapped):
        red.job("createFirewallRule", ipaddressid=address["id"], **ports)
    forward = {
        "ipaddressid": forwarded["id"], "protocol": "tcp", "publicport": 22, "privateport": 22,
        "virtualmachineid": machine["id"],
    }  # fmt: skip
    static = {"ipaddressid": mapped["id"], "protocol": "tcp", "startport": 25}
    balancer = {
        "publicipid": forwarded["id"], "algorithm": "roundrobin", "name": "lb", "publicport": 30,
        "privateport": 30,
    }  # fmt: skip
    for command, given in (
        ("createPortForwardingRule", forward),
        ("createIpForwardingRule", static),
        ("createLoadBalancerRule", balancer),
    ):
        code, text = refused(red, command, **given)
        assert (code, "conflicts with existing rule" in text) == (537, True), command
        assert cloud.snapshot.count(FirewallRule) == 2
        red.job(command, **given, openfirewall="false")
        assert cloud.snapshot.count(FirewallRule) == 2
    red.job("createIpForwardingRule", ipaddressid=mapped["id"], protocol="tcp", startport=80, endport=81)
    (opened,) = (each for each in cloud.snapshot.all(FirewallRule) if each.ports == (80, 81))
    rules = red.call("listIpForwardingRules", ipaddressid=mapped["id"])["ipforwardingrule"]
    assert opened.forward_id in {each["id"] for each in rules}
    red.job("deleteIpForwardingRule", id=opened.forward_id)
    assert cloud.snapshot.count(FirewallRule) == 2


def test_an_address_with_rules_is_not_mapped(red: Client, network: str, machine: Any) -> None:
    address = taken(red, networkid=network)
    forward(red, address, machine)
    assert (
        refused(red, "enableStaticNat", ipaddressid=address["id"], virtualmachineid=machine["id"])[0] == 537
    )


def test_a_machine_takes_along_what_leads_to_it(
    cloud: Cloud, red: Client, network: str, machine: Any
) -> None:
    forwarded, mapped = taken(red, networkid=network), taken(red, networkid=network)
    forward(red, forwarded, machine)
    red.call("enableStaticNat", ipaddressid=mapped["id"], virtualmachineid=machine["id"])
    red.job("createIpForwardingRule", ipaddressid=mapped["id"], protocol="tcp", startport=80)
    red.job("destroyVirtualMachine", id=machine["id"], expunge="true")
    assert cloud.snapshot.count(Forward) == cloud.snapshot.count(FirewallRule) == 0
    assert [each.nic_id for each in cloud.snapshot.all(PublicAddress)] == [None, None, None]
    red.job("disassociateIpAddress", id=mapped["id"])


def test_an_address_that_is_led_to_stays(red: Client, network: str, machine: Any) -> None:
    address, nic = taken(red, networkid=network), machine["nic"][0]["id"]
    extra = red.job("addIpToNic", nicid=nic)["nicsecondaryip"]
    forward(red, address, machine, vmguestip=extra["ipaddress"])
    assert refused(red, "removeIpFromNic", id=extra["id"])[0] == 536
    red.job("updateVmNicIp", nicid=nic, ipaddress="10.1.1.200")
    red.job("disassociateIpAddress", id=address["id"])
    red.job("removeIpFromNic", id=extra["id"])


def test_a_rule_is_led_elsewhere(cloud: Cloud, red: Client, network: str, machine: Any) -> None:
    other = cloud.machine(red, "other", networkids=network)
    rule = forward(red, taken(red, networkid=network), machine, cidrlist="192.0.2.0/24")
    changed = red.job(
        "updatePortForwardingRule", id=rule["id"], virtualmachineid=other["id"], privateport=80
    )["portforwardingrule"]
    wanted = {"virtualmachineid": other["id"], "privateport": "80", "publicport": "2222"}
    assert (wanted | {"cidrlist": "192.0.2.0/24"}).items() <= changed.items()


def test_an_address_of_a_vpc_leads_into_one_tier_at_a_time(cloud: Cloud, red: Client) -> None:
    vpc = cloud.vpc(red)["id"]
    mask = {"netmask": "255.255.255.0", "vpcid": vpc}
    one = cloud.network(red, "one", TIER, gateway="10.20.1.1", **mask)["id"]
    two = cloud.network(red, "two", TIER, gateway="10.20.2.1", **mask)["id"]
    vm1, vm2 = cloud.machine(red, "vm1", networkids=one), cloud.machine(red, "vm2", networkids=two)
    address = taken(red, vpcid=vpc)
    opened = {"ipaddressid": address["id"], "virtualmachineid": vm1["id"], "protocol": "tcp"}
    code, text = refused(
        red, "createPortForwardingRule", **opened, publicport=1, privateport=1, openfirewall="true"
    )
    assert code == 431 and "openFirewall" in text
    rule = forward(red, address, vm1, networkid=one)
    (shown,) = red.call("listPublicIpAddresses", id=address["id"])["publicipaddress"]
    assert shown["associatednetworkid"] == one
    assert cloud.snapshot.count(FirewallRule) == 0
    elsewhere = {"ipaddressid": address["id"], "virtualmachineid": vm2["id"], "protocol": "tcp"}
    assert refused(red, "createPortForwardingRule", **elsewhere, publicport=1, privateport=1)[0] == 431
    red.job("deletePortForwardingRule", id=rule["id"])
    forward(red, address, vm2)


def test_rules_of_others_are_invisible_and_untouchable(
    cloud: Cloud, red: Client, network: str, machine: Any
) -> None:
    rule = forward(red, taken(red, networkid=network), machine)
    blue = cloud.account("blue")
    assert blue.call("listPortForwardingRules", listall="true") == {}
    assert refused(blue, "deletePortForwardingRule", id=rule["id"])[0] == 531
    mine = taken(blue, zoneid=cloud.zone)
    arguments = {"ipaddressid": mine["id"], "virtualmachineid": machine["id"], "protocol": "tcp"}
    assert refused(blue, "createPortForwardingRule", **arguments, publicport=1, privateport=1)[0] == 531
