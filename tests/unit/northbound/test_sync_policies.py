"""Sync with a CloudStack over HTTP: user data, security groups, and rules of what is not translated."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sdn_orch.intent.firewall import RoutedRule
from sdn_orch.intent.metadata import MachineData
from sdn_orch.intent.model import Nic
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.security import SecurityGroup, SecurityRule
from sdn_orch.northbound.security import DEFAULT
from sdn_orch.northbound.sync import events
from tests.cloudstack import Client
from tests.managed import Pair, message

GUARDED = "DefaultSharedNetworkOfferingWithSGService"


def heard(pair: Pair, sync: Any, type: str, *ids: str) -> None:
    """What an event about these makes be read again."""
    said = {f"object{number}": id for number, id in enumerate(ids)}
    event = events.read(message(type, datetime.now(UTC), **said))
    assert event is not None
    groups = sync.groups_of(event)
    assert groups
    assert sync.refresh(sorted(groups)).faults == []


def _user_data(pair: Pair, machine: str) -> bytes:
    sealed = pair.snapshot.need(MachineData, machine).user_data
    return pair.here.service.vault.unseal(machine, "user_data", sealed) if sealed else b""


def test_user_data_are_those_of_the_machines(pair: Pair) -> None:
    network = pair.managed.network("web")
    given = b"#cloud-config\npackages: [nginx]\n" + bytes(range(256))
    one = pair.managed.machine("one", network, userdata=b64encode(given).decode())["id"]
    other = pair.managed.machine("other", network)["id"]
    outcome = pair.compare()
    assert _user_data(pair, one) == given
    assert pair.snapshot.get(MachineData, other) is None
    assert "cloud-config" not in repr(outcome)
    sync = pair.sync()
    assert sync.compare().changes == []
    pair.managed.red.job("stopVirtualMachine", id=one)
    pair.managed.red.call("resetUserDataForVirtualMachine", id=one, userdata=b64encode(b"new").decode())
    heard(pair, sync, "VM.RESETUSERDATA", one)
    assert _user_data(pair, one) == b"new"
    pair.managed.red.call("resetUserDataForVirtualMachine", id=one)
    pair.compare()
    assert _user_data(pair, one) == b""


def test_users_see_the_user_data_of_their_machines_where_they_ask_for_them(pair: Pair) -> None:
    network, given = pair.managed.network("web"), b64encode(b"mine").decode()
    pair.managed.machine("one", network, userdata=given)
    red, blue = pair.managed.red, pair.managed.cloud.account("blue")
    (shown,) = red.call("listVirtualMachines", userdata="true")["virtualmachine"]
    assert shown["userdata"] == given
    (shown,) = red.call("listVirtualMachines")["virtualmachine"]
    assert "userdata" not in shown
    assert blue.call("listVirtualMachines", userdata="true", listall="true") == {}


# --- security groups --------------------------------------------------------------------------------


class Guarded:
    """A shared network with security groups of two accounts, each of which has a `default` one."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        managed = pair.managed
        self.network = managed.cloud.network(
            managed.cloud.admin, "guarded", GUARDED, vlan=901, acltype="Domain", gateway="198.51.100.1",
            netmask="255.255.255.0", startip="198.51.100.10", endip="198.51.100.99",
        )["id"]  # fmt: skip
        self.red, self.blue = managed.red, managed.cloud.account("blue")

    def group(self, client: Client, name: str) -> str:
        return str(client.call("createSecurityGroup", name=name)["securitygroup"]["id"])

    def let(self, client: Client, direction: str, group: str, **more: object) -> Any:
        return client.job(f"authorizeSecurityGroup{direction}", securitygroupid=group, **more)

    def machine(self, client: Client, name: str, *groups: str) -> Any:
        given = {"securitygroupids": ",".join(groups)} if groups else {}
        return self.pair.managed.cloud.machine(client, name, networkids=self.network, **given)

    def here(self) -> dict[str, SecurityGroup]:
        """By name, but for the one that every account has."""
        return {each.name: each for each in self.pair.snapshot.all(SecurityGroup) if each.name != DEFAULT}

    def rules(self, id: str) -> set[SecurityRule]:
        """As they are there and as they are here; they had better be the same."""
        there, here = (
            {replace(each, number=0) for each in snapshot.where(SecurityRule, "group_id", id)}
            for snapshot in (self.pair.managed.cloud.snapshot, self.pair.snapshot)
        )
        assert there == here
        return here


@pytest.fixture
def guarded(pair: Pair) -> Guarded:
    return Guarded(pair)


def test_security_groups_with_their_rules_and_members(pair: Pair, guarded: Guarded) -> None:
    web, base = guarded.group(guarded.red, "web"), guarded.group(guarded.blue, "base")
    pair.managed.cloud.account("green")
    for cidr in ("192.0.2.0/24", "2001:db8::/32"):
        guarded.let(
            guarded.red, "Ingress", web, protocol="tcp", startport=80, endport=81, cidrlist=cidr
        )  # fmt: skip
    guarded.let(guarded.red, "Ingress", web, protocol="icmp", icmptype=8, icmpcode=-1, cidrlist="0.0.0.0/0")
    guarded.let(guarded.red, "Egress", web, protocol="all", cidrlist="203.0.113.0/24")
    peers = {"usersecuritygrouplist[0].account": "blue", "usersecuritygrouplist[0].group": "base"}
    guarded.let(guarded.red, "Ingress", web, protocol="tcp", startport=5432, endport=5432, **peers)
    first = guarded.machine(guarded.red, "first", web)
    second = guarded.machine(guarded.blue, "second")
    outsider = pair.managed.machine("outsider", pair.managed.network("plain"))
    pair.compare()
    # The group that a rule names is there with nobody in it; green's, which nobody uses, is not.
    assert guarded.here().keys() == {"ROOT/red/web", "ROOT/blue/base", "ROOT/blue/default"}
    assert len(guarded.rules(web)) == 5
    assert guarded.rules(base) == set()
    assert pair.snapshot.need(Nic, first["nic"][0]["id"]).group_ids == (web,)
    (default,) = pair.snapshot.need(Nic, second["nic"][0]["id"]).group_ids
    assert default == guarded.here()["ROOT/blue/default"].id
    assert pair.snapshot.need(Nic, outsider["nic"][0]["id"]).group_ids == ()
    assert pair.compare().changes == []


def test_security_groups_change_by_events_and_go_with_their_last_machine(
    pair: Pair, guarded: Guarded
) -> None:
    web, other = guarded.group(guarded.red, "web"), guarded.group(guarded.red, "other")
    for one, far in ((web, "other"), (other, "web")):
        peers = {"usersecuritygrouplist[0].account": "red", "usersecuritygrouplist[0].group": far}
        guarded.let(guarded.red, "Ingress", one, protocol="tcp", startport=80, endport=80, **peers)
    machine = guarded.machine(guarded.red, "vm", web)
    sync = pair.sync()
    assert sync.compare().faults == []
    assert guarded.here().keys() == {"ROOT/red/web", "ROOT/red/other"}
    guarded.let(guarded.red, "Egress", other, protocol="udp", startport=53, endport=53, cidrlist="0.0.0.0/0")
    heard(pair, sync, "SG.AUTH.EGRESS", other)
    assert len(guarded.rules(other)) == 2
    (kept,) = (each for each in guarded.rules(other) if each.peer_id is None)
    guarded.red.job("revokeSecurityGroupEgress", id=kept.id)
    heard(pair, sync, "SG.REVOKE.EGRESS", kept.id)
    assert len(guarded.rules(other)) == 1
    guarded.red.call("updateSecurityGroup", id=other, name="renamed")
    pair.compare()
    assert guarded.here().keys() == {"ROOT/red/web", "ROOT/red/renamed"}
    guarded.red.job("destroyVirtualMachine", id=machine["id"], expunge="true")
    heard(pair, sync, "VM.EXPUNGE", machine["id"])
    assert guarded.here() == {}
    assert pair.snapshot.count(SecurityRule) == 0


def test_a_group_that_is_not_listed_leaves_its_network_alone(pair: Pair, guarded: Guarded) -> None:
    """Whoever may not see a group cannot say what it lets in: nobody gets in by mistake."""
    guarded.machine(guarded.red, "vm", guarded.group(guarded.red, "web"))
    pair.managed.network("plain", 1)
    found = pair.reader.all()
    found.security_groups = []

    class Blind:
        calls = 0

        def all(self, zone: str | None) -> Any:
            return found

    outcome = pair.sync(Blind()).compare()
    (fault,) = outcome.faults
    assert fault.startswith(f"guarded ({guarded.network}): ")
    assert "is not listed" in fault
    assert {nic.group_ids for nic in pair.snapshot.all(Nic)} == {()}
    assert pair.snapshot.count(Nic) == 1


# --- rules of what is not translated ----------------------------------------------------------------


def test_rules_of_routed_networks(pair: Pair) -> None:
    red = pair.managed.red
    network = pair.managed.cloud.routed(red, "dual", ip6cidr="2001:db8:5::/64")["id"]
    pair.managed.machine("vm", network)
    packets = {"networkid": network, "protocol": "tcp", "startport": 443, "endport": 444}
    made = red.job("createIpv6FirewallRule", **packets, cidrlist="2001:db8::/32")["firewallrule"]["id"]
    red.job(
        "createIpv6FirewallRule", networkid=network, protocol="icmp", icmptype=128, icmpcode=-1,
        cidrlist="2001:db8:5::/64", destcidrlist="2001:db8:7::/48", traffictype="Egress",
    )  # fmt: skip
    red.job(
        "createRoutingFirewallRule", **packets, cidrlist="192.0.2.0/24", destcidrlist="10.1.1.0/28",
        traffictype="Ingress",
    )  # fmt: skip
    sync = pair.sync()
    assert sync.compare().faults == []
    there, here = (
        {replace(each, number=0) for each in snapshot.all(RoutedRule)}
        for snapshot in (pair.managed.cloud.snapshot, pair.snapshot)
    )
    assert len(here) == 3
    assert there == here
    (address,) = pair.snapshot.all(PublicAddress)
    assert (pair.network(network).routed4, address.is_source_nat) == (True, False)
    (shown,) = red.call("listPublicIpAddresses")["publicipaddress"]
    assert str(address.address) == shown["ipaddress"]
    assert sync.compare().changes == []
    red.job("updateIpv6FirewallRule", id=made, protocol="udp", startport=53, cidrlist="2001:db8::/32")
    heard(pair, sync, "IPV6.FIREWALL.RULE.UPDATE", made)
    assert pair.snapshot.need(RoutedRule, made).ports == (53, 53)
    new = red.job("createRoutingFirewallRule", networkid=network, protocol="udp", startport=1, endport=2)
    id = new["firewallrule"]["id"]
    heard(pair, sync, "ROUTING.IPV4.FIREWALL.RULE.CREATE", id)
    assert pair.snapshot.need(RoutedRule, id).version == 4
    red.job("deleteRoutingFirewallRule", id=id)
    heard(pair, sync, "ROUTING.IPV4.FIREWALL.RULE.DELETE", id)
    assert pair.snapshot.get(RoutedRule, id) is None
