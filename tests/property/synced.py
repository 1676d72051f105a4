"""Random CloudStacks as their API lists them, small enough that their objects come again and again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from sdn_orch.northbound.sync import rows
from sdn_orch.northbound.sync.rows import Rows

_ZONE, _RANGE, _OFFERING = "zone", "range", "offering"


def uuid(kind: int, number: int) -> str:
    """A UUID as CloudStack gives them, the same for the same object."""
    return str(UUID(int=kind << 96 | number << 16, version=4))


class Listed:
    """Answers what it was given last, as the reader does."""

    url = "http://cloudstack.example"

    def __init__(self, found: Rows) -> None:
        self.found = found
        self.calls = 0

    def all(self, zone: str | None = None) -> Rows:
        """Everything."""
        return self.found

    def one(self, id: str, zone: str | None = None) -> Rows:
        """What there is about one network or VPC."""
        all_of = self.found
        network = next((each for each in all_of.networks if each.id == id), None)
        vpc = network.vpcid if network is not None else id
        networks = [each for each in all_of.networks if each.id == id or (vpc and each.vpcid == vpc)]
        ids = {each.id for each in networks}
        some = Rows(zones=all_of.zones, ranges=all_of.ranges, offerings=all_of.offerings, networks=networks)
        some.vpcs = [each for each in all_of.vpcs if each.id == vpc]
        some.machines = [each for each in all_of.machines if any(nic.networkid in ids for nic in each.nic)]
        some.addresses = [
            each
            for each in all_of.addresses
            if each.associatednetworkid in ids or (vpc and each.vpcid == vpc)
        ]
        some.acl_items = all_of.acl_items
        some.forwards = [each for each in all_of.forwards if each.networkid in ids]
        some.firewall = [each for each in all_of.firewall if each.networkid in ids]
        some.egress = [each for each in all_of.egress if each.networkid in ids]
        some.balancers = [each for each in all_of.balancers if each.networkid in ids]
        some.members, some.policies = all_of.members, all_of.policies
        some.routed = {
            version: [each for each in found if each.networkid in ids]
            for version, found in all_of.routed.items()
        }
        some.inner_balancers = [each for each in all_of.inner_balancers if each.networkid in ids]
        some.gateways = [each for each in all_of.gateways if each.vpcid == vpc]
        some.routes = [each for each in all_of.routes if each.vpcid == vpc]
        some.security_groups = all_of.security_groups
        return some

    def homes(self, command: str, id: str) -> list[str]:
        """Where something belongs that a list shows."""
        return []


@st.composite
def clouds(draw: st.DrawFn) -> Rows:
    """Networks with machines, a VPC with tiers, and what leads to them."""
    found = Rows(
        zones=[rows.Zone(id=_ZONE, name="zone", dns1="192.0.2.53")],
        ranges=[rows.Range(id=_RANGE, vlan="vlan://900", gateway="203.0.113.1", netmask="255.255.255.0")],
        offerings=[rows.Offering(id=_OFFERING, networkrate=draw(st.sampled_from([0, 100])))],
    )
    has_vpc = draw(st.booleans())
    if has_vpc:
        found.vpcs = [rows.Vpc(id=uuid(2, 0), name="vpc", cidr="10.20.0.0/16", zoneid=_ZONE)]
    numbers = draw(st.sets(st.integers(0, 4), max_size=4))
    vlans = draw(st.permutations(range(101, 106)))
    for number in sorted(numbers):
        # The last two are tiers.
        vpc = uuid(2, 0) if number > 2 else None
        if vpc is not None and not has_vpc:
            continue
        prefix = f"10.20.{number}" if vpc else "10.1.1"
        found.networks.append(
            rows.Network(
                id=uuid(1, number), name=f"net{number}", type="Isolated", cidr=f"{prefix}.0/24",
                gateway=f"{prefix}.1", broadcasturi=f"vlan://{vlans[number]}", zoneid=_ZONE, vpcid=vpc,
                ip6cidr=f"2001:db8:{number}::/64", ip6gateway=f"2001:db8:{number}::1",
                service=[rows.Service(name="SecurityGroup")] if number == 0 else [],
                networkofferingid=_OFFERING, aclname=draw(st.sampled_from(["default_allow", "default_deny"])),
                egressdefaultpolicy=draw(st.booleans()),
            )
        )  # fmt: skip
        _machines(draw, found, number, prefix)
        for version in draw(st.sets(st.sampled_from([4, 6]))) if vpc is None else ():
            found.routed.setdefault(version, []).append(
                rows.RoutedRule(
                    id=uuid(15, number * 10 + version), networkid=uuid(1, number), protocol="tcp",
                    startport="80", endport="80", cidrlist={4: "192.0.2.0/24", 6: "::/0"}[version],
                    traffictype=draw(st.sampled_from(["Ingress", "Egress"])),
                )
            )  # fmt: skip
    for number in draw(st.sets(st.integers(10, 15), max_size=4)) if found.networks else ():
        _address(draw, found, number)
    tiers = [each for each in found.networks if each.vpcid]
    if has_vpc:
        _routing(draw, found, bool(tiers))
    if tiers:
        _inner(draw, found, tiers)
    found.security_groups = [_security_group(draw, number) for number in range(3)]
    return found


def _security_group(draw: st.DrawFn, number: int) -> rows.SecurityGroup:
    """One of three that name each other; who is in none is in the default one, the last."""
    peers = draw(st.sets(st.integers(0, 2), max_size=2))
    prefixes = draw(st.sets(st.sampled_from(["192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0"])))
    sides = [{"securitygroupname": f"sg{each}", "account": "red"} for each in sorted(peers)]
    sides += [{"cidr": each} for each in sorted(prefixes)]
    packets = {"protocol": "tcp", "startport": 80, "endport": 80}
    return rows.SecurityGroup.model_validate(
        {
            "id": uuid(10, number), "name": f"sg{number}", "account": "red", "domainpath": "ROOT",
            "ingressrule": [
                {"ruleid": uuid(11, number * 10 + place)} | packets | side
                for place, side in enumerate(sides)
            ],
            "egressrule": [
                {"ruleid": uuid(11, number * 10 + 9), "protocol": "all", "cidr": "0.0.0.0/0"}
            ][: draw(st.integers(0, 1))],
        }
    )  # fmt: skip


def _routing(draw: st.DrawFn, found: Rows, has_tiers: bool) -> None:
    """Private gateways and routes over them and into a tier."""
    vpc = uuid(2, 0)
    for number in sorted(draw(st.sets(st.integers(1, 2)))):
        found.gateways.append(
            rows.PrivateGateway(
                id=uuid(12, number), vpcid=vpc, ipaddress=f"192.168.{number}.{draw(st.sampled_from([2, 3]))}",
                gateway=f"192.168.{number}.1", netmask="255.255.255.0", vlan=f"{700 + number}",
                sourcenatsupported=draw(st.booleans()), aclname=draw(st.sampled_from(["default_allow", ""])),
            )
        )  # fmt: skip
    hops = [f"{each.gateway}" for each in found.gateways]
    hops += [f"{each.gateway}99" for each in found.networks if each.vpcid] if has_tiers else []
    for number in sorted(draw(st.sets(st.integers(0, 2)))) if hops else ():
        given = {"id": uuid(13, number), "vpcid": vpc, "cidr": f"172.{20 + number}.0.0/16"}
        found.routes.append(rows.StaticRoute.model_validate(given | {"nexthop": draw(st.sampled_from(hops))}))


def _inner(draw: st.DrawFn, found: Rows, tiers: list[rows.Network]) -> None:
    """Balancers inside of tiers, for machines of a tier of the same VPC, some at one address."""
    for port in sorted(draw(st.sets(st.sampled_from([80, 81, 82])))):
        home, network = draw(st.sampled_from(tiers)), draw(st.sampled_from(tiers))
        nics = [(owner, nic) for owner in found.machines for nic in owner.nic if nic.networkid == network.id]
        chosen = draw(st.lists(st.sampled_from(nics), max_size=2, unique_by=str)) if nics else []
        found.inner_balancers.append(
            rows.InnerBalancer.model_validate(
                {
                    "id": uuid(14, port), "name": f"inner{port}", "networkid": network.id,
                    "sourceipaddress": f"{home.gateway}{draw(st.sampled_from([50, 51]))}",
                    "sourceipaddressnetworkid": home.id,
                    "loadbalancerrule": [{"sourceport": port, "instanceport": 8080}],
                    "loadbalancerinstance": [
                        {"id": owner.id, "ipaddress": nic.ipaddress} for owner, nic in chosen
                    ],
                }
            )
        )  # fmt: skip


def _machines(draw: st.DrawFn, found: Rows, network: int, prefix: str) -> None:
    for number in sorted(draw(st.sets(st.integers(0, 3), max_size=3))):
        key = network * 10 + number
        further = draw(st.sampled_from([(), (f"{prefix}.{100 + number}",)]))
        nic = {
            "id": uuid(3, key), "networkid": uuid(1, network), "macaddress": f"02:00:00:00:00:{key:02x}",
            "ipaddress": f"{prefix}.{draw(st.sampled_from([10 + number, 20 + number, 254 - number]))}",
            "isdefault": True,
            "secondaryip": [{"ipaddress": each} for each in further],
        }  # fmt: skip
        found.machines.append(
            rows.Machine.model_validate(
                {
                    "id": uuid(4, key), "name": f"vm{key}", "nic": [nic], "serviceofferingid": _OFFERING,
                    "securitygroup": [{"id": uuid(10, each)} for each in sorted(draw(_GROUPS))],
                    "userdata": draw(st.sampled_from([None, "dXNlcg==", "ZGF0YQ=="])),
                    "state": draw(st.sampled_from(["Running", "Stopped"])),
                }
            )
        )  # fmt: skip


def _address(draw: st.DrawFn, found: Rows, number: int) -> None:
    network = draw(st.sampled_from(found.networks))
    nics = [nic for each in found.machines for nic in each.nic if nic.networkid == network.id]
    taken = {each.vmipaddress for each in found.addresses}
    free = [nic for nic in nics if nic.ipaddress not in taken]
    use = draw(st.sampled_from(["nothing", "static", "ports"]))
    text = f"203.0.113.{number}"
    given: dict[str, Any] = {
        "id": uuid(5, number), "ipaddress": text, "vlanid": _RANGE, "vpcid": network.vpcid,
        "associatednetworkid": network.id if use != "nothing" or not network.vpcid else None,
    }  # fmt: skip
    if use == "static" and free:
        given |= {"isstaticnat": True, "vmipaddress": draw(st.sampled_from(free)).ipaddress}
    elif use == "ports" and nics:
        _ports(draw, found, network.id, number, nics)
    found.addresses.append(rows.Address.model_validate(given))
    if not network.vpcid:
        for port in draw(st.sets(st.sampled_from([22, 80]))):
            found.firewall.append(
                rows.Firewall(
                    id=uuid(6, number * 100 + port), networkid=network.id, ipaddress=text, protocol="tcp",
                    startport=str(port), endport=str(port), cidrlist=draw(_PREFIXES),
                )
            )  # fmt: skip


_GROUPS = st.sets(st.integers(0, 2), max_size=2)
_PREFIXES = st.sampled_from(["0.0.0.0/0", "198.51.100.0/24,192.0.2.0/25"])


def _ports(draw: st.DrawFn, found: Rows, network: str, number: int, nics: list[rows.Nic]) -> None:
    text = f"203.0.113.{number}"
    for port in sorted(draw(st.sets(st.sampled_from([22, 80, 443])))):
        key = number * 1000 + port
        if draw(st.booleans()):
            found.forwards.append(
                rows.Forward(
                    id=uuid(7, key), networkid=network, protocol="tcp", ipaddress=text, publicport=str(port),
                    privateport=str(port), vmguestip=draw(st.sampled_from(nics)).ipaddress,
                    cidrlist=draw(_PREFIXES),
                )
            )  # fmt: skip
            continue
        found.balancers.append(
            rows.Balancer(
                id=uuid(8, key), name=f"lb{key}", networkid=network, publicip=text,
                publicport=str(port), privateport="8080", cidrlist=draw(_PREFIXES),
                protocol=draw(st.sampled_from(["tcp", "tcp-proxy"])),
                algorithm=draw(st.sampled_from(["roundrobin", "source"])),
            )
        )  # fmt: skip
        chosen = draw(st.lists(st.sampled_from(nics), max_size=2, unique_by=lambda nic: nic.id))
        found.members[uuid(8, key)] = [
            rows.Member.model_validate(
                {"loadbalancerruleinstance": {"id": nic.id}, "lbvmipaddresses": [nic.ipaddress]}
            )
            for nic in chosen
        ]
        method = draw(st.sampled_from(["SourceBased", "LbCookie"]))
        sticky = rows.Stickiness(id=uuid(9, key), name="sticky", methodname=method)
        found.policies[uuid(8, key)] = [
            rows.Policies(stickinesspolicy=[sticky] if draw(st.booleans()) else [])
        ]
