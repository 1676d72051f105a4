"""The native door over TCP: tokens, tags, pages, refusals, weights, and how far everything has come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from typer.testing import CliRunner

from sdn_orch.cli import app
from sdn_orch.intent.acls import AclList
from sdn_orch.intent.balancers import Balancer, Certificate, Draining, Member
from sdn_orch.intent.firewall import RoutedRule
from sdn_orch.intent.model import Account, Arrival, Attachment, Domain, Link, Machine, Network, Nic, Switch
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.security import SecurityGroup
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.intent.traffic import SCTP, TCP, Direction
from sdn_orch.intent.validate import RULES
from sdn_orch.northbound.balancers import end_drained
from sdn_orch.northbound.listening import listen_tcp, listen_unix
from sdn_orch.northbound.operator import tokens
from sdn_orch.northbound.operator.declare import LARGEST_BODY
from sdn_orch.northbound.operator.door import Door, application
from sdn_orch.northbound.operator.objects import KINDS
from sdn_orch.northbound.operator.tokens import Scope
from sdn_orch.northbound.server import Server
from sdn_orch.northbound.service import Service
from sdn_orch.reconcile import Reconciler
from sdn_orch.store.memory import MemoryStore
from tests.unit.dataplane import worlds


@dataclass
class World:
    """A daemon's door with tokens of each scope, and its clock."""

    service: Service
    client: httpx.Client
    secrets: dict[Scope, str]
    config: Path
    now: datetime

    def ask(self, method: str, path: str, scope: Scope | None = Scope.ADMIN, **more: Any) -> httpx.Response:
        """The answer to somebody with a token of this scope."""
        headers = more.pop("headers", {})
        if scope is not None:
            headers = {"Authorization": f"Bearer {self.secrets[scope]}"} | headers
        return self.client.request(method, path, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        """What a reader gets."""
        answer = self.ask("GET", path, Scope.READ, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


def records() -> Snapshot:
    red = worlds.network("red", 1)
    nics = [worlds.nic(red, number) for number in (10, 11)]
    address = IPv4Address("203.0.113.10")
    return Snapshot.of(
        *worlds.leaf_spine(2, 1),
        *worlds.tenant(),
        Machine(id="m1", account_id="tenant", name="web1"),
        red,
        replace(nics[0], machine_id="m1"),
        nics[1],
        PublicRange(
            id="range",
            ipv4=IPv4Network("203.0.113.0/24"),
            gateway=IPv4Address("203.0.113.1"),
            first=address,
            last=address,
        ),
        PublicAddress(id="ip", range_id="range", account_id="tenant", address=address, network_id=red.id),
        Balancer(
            id="lb",
            account_id="tenant",
            network_id=red.id,
            address_id="ip",
            name="web",
            protocol=TCP,
            ports=(80, 80),
            guest_ports=(8080, 8080),
        ),
        Member(id="first", balancer_id="lb", nic_id=nics[0].id),
        Member(id="second", balancer_id="lb", nic_id=nics[1].id, seat=1),
        RoutedRule(id="unrouted", network_id=red.id, direction=Direction.EGRESS, version=4),
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = MemoryStore(records())
    reconciler = Reconciler(store, audit_interval=0, keep_foreign=False)
    reconciler.start()
    listener = listen_tcp("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    made = World(
        service=Service(store, lambda: made.now),
        client=httpx.Client(base_url=url, trust_env=False, verify=False),
        secrets={},
        config=tmp_path / "sdn-orch.toml",
        now=datetime(2026, 11, 22, tzinfo=UTC),
    )
    for scope in Scope:
        create = partial(tokens.create, name=scope.value, scope=scope, days=None)
        made.secrets[scope] = made.service.write(create)[1]
    door = Server(Starlette(routes=Door(reconciler, made.service, is_trusted=False).routes()), listener)
    unix = Server(application(reconciler, made.service), listen_unix(tmp_path / "sdn-orch.sock"))
    made.config.write_text(f'run_directory = "{tmp_path}"\n')
    for server in (door, unix):
        server.start()
    yield made
    made.client.close()
    for server in (door, unix):
        server.stop()
    reconciler.stop()
    store.close()


def refused(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert (said["type"], said["status"]) == (f"urn:sdn-orch:problem:{kind}", status)
    assert said["title"] and said["detail"]
    return said


def test_nothing_is_told_without_a_token(world: World) -> None:
    for path in ("/v1/status", "/v1/tokens", "/v1/trace", "/v1/explain/red"):
        answer = world.ask("GET", path, None)
        refused(answer, 401, "no-token")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for header in ("Bearer x", "Bearer", f"Basic {world.secrets[Scope.ADMIN]}", b"Bearer \xff\xfe"):
        refused(world.ask("GET", "/v1/status", None, headers={"Authorization": header}), 401, "no-token")
    # What it is about may be read by anybody.
    assert world.ask("GET", "/v1/openapi.json", None).status_code == 200


def test_a_scope_is_good_for_itself_and_those_before(world: World) -> None:
    member = "/v1/balancers/lb/members/first"
    for scope, allowed in {Scope.READ: 0, Scope.OPERATE: 1, Scope.ADMIN: 2}.items():
        assert world.ask("GET", "/v1/status", scope).status_code == 200
        answer = world.ask("PUT", member, scope, json={"weight": 3})
        assert answer.status_code == (200 if allowed >= 1 else 403)
        answer = world.ask("POST", "/v1/tokens", scope, json={"name": "x", "scope": "read"})
        assert answer.status_code == (201 if allowed >= 2 else 403)
    said = refused(world.ask("DELETE", "/v1/tokens/x", Scope.OPERATE), 403, "scope")
    assert said["detail"] == "this needs a token of scope admin, not operate"


def test_the_scope_of_proxies_is_good_for_nothing_else(world: World) -> None:
    path = "/v1/switches/leaf1/proxies"
    for scope, status in {Scope.READ: 403, Scope.OPERATE: 403, Scope.PROXY: 200, Scope.ADMIN: 200}.items():
        assert world.ask("GET", path, scope).status_code == status
    refused(world.ask("GET", "/v1/status", Scope.PROXY), 403, "scope")
    refused(world.ask("POST", "/v1/tokens", Scope.PROXY, json={"name": "x", "scope": "read"}), 403, "scope")


def test_tokens_are_shown_once_expire_and_are_revoked(world: World) -> None:
    answer = world.ask("POST", "/v1/tokens", json={"name": "ci", "scope": "read", "days": 1})
    assert answer.status_code == 201
    made = answer.json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert world.ask("GET", "/v1/status", None, headers=bearer).status_code == 200
    listed = world.get("/v1/tokens")["items"]
    assert {each["name"] for each in listed} == {*map(str, Scope), "ci"}
    assert all("token" not in each for each in listed)
    record = world.service.snapshot.need(tokens.Token, made["id"])
    assert made["token"] not in str(record) and record.digest not in repr(record)
    world.now += timedelta(days=1)
    refused(world.ask("GET", "/v1/status", None, headers=bearer), 401, "no-token")
    path = f"/v1/tokens/{made['id']}"
    tag = world.ask("GET", path).headers["etag"]
    refused(world.ask("DELETE", path, headers={"If-Match": '"other"'}), 412, "changed")
    assert world.ask("DELETE", path, headers={"If-Match": tag}).status_code == 204
    refused(world.ask("DELETE", path), 404, "not-found")


def test_a_revoked_token_opens_no_door(world: World) -> None:
    (own,) = [each for each in world.get("/v1/tokens")["items"] if each["name"] == "read"]
    assert world.ask("DELETE", f"/v1/tokens/{own['id']}").status_code == 204
    refused(world.ask("GET", "/v1/status", Scope.READ), 401, "no-token")


def test_counters_that_no_switch_has_told_yet(world: World) -> None:
    found = world.get("/v1/balancers/lb/counters")
    assert [row["id"] for row in found["members"]] == ["first", "second"]
    assert (found["since"], found["connections"], found["ports"]) == (None, 0, [80, 80])
    assert world.get("/v1/counters")["items"] == [found]
    refused(world.ask("GET", "/v1/balancers/other/counters"), 404, "not-found")
    shown = CliRunner().invoke(app, ["balancers", "--config", str(world.config)])
    assert "203.0.113.10:80/tcp" in shown.stdout and "no switch has counted yet" in shown.stdout
    shown = CliRunner().invoke(app, ["balancers", "web", "--config", str(world.config)])
    assert "web1" in shown.stdout and "10.1.0.11" in shown.stdout
    assert CliRunner().invoke(app, ["balancers", "other", "--config", str(world.config)]).exit_code == 1


def test_metrics_are_for_readers(world: World) -> None:
    refused(world.ask("GET", "/metrics", None), 401, "no-token")
    said = world.ask("GET", "/metrics", Scope.READ)
    assert said.headers["content-type"].startswith("text/plain; version=0.0.4")
    own = 'balancer="lb",name="web",member="first",machine="web1",address="10.1.0.10"'
    assert f"sdn_orch_balancer_connections_total{{{own}}} 0\n" in said.text
    assert f'sdn_orch_balancer_bytes_total{{{own},direction="out"}} 0\n' in said.text
    assert 'sdn_orch_switch_connected{switch="leaf1"} 0\n' in said.text
    for line in said.text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)*\})? [0-9.e+]+', line), line


def test_weights(world: World) -> None:
    listed = world.get("/v1/balancers/lb/members")
    assert [each["id"] for each in listed["items"]] == ["first", "second"]
    path = "/v1/balancers/lb/members/first"
    seen = world.ask("GET", path)
    assert seen.json() == {
        "id": "first", "balancer": "lb", "nic": "red-10", "machine": "web1", "address": "10.1.0.10",
        "weight": 1,
    }  # fmt: skip
    match = {"If-Match": seen.headers["etag"]}
    changed = world.ask("PUT", path, Scope.OPERATE, json={"weight": 0}, headers=match)
    assert (changed.status_code, changed.json()["weight"]) == (200, 0)
    assert world.service.snapshot.need(Member, "first").weight == 0
    revision = world.service.snapshot.revision
    said = refused(world.ask("PUT", path, json={"weight": 5}, headers=match), 412, "changed")
    assert said["faults"][0]["field"] == "header.If-Match"
    assert changed.headers["etag"] == world.ask("GET", path).headers["etag"]
    wrong: list[Any] = [{"weight": each} for each in (-1, 257, "5", True, None)]
    for body in [*wrong, {}, {"weight": 1, "x": 2}, [], 5]:
        said = refused(world.ask("PUT", path, json=body), 400, "malformed")
        assert all(fault["field"].startswith("body") for fault in said["faults"])
    assert world.service.snapshot.revision == revision
    assert world.ask("PUT", path, json={"weight": 5}, headers={"If-Match": "*"}).status_code == 200
    refused(world.ask("PUT", "/v1/balancers/lb/members/x", json={"weight": 5}), 404, "not-found")
    refused(world.ask("PUT", "/v1/balancers/x/members/first", json={"weight": 5}), 404, "not-found")


def test_a_network_cuts_connections_when_it_is_told_to(world: World) -> None:
    seen = world.ask("GET", "/v1/networks/red")
    assert (seen.json()["id"], seen.json()["cuts_connections"]) == ("red", False)
    on, match = {"cuts_connections": True}, {"If-Match": seen.headers["etag"]}
    assert world.ask("PUT", "/v1/networks/red", Scope.READ, json=on).status_code == 403
    changed = world.ask("PUT", "/v1/networks/red", Scope.OPERATE, json=on)
    assert (changed.status_code, changed.json()["cuts_connections"]) == (200, True)
    assert world.service.snapshot.need(Network, "red").cuts_connections
    refused(world.ask("PUT", "/v1/networks/red", json=on, headers=match), 412, "changed")
    wrong: list[Any] = [{"cuts_connections": 1}, {"cuts_connections": None}, {}, {**on, "x": 2}, []]
    for body in wrong:
        refused(world.ask("PUT", "/v1/networks/red", json=body), 400, "malformed")
    refused(world.ask("PUT", "/v1/networks/none", json=on), 404, "not-found")
    with_none = worlds.l2_network("flat")
    world.service.write(lambda transaction: transaction.put(with_none))
    said = refused(world.ask("PUT", "/v1/networks/flat", json=on), 422, "invalid")
    assert "Network flat (flat): cuts_connections: L2 networks" in said["detail"]


def test_members_without_weight_are_drained(world: World) -> None:
    path, member = "/v1/balancers/lb", "/v1/balancers/lb/members/first"
    seen = world.ask("GET", path)
    assert (seen.json()["drain"], seen.json()["fails_open"]) == (300, True)
    match = {"If-Match": seen.headers["etag"]}
    changed = world.ask("PUT", path, Scope.OPERATE, json={"drain": 60}, headers=match)
    assert (changed.status_code, changed.json()["drain"]) == (200, 60)
    assert changed.headers["etag"] == world.ask("GET", path).headers["etag"]
    refused(world.ask("PUT", path, json={"drain": 5}, headers=match), 412, "changed")
    refused(world.ask("PUT", "/v1/balancers/other", json={"drain": 5}), 404, "not-found")
    for wrong in ({"drain": -1}, {"drain": 86_401}, {"drain": "5"}, {"drained": 5}, {"fails_open": 0}):
        refused(world.ask("PUT", path, json=wrong), 400, "malformed")
    said = refused(world.ask("PUT", path, json={"protocol": "udp"}), 400, "malformed")
    assert said["detail"] == "balancer lb has a public address: CloudStack says its protocol"
    refused(world.ask("PUT", path, Scope.READ, json={"drain": 5}), 403, "scope")
    closed = world.ask("PUT", path, json={"drain": 60, "fails_open": False}).json()
    assert (closed["drain"], closed["fails_open"]) == (60, False)
    assert not world.service.snapshot.need(Balancer, "lb").fails_open

    def until() -> list[str | None]:
        return [row["until"] for row in world.get(f"{path}/counters")["members"]]

    world.ask("PUT", member, json={"weight": 0})
    world.ask("PUT", member, json={"weight": 0})
    assert until() == ["2026-11-22T00:01:00Z", None]
    world.ask("PUT", member, json={"weight": 2})
    assert until() == [None, None] and not world.service.snapshot.count(Draining)
    world.ask("PUT", member, json={"weight": 0})
    world.now += timedelta(seconds=59)
    end_drained(world.service)
    assert world.service.snapshot.count(Draining) == 1
    world.now += timedelta(seconds=1)
    end_drained(world.service)
    assert until() == [None, None] and not world.service.snapshot.count(Draining)
    world.ask("PUT", path, json={"drain": 0})
    world.ask("PUT", "/v1/balancers/lb/members/second", json={"weight": 0})
    assert not world.service.snapshot.count(Draining), "they are cut at once"


def test_what_is_known_already_is_not_sent_again(world: World) -> None:
    answer = world.ask("GET", "/v1/networks")
    tag = answer.headers["etag"]
    for known in (tag, f'"x", W/{tag}', "*"):
        again = world.ask("GET", "/v1/networks", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert world.ask("GET", "/v1/networks", headers={"If-None-Match": '"x"'}).status_code == 200
    head = world.ask("HEAD", "/v1/networks")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


def test_pages(world: World) -> None:
    everything = world.get("/v1/objects")["items"]
    paged: list[Any] = []
    cursor = None
    while True:
        page = world.get("/v1/objects", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) <= 2
        paged += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert paged == everything
    for wrong in (
        {"limit": 0},
        {"limit": 1001},
        {"limit": "x"},
        {"cursor": "-1"},
        {"page": 1},
        {"kind": "x"},
    ):
        said = refused(world.ask("GET", "/v1/objects", params=wrong), 400, "malformed")
        assert said["faults"][0]["field"] == f"query.{next(iter(wrong))}"
    said = refused(world.ask("GET", "/v1/objects?limit=1&limit=2"), 400, "malformed")
    assert said["faults"] == [{"object": "request", "field": "query.limit", "reason": "it is given twice"}]


def test_every_object_says_how_far_it_has_come(world: World) -> None:
    found = {(each["kind"], each["id"]): each for each in world.get("/v1/objects")["items"]}
    kinds = {"network", "machine", "nic", "public-address", "routed-rule", "balancer"}
    assert {kind for kind, _ in found} == kinds
    each = found["routed-rule", "unrouted"]
    assert (each["condition"], each["realised"], each["refusals"]) == ("pending", [], [])
    assert each["note"] == "the network's IPv4 is translated, not routed: other rules are about it"
    assert each["account"] == "tenant"
    # Nothing of the network is plugged in anywhere, and there is no gateway.
    assert found["public-address", "ip"]["condition"] == "idle"
    assert found["balancer", "lb"]["condition"] == "idle" and found["balancer", "lb"]["note"] is None
    assert found["nic", "red-10"]["condition"] == "idle" and found["nic", "red-10"]["note"] is None
    pending = world.get("/v1/objects", params={"condition": "pending"})["items"]
    assert [each["kind"] for each in pending] == ["routed-rule"]
    assert world.get("/v1/objects/balancer/lb") == found["balancer", "lb"]
    (listed,) = world.get("/v1/balancers")["items"]
    assert listed == world.get("/v1/balancers/lb")
    assert (listed["address"], listed["ports"], listed["members"]) == ("203.0.113.10", [80, 80], 2)
    for path in ("/v1/objects/balancer/x", "/v1/objects/x/lb", "/v1/balancers/x"):
        refused(world.ask("GET", path), 404, "not-found")


def test_no_kind_of_the_intent_is_forgotten() -> None:
    """Beside who owns things and what there is of a fabric, what is part of another object has no say."""
    others = {
        Domain,
        Account,
        PublicRange,
        Certificate,
        Member,
        AclList,
        SecurityGroup,
        Switch,
        Link,
        Attachment,
        Arrival,
    }
    assert {kind.record for kind in KINDS.values()} == RULES.keys() - others


def test_switches_links_and_plans(world: World) -> None:
    names = [each["name"] for each in world.get("/v1/switches")["items"]]
    assert names == [each["name"] for each in world.get("/v1/status")["switches"]] != []
    assert world.get(f"/v1/switches/{names[0]}")["connected"] is False
    assert world.get(f"/v1/switches/{names[0]}/plan") == {
        "switch": names[0], "connected": False, "operations": []
    }  # fmt: skip
    assert len(world.get("/v1/links")["items"]) == len(world.get("/v1/topology")["links"]) == 2
    refused(world.ask("GET", "/v1/switches/nobody"), 404, "not-found")
    said = refused(
        world.ask("GET", "/v1/trace", params={"from": "red-10", "to": "10.1.0.11"}), 422, "invalid"
    )
    assert "is not attached to a switch port" in said["detail"]


def test_what_is_not_there_or_not_so(world: World) -> None:
    refused(world.ask("GET", "/v1/nothing"), 404, "not-found")
    answer = world.ask("DELETE", "/v1/status")
    refused(answer, 405, "method")
    assert answer.headers["allow"] == "GET"
    path, plain = "/v1/balancers/lb/members/first", {"Content-Type": "text/plain"}
    refused(world.ask("PUT", path, content=b'{"weight": 1}', headers=plain), 415, "media-type")
    large = b" " * (LARGEST_BODY + 1)
    typed = {"Content-Type": "application/json"}
    refused(world.ask("PUT", path, content=large, headers=typed), 413, "too-large")


def test_the_command_line_manages_tokens_without_one(world: World) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(app, [*words, "--config", str(world.config)])
        assert result.exit_code == 0, result.output
        return result.stdout

    secret = run("token", "create", "grafana", "--days", "30").strip()
    bearer = {"Authorization": f"Bearer {secret}"}
    assert world.ask("GET", "/v1/status", None, headers=bearer).status_code == 200
    refused(
        world.ask("POST", "/v1/tokens", None, headers=bearer, json={"name": "x", "scope": "read"}),
        403,
        "scope",
    )
    shown = run("token", "list")
    assert "grafana" in shown and secret not in shown
    (id,) = [each["id"] for each in world.get("/v1/tokens")["items"] if each["name"] == "grafana"]
    run("token", "revoke", id)
    refused(world.ask("GET", "/v1/status", None, headers=bearer), 401, "no-token")
    failed = CliRunner().invoke(app, ["token", "revoke", id, "--config", str(world.config)])
    assert (failed.exit_code, failed.stderr) == (1, f"sdn-orch: there is no token {id}\n")


def test_members_of_machines_that_go(world: World) -> None:
    nic = world.service.snapshot.need(Nic, "red-11")
    world.service.write(lambda transaction: transaction.delete(nic))
    assert [each["id"] for each in world.get("/v1/balancers/lb/members")["items"]] == ["first"]


def test_balancers_at_ipv6_addresses_come_and_go(world: World) -> None:
    wanted = {"name": "six", "network": "red", "ports": [80, 80], "guest_ports": [8080, 8080]}
    made = world.ask("POST", "/v1/balancers", Scope.OPERATE, json=wanted)
    assert made.status_code == 201, made.text
    path = f"/v1/balancers/{made.json()['id']}"
    # The gateway has the first address.
    assert world.get(path) | {"condition": ""} == made.json() | {"condition": ""}
    row = made.json()
    assert (row["address"], row["protocol"], row["ports"]) == ("2001:db8:1::2", TCP, [80, 80])
    member = world.ask("POST", f"{path}/members", json={"nic": "web1"})
    assert (member.status_code, member.json()["address"]) == (201, "2001:db8:1::a")
    twice = refused(world.ask("POST", f"{path}/members", json={"nic": "web1"}), 422, "invalid")
    assert "is a member of balancer six" in twice["detail"]
    other = {"address": row["address"], "address_network": "red", "protocol": "udp", "name": "dns"}
    shared = world.ask("POST", "/v1/balancers", json=wanted | other)
    assert shared.json()["address"] == row["address"]
    sctp = world.ask("POST", "/v1/balancers", json=wanted | other | {"protocol": "sctp", "guest_ports": None})
    assert (sctp.json()["protocol"], sctp.json()["guest_ports"]) == (SCTP, [80, 80])
    public = {"name": "signalling", "network": "red", "address": "203.0.113.10", "ports": [2904, 2906]}
    front = world.ask("POST", "/v1/balancers", json=public | {"protocol": "sctp"})
    assert world.service.snapshot.need(Balancer, front.json()["id"]).address_id == "ip"
    second = {"protocol": "sctp", "ports": [99, 99]}
    clash = refused(world.ask("POST", "/v1/balancers", json=public | second), 422, "invalid")
    assert f"Balancer {front.json()['id']} has those of the address" in clash["detail"]
    returning = {"name": "direct", "network": "red", "ports": [90, 91], "direct_return": True}
    direct = world.ask("POST", "/v1/balancers", json=returning)
    assert (direct.json()["direct_return"], direct.json()["guest_ports"]) == (True, [90, 91])
    assert not made.json()["direct_return"]
    for wrong, said in (
        ({"guest_ports": [80, 80]}, "guest_ports: with"),
        ({"protocol": "sctp"}, "direct_return: "),
    ):
        fault = refused(world.ask("POST", "/v1/balancers", json=returning | wrong), 422, "invalid")
        assert said in fault["detail"]
    assert world.ask("DELETE", f"/v1/balancers/{direct.json()['id']}").status_code == 204
    again = world.ask("POST", "/v1/balancers", json=wanted)
    assert again.json()["address"] == "2001:db8:1::3", "those of others are not given"
    place = f"{path}/members/{member.json()['id']}"
    assert world.ask("DELETE", place, headers={"If-Match": '"other"'}).status_code == 412
    assert world.ask("DELETE", place, Scope.OPERATE).status_code == 204
    assert world.service.snapshot.count(Draining) == 1
    refused(world.ask("DELETE", place), 404, "not-found")
    nobody = refused(world.ask("POST", f"{path}/members", json={"nic": "none"}), 404, "not-found")
    assert nobody["detail"] == "there is no NIC none"
    for each in (made, shared, sctp, front, again):
        assert world.ask("DELETE", f"/v1/balancers/{each.json()['id']}").status_code == 204
    refused(world.ask("DELETE", path), 404, "not-found")
    assert world.service.snapshot.count(Balancer) == 1
    refused(world.ask("POST", "/v1/balancers", Scope.READ, json=wanted), 403, "scope")


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        ({"network": "blue"}, 404, "there is no network blue"),
        ({"address_network": "blue"}, 404, "there is no network blue"),
        ({"address": "red"}, 422, "request: address: 'red' is not an IP address"),
        ({"address": "2001:db8:2::5"}, 422, "inner: 2001:db8:2::5 is not inside 2001:db8:1::/64"),
        ({"address": "2001:db8:1::1"}, 422, "inner: 2001:db8:1::1 is the gateway"),
        ({"address": "2001:db8:1::a"}, 422, "inner: 2001:db8:1::a is that of NIC red-10"),
        ({"address": "203.0.113.10"}, 409, "The range specified, 80-80, conflicts with rule lb"),
        ({"sources": ["2001:db8::1/32"]}, 422, "request: sources: '2001:db8::1/32' is not a prefix"),
        ({"sources": ["192.0.2.0/24"]}, 422, "sources: only IPv6 prefixes can come to an IPv6 address"),
        ({"guest_ports": [1, 2]}, 422, "guest_ports: they must be as many as ports, or one"),
        ({"protocol": "sctp", "guest_ports": [81, 81]}, 422, "guest_ports: SCTP's checksum covers its ports"),
        ({"ports": [80]}, 400, ""),
        ({"ports": ["80", 80]}, 400, ""),
        ({"protocol": "icmp"}, 400, ""),
        ({"version": 5}, 400, ""),
        ({"name": ""}, 400, ""),
    ],
)
def test_balancers_that_cannot_be_are_refused(
    world: World, wrong: dict[str, Any], status: int, said: str
) -> None:
    before = world.service.snapshot.revision
    wanted = {"name": "six", "network": "red", "ports": [80, 80]}
    kind = {400: "malformed", 404: "not-found", 409: "rule-conflict", 422: "invalid"}[status]
    problem = refused(world.ask("POST", "/v1/balancers", json=wanted | wrong), status, kind)
    assert said in problem["detail"] and world.service.snapshot.revision == before


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"nic": "web1", "address": "x"}, "request: address: 'x' is not an IP address"),
        ({"nic": "red-11", "address": "2001:db8:1::99"}, "guest: 2001:db8:1::99 is not a secondary address"),
    ],
)
def test_members_that_cannot_be_are_refused(world: World, wrong: dict[str, Any], said: str) -> None:
    wanted = {"name": "six", "network": "red", "ports": [80, 80]}
    id = world.ask("POST", "/v1/balancers", json=wanted).json()["id"]
    problem = refused(world.ask("POST", f"/v1/balancers/{id}/members", json=wrong), 422, "invalid")
    assert said in problem["detail"]
