"""Balancers that need a proxy: real HAProxy at the gateway, and clients with cookies."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.certificates import self_signed
from tests.e2e.accepting import PORT, accepting
from topologies.balancing import Balanced, balanced_cloud, ended
from topologies.demo.outside import FAR, NEAR
from topologies.leaf_spine import INTERNET
from topologies.proxies import Proxies

pytestmark = pytest.mark.mininet

POOL = ["web1", "web2", "web3"]
#: Seconds for a proxy to run, on a machine that does other things.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Proxied:
    """A cloud whose gateways run proxies."""

    balanced: Balanced
    proxies: dict[str, Proxies]

    @property
    def call(self) -> Any:
        """The tenant's calls."""
        return self.balanced.tenant.call

    def state(self, rule: str) -> str:
        """CloudStack's word for how far a rule has come."""
        found: str = self.call.listLoadBalancerRules(id=rule)["loadbalancerrule"][0]["state"]
        return found

    def home(self) -> str:
        """The gateway at which the address lives."""
        return self.balanced.cloud.home(self.address)

    def guard(self) -> Proxies:
        """What runs the proxies there."""
        return self.proxies[self.home()]

    def runs_at(self, rule: str) -> str:
        """The gateway at which the switches find a rule's proxy; empty while that is nowhere."""
        for gateway in self.proxies:
            for row in self.balanced.cloud.controller.ask(f"/v1/switches/{gateway}/proxies"):
                if row["balancer"] == rule and row["here"]:
                    return gateway
        return ""

    def served(self, rule: str) -> None:
        """Wait until a rule's proxy is there and the switches lead to it."""
        controller = self.balanced.cloud.controller
        controller.wait(lambda: self.state(rule) == "Active", f"rule {rule} to be served", PATIENCE)
        self.balanced.cloud.wait_objects(PATIENCE)
        assert controller.ask(f"/v1/balancers/{rule}")["condition"] == "realised"

    @contextmanager
    def rule(
        self, method: str, members: Sequence[str] = POOL, parameters: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[str]:
        """A rule with a stickiness, served."""
        with self.balanced.rule(80, list(members)) as rule:
            self.balanced.remember(rule, method, parameters)
            self.served(rule)
            yield rule

    @property
    def address(self) -> str:
        """What clients ask."""
        return str(self.balanced.address["ipaddress"])

    def said(self, path: str = "/", *words: str, scheme: str = "http") -> str:
        """What somebody outside gets; empty if that is nothing."""
        url = f"{scheme}://{self.address}{path}"
        return str(self.balanced.node(INTERNET).cmd(shlex.join(["curl", "-s", "-m", "10", *words, url])))

    def ask(self, path: str = "/", *words: str, scheme: str = "http") -> Any:
        """What somebody outside is answered."""
        return json.loads(self.said(path, *words, scheme=scheme))

    def visit(self, jar: str, path: str = "/", requests: int = 4) -> Counter[str]:
        """Who answers a client that keeps its cookies in a file, each time by a connection of its own."""
        file = self.balanced.cloud.directory / jar
        cookies = ("-b", str(file), "-c", str(file))
        return Counter(self.ask(path, *cookies)["name"] for _ in range(requests))


@pytest.fixture(scope="module")
def proxied() -> Iterator[Proxied]:
    with balanced_cloud(len(POOL), hosts=2, gateways=2) as made:
        proxies = {name: Proxies(made.cloud, name) for name in ("leaf3", "leaf4")}
        for each in proxies.values():
            each.start()
        yield Proxied(made, proxies)
        for each in proxies.values():
            each.stop()
            print(each.log.read_text())
            assert not each.there(), each.log.read_text()


def test_a_cookie_of_the_proxy_brings_a_client_back_to_its_member(proxied: Proxied) -> None:
    parameters = {"cookie-name": "SERVER", "mode": "insert", "indirect": "", "nocache": ""}
    with proxied.rule("LbCookie", parameters=parameters):
        chosen = set()
        for number in range(6):
            visits = proxied.visit(f"cookies{number}")
            assert len(visits) == 1, visits
            chosen |= set(visits)
        assert chosen == set(POOL)
        assert "cache-control: private" in proxied.said("/session", "-D", "-").lower()
        # Who brings none is spread.
        assert {proxied.ask()["name"] for _ in range(6)} == set(POOL)
        headers = proxied.ask("/headers", "-b", str(proxied.balanced.cloud.directory / "cookies0"))
        assert headers["x-forwarded-for"] == NEAR and "cookie" not in headers


def kept(proxied: Proxied, jar: str, name: str) -> str:
    """The value of a cookie that a client keeps."""
    rows = (proxied.balanced.cloud.directory / jar).read_text().splitlines()
    (value,) = {row.split("\t")[6] for row in rows if name in row.split("\t")}
    return str(value)


def test_a_cookie_that_the_proxy_adds_to_is_made_as_it_is_asked_for(proxied: Proxied) -> None:
    more = {"cookie-name": "SERVER", "mode": "insert", "postonly": "", "domain": ".shop.example"}
    with proxied.rule("LbCookie", parameters=more):
        assert "set-cookie" not in proxied.said("/", "-D", "-")
        posted = proxied.said("/", "-D", "-", "-d", "")
        (line,) = [row for row in posted.splitlines() if "set-cookie" in row]
        assert "SERVER=" in line and "domain=.shop.example" in line


@pytest.mark.parametrize("mode", ["rewrite", "prefix"])
def test_a_cookie_of_the_application_may_carry_the_member(proxied: Proxied, mode: str) -> None:
    with proxied.rule("LbCookie", parameters={"cookie-name": "SESSION", "mode": mode}):
        jar = f"{mode}d"
        (first,) = proxied.visit(jar, "/session", 1)
        value = kept(proxied, jar, "SESSION")
        assert len(value) == {"rewrite": 16, "prefix": 16 + 1 + 32}[mode], value
        assert proxied.visit(jar) == Counter({first: 4})
        cookies = proxied.ask("/headers", "-b", f"SESSION={value}")["cookie"]
        assert cookies == f"SESSION={value.partition('~')[2] or value}"


def test_a_cookie_of_the_application_does_too(proxied: Proxied) -> None:
    with proxied.rule("AppCookie", parameters={"cookie-name": "SESSION", "mode": "query-string"}) as rule:
        chosen = set()
        for number in range(6):
            first = proxied.visit(f"session{number}", "/session", 1)
            assert proxied.visit(f"session{number}", requests=4) == Counter({next(iter(first)): 4})
            chosen |= set(first)
            token = kept(proxied, f"session{number}", "SESSION")
            assert proxied.ask(f"/?SESSION={token}")["name"] in first
        assert chosen == set(POOL)
        # The next process is told of them by the one before.
        before = {number: set(proxied.visit(f"session{number}", requests=2)) for number in range(6)}
        config = proxied.guard()
        worker = config.workers()
        proxied.balanced.weigh(rule, {"web1": 5})
        proxied.balanced.cloud.controller.wait(
            lambda: config.workers() != worker, "another process to serve", PATIENCE
        )
        assert {number: set(proxied.visit(f"session{number}", requests=2)) for number in range(6)} == before


def test_cookies_of_which_only_the_beginning_is_known(proxied: Proxied) -> None:
    more = {"cookie-name": "SESS", "prefix": "", "request-learn": "", "mode": "path-parameters"}
    with proxied.rule("AppCookie", parameters=more):
        chosen = set()
        for number in range(6):
            (first,) = proxied.visit(f"prefix{number}", "/session", 1)
            token = kept(proxied, f"prefix{number}", "SESSION")
            assert proxied.visit(f"prefix{number}") == Counter({first: 4})
            assert {proxied.ask(f"/;SESSION={token}")["name"] for _ in range(4)} == {first}
            chosen.add(first)
        assert chosen == set(POOL)
        # Nobody has set these: the member that sees one first has it.
        for number in range(3):
            brought = ("-b", f"other=1; SESSOWN{number}=x")
            assert len({proxied.ask("/", *brought)["name"] for _ in range(4)}) == 1
        assert {proxied.ask("/", "-b", "SES=x")["name"] for _ in range(6)} == set(POOL)


def test_what_changes_breaks_no_connection(proxied: Proxied) -> None:
    balanced = proxied.balanced
    with proxied.rule("LbCookie", POOL[:2]) as rule:
        coming = balanced.clients("endless", 80, 4)
        balanced.assign(rule, "web3")
        wait_for = partial(balanced.cloud.controller.wait, patience=PATIENCE)
        wait_for(lambda: proxied.ask()["name"] == "web3", "the new member to be given connections")
        balanced.weigh(rule, {"web1": 0})
        balanced.remove(rule, "web2")
        wait_for(lambda: {proxied.ask()["name"] for _ in range(4)} == {"web3"}, "the others to be given none")
        # Its guard is killed, and another one takes over what runs.
        guard = proxied.guard()
        guard.kill()
        guard.start()
        balanced.assign(rule, "web2")
        wait_for(lambda: proxied.ask()["name"] == "web2", "the member to be given connections again")
        answered, broken = ended(coming)
        assert not broken and answered.total() > 100 and set(answered) == set(POOL)


def moves(proxied: Proxied, rule: str, to: str, happens: Callable[[], object]) -> int:
    """A rule's proxy moves under load, and clients come back to whom they had; how many requests broke."""
    balanced = proxied.balanced
    had = {jar: proxied.visit(jar, requests=1) for jar in ("kept1", "kept2", "kept3")}
    coming = balanced.clients("endless", 80, 4)
    happens()
    row = f"the proxy to run at {to}"
    balanced.cloud.controller.wait(lambda: proxied.runs_at(rule) == to, row, PATIENCE)
    proxied.served(rule)
    balanced.cloud.controller.wait(proxied.said, "a member to answer", PATIENCE)
    answered, broken = ended(coming)
    assert {jar: proxied.visit(jar, requests=1) for jar in had} == had
    assert set(balanced.asked("fresh", 80, 50)) == set(POOL)
    print(f"to {to}: {answered.total()} requests were answered, {len(broken)} broke: {set(broken)}")
    return len(broken)


def test_another_gateway_serves_when_one_dies(proxied: Proxied) -> None:
    """A cookie is of the member, not of the proxy that set it."""
    cloud = proxied.balanced.cloud
    with proxied.rule("LbCookie") as rule:
        first = proxied.home()
        (other,) = proxied.proxies.keys() - {first}
        with ExitStack() as stack:
            cut = partial(stack.enter_context, cloud.cut_off(first, proxied.address))
            assert moves(proxied, rule, other, cut) <= 12
            assert moves(proxied, rule, first, stack.close) <= 8


def test_another_host_serves_when_the_agent_of_one_dies_or_leaves(proxied: Proxied) -> None:
    with proxied.rule("LbCookie") as rule:
        first = proxied.home()
        (other,) = proxied.proxies.keys() - {first}
        agent = proxied.proxies[first]
        moves(proxied, rule, other, agent.die)
        assert proxied.home() == first
        # It comes home, and is taken over when that one is stopped: of four clients breaks what is under way.
        assert moves(proxied, rule, first, agent.start) <= 8
        assert moves(proxied, rule, other, agent.stop) <= 8
        assert not agent.there()
        agent.start()


def test_members_are_told_who_asks_by_the_proxy_protocol(proxied: Proxied) -> None:
    cloud, more = proxied.balanced.cloud, {"protocol": "tcp-proxy", "privateport": PORT}
    with ExitStack() as stack:
        for name in POOL[:2]:
            stack.enter_context(accepting(cloud, proxied.balanced.machines[name].host, name))
        rule = stack.enter_context(proxied.balanced.rule(80, POOL[:2], **more))
        proxied.served(rule)
        # It was served before it had members, by an HAProxy that may take a connection more before it ends.
        some = range(4)
        cloud.controller.wait(lambda: all(proxied.said() for _ in some), "members to answer", PATIENCE)
        for source in (NEAR, FAR):
            said = [proxied.ask("/", "--interface", source) for _ in some]
            assert {each["name"] for each in said} == set(POOL[:2])
            assert {each["from"] for each in said} == {source}


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate as a tenant has uploaded it, and what of its private key must be seen nowhere."""

    id: str
    file: Path
    secret: str


def certificate(proxied: Proxied, name: str) -> Shown:
    """One for the address."""
    file, key = self_signed(proxied.balanced.cloud.directory, name, proxied.address)
    text = key.read_text()
    made = proxied.call.uploadSslCert(name=name, certificate=file.read_text(), privatekey=text)
    # What encodings of a request leave as it is.
    secret = max(re.findall(r"[A-Za-z0-9]+", "".join(text.splitlines()[2:-2])), key=len)
    return Shown(made["sslcert"]["id"], file, secret)


def test_clients_speak_tls_and_members_do_not(proxied: Proxied) -> None:
    call, controller = proxied.call, proxied.balanced.cloud.controller
    certificates = [certificate(proxied, name) for name in ("first", "second")]
    with proxied.balanced.rule(443, POOL, protocol="ssl") as rule:
        assert proxied.state(rule) == "Add"
        for each in certificates:
            call.assignCertToLoadBalancer(lbruleid=rule, certid=each.id, forced=True)
            proxied.served(rule)
            forged = ("-H", "X-Forwarded-For: 192.0.2.1", "-H", "X-Forwarded-Proto: x")
            told = ("--cacert", str(each.file), *forged)
            shown = partial(proxied.said, "/", *told, scheme="https")
            controller.wait(shown, f"{each.file.name} to be shown", PATIENCE)
            headers = proxied.ask("/headers", *told, scheme="https")
            assert (headers["x-forwarded-proto"], headers["x-forwarded-for"]) == ("https", NEAR)
            assert {json.loads(shown())["name"] for _ in range(6)} == set(POOL)
        call.removeCertFromLoadBalancer(lbruleid=rule)
        brief = partial(proxied.said, "/", *told, "-m", "2", scheme="https")
        controller.wait(lambda: not brief(), "nothing to be shown any more", PATIENCE)
        assert proxied.state(rule) == "Add"
    logs = [log.read_text() for log in (controller.log, *(each.log for each in proxied.proxies.values()))]
    assert not any(each.secret in log or "PRIVATE KEY" in log for each in certificates for log in logs)


def test_without_the_cookie_the_switches_serve_it_again(proxied: Proxied) -> None:
    with proxied.rule("LbCookie") as rule:
        policies = proxied.call.listLBStickinessPolicies(lbruleid=rule)["stickinesspolicies"]
        proxied.call.deleteLBStickinessPolicy(id=policies[0]["stickinesspolicy"][0]["id"])
        proxied.balanced.cloud.wait_objects()
        assert {proxied.ask()["from"] for _ in range(3)} == {NEAR}
    proxied.balanced.cloud.controller.wait(
        lambda: not any(each.there() for each in proxied.proxies.values()), "the proxies to go", PATIENCE
    )
