"""Makes groups of rows.

Pure. A group says what it says in the words of the extension's commands, so that both have one meaning. One
that makes no sense is a fault, and keeps nothing of the others from being understood.
"""

from __future__ import annotations

from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sdn_orch.errors import Invalid
from sdn_orch.northbound.extension import payload
from sdn_orch.northbound.sync import fields, rows
from sdn_orch.northbound.sync.faults import fault
from sdn_orch.northbound.sync.groups import (
    BalancerSaid,
    GatewaySaid,
    Group,
    NetworkSaid,
    NicSaid,
    Said,
    SecurityGroupSaid,
    VpcSaid,
)
from sdn_orch.northbound.sync.rows import Rows, prefixes
from sdn_orch.northbound.sync.security_said import SecurityGroups

T = TypeVar("T")

#: States of machines that take part in networks.
_RUNNING = ("Running", "Starting", "Migrating")
#: Lists of rules that every VPC has, whose items no list shows.
_BUILT_IN = {"default_allow": "allow", "default_deny": "deny"}
#: What balancers here can be of CloudStack's protocols.
_BALANCED = ("", "tcp", "udp", "tcp-proxy")


def group(found: Rows, owners: Iterable[str] = ()) -> Said:
    """The groups in the zones that were read; if any owners are named, those at their places or below."""
    return _Grouping(found, tuple(owners)).said()


class _Grouping:
    """Rows, found by what they are of."""

    def __init__(self, found: Rows, owners: tuple[str, ...]) -> None:
        self._rows = found
        self._owners = owners
        self._nics: dict[str, list[tuple[rows.Machine, rows.Nic]]] = defaultdict(list)
        for machine in found.machines:
            for nic in machine.nic:
                self._nics[nic.networkid].append((machine, nic))
        self._rates = {each.id: each.networkrate for each in found.offerings}
        self._routing = {each.id for each in found.offerings if each.networkmode == "ROUTED"}
        self._ranges = {each.id: each for each in found.ranges}
        self._zones = {each.id: each for each in found.zones}
        self._by_address = {each.ipaddress: each for each in found.addresses}
        self._own, self._of_vpc = _by(found.addresses, _own), _by(found.addresses, lambda each: each.vpcid)
        self._into = _by(found.addresses, lambda each: each.associatednetworkid)
        self._forwards = _by(found.forwards, lambda each: each.networkid)
        self._firewall = _by(found.firewall, self._network_of)
        self._egress = _by(found.egress, lambda each: each.networkid)
        self._balancers = _by(found.balancers, lambda each: each.networkid)
        self._items = _by(found.acl_items, lambda each: each.aclid)
        self._routed = {
            version: _by(each, lambda rule: rule.networkid) for version, each in found.routed.items()
        }
        self._inner = _by(found.inner_balancers, lambda each: each.networkid)
        self._gateways = _by(found.gateways, lambda each: each.vpcid)
        self._routes = _by(found.routes, lambda each: each.vpcid)
        self._security = SecurityGroups(found.security_groups)

    def said(self) -> Said:
        """See `group`."""
        said = Said()
        tiers = _by(self._networks(), lambda each: each.vpcid)
        for vpc in filter(self._is_wanted, self._rows.vpcs):
            self._add(said, vpc, tiers.pop(vpc.id, []))
        for network in filter(self._is_wanted, tiers.get(None, [])):
            self._add(said, None, [network])
        return said

    def _networks(self) -> list[rows.Network]:
        return [
            each
            for each in self._rows.networks
            if each.traffictype == "Guest"
            and not each.issystem
            and each.state not in ("Destroy", "Destroyed")
        ]

    def _is_wanted(self, each: rows.Network | rows.Vpc) -> bool:
        """Whether it is in a zone that is synced, and of an owner whose objects are."""
        if each.zoneid is not None and each.zoneid not in self._zones:
            return False
        return not self._owners or any(
            f"{each.owner}/".startswith(f"{place.strip('/')}/") for place in self._owners
        )

    def _add(self, said: Said, vpc: rows.Vpc | None, networks: list[rows.Network]) -> None:
        first = vpc or networks[0]
        security_groups: tuple[SecurityGroupSaid, ...] = ()
        try:
            security_groups = self._security.said(id for each in networks for id in self._groups_in(each))
            said.groups[first.id] = Group(
                first.id,
                first.name,
                self._vpc(vpc) if vpc else None,
                tuple(self._network(each, vpc) for each in networks),
                security_groups,
            )
        except Exception as error:
            said.faults[first.id] = fault(first.name, first.id, error)
        for id in (*self._ids(vpc, networks), *_ids_of(security_groups)):
            said.homes.setdefault(id, set()).add(first.id)

    def _groups_in(self, network: rows.Network) -> Iterable[str]:
        """The security groups of the network's NICs."""
        return (id for machine, _ in self._nics[network.id] for id in _memberships(network, machine))

    def _ids(self, vpc: rows.Vpc | None, networks: list[rows.Network]) -> Iterable[str]:
        """Every UUID of what the group is made of, but for security groups."""
        if vpc is not None:
            yield vpc.id
            yield from (each.id for each in self._of_vpc.get(vpc.id, ()))
            yield from (each.id for each in self._routes.get(vpc.id, ()))
            for gateway in self._gateways.get(vpc.id, ()):
                yield gateway.id
                yield from self._ids_of_list(gateway.aclid)
        for network in networks:
            yield network.id
            for machine, nic in self._nics[network.id]:
                yield from (machine.id, nic.id)
            told: tuple[dict[str | None, list[Any]], ...] = (
                *(self._into, self._forwards, self._firewall, self._egress, self._balancers, self._inner),
                *self._routed.values(),
            )
            for found in told:
                yield from (each.id for each in found.get(network.id, ()))
            for balancer in self._balancers.get(network.id, ()):
                for policies in self._rows.policies.get(balancer.id, ()):
                    yield from (each.id for each in policies.stickinesspolicy)
                    yield from (each.id for each in policies.healthcheckpolicy)
            yield from self._ids_of_list(network.aclid)

    def _ids_of_list(self, id: str | None) -> Iterable[str]:
        return (id, *(each.id for each in self._items.get(id, ()))) if id else ()

    def _vpc(self, vpc: rows.Vpc) -> VpcSaid:
        gateways = [each for each in self._gateways.get(vpc.id, ()) if each.is_there]
        by_gateway = {each.id: each.gateway for each in gateways}
        return VpcSaid(
            vpc.name,
            payload.read(payload.VpcFields, {"vpc_id": vpc.id, "vpc_cidr": vpc.cidr}),
            self._addresses(self._of_vpc.get(vpc.id, ())),
            tuple(self._gateway(each) for each in gateways),
            tuple(
                payload.read(
                    fields.StaticRoute,
                    {
                        "id": each.id,
                        "prefix": each.cidr,
                        "next_hop": each.nexthop or by_gateway.get(each.vpcgatewayid or ""),
                    },
                )
                for each in self._routes.get(vpc.id, ())
                if each.is_there
            ),
        )

    def _gateway(self, gateway: rows.PrivateGateway) -> GatewaySaid:
        given = {
            "id": gateway.id,
            "address": gateway.ipaddress,
            "gateway": gateway.gateway,
            "netmask": gateway.netmask,
            "vlan": gateway.vlan or "",
            "source_nat": gateway.sourcenatsupported,
        }
        acl = self._acl(gateway.aclid, gateway.aclname)
        return GatewaySaid(payload.read(fields.PrivateGateway, given), acl)

    def _network(self, network: rows.Network, vpc: rows.Vpc | None) -> NetworkSaid:
        given = {
            "network_id": network.id,
            "vlan": network.broadcasturi or network.vlan or "",
            "guest_type": network.type,
            "gateway": network.gateway,
            "cidr": network.networkcidr or network.cidr,
            "vpc_id": network.vpcid,
            "network_ip6_gateway": network.ip6gateway,
            "network_ip6_cidr": network.ip6cidr,
        }
        names = self._names(network, vpc)
        routed4 = network.vpcid is None and network.networkofferingid in self._routing
        return NetworkSaid(
            name=network.name,
            fields=payload.read(payload.NetworkFields, given),
            names=payload.read(payload.NameFields, names),
            answers_names=any(service.name == "Dns" for service in network.service),
            mtu=network.privatemtu or 1500,
            rate=self._rate(network.networkofferingid),
            routed4=routed4,
            nics=tuple(self._nic(network, *each) for each in self._nics[network.id]),
            addresses=self._addresses(self._own.get(network.id, ()), routed4=routed4),
            mapped=tuple(
                payload.read(payload.StaticNat, given | self._public(each) | {"private_ip": each.vmipaddress})
                for each in self._into.get(network.id, ())
                if each.isstaticnat
            ),
            forwards=tuple(
                self._forward(given, each) for each in self._forwards.get(network.id, ()) if each.is_there
            ),
            firewall=self._rules(network),
            acl=self._acl(network.aclid, network.aclname),
            balancers=tuple(
                self._balancer(each)
                for each in self._balancers.get(network.id, ())
                if each.is_there and each.protocol.lower() in _BALANCED
            ),
            inner_balancers=tuple(
                self._inner_balancer(each, does)
                for each in self._inner.get(network.id, ())
                for does in [rule for rule in each.loadbalancerrule if rule.is_there][:1]
            ),
            routed=tuple(
                payload.read(
                    fields.RoutedRule,
                    rule.packets
                    | {
                        "id": rule.id,
                        "direction": rule.traffictype,
                        "version": version,
                        "destCidrs": prefixes(rule.destcidrlist),
                    },
                )
                for version, found in self._routed.items()
                for rule in found.get(network.id, ())
                if rule.is_there
            ),
        )

    def _names(self, network: rows.Network, vpc: rows.Vpc | None) -> dict[str, str]:
        """A network's own, else its VPC's, else its zone's."""
        zone = self._zones.get(network.zoneid or "")
        homes = [each for each in (network, vpc, zone) if each is not None]
        return {
            "dns": ",".join(next((each.servers for each in homes if each.servers), ())),
            "domain": next((each.networkdomain for each in homes if each.networkdomain), ""),
        }

    def _rate(self, offering: str | None) -> int | None:
        rate = self._rates.get(offering or "")
        return rate if rate is not None and rate > 0 else None

    def _nic(self, network: rows.Network, machine: rows.Machine, nic: rows.Nic) -> NicSaid:
        given = {
            "nic_uuid": nic.id,
            "mac": nic.macaddress,
            "ip": nic.ipaddress,
            "ip6_address": nic.ip6address,
            "default_nic": nic.isdefault,
            "hostname": machine.name,
            "machine": machine.id,
            "secondary": [each.ipaddress for each in nic.secondaryip],
        }
        return NicSaid(
            payload.read(payload.NicOf, given),
            machine.state in _RUNNING,
            self._rate(machine.serviceofferingid),
            _memberships(network, machine),
            _user_data(machine),
        )

    # --- addresses and rules ------------------------------------------------------------------------

    def _addresses(
        self, addresses: Iterable[rows.Address], *, routed4: bool = False
    ) -> tuple[payload.PublicFields, ...]:
        """Not those of the system, but for that of a router which routes and translates nothing."""
        return tuple(
            payload.read(
                payload.PublicFields,
                self._public(each) | ({"source_nat": False} if routed4 else {}),
            )
            for each in addresses
            if routed4 or not each.issystem
        )

    def _public(self, address: rows.Address) -> dict[str, Any]:
        home = self._ranges.get(address.vlanid or "")
        if home is None:
            raise Invalid(f"listPublicIpAddresses: vlanid of {address.ipaddress}: there is no such range")
        return {
            "public_ip": address.ipaddress,
            "public_vlan": home.vlan or "",
            "public_gateway": home.gateway,
            "public_cidr": f"{home.gateway}/{home.netmask}",
            "source_nat": address.issourcenat,
        }

    def _network_of(self, rule: rows.Firewall) -> str | None:
        """The network of a rule of an address, which older servers do not name."""
        address = self._by_address.get(rule.ipaddress or "")
        return rule.networkid or (address.associatednetworkid if address else None)

    def _forward(self, fields: dict[str, Any], rule: rows.Forward) -> payload.PortForward:
        address = self._by_address.get(rule.ipaddress)
        if address is None:
            raise Invalid(f"listPortForwardingRules: ipaddress of {rule.id}: {rule.ipaddress} is not listed")
        given = {
            "private_ip": rule.vmguestip or self._address_of(rule.networkid, rule.virtualmachineid),
            "public_port": _range(rule.publicport, rule.publicendport),
            "private_port": _range(rule.privateport, rule.privateendport),
            "protocol": rule.protocol,
            "sources": prefixes(rule.cidrlist),
        }
        return payload.read(payload.PortForward, fields | self._public(address) | given)

    def _address_of(self, network: str | None, machine: str | None) -> str | None:
        """The address that the machine has in the network."""
        found = self._nics.get(network or "", [])
        return next((nic.ipaddress for owner, nic in found if owner.id == machine), None)

    def _rules(self, network: rows.Network) -> payload.FirewallRules:
        found = [("ingress", each) for each in self._firewall.get(network.id, ())]
        found += [("egress", each) for each in self._egress.get(network.id, ())]
        rules = [
            rule.packets
            | {
                "id": rule.id,
                "type": way,
                "publicIp": rule.ipaddress if way == "ingress" else None,
                "destCidrs": prefixes(rule.destcidrlist),
            }
            for way, rule in found
            if rule.is_there
        ]
        given = {"default_egress_allow": network.egressdefaultpolicy is True, "rules": rules}
        return payload.read(payload.FirewallRules, given)

    def _acl(self, id: str | None, name: str | None) -> tuple[payload.AclRuleFields, ...]:
        """The items of a list of rules."""
        action = _BUILT_IN.get(name or "")
        if action is not None:
            given = [
                {"number": number, "action": action, "trafficType": way, "protocol": "all"}
                for number, way in enumerate(("ingress", "egress"), 1)
            ]
        else:
            given = [
                item.packets | {"number": item.number, "action": item.action, "trafficType": item.traffictype}
                for item in self._items.get(id or "", ())
                if item.is_there
            ]
        return tuple(payload.read(payload.AclRuleFields, each) for each in given)

    def _balancer(self, rule: rows.Balancer) -> BalancerSaid:
        given = {
            "id": rule.id,
            "name": rule.name,
            "publicIp": rule.publicip,
            "publicPort": rule.publicport,
            "privatePort": rule.privateport,
            "protocol": rule.protocol or "tcp",
            "algorithm": rule.algorithm,
            "sources": prefixes(rule.cidrlist),
            "backends": [
                {"ip": address, "port": rule.privateport}
                for member in self._rows.members.get(rule.id, ())
                for address in member.lbvmipaddresses
                or filter(None, [self._address_of(rule.networkid, member.loadbalancerruleinstance.id)])
            ],
        }
        policies = self._rows.policies.get(rule.id, [])
        return BalancerSaid(
            payload.read(payload.BalancerFields, given),
            next((each for of in policies for each in of.stickinesspolicy), None),
            next((each for of in policies for each in of.healthcheckpolicy), None),
        )

    def _inner_balancer(self, each: rows.InnerBalancer, does: rows.InnerRule) -> fields.InnerBalancer:
        given = {
            "id": each.id,
            "name": each.name,
            "home": each.sourceipaddressnetworkid,
            "address": each.sourceipaddress,
            "publicPort": does.sourceport,
            "privatePort": does.instanceport,
            "algorithm": each.algorithm,
            "backends": [
                {"ip": address, "port": does.instanceport}
                for member in each.loadbalancerinstance
                for address in filter(None, [member.ipaddress or self._address_of(each.networkid, member.id)])
            ],
        }
        return payload.read(fields.InnerBalancer, given)


def _own(address: rows.Address) -> str | None:
    return None if address.vpcid else address.associatednetworkid


def _by(found: Iterable[T], key: Callable[[T], str | None]) -> dict[str | None, list[T]]:
    result: dict[str | None, list[T]] = {}
    for each in found:
        result.setdefault(key(each) or None, []).append(each)
    return result


def _memberships(network: rows.Network, machine: rows.Machine) -> tuple[str, ...]:
    """The security groups of a machine's NIC in the network."""
    if not network.has("SecurityGroup"):
        return ()
    return tuple(sorted(each.id for each in machine.securitygroup))


def _ids_of(groups: Iterable[SecurityGroupSaid]) -> Iterable[str]:
    for group in groups:
        yield from (group.id, *(rule.id for rule in group.rules))


def _user_data(machine: rows.Machine) -> bytes:
    try:
        return b64decode(machine.userdata or "", validate=True)
    except ValueError:
        raise Invalid(f"listVirtualMachines: userdata of {machine.name}: it is not Base64") from None


def _range(first: str, last: str | None) -> str:
    return f"{first}-{last}" if last and last != first else first
