"""Sync with a CloudStack over HTTP: what is read, what it becomes here, and what is never done."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from sdn_orch.errors import ReadFailed
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.balancers import Balancer, HealthCheck, Member, Stickiness
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Machine, Network, Nic, Vpc
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.traffic import Verdict
from sdn_orch.northbound.sync.reader import Reader
from sdn_orch.northbound.sync.rows import Rows
from sdn_orch.northbound.sync.sync import Scope, Sync
from tests.cloudstack import L2
from tests.managed import Pair


@pytest.fixture
def web(pair: Pair) -> str:
    return pair.managed.network("web", 2, networkdomain="web.example")


def _machines(pair: Pair, network: str) -> list[Any]:
    found: list[Any] = pair.managed.call("listVirtualMachines", networkid=network, listall="true")[
        "virtualmachine"
    ]
    return sorted(found, key=lambda each: str(each["name"]))


def _lead_to(pair: Pair, network: str) -> dict[str, Any]:
    """One address each for forwarded ports, static NAT and a balancer, and what stands on them."""
    red, (first, second) = pair.managed.red, _machines(pair, network)
    forwarded, mapped, balanced = (pair.managed.address(networkid=network) for _ in range(3))
    red.job(
        "createPortForwardingRule", ipaddressid=forwarded["id"], protocol="tcp", publicport=80,
        privateport=8080, virtualmachineid=first["id"], openfirewall="true", cidrlist="198.51.100.0/24",
    )  # fmt: skip
    red.call("enableStaticNat", ipaddressid=mapped["id"], virtualmachineid=second["id"])
    red.job(
        "createFirewallRule", ipaddressid=mapped["id"], protocol="tcp", startport=22, endport=22,
        cidrlist="192.0.2.0/24",
    )  # fmt: skip
    red.job("createEgressFirewallRule", networkid=network, protocol="all")
    made = red.job(
        "createLoadBalancerRule", publicipid=balanced["id"], publicport=443, privateport=8443, name="shop",
        algorithm="source", openfirewall="false", cidrlist="198.51.100.0/25",
    )["loadbalancer"]  # fmt: skip
    red.job("assignToLoadBalancerRule", id=made["id"], virtualmachineids=f"{first['id']},{second['id']}")
    red.job("createLBStickinessPolicy", lbruleid=made["id"], methodname="SourceBased", name="sticky")
    red.job("createLBHealthCheckPolicy", lbruleid=made["id"], pingpath="/up", intervaltime=7)
    return {"first": first, "second": second, "forwarded": forwarded, "mapped": mapped, "balancer": made}


def test_a_network_with_its_machines_and_all_that_leads_to_them(pair: Pair, web: str) -> None:
    made = _lead_to(pair, web)
    pair.managed.red.job("addIpToNic", nicid=made["first"]["nic"][0]["id"], ipaddress="10.1.1.77")
    pair.compare()
    network, there = pair.network(web), pair.managed.cloud.snapshot.need(Network, web)
    for field in ("name", "ipv4", "gateway4", "vlan", "mtu", "rate", "dns", "domain_name", "egress_open"):
        assert getattr(network, field) == getattr(there, field), field
    assert network.answers_names
    nic = pair.snapshot.need(Nic, made["first"]["nic"][0]["id"])
    assert (str(nic.ipv4), nic.mac) == (
        made["first"]["nic"][0]["ipaddress"],
        made["first"]["nic"][0]["macaddress"],
    )
    assert nic.secondary4 == (IPv4Address("10.1.1.77"),)
    assert nic.active
    (forward,) = pair.snapshot.all(Forward)
    assert (forward.public, forward.private, forward.nic_id) == ((80, 80), (8080, 8080), nic.id)
    assert forward.sources == (IPv4Network("198.51.100.0/24"),)
    mapped = pair.snapshot.first(PublicAddress, "address", IPv4Address(made["mapped"]["ipaddress"]))
    assert mapped is not None
    assert mapped.nic_id == made["second"]["nic"][0]["id"]
    assert {rule.ports for rule in pair.snapshot.all(FirewallRule)} == {(80, 80), (22, 22)}
    assert pair.snapshot.count(EgressRule) == 1
    balancer = pair.snapshot.need(Balancer, made["balancer"]["id"])
    assert (balancer.name, balancer.is_by_source) == ("shop", True)
    assert (balancer.ports, balancer.guest_ports) == ((443, 443), (8443, 8443))
    assert balancer.sources == (IPv4Network("198.51.100.0/25"),)
    assert pair.snapshot.count_where(Member, "balancer_id", balancer.id) == 2
    (check,) = pair.snapshot.all(HealthCheck)
    assert (check.path, check.interval) == ("/up", 7)
    assert pair.snapshot.count(Stickiness) == 1
    assert pair.compare().changes == []


def test_a_vpc_with_tiers_and_their_lists(pair: Pair) -> None:
    cloud, red = pair.managed.cloud, pair.managed.red
    vpc = cloud.vpc(red)["id"]
    rules = red.job("createNetworkACLList", name="rules", vpcid=vpc)["networkacllist"]["id"]
    for number, (action, port) in enumerate((("Deny", 22), ("Allow", 80)), 10):
        red.job(
            "createNetworkACL", aclid=rules, number=number, action=action, protocol="tcp", startport=port,
            endport=port, traffictype="Ingress", cidrlist="0.0.0.0/0",
        )  # fmt: skip
    front = cloud.tier(red, vpc, "10.20.1.1", aclid=rules)["id"]
    back = cloud.tier(red, vpc, "10.20.2.1")["id"]
    both = pair.managed.machine("both", front, back)
    pair.compare()
    assert pair.snapshot.need(Vpc, vpc).ipv4 == IPv4Network("10.20.0.0/16")
    assert pair.network(front).vpc_id == pair.network(back).vpc_id == vpc
    assert {nic.network_id for nic in pair.snapshot.where(Nic, "machine_id", both["id"])} == {front, back}
    items = pair.snapshot.where(AclItem, "list_id", pair.network(front).acl_id)
    assert [(item.position, item.verdict, item.ports) for item in items] == [
        (1, Verdict.DENY, (22, 22)),
        (2, Verdict.ALLOW, (80, 80)),
    ]
    assert pair.compare().changes == []
    pair.managed.red.job("destroyVirtualMachine", id=both["id"], expunge="true")
    pair.managed.red.job("deleteNetwork", id=back)
    pair.compare()
    assert pair.snapshot.count(Nic) == pair.snapshot.count(Machine) == 0
    assert [network.id for network in pair.snapshot.all(Network)] == [front]
    pair.managed.red.job("deleteNetwork", id=front)
    pair.managed.red.job("deleteVPC", id=vpc)
    pair.compare()
    assert pair.snapshot.count(Network) == pair.snapshot.count(Vpc) == 0


def test_what_changes_there_changes_here(pair: Pair, web: str) -> None:
    made = _lead_to(pair, web)
    pair.compare()
    red = pair.managed.red
    red.job("stopVirtualMachine", id=made["first"]["id"])
    red.job("deleteLoadBalancerRule", id=made["balancer"]["id"])
    red.job("disableStaticNat", ipaddressid=made["mapped"]["id"])
    red.job("disassociateIpAddress", id=made["forwarded"]["id"])
    pair.managed.network("flat", 1, L2)
    pair.compare()
    assert not pair.snapshot.need(Nic, made["first"]["nic"][0]["id"]).active
    assert pair.snapshot.need(Nic, made["second"]["nic"][0]["id"]).active
    assert pair.snapshot.count(Balancer) == pair.snapshot.count(Forward) == pair.snapshot.count(Member) == 0
    assert pair.snapshot.first(PublicAddress, "address", IPv4Address(made["forwarded"]["ipaddress"])) is None
    assert all(address.nic_id is None for address in pair.snapshot.all(PublicAddress))
    assert {network.name for network in pair.snapshot.all(Network)} == {"web", "flat"}
    assert pair.compare().changes == []


class Broken(Reader):
    """Reads as always, and cannot any more after so many calls."""

    left = 0

    def _ask(self, command: str, arguments: dict[str, str]) -> dict[str, Any]:
        if self.left == 0:
            raise ReadFailed("the connection broke off")
        self.left -= 1
        return super()._ask(command, arguments)


class Odd(Reader):
    """Reads as always, but for one network of which it says what no CloudStack says."""

    network = ""
    says: Mapping[str, object] = {}

    def all(self, zone: str | None = None) -> Rows:
        return self._odd(super().all(zone))

    def one(self, id: str, zone: str | None = None) -> Rows:
        return self._odd(super().one(id, zone))

    def _odd(self, found: Rows) -> Rows:
        found.networks = [
            each.model_copy(update=self.says) if each.id == self.network else each for each in found.networks
        ]
        return found


@pytest.mark.parametrize("says", [{"name": 5}, {"service": None}], ids=["brought", "understood"])
def test_what_nobody_foresaw_of_one_network_keeps_no_other_back(
    pair: Pair, web: str, says: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of that one is changed; it is named in the outcome and, with a traceback, in the log."""
    good, gone = pair.managed.network("good", 1), pair.managed.network("gone")
    pair.compare()
    machine = _machines(pair, web)[0]
    before = (pair.network(web), pair.snapshot.where(Nic, "network_id", web))
    pair.managed.red.job("destroyVirtualMachine", id=machine["id"], expunge="true")
    pair.managed.red.call("updateNetwork", id=good, name="renamed")
    pair.managed.red.job("deleteNetwork", id=gone)
    keys = pair.managed.cloud.admin.keys
    odd = Odd(pair.reader.url, keys.api_key, keys.secret_key)
    odd.network, odd.says = web, says
    sync = pair.sync(odd)
    for outcome in (sync.compare(plan=True), sync.compare(), sync.refresh([web])):
        (fault,) = outcome.faults
        assert f"({web}): a fault of sdn-orch: " in fault
        assert outcome.held is None
    assert pair.network(good).name == "renamed" and pair.snapshot.get(Network, gone) is None
    assert (pair.network(web), pair.snapshot.where(Nic, "network_id", web)) == before
    said = [record for record in caplog.records if web in record.message]
    assert [bool(record.exc_info) for record in said] == [True, False, False]
    # As soon as it is understood, all of it is as it is there.
    odd.network = ""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert not sync.compare().faults and not sync.compare().faults
    (over,) = (record for record in caplog.records if web in record.message)
    assert "no longer" in over.message
    assert pair.snapshot.count_where(Nic, "network_id", web) == len(before[1]) - 1


def test_until_everything_is_read_nothing_is_changed(pair: Pair, web: str) -> None:
    _lead_to(pair, web)
    pair.compare()
    pair.managed.network("more", 1)
    for machine in _machines(pair, web):
        pair.managed.red.job("destroyVirtualMachine", id=machine["id"], expunge="true")
    keys = pair.managed.cloud.admin.keys
    broken = Broken(pair.reader.url, keys.api_key, keys.secret_key)
    sync, before = pair.sync(broken), pair.snapshot
    calls = pair.compare(most_deleted=0, pulls=False).calls
    for count in range(calls):
        broken.left = count
        with pytest.raises(ReadFailed, match="broke off"):
            sync.compare()
        assert pair.snapshot is before
        assert not sync.is_complete
        with pytest.raises(ValueError, match="everything"):
            sync.refresh([web])
    broken.left = -1
    assert sync.compare().changes
    assert sync.is_complete


def test_a_wrong_secret_is_told_without_it(pair: Pair) -> None:
    wrong = Reader(pair.reader.url, pair.managed.cloud.admin.keys.api_key, "not-the-secret")
    with pytest.raises(ReadFailed, match="unable to verify") as told:
        pair.sync(wrong).compare()
    assert "not-the-secret" not in str(told.value)


def test_where_nobody_listens_no_key_is_told() -> None:
    reader = Reader("http://127.0.0.1:1/client/api", "the-key", "the-secret")
    with pytest.raises(ReadFailed, match=r"127\.0\.0\.1:1.*listZones") as told:
        reader.all()
    assert "the-key" not in str(told.value)


def test_mass_deletion_stops_until_somebody_says_yes(pair: Pair, web: str) -> None:
    pair.managed.network("other", 3)
    pair.compare()
    for machine in _machines(pair, web):
        pair.managed.red.job("destroyVirtualMachine", id=machine["id"], expunge="true")
    pair.managed.red.job("deleteNetwork", id=web)
    pair.managed.network("new")
    sync, before = pair.sync(most_deleted=2), pair.snapshot
    outcome = sync.compare()
    assert outcome.held is not None
    assert (
        "3 networks, VPCs, private gateways and NICs would be deleted, more than most_deleted = 2"
        in outcome.held
    )
    assert {change.action for _, change in outcome.changes} >= {"create", "delete"}
    assert pair.snapshot is before
    assert sync.refresh([web]).held is not None
    assert pair.snapshot is before
    assert sync.compare(deletes=True).held is None
    assert {network.name for network in pair.snapshot.all(Network)} == {"other", "new"}


class Forgetful(Reader):
    """The list of everything lacks networks and machines; asked for them by themselves, it has them."""

    def all(self, zone: str | None = None) -> Rows:
        found = super().all(zone)
        found.networks, found.machines = found.networks[1:], []
        return found


def test_what_a_list_lacked_is_asked_for_before_it_goes(pair: Pair, web: str) -> None:
    pair.managed.network("other", 1)
    pair.compare()
    before = pair.snapshot
    keys = pair.managed.cloud.admin.keys
    outcome = pair.sync(Forgetful(pair.reader.url, keys.api_key, keys.secret_key)).compare()
    assert (outcome.changes, outcome.faults, pair.snapshot) == ([], [], before)


def test_long_lists_are_read_to_the_end(pair: Pair) -> None:
    size = 7
    pair.managed.call("updateConfiguration", name="default.page.size", value=size)
    names = {f"net{number}" for number in range(2 * size + 3)}
    for name in names:
        pair.managed.network(name)
    reader = Reader(
        pair.reader.url, pair.managed.cloud.admin.keys.api_key, pair.managed.cloud.admin.keys.secret_key,
        page=size,
    )  # fmt: skip
    pair.sync(reader).compare()
    assert {network.name for network in pair.snapshot.all(Network)} == names


def test_only_some_owners(pair: Pair, web: str) -> None:
    blue = pair.managed.cloud.account("blue")
    pair.managed.cloud.network(blue, "blue-net")
    pair.compare(owners=("ROOT/blue",))
    assert [network.name for network in pair.snapshot.all(Network)] == ["blue-net"]
    pair.compare(owners=("ROOT",))
    assert pair.snapshot.count(Network) == 2


def test_who_owns_nothing_takes_all_along_that_was_brought(pair: Pair, web: str) -> None:
    """The way out, as docs/cloudstack.md has it."""
    _lead_to(pair, web)
    pair.managed.cloud.vpc(pair.managed.red)
    before = pair.snapshot
    pair.compare()
    outcome = pair.sync(owners=("nobody",), most_deleted=0).compare(deletes=True)
    assert (outcome.faults, outcome.held) == ([], None)
    for kind in (Network, Vpc, Nic, Machine, PublicAddress, Balancer):
        assert pair.snapshot.count(kind) == before.count(kind) == 0


def test_only_one_zone(pair: Pair, web: str) -> None:
    pair.compare(zone="zone")
    assert pair.snapshot.count(Network) == 1
    with pytest.raises(ReadFailed, match="there is no zone elsewhere"):
        pair.sync(zone="elsewhere").compare()


def test_what_is_read_by_itself_is_of_the_zone_too(pair: Pair, web: str) -> None:
    pair.managed.call(
        "createZone", name="elsewhere", networktype="Advanced", dns1="192.0.2.53", internaldns1="192.0.2.53",
        allocationstate="Enabled",
    )  # fmt: skip
    sync = pair.sync(zone="elsewhere")
    assert sync.compare().changes == []
    assert sync.refresh([web]).changes == []
    assert pair.snapshot.count(Network) == 0


def test_what_cannot_be_asked_for_again_stays(pair: Pair, web: str) -> None:
    other = pair.managed.network("other")
    pair.compare()
    for machine in _machines(pair, web):
        pair.managed.red.job("destroyVirtualMachine", id=machine["id"], expunge="true")
    pair.managed.red.job("deleteNetwork", id=web)
    pair.managed.red.call("updateNetwork", id=other, name="renamed")
    keys = pair.managed.cloud.admin.keys
    broken = Broken(pair.reader.url, keys.api_key, keys.secret_key)
    broken.left = pair.sync(pulls=False).compare(plan=True).calls
    outcome = pair.sync(broken).compare()
    assert outcome.faults == [f"web ({web}): the connection broke off"]
    assert pair.snapshot.get(Network, web) is not None
    assert pair.network(other).name == "renamed"


def test_networks_of_projects_are_everybodys(pair: Pair) -> None:
    project = pair.managed.red.job("createProject", name="p", displaytext="p")["project"]["id"]
    pair.managed.network("theirs", projectid=project)
    pair.compare()
    assert [network.name for network in pair.snapshot.all(Network)] == ["theirs"]


def test_what_cannot_be_here_keeps_nothing_else_out(pair: Pair, web: str) -> None:
    """The daemon's own tenant has the VLAN that a network there has."""
    vlan = pair.managed.cloud.snapshot.need(Network, web).vlan
    pair.managed.network("good", 1)
    pair.here.shared(vlan=vlan)
    outcome = pair.sync().compare()
    (fault,) = outcome.faults
    assert f"web ({web})" in fault
    assert f"vlan: {vlan} is that of network" in fault
    assert "good" in {network.name for network in pair.snapshot.all(Network)}


def test_a_daemon_that_syncs_with_itself_changes_nothing(pair: Pair, web: str) -> None:
    _lead_to(pair, web)
    before = pair.managed.cloud.snapshot
    outcome = Sync(pair.managed.cloud.service, pair.reader, Scope()).compare()
    assert outcome.changes == []
    assert "account_id: it is not of cloudstack" in outcome.faults[0]
    assert pair.managed.cloud.snapshot is before


def test_without_pulling_nothing_is_made(pair: Pair, web: str) -> None:
    before = pair.snapshot
    assert pair.compare(pulls=False).changes == []
    assert pair.snapshot is before
