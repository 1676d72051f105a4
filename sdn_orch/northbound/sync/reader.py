"""Reads CloudStack's lists to the end, with the `cs` client: all of them, or those about one group."""

from __future__ import annotations

import json
from itertools import count as count_from
from typing import Any, TypeVar

import cs
import requests
from pydantic import ValidationError

from sdn_orch.errors import ReadFailed
from sdn_orch.northbound.sync import rows
from sdn_orch.northbound.sync.rows import Row, Rows

R = TypeVar("R", bound=Row)

#: Rows of a page, of which CloudStack gives no more by default, and seconds for an answer.
_PAGE, _TIMEOUT = 500, 60
#: Lists that change while they are read are read again, so often at most.
_TIMES = 3
#: Everybody's, those of projects among it.
_ALL = {"listall": "true", "projectid": "-1"}
_ABSENT = 431
#: Lists of what is not translated: the one for IPv4 is newer.
_ROUTING_SINCE = (4, 20)
#: Lists that show what another one lacks.
_ALSO = {"listLoadBalancerRules": "listLoadBalancers"}
#: Fields that say where something belongs.
_HOMES = ("associatednetworkid", "networkid", "vpcid", "aclid", "lbruleid")


class Reader:
    """A root administrator's reading; `calls` is how many there were so far."""

    def __init__(
        self, url: str, key: str, secret: str, *, cafile: str | None = None, page: int = _PAGE
    ) -> None:
        self.calls = 0
        self.url = url
        self._page = page
        self._version: tuple[int, ...] | None = None
        # The arguments go in the body: texts of errors have the URL, and with it what signs the call.
        self._cs = cs.CloudStack(url, key, secret, timeout=_TIMEOUT, method="post", verify=cafile, retry=1)

    def all(self, zone: str | None = None) -> Rows:
        """Everything there is, of the zone with this name or id, or of all. Raises ReadFailed."""
        self._version = None
        found = self._common(zone)
        place = {"zoneid": found.zones[0].id} if zone else {}
        found.networks = self._list("listNetworks", rows.Network, **_ALL, **place)
        found.vpcs = self._list("listVPCs", rows.Vpc, **_ALL, **place)
        found.machines = self._machines(**place)
        found.addresses = self._addresses(**place)
        self._rules(found, _ALL)
        found.acl_items = self._list("listNetworkACLs", rows.AclItem, **_ALL)
        self._balancers(found, _ALL | place)
        if found.vpcs:
            self._beside_tiers(found, _ALL)
            self._inner_balancers(found, _ALL)
        self._security_groups(found)
        return found

    def one(self, id: str, zone: str | None = None) -> Rows:
        """What there is about one network, with its VPC if it is a tier, or about one VPC.

        Nothing but what all have in common where there is neither (any more). Raises ReadFailed.
        """
        found = self._common(zone)
        found.networks = self._list("listNetworks", rows.Network, **_ALL, id=id)
        vpc = next((each.vpcid for each in found.networks), id)
        if vpc is not None:
            self._vpc(found, vpc)
        else:
            found.machines = self._machines(networkid=id)
            found.addresses = self._addresses(associatednetworkid=id)
            self._of_network(found, id)
        self._security_groups(found)
        return found

    def homes(self, command: str, id: str) -> list[str]:
        """The networks and VPCs, or else the lists and balancers, of what a list shows for this id.

        Raises ReadFailed.
        """
        found: list[str] = []
        for row in self._raw(command, **_ALL, id=id):
            for each in (row, *(row.get("nic") or ())):
                found += [str(each[name]) for name in _HOMES if each.get(name)]
        if not found and command in _ALSO:
            return self.homes(_ALSO[command], id)
        return found

    def _common(self, zone: str | None) -> Rows:
        found = Rows(zones=self._list("listZones", rows.Zone))
        if zone is not None:
            found.zones = [each for each in found.zones if zone in (each.id, each.name)]
            if not found.zones:
                raise ReadFailed(f"listZones: there is no zone {zone}")
        found.ranges = self._list("listVlanIpRanges", rows.Range, forvirtualnetwork="true")
        found.offerings = self._list("listNetworkOfferings", rows.Offering)
        found.offerings += self._list("listServiceOfferings", rows.Offering, **_ALL)
        return found

    def _vpc(self, found: Rows, id: str) -> None:
        found.vpcs = self._list("listVPCs", rows.Vpc, **_ALL, id=id)
        if not found.vpcs:
            return
        found.networks = self._list("listNetworks", rows.Network, **_ALL, vpcid=id)
        found.machines = self._machines(vpcid=id)
        found.addresses = self._addresses(vpcid=id)
        self._beside_tiers(found, _ALL | {"vpcid": id})
        for tier in found.networks:
            self._of_network(found, tier.id)
            self._inner_balancers(found, _ALL | {"networkid": tier.id})
        lists = [tier.aclid for tier in found.networks] + [gateway.aclid for gateway in found.gateways]
        for list_id in dict.fromkeys(filter(None, lists)):
            found.acl_items += self._list("listNetworkACLs", rows.AclItem, **_ALL, aclid=list_id)

    def _machines(self, **place: str) -> list[rows.Machine]:
        return self._list(
            "listVirtualMachines",
            rows.Machine,
            **_ALL,
            **place,
            details="nics,servoff,secgrp",
            userdata="true",
        )

    def _addresses(self, **place: str) -> list[rows.Address]:
        return self._list("listPublicIpAddresses", rows.Address, **_ALL, **place)

    def _of_network(self, found: Rows, id: str) -> None:
        self._rules(found, _ALL | {"networkid": id})
        self._balancers(found, _ALL | {"networkid": id})

    def _rules(self, found: Rows, place: dict[str, str]) -> None:
        found.forwards += self._list("listPortForwardingRules", rows.Forward, **place)
        found.firewall += self._list("listFirewallRules", rows.Firewall, **place)
        found.egress += self._list("listEgressFirewallRules", rows.Firewall, **place)
        alone = [each for each in found.networks if each.vpcid is None]
        if any(each.ip6cidr for each in alone):
            found.routed[6] = self._list("listIpv6FirewallRules", rows.RoutedRule, **place)
        if alone and self._has_version(_ROUTING_SINCE):
            found.routed[4] = self._list("listRoutingFirewallRules", rows.RoutedRule, **place)

    def _has_version(self, wanted: tuple[int, ...]) -> bool:
        if self._version is None:
            said = self._ask("listCapabilities", {}).get("capability")
            text = str(said.get("cloudstackversion")) if isinstance(said, dict) else ""
            self._version = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
        return self._version >= wanted

    def _beside_tiers(self, found: Rows, place: dict[str, str]) -> None:
        """What VPCs have besides tiers and addresses."""
        found.gateways = self._list("listPrivateGateways", rows.PrivateGateway, **place)
        found.routes = self._list("listStaticRoutes", rows.StaticRoute, **place)

    def _inner_balancers(self, found: Rows, place: dict[str, str]) -> None:
        found.inner_balancers += self._list("listLoadBalancers", rows.InnerBalancer, **place)

    def _security_groups(self, found: Rows) -> None:
        """All of them, where any is of use: rules name those of others, by account and name."""
        if any(each.has("SecurityGroup") for each in found.networks):
            found.security_groups = self._list("listSecurityGroups", rows.SecurityGroup, **_ALL)

    def _balancers(self, found: Rows, place: dict[str, str]) -> None:
        new = self._list("listLoadBalancerRules", rows.Balancer, **place)
        for each in new:
            found.members[each.id] = self._list(
                "listLoadBalancerRuleInstances", rows.Member, id=each.id, lbvmips="true"
            )
            found.policies[each.id] = [
                policies
                for command in ("listLBStickinessPolicies", "listLBHealthCheckPolicies")
                for policies in self._list(command, rows.Policies, lbruleid=each.id)
            ]
        found.balancers += new

    def _list(self, command: str, kind: type[R], **arguments: str) -> list[R]:
        try:
            return [kind.model_validate(row) for row in self._raw(command, **arguments)]
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ReadFailed(f"{command}: {place}: {first['msg']}") from None

    def _raw(self, command: str, **arguments: str) -> list[dict[str, Any]]:
        """All pages. A list that changes meanwhile may lack rows: it is read again until it is whole.

        A list that has fewer rows than it says, but the same ones again, is whole too.
        """
        before: set[str] = set()
        for _ in range(_TIMES):
            found, count = self._pages(command, arguments)
            if len(found) >= count or (before and set(found) == before):
                return list(found.values())
            before = set(found)
        raise ReadFailed(f"{command}: the list changed each time that it was read")

    def _pages(self, command: str, arguments: dict[str, str]) -> tuple[dict[str, dict[str, Any]], int]:
        """The rows, once each, and how many there were said to be."""
        found: dict[str, dict[str, Any]] = {}
        for page in count_from(1):
            answer = self._ask(command, {**arguments, "page": str(page), "pagesize": str(self._page)})
            new = next((value for value in answer.values() if isinstance(value, list)), [])
            fresh = {_key(row): row for row in new} if all(isinstance(row, dict) for row in new) else {}
            is_last = not fresh.keys() - found.keys()
            found |= fresh
            count = answer.get("count")
            total = count if isinstance(count, int) else len(found)
            if is_last or len(found) >= total:
                return found, total if new else len(found)
        raise AssertionError("unreachable")

    def _ask(self, command: str, arguments: dict[str, str]) -> dict[str, Any]:
        self.calls += 1
        try:
            answer = getattr(self._cs, command)(**arguments)
        except cs.CloudStackApiException as refused:
            said = refused.error if isinstance(refused.error, dict) else {}
            if said.get("errorcode") == _ABSENT and "id" in arguments:
                return {}
            raise ReadFailed(f"{command}: {str(said.get('errortext', 'refused'))[:300]}") from None
        except (cs.CloudStackException, requests.RequestException, ValueError) as error:
            raise ReadFailed(f"{self.url} does not answer {command}: {type(error).__name__}") from None
        if not isinstance(answer, dict):
            raise ReadFailed(f"{self.url} does not answer {command} as CloudStack's API does")
        return answer


def _key(row: dict[str, Any]) -> str:
    """What tells a row from others."""
    return str(row.get("id") or json.dumps(row, sort_keys=True))
