"""A CloudStack management server as its extension sees it: a small database, and the commands of each call.

Which commands a call causes, in which order, and what their payloads say is that of CloudStack 4.23 (payloads
of generation 3). Nothing is known here of sdn-orch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from itertools import count
from typing import Any
from uuid import uuid4

JSON = dict[str, Any]
#: Runs a command with its document; answers what it printed, raises CommandFailed.
Run = Callable[[str, JSON], str]

DNS = "192.0.2.53"


class CommandFailed(Exception):
    """The exit status was not 0, or what was printed says so."""


@dataclass
class Vpc:
    """A row of CloudStack's."""

    number: int
    cidr: str
    source_nat: str | None = None
    state: str = "enabled"
    details: str = "{}"


@dataclass
class Vm:
    """A machine's NIC in a network."""

    number: int
    name: str
    mac: str
    ip: str
    uuid: str = field(default_factory=lambda: str(uuid4()))
    user_data: str = ""
    running: bool = False
    ip6: str = ""


@dataclass
class Net:
    """A network with all that its offering serves, and what stands on it."""

    number: int
    cidr: str
    vlan: str = ""
    kind: str = "isolated"
    vpc: Vpc | None = None
    state: str = "allocated"
    egress_open: bool = False
    ip6_cidr: str = ""
    vms: list[Vm] = field(default_factory=list)
    source_nat: str | None = None
    addresses: list[str] = field(default_factory=list)
    static_nats: dict[str, str] = field(default_factory=dict)
    forwards: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    firewall: list[JSON] = field(default_factory=list)
    balancers: list[JSON] = field(default_factory=list)
    acl: list[JSON] = field(default_factory=list)
    details: str = "{}"
    output: str = ""

    @property
    def gateway(self) -> str:
        """Its first address."""
        return str(IPv4Network(self.cidr)[1])


class ManagementServer:
    """See the module. `registration` are the details that the extension was registered with."""

    def __init__(self, run: Run, registration: JSON | None = None, domain: str = "cs1.internal") -> None:
        self.run = run
        self.registration = registration or {}
        self.domain = domain
        self.numbers = count(200)
        self.public: JSON = {"public_vlan": "untagged", "public_gateway": "203.0.113.1", "prefix": 24}

    # --- payloads -----------------------------------------------------------------------------------

    def send(self, command: str, net: Net | Vpc, **more: Any) -> str:
        """A command about a network, or with a VPC its own form."""
        said = self.v(net) if isinstance(net, Vpc) else self.n(net)
        document = {
            "physical-network-extension-details": self.registration | {"physicalnetworkname": "Physical 1"},
            "network-extension-details": json.loads((_home(net)).details),
            "payload": said | more,
        }
        return self.run(command, document)

    def ensure(self, net: Net | Vpc) -> None:
        """What comes before every command, and keeps what is printed. A failure is only noted."""
        home = _home(net)
        try:
            printed = self.send("ensure-network-device", home, current_details=home.details)
        except CommandFailed:
            return
        if printed:
            json.loads(printed)
            home.details = printed

    def command(self, command: str, net: Net | Vpc, **more: Any) -> str:
        """A command with the one before it."""
        self.ensure(net)
        return self.send(command, net, **more)

    def v(self, vpc: Vpc) -> JSON:
        """Block V."""
        return {"vpc_id": str(vpc.number), "zone_id": "1", "vpc_state": vpc.state, "vpc_cidr": vpc.cidr}

    def n(self, net: Net) -> JSON:
        """Block N."""
        said = {
            "network_id": str(net.number), "vlan": net.vlan, "zone_id": "1", "guest_type": net.kind,
            "network_state": net.state,
        }  # fmt: skip
        if net.kind != "l2":
            said |= {"gateway": net.gateway, "cidr": net.cidr}
        if net.vpc is not None:
            said["vpc_id"] = str(net.vpc.number)
        if net.ip6_cidr:
            said |= {
                "network_ip6_cidr": net.ip6_cidr,
                "network_ip6_gateway": net.ip6_cidr.replace("::/64", "::1"),
            }
        return said

    def c(self, net: Net, vm: Vm) -> JSON:
        """Block C."""
        said = {
            "nic_id": str(vm.number), "nic_uuid": vm.uuid, "mac": vm.mac, "ip": vm.ip,
            "netmask": str(IPv4Network(net.cidr).netmask), "gateway": net.gateway, "default_nic": "true",
            "device_id": "0",
        }  # fmt: skip
        return said | ({"ip6_address": vm.ip6} if vm.ip6 else {})

    def p(self, address: str, source_nat: bool = False) -> JSON:
        """Block P."""
        return {
            "public_ip": address, "public_vlan": self.public["public_vlan"],
            "public_gateway": self.public["public_gateway"],
            "public_cidr": f"{address}/{self.public['prefix']}", "source_nat": str(source_nat).lower(),
        }  # fmt: skip

    def d(self) -> JSON:
        """Block D."""
        return {"dns": DNS, "domain": self.domain}

    def x(self, net: Net) -> JSON:
        """Block X."""
        return {"extension_ip": net.gateway}

    def act(self, net: Net | Vpc, action: str, parameters: JSON) -> str:
        """runCustomAction: its fields stand beside the details."""
        said = self.v(net) if isinstance(net, Vpc) else self.n(net)
        details = {
            "physical-network-extension-details": self.registration,
            "network-extension-details": json.loads(_home(net).details),
        }
        return self.run("custom-action", said | {"action": action, "action-params": parameters} | details)

    # --- networks and VPCs --------------------------------------------------------------------------

    def create_vpc(self, vpc: Vpc) -> None:
        """Creation, and a restart's second half."""
        more = self.p(vpc.source_nat, True) if vpc.source_nat else {}
        self.command("implement-vpc", vpc, **more)

    def implement(self, net: Net) -> None:
        """The first machine, or a restart's second half: all that stands on the network is said again."""
        net.state = "implementing"
        self.ensure(net)
        net.output = self.command("implement-network", net, **self.x(net))
        source_nat = net.vpc.source_nat if net.vpc else net.source_nat
        if source_nat:
            self.command("assign-ip", net, **self.p(source_nat, True))
        for address in net.addresses:
            self.command("assign-ip", net, **self.p(address))
        if net.kind == "isolated" and net.vpc is None:
            self.apply_firewall(net)
        for address, private in net.static_nats.items():
            self.command("add-static-nat", net, **self.p(address), private_ip=private)
        for each in net.forwards:
            self._forward("add-port-forward", net, each)
        if net.balancers:
            self.command("apply-lb-rules", net, lb_rules=net.balancers)
        if net.vpc is not None:
            self.apply_acl(net)
        net.state = "implemented"
        if net.vms and net.kind != "l2":
            self.restore(net)

    def restore(self, net: Net) -> None:
        """All machines of the network."""
        rows = [
            self.d() | {
                "ip": vm.ip, "ip6_address": vm.ip6, "mac": vm.mac, "nic_uuid": vm.uuid, "hostname": vm.name,
                "device_id": "0", "default_nic": True, "vm_data": self.vm_data(vm),
            }
            for vm in net.vms
        ]  # fmt: skip
        data = {"dhcp_enabled": True, "dns_enabled": True, "userdata_enabled": True, "vms": rows}
        self.command("restore-network", net, **self.x(net), **self.d(), restore_data=data)

    def shut_down(self, net: Net) -> None:
        """Idle for too long, or a restart's first half."""
        net.state = "shutdown"
        self.command("shutdown-network", net)
        net.details, net.state = "{}", "allocated"

    def restart(self, net: Net) -> None:
        """With clean-up."""
        self.shut_down(net)
        self.implement(net)

    def delete(self, net: Net) -> None:
        """All its machines are gone."""
        net.state = "destroy"
        self.command("shutdown-network", net)
        self.command("destroy-network", net)

    def restart_vpc(self, vpc: Vpc, tiers: list[Net]) -> None:
        """With clean-up: the tiers are said to be destroyed, though they are not."""
        for tier in tiers:
            self.command("destroy-network", tier)
        self.send("shutdown-vpc", vpc)
        vpc.details = "{}"
        self.create_vpc(vpc)
        for tier in tiers:
            self.implement(tier)

    def delete_vpc(self, vpc: Vpc, tiers: list[Net]) -> None:
        """With what is left of its tiers."""
        vpc.state = "inactive"
        for tier in tiers:
            self.command("destroy-network", tier)
        self.send("shutdown-vpc", vpc)

    def change_source_nat(self, vpc: Vpc, address: str) -> None:
        """updateVPC with sourcenatipaddress."""
        vpc.source_nat = address
        self.send("update-vpc-source-nat-ip", vpc, **self.p(address, True))

    # --- machines -----------------------------------------------------------------------------------

    def start(self, net: Net, vm: Vm) -> None:
        """The NIC's machine is deployed or started."""
        if vm not in net.vms:
            net.vms.append(vm)
        if net.state != "implemented":
            self.implement(net)
        nic, names = self.c(net, vm), {"hostname": vm.name}
        extension = self.x(net)
        self.command("prepare-nic", net, **nic, **names, **extension)
        if net.kind != "l2":
            self.command("config-dhcp-subnet", net, **self.d(), **extension, **nic)
            self.command("add-dhcp-entry", net, **nic, **names, **self.d(), **extension)
            self.command("config-dns-subnet", net, **self.d(), **extension, **nic)
            self.command("add-dns-entry", net, **self.d(), **nic, **names, **extension)
            self.command("save-vm-data", net, **nic, **extension, vm_data=self.vm_data(vm))
        vm.running = True

    def vm_data(self, vm: Vm) -> list[JSON]:
        """What a machine reads of itself."""
        rows = [("userdata", "user-data", vm.user_data)]
        rows += [("meta-data", "instance-id", f"i-2-{vm.number}-VM")]
        rows += [("meta-data", "local-hostname", vm.name)]
        rows += [("meta-data", "public-keys", "ssh-rsa AAAA somebody"), ("password", "vm_password", "")]
        return [{"dir": where, "file": name, "content": content} for where, name, content in rows]

    def stop(self, net: Net, vm: Vm) -> None:
        """The machine is stopped."""
        self.command("release-nic", net, **self.c(net, vm), **self.x(net))
        vm.running = False

    def destroy(self, net: Net, vm: Vm) -> None:
        """The machine is stopped and its NIC removed; what leads to it went before."""
        for address in [address for address, to in net.static_nats.items() if to == vm.ip]:
            self.disable_static_nat(net, address)
        for each in [each for each in net.forwards if each[3] == vm.ip]:
            self.remove_forward(net, each)
        if vm.running:
            self.stop(net, vm)
        nic = self.c(net, vm)
        if net.kind != "l2":
            self.command("remove-dhcp-entry", net, **nic, **self.x(net))
            self.command("remove-dns-entry", net, **self.d(), **nic, **self.x(net))
        net.vms.remove(vm)

    # --- addresses and rules ------------------------------------------------------------------------

    def acquire(self, net: Net, address: str) -> None:
        """Said lazily, with the first rule."""
        if address not in net.addresses and address != (net.vpc.source_nat if net.vpc else net.source_nat):
            net.addresses.append(address)
            self.command("assign-ip", net, **self.p(address))

    def release(self, net: Net, address: str) -> None:
        """disassociateIpAddress."""
        net.firewall = [rule for rule in net.firewall if rule.get("publicIp") != address]
        if net.vpc is None:
            self.apply_firewall(net)
        net.addresses.remove(address)
        self.command("release-ip", net, **self.p(address))

    def enable_static_nat(self, net: Net, address: str, private: str) -> None:
        """enableStaticNat."""
        self.acquire(net, address)
        net.static_nats[address] = private
        self.command("add-static-nat", net, **self.p(address), private_ip=private)

    def disable_static_nat(self, net: Net, address: str) -> None:
        """disableStaticNat."""
        private = net.static_nats.pop(address)
        self.command("delete-static-nat", net, **self.p(address), private_ip=private)

    def add_forward(
        self, net: Net, address: str, ports: str, private: str, to: str, protocol: str = "tcp"
    ) -> None:
        """createPortForwardingRule."""
        self.acquire(net, address)
        net.forwards.append((address, protocol, ports, private, to))
        self._forward("add-port-forward", net, net.forwards[-1])

    def remove_forward(self, net: Net, each: tuple[str, str, str, str, str]) -> None:
        """deletePortForwardingRule."""
        net.forwards.remove(each)
        self._forward("delete-port-forward", net, each)

    def _forward(self, command: str, net: Net, each: tuple[str, str, str, str, str]) -> None:
        address, protocol, ports, private, to = each
        is_source_nat = address == (net.vpc.source_nat if net.vpc else net.source_nat)
        self.command(
            command, net, **self.p(address, is_source_nat), public_port=ports, private_ip=private,
            private_port=to, protocol=protocol,
        )  # fmt: skip

    def open(self, net: Net, address: str, protocol: str = "tcp", first: int = 0, last: int = 0) -> JSON:
        """createFirewallRule; the rule."""
        rule: JSON = {
            "id": next(self.numbers), "type": "ingress", "protocol": protocol, "publicIp": address,
            "sourceCidrs": ["0.0.0.0/0"], "destCidrs": [],
        }  # fmt: skip
        return self._add_rule(net, rule, protocol, first, last)

    def open_egress(self, net: Net, protocol: str = "all", first: int = 0, last: int = 0) -> JSON:
        """createEgressFirewallRule; the rule."""
        rule: JSON = {
            "id": next(self.numbers), "type": "egress", "protocol": protocol, "sourceCidrs": [net.cidr],
            "destCidrs": ["0.0.0.0/0"],
        }  # fmt: skip
        return self._add_rule(net, rule, protocol, first, last)

    def _add_rule(self, net: Net, rule: JSON, protocol: str, first: int, last: int) -> JSON:
        net.firewall.append(rule | _packets(protocol, first, last))
        self.apply_firewall(net)
        return net.firewall[-1]

    def close(self, net: Net, rule: JSON) -> None:
        """deleteFirewallRule, deleteEgressFirewallRule."""
        net.firewall.remove(rule)
        self.apply_firewall(net)

    def apply_firewall(self, net: Net) -> None:
        """All that there are."""
        rules = {"default_egress_allow": net.egress_open, "cidr": net.cidr, "rules": net.firewall}
        self.command("apply-fw-rules", net, fw_rules=rules)

    def add_item(
        self, tier: Net, action: str, protocol: str, first: int = 0, last: int = 0, way: str = "ingress"
    ) -> None:
        """createNetworkACL, at the end of the tier's list."""
        row = {"number": len(tier.acl) + 1, "action": action, "trafficType": way, "protocol": protocol}
        tier.acl.append(row | {"sourceCidrs": ["0.0.0.0/0"]} | _packets(protocol, first, last))
        self.apply_acl(tier)

    def apply_acl(self, tier: Net) -> None:
        """The whole list."""
        self.command("apply-network-acl", tier, acl_rules=tier.acl)

    def balance(
        self, net: Net, address: str, port: int, to: int, members: list[str], protocol: str = "tcp"
    ) -> JSON:
        """createLoadBalancerRule and assignToLoadBalancerRule; the rule."""
        self.acquire(net, address)
        rule: JSON = {
            "id": next(self.numbers), "name": "web", "publicIp": address, "publicPort": port,
            "privatePort": to, "protocol": protocol, "algorithm": "roundrobin", "revoke": False,
            "backends": [{"ip": ip, "port": to, "revoked": False} for ip in members],
        }  # fmt: skip
        net.balancers.append(rule)
        self.command("apply-lb-rules", net, lb_rules=[rule])
        return rule


def _home(net: Net | Vpc) -> Net | Vpc:
    """Where the details are kept: those of a tier with its VPC."""
    return net.vpc if isinstance(net, Net) and net.vpc is not None else net


def _packets(protocol: str, first: int, last: int) -> JSON:
    if protocol == "icmp":
        return {"icmpType": -1, "icmpCode": -1}
    return {"portStart": first, "portEnd": last or first} if first else {}
