"""What commands of CloudStack's extension make of the intent: in order, again, out of order, and wrong."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from sdn_orch.errors import Invalid
from sdn_orch.guest.metadata import machine_data, tree
from sdn_orch.intent.acls import AclItem, AclList
from sdn_orch.intent.balancers import Balancer, Member
from sdn_orch.intent.firewall import EgressRule, FirewallRule
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Attachment, Machine, Network, Nic, Record, Switch
from sdn_orch.intent.model import Vpc as VpcRecord
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound import public
from sdn_orch.northbound.extension import commands
from sdn_orch.northbound.extension.cloud import made_id
from tests.cloudstack import Cloud
from tests.management_server import JSON, ManagementServer, Net, Vm, Vpc

CLOUD = "cloudstack"
SNAT, SECOND, THIRD = "203.0.113.10", "203.0.113.11", "203.0.113.12"


class World:
    """A management server whose commands are carried out at once; they may come more than once each."""

    def __init__(self, cloud: Cloud, times: int = 1) -> None:
        self.cloud = cloud
        self.service = cloud.service
        self.sent: list[tuple[str, JSON]] = []
        self.times = times
        self.server = ManagementServer(self.run)
        self.net = Net(209, "10.1.1.0/24", vlan="1910", source_nat=SNAT)
        self.vms = [Vm(700 + n, f"web{n}", f"02:01:00:d1:00:0{n}", f"10.1.1.{10 + n}") for n in range(3)]

    def run(self, command: str, document: JSON) -> str:
        if command != "ensure-network-device":
            self.sent.append((command, document["payload"]))
            for _ in range(self.times):
                commands.run(self.service, CLOUD, command, document["payload"])
        return ""

    @property
    def snapshot(self) -> Snapshot:
        return self.service.snapshot

    def network(self, net: Net) -> Network:
        return self.snapshot.need(Network, made_id(CLOUD, "network", str(net.number)))

    def address(self, address: str) -> PublicAddress | None:
        return self.snapshot.first(PublicAddress, "address", IPv4Address(address))

    def count(self, kind: type[Record]) -> int:
        return self.snapshot.count(kind)


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def world(request: pytest.FixtureRequest) -> World:
    return World(Cloud(), request.param)


@pytest.fixture
def up(world: World) -> World:
    for vm in world.vms[:2]:
        world.server.start(world.net, vm)
    return world


def test_an_isolated_network_with_machines(up: World) -> None:
    network = up.network(up.net)
    assert (network.ipv4, network.gateway4) == (IPv4Network("10.1.1.0/24"), IPv4Address("10.1.1.1"))
    assert (network.vlan, network.dns, network.domain_name) == (1910, ("192.0.2.53",), "cs1.internal")
    assert network.answers_names
    address = up.address(SNAT)
    assert address is not None and address.is_source_nat and address.network_id == network.id
    for vm in up.vms[:2]:
        nic = up.snapshot.need(Nic, vm.uuid)
        assert (nic.mac, str(nic.ipv4), nic.hostname, nic.active) == (vm.mac, vm.ip, vm.name, True)
    (found,) = up.snapshot.all(PublicRange)
    assert (str(found.first), str(found.last), found.vlan) == ("203.0.113.2", "203.0.113.254", None)
    assert up.count(Machine) == 2


def test_what_machines_read_of_themselves(up: World) -> None:
    vm = replace(up.vms[2], user_data="#!/bin/sh\nécho")
    up.server.start(up.net, vm)
    nic = up.snapshot.need(Nic, vm.uuid)
    read = tree(up.snapshot, nic)
    assert read["instance-id"] == f"i-2-{vm.number}-VM"
    assert read["local-hostname"] == vm.name
    assert read["public-keys"] == "ssh-rsa AAAA somebody\n"
    data = machine_data(up.snapshot, nic)
    assert up.service.vault.unseal(data.id, "user_data", data.user_data).decode() == vm.user_data
    assert vm.user_data not in repr(up.snapshot.need(type(data), data.id))
    nic_said = up.server.c(up.net, vm)
    for command, more in (
        ("save-password", {"password": "x7Kq"}),
        ("save-userdata", {"userdata": "two"}),
        ("save-sshkey", {"sshkey": "ssh-ed25519 BBBB other"}),
        ("save-hypervisor-hostname", {"hypervisor_hostname": "kvm2"}),
    ):
        up.server.send(command, up.net, **nic_said, **more)
    data = machine_data(up.snapshot, nic)
    assert up.service.vault.unseal(data.id, "password", data.password) == b"x7Kq"
    assert up.service.vault.unseal(data.id, "user_data", data.user_data) == b"two"
    read = tree(up.snapshot, up.snapshot.need(Nic, vm.uuid))
    assert read["public-keys"] == "ssh-ed25519 BBBB other\n"
    assert (read["hypervisor-host-name"], read["instance-id"]) == ("kvm2", f"i-2-{vm.number}-VM")


def test_stopping_keeps_what_leads_to_a_machine_and_destroying_takes_it_along(up: World) -> None:
    vm = up.vms[0]
    up.server.add_forward(up.net, SNAT, "2222", vm.ip, "22")
    up.server.stop(up.net, vm)
    assert not up.snapshot.need(Nic, vm.uuid).active
    assert up.count(Forward) == 1
    up.server.start(up.net, vm)
    assert up.snapshot.need(Nic, vm.uuid).active
    up.server.destroy(up.net, vm)
    assert up.snapshot.get(Nic, vm.uuid) is None
    assert (up.count(Forward), up.count(Machine)) == (0, 1)


def test_static_nat_forwards_and_the_firewall(up: World) -> None:
    server, net, (first, second, _) = up.server, up.net, up.vms
    server.enable_static_nat(net, SECOND, first.ip)
    address = up.address(SECOND)
    assert address is not None and (address.nic_id, str(address.guest)) == (first.uuid, first.ip)
    rule = server.open(net, SECOND, "tcp", 22)
    server.open_egress(net, "icmp")
    (made,) = up.snapshot.all(FirewallRule)
    assert (made.address_id, made.ports) == (address.id, (22, 22))
    (egress,) = up.snapshot.all(EgressRule)
    assert egress.sources == (IPv4Network("10.1.1.0/24"),)
    rule["portEnd"] = 23
    server.apply_firewall(net)
    assert up.snapshot.need(FirewallRule, made.id).ports == (22, 23)
    server.close(net, rule)
    assert (up.count(FirewallRule), up.count(EgressRule)) == (0, 1)
    server.disable_static_nat(net, SECOND)
    address = up.address(SECOND)
    assert address is not None and address.nic_id is None
    server.add_forward(net, SECOND, "8080-8090", second.ip, "80-90")
    (forward,) = up.snapshot.all(Forward)
    assert (forward.public, forward.private, forward.nic_id) == ((8080, 8090), (80, 90), second.uuid)
    server.remove_forward(net, net.forwards[0])
    assert up.count(Forward) == 0
    server.release(net, SECOND)
    assert up.address(SECOND) is None
    net.egress_open = True
    server.apply_firewall(net)
    assert up.network(net).egress_open


def test_a_later_word_takes_the_place_of_an_earlier_one(up: World) -> None:
    """The end of the earlier one was lost."""
    server, net, (first, second, _) = up.server, up.net, up.vms
    server.enable_static_nat(net, SECOND, first.ip)
    server.add_forward(net, SECOND, "80", second.ip, "8080")
    address = up.address(SECOND)
    assert address is not None and address.nic_id is None and up.count(Forward) == 1
    server.add_forward(net, SECOND, "80", first.ip, "8081")
    (forward,) = up.snapshot.all(Forward)
    assert (forward.nic_id, forward.private) == (first.uuid, (8081, 8081))
    server.balance(net, SECOND, 80, 8080, [first.ip, second.ip])
    assert (up.count(Forward), up.count(Balancer), up.count(Member)) == (0, 1, 2)
    server.enable_static_nat(net, SECOND, second.ip)
    assert up.count(Balancer) == 0
    other = Net(210, "10.1.1.0/24", vlan="1911")
    server.implement(other)
    server.acquire(other, SECOND)
    address = up.address(SECOND)
    assert address is not None and (address.network_id, address.nic_id) == (up.network(other).id, None)


def test_what_comes_late_ends_nothing_of_an_address_s_new_owner(up: World) -> None:
    server, net, vm = up.server, up.net, up.vms[0]
    server.add_forward(net, SECOND, "80", vm.ip, "8080")
    server.enable_static_nat(net, THIRD, vm.ip)
    other = Net(210, "10.1.1.0/24", vlan="1911")
    twin = Vm(900, "twin", "02:01:00:d1:00:99", vm.ip)
    server.start(other, twin)
    server.add_forward(other, SECOND, "80", twin.ip, "8080")
    server.enable_static_nat(other, THIRD, twin.ip)
    revision = up.snapshot.revision
    server.remove_forward(net, net.forwards[0])
    server.disable_static_nat(net, THIRD)
    for address in (SECOND, THIRD):
        server.command("release-ip", net, **server.p(address))
    assert up.snapshot.revision == revision


def test_balancers_are_told_by_their_changes(up: World) -> None:
    server, net, (first, second, _) = up.server, up.net, up.vms
    one = server.balance(net, SECOND, 80, 8080, [first.ip, second.ip])
    server.balance(net, SECOND, 81, 8080, [first.ip])
    assert (up.count(Balancer), up.count(Member)) == (2, 3)
    one["backends"][1]["revoked"] = True
    server.command("apply-lb-rules", net, lb_rules=[one])
    assert (up.count(Balancer), up.count(Member)) == (2, 2)
    one["revoke"] = True
    server.command("apply-lb-rules", net, lb_rules=[one])
    (left,) = up.snapshot.all(Balancer)
    assert left.ports == (81, 81)


def test_a_restart_ends_as_it_began(up: World) -> None:
    """And what was forgotten to be taken away is away after it."""
    server, net, (first, second, _) = up.server, up.net, up.vms
    server.enable_static_nat(net, SECOND, first.ip)
    server.add_forward(net, THIRD, "80", second.ip, "8080")
    server.open(net, THIRD, "tcp", 80)
    server.balance(net, THIRD, 81, 8080, [second.ip])
    before = said(up.snapshot)
    server._forward("add-port-forward", net, (THIRD, "tcp", "99", second.ip, "99"))
    nics = {nic.id: nic.number for nic in up.snapshot.all(Nic)}
    assert said(up.snapshot) != before
    server.restart(net)
    assert said(up.snapshot) == before
    assert {nic.id: nic.number for nic in up.snapshot.all(Nic)} == nics, "among them it was no outage"


def test_a_network_that_was_idle_comes_back(up: World) -> None:
    for vm in up.vms[:2]:
        up.server.stop(up.net, vm)
    up.server.shut_down(up.net)
    assert up.network(up.net).vlan is None
    other = Net(210, "10.1.1.0/24", vlan=up.net.vlan)
    up.server.implement(other)
    up.net.vlan = "1912"
    up.server.start(up.net, up.vms[0])
    assert (up.network(up.net).vlan, up.network(other).vlan) == (1912, 1910)
    assert up.snapshot.need(Nic, up.vms[0].uuid).active


def test_deleting_leaves_nothing(up: World) -> None:
    up.server.enable_static_nat(up.net, SECOND, up.vms[0].ip)
    up.server.open(up.net, SECOND, "tcp", 22)
    for vm in up.vms[:2]:
        up.server.destroy(up.net, vm)
    up.server.delete(up.net)
    for kind in (Network, Nic, Machine, PublicAddress, FirewallRule, Forward):
        assert up.count(kind) == 0, kind
    up.server.delete(up.net)


def test_a_network_whose_machines_run_is_only_restarted(up: World) -> None:
    """Whatever CloudStack calls it. A NIC that nobody ended, and that is nowhere, keeps no network."""
    switch = Switch(id="leaf1", dpid=1, name="leaf1")
    nic_id = up.vms[0].uuid
    attachment = Attachment(id="a", nic_id=nic_id, switch_id=switch.id, port=1)
    up.service.write(lambda transaction: (transaction.put(switch), transaction.put(attachment)))
    up.server.delete(up.net)
    assert up.snapshot.need(Nic, nic_id).active and up.network(up.net).vlan == 1910
    assert up.address(SNAT) is None
    gone = up.snapshot.need(Attachment, "a")
    up.service.write(lambda transaction: transaction.delete(gone))
    up.server.delete(up.net)
    assert (up.count(Network), up.count(Nic), up.count(Machine)) == (0, 0, 0)


@pytest.fixture
def vpc(world: World) -> tuple[Vpc, Net, Net]:
    vpc = Vpc(5, "10.1.0.0/16", source_nat=SNAT)
    world.server.create_vpc(vpc)
    web = Net(301, "10.1.1.0/24", vlan="2001", vpc=vpc)
    data = Net(302, "10.1.2.0/24", vlan="2002", vpc=vpc)
    world.server.start(web, world.vms[0])
    world.server.start(data, replace(world.vms[1], ip="10.1.2.11"))
    return vpc, web, data


def test_a_vpc_with_two_tiers(world: World, vpc: tuple[Vpc, Net, Net]) -> None:
    row, web, data = vpc
    server = world.server
    (record,) = world.snapshot.all(VpcRecord)
    assert record.ipv4 == IPv4Network("10.1.0.0/16")
    address = public.source_nat_of(world.snapshot, record)
    assert address is not None and (str(address.address), address.network_id) == (SNAT, None)
    server.add_item(web, "allow", "icmp")
    server.add_item(web, "deny", "tcp", 22)
    server.add_item(web, "allow", "all", way="egress")
    items = world.snapshot.where(AclItem, "list_id", world.network(web).acl_id)
    assert [(item.position, item.verdict, item.ports) for item in items] == [
        (1, "allow", None), (2, "deny", (22, 22)), (3, "allow", None)
    ]  # fmt: skip
    web.acl[1]["action"] = "allow"
    server.apply_acl(web)
    assert world.snapshot.need(AclItem, items[1].id).verdict == "allow"
    assert world.network(data).acl_id not in (None, world.network(web).acl_id)
    server.add_forward(web, SECOND, "22", web.vms[0].ip, "22")
    server.balance(data, THIRD, 80, 80, [data.vms[0].ip])
    before = said(world.snapshot)
    server.restart_vpc(row, [web, data])
    assert said(world.snapshot) == before
    server.change_source_nat(row, "203.0.113.20")
    record = next(iter(world.snapshot.all(VpcRecord)))
    now = public.source_nat_of(world.snapshot, record)
    assert now is not None and str(now.address) == "203.0.113.20"
    old = world.address(SNAT)
    assert old is not None and old.vpc_id == record.id and not old.is_source_nat
    server.destroy(web, web.vms[0])
    server.delete(web)
    assert (world.count(Balancer), world.count(Member), world.count(Forward)) == (1, 1, 0)
    server.destroy(data, data.vms[0])
    server.delete(data)
    server.delete_vpc(row, [])
    for kind in (Network, VpcRecord, Nic, PublicAddress):
        assert world.count(kind) == 0, kind
    common = {each.id for each in world.snapshot.all(AclList) if each.vpc_id is None}
    assert {each.list_id for each in world.snapshot.all(AclItem)} == common


def test_a_tier_does_not_choose_another_source_nat(world: World, vpc: tuple[Vpc, Net, Net]) -> None:
    _, web, _ = vpc
    world.server.send("assign-ip", web, **world.server.p(SECOND, True))
    (record,) = world.snapshot.all(VpcRecord)
    address = public.source_nat_of(world.snapshot, record)
    assert address is not None and str(address.address) == SNAT


def test_rules_may_come_before_the_machines_that_they_lead_to(world: World) -> None:
    """As when the daemon has lost its store, and the network is restarted in CloudStack."""
    server, net, (first, second, _) = world.server, world.net, world.vms
    net.vms += [first, second]
    net.static_nats[SECOND] = first.ip
    net.addresses += [SECOND, THIRD]
    net.forwards.append((THIRD, "tcp", "80", second.ip, "8080"))
    server.implement(net)
    address = world.address(SECOND)
    assert address is not None and address.nic_id == first.uuid
    (forward,) = world.snapshot.all(Forward)
    assert forward.nic_id == second.uuid
    assert {nic.id for nic in world.snapshot.all(Nic)} == {first.uuid, second.uuid}


def test_any_order_ends_the_same(world: World) -> None:
    """Commands that build, shuffled: those that need what was not heard of yet make it."""
    server, net = world.server, world.net
    for vm in world.vms:
        server.start(net, vm)
    server.enable_static_nat(net, SECOND, world.vms[0].ip)
    server.add_forward(net, THIRD, "80", world.vms[1].ip, "8080")
    wanted, sent = said(world.snapshot), list(world.sent)
    for seed in range(5):
        other = World(Cloud(), world.times)
        shuffled = [*sent]
        random.Random(seed).shuffle(shuffled)
        # The last word of each sort is that of the original order.
        for command, payload in [*shuffled, *[each for each in sent if each[0] == "save-vm-data"]]:
            commands.run(other.service, CLOUD, command, payload)
        assert said(other.snapshot) == wanted, seed


def test_an_address_that_another_machine_has_now(up: World) -> None:
    """The end of the one that had it was not heard of."""
    first = up.vms[0]
    up.server.add_forward(up.net, SNAT, "22", first.ip, "22")
    heir = Vm(800, "heir", "02:01:00:d1:00:77", first.ip)
    up.server.start(up.net, heir)
    assert up.snapshot.get(Nic, first.uuid) is None
    (forward,) = up.snapshot.all(Forward)
    assert forward.nic_id == heir.uuid
    moved = replace(heir, ip="10.1.1.99")
    up.server.start(up.net, moved)
    assert str(up.snapshot.need(Nic, heir.uuid).ipv4) == "10.1.1.99"
    assert up.count(Forward) == 0


def test_older_servers_nest_texts_and_name_no_nics(world: World) -> None:
    import base64
    import json

    def nested(value: Any) -> str:
        return base64.b64encode(json.dumps(value).encode()).decode()

    server, net, vm = world.server, world.net, world.vms[0]
    nic = {key: value for key, value in server.c(net, vm).items() if key != "nic_uuid"}
    server.send("add-dhcp-entry", net, **nic, hostname=vm.name, **server.d())
    server.send("save-vm-data", net, **nic, vm_data=nested(server.vm_data(vm)))
    server.send("assign-ip", net, **server.p(SNAT, True))
    rules = {"default_egress_allow": True, "rules": [
        {"id": 1, "type": "ingress", "protocol": "tcp", "portStart": 22, "portEnd": 22, "publicIp": SNAT,
         "sourceCidrs": ["0.0.0.0/0"]}]}  # fmt: skip
    server.send("apply-fw-rules", net, fw_rules=nested(rules))
    server.send("apply-lb-rules", net, lb_rules=json.dumps([]))
    (made,) = world.snapshot.all(Nic)
    assert (made.mac, made.hostname, made.active) == (vm.mac, vm.name, True)
    assert tree(world.snapshot, made)["instance-id"] == f"i-2-{vm.number}-VM"
    assert (world.count(FirewallRule), world.network(net).egress_open) == (1, True)
    # The server is upgraded: the same NIC has CloudStack's UUID now.
    server.send("prepare-nic", net, **server.c(net, vm), hostname=vm.name)
    assert [nic.id for nic in world.snapshot.all(Nic)] == [vm.uuid]


@pytest.mark.parametrize(
    ("command", "more", "field"),
    [
        ("prepare-nic", {"mac": "nonsense", "ip": "10.1.1.5"}, "mac"),
        ("prepare-nic", {"mac": "02:00:00:00:00:01", "ip": "10.1.1.999"}, "ip"),
        ("prepare-nic", {"mac": "02:00:00:00:00:01", "ip": "10.9.9.9"}, "ipv4"),
        ("prepare-nic", {"mac": "02:00:00:00:00:01"}, "ip"),
        ("implement-network", {"network_id": "../x"}, "network_id"),
        ("assign-ip", {"public_ip": SNAT}, "public_gateway"),
        (
            "add-port-forward",
            {"public_port": "0", "protocol": "tcp"},
            "public_port",
        ),
        ("add-port-forward", {"public_port": "80", "protocol": "gre"}, "protocol"),
        ("add-port-forward", {"public_port": "80", "protocol": "tcp", "private_ip": ""}, "private_ip"),
        ("add-static-nat", {"private_ip": "10.7.7.7"}, "10.7.7.7"),
        ("apply-fw-rules", {"fw_rules": "&&&"}, "fw_rules"),
        ("apply-fw-rules", {"fw_rules": {"rules": [{"id": 1, "type": "x", "protocol": "tcp"}]}}, "fw_rules"),
        ("apply-network-acl", {"acl_rules": []}, "vpc_id"),
        ("save-vm-data", {"mac": "02:00:00:00:00:01", "ip": "10.1.1.5"}, "vm_data"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(up: World, command: str, more: JSON, field: str) -> None:
    if command in ("add-port-forward", "add-static-nat"):
        more = up.server.p(SECOND) | {"private_ip": "10.1.1.5"} | more
    revision = up.snapshot.revision
    with pytest.raises(Invalid) as refusal:
        up.server.send(command, up.net, **more)
    assert field in str(refusal.value)
    assert up.snapshot.revision == revision


@pytest.mark.parametrize("gateway", [{}, {"gateway": ""}, {"gateway": "10.9.9.9"}])
def test_a_gateway_that_is_not_told_is_the_first_address(world: World, gateway: JSON) -> None:
    """As of a NIC, whose own gateway may be elsewhere."""
    said = {key: value for key, value in world.server.n(world.net).items() if key != "gateway"}
    world.run("implement-network", {"payload": said | gateway})
    assert str(world.network(world.net).gateway4) == "10.1.1.1"


def test_secrets_are_not_in_refusals(up: World) -> None:
    nic = up.server.c(up.net, up.vms[0])
    with pytest.raises(Invalid) as refusal:
        up.server.send("save-vm-data", up.net, **nic, vm_data=[{"dir": "password", "content": "s3cret"}])
    assert "s3cret" not in str(refusal.value)


def test_unknown_commands_and_fields_are_passed_over(up: World) -> None:
    revision = up.snapshot.revision
    up.server.send("set-dhcp-options", up.net, options="x")
    up.server.send("implement-network", up.net, something_new={"x": [1]})
    assert up.snapshot.revision == revision


def test_repetition_changes_nothing(up: World) -> None:
    up.server.add_forward(up.net, THIRD, "80", up.vms[1].ip, "8080")
    revision = up.snapshot.revision
    for command, payload in [each for each in up.sent if each[0] not in ("save-password", "apply-fw-rules")]:
        commands.run(up.service, CLOUD, command, payload)
    assert up.snapshot.revision == revision


def test_the_other_door_shows_nothing_of_it(up: World) -> None:
    admin = up.cloud.admin
    up.server.add_forward(up.net, THIRD, "80", up.vms[1].ip, "8080")
    for command in (
        "listNetworks", "listVirtualMachines", "listPublicIpAddresses", "listPortForwardingRules", "listVPCs",
        "listFirewallRules", "listAccounts", "listVlanIpRanges", "listSecurityGroups",
        "listLoadBalancerRules", "listNetworkACLs", "listEgressFirewallRules", "listCapacity",
    ):  # fmt: skip
        answer = admin.answer(command, listall="true")
        assert answer.status == 200, (command, answer.body)
        assert CLOUD not in answer.body.decode() and "10.1.1." not in answer.body.decode(), command
    answer = admin.answer("listPublicIpAddresses", listall="true", allocatedonly="false")
    assert answer.status == 200, answer.body


def said(snapshot: Snapshot) -> set[str]:
    """What is there of each kind, without the order in which it came."""
    kinds = (
        Network, VpcRecord, Nic, Machine, PublicAddress, PublicRange, Forward, FirewallRule, EgressRule,
        Balancer,
    )  # fmt: skip
    found = {repr(replace(each, number=0)) for kind in kinds for each in snapshot.all(kind)}
    found |= {f"{each.balancer_id}: {each.nic_id}" for each in snapshot.all(Member)}
    tiers = {each.acl_id for each in snapshot.all(Network)}
    return found | {repr(replace(each, number=0)) for each in snapshot.all(AclItem) if each.list_id in tiers}
