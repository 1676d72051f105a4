"""What HAProxy is told of a balancer; `tests/e2e/test_proxies.py` has it judged by HAProxy itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sdn_orch.errors import Invalid
from sdn_orch.intent.balancers import Affinity, Algorithm
from sdn_orch.northbound.operator.models_proxies import ProxyAnswer, ServerAnswer, StickinessAnswer
from sdn_orch.proxy.configuration import configuration

SERVER = ServerAnswer(name="one", address="10.1.1.2", port=8080, weight=1, failing=False)
PROXY = ProxyAnswer(
    nic="nic", here=True, mac="02:5d:0a:01:01:09", address="10.1.1.9/24", gateway="10.1.1.1", mtu=1500,
    balancer="balancer", name="web", ports=[8080, 8080], algorithm=Algorithm.ROUND_ROBIN, http=True,
    certificate=None, proxy_protocol=False, stickiness=None,
    servers=[SERVER, SERVER.model_copy(update={"name": "two", "address": "10.1.1.3", "weight": 0})],
)  # fmt: skip


def told(**values: Any) -> list[str]:
    """The lines for a proxy that differs so."""
    text = configuration(PROXY.model_copy(update=values), Path("/run/x"))
    return [line.strip() for line in text.splitlines()]


def sticky(affinity: Affinity, **options: str) -> StickinessAnswer:
    """A stickiness, underscores for hyphens in its options."""
    named = {name.replace("_", "-"): [value] for name, value in options.items()}
    return StickinessAnswer(affinity=affinity, expire=60, clients=None, options=named)


def test_members_have_their_weights_and_ports() -> None:
    lines = told(algorithm=Algorithm.LEAST_CONNECTIONS)
    assert "bind 10.1.1.9:8080" in lines and "balance leastconn" in lines
    assert "server one 10.1.1.2:8080 weight 1" in lines and "server two 10.1.1.3:8080 weight 0" in lines
    server = SERVER.model_copy(update={"port": None})
    lines = told(ports=[1000, 1009], servers=[server])
    assert "bind 10.1.1.9:1000-1009" in lines and "server one 10.1.1.2 weight 1" in lines


def test_who_fails_gets_nothing() -> None:
    failing = SERVER.model_copy(update={"failing": True})
    assert "server one 10.1.1.2:8080 weight 1 disabled" in told(servers=[failing, PROXY.servers[1]])


@pytest.mark.parametrize(
    ("stickiness", "wanted"),
    [
        (sticky(Affinity.COOKIE), "cookie 'lb-balancer' insert"),
        (
            sticky(Affinity.COOKIE, cookie_name="c", mode="prefix", nocache="", indirect="", domain=".a"),
            "cookie 'c' prefix indirect nocache domain '.a'",
        ),
        (
            sticky(Affinity.APPLICATION_COOKIE, cookie_name="S", length="8"),
            "stick-table type string len 8 size 204800 expire 60s peers reload",
        ),
        (sticky(Affinity.APPLICATION_COOKIE, cookie_name="S"), "stick match req.cook('S')"),
        (
            sticky(Affinity.APPLICATION_COOKIE, cookie_name="S", request_learn="", mode="path-parameters"),
            "stick match urlp('S',;)",
        ),
        (
            sticky(Affinity.APPLICATION_COOKIE, cookie_name="a.b", prefix="", mode="query-string"),
            r"""stick match 'query,regsub("^(?:.*&)?a[.]b([^&=]*=[^&]*).*$","\1")'"""
            " if { query -m reg '^(?:.*&)?a[.]b([^&=]*=[^&]*).*$' }",
        ),
        (sticky(Affinity.SOURCE), "stick on src"),
    ],
)
def test_how_clients_are_known_again(stickiness: StickinessAnswer, wanted: str) -> None:
    assert wanted in told(stickiness=stickiness)


def test_servers_have_names_in_cookies_only() -> None:
    lines = told(stickiness=sticky(Affinity.COOKIE))
    assert "server one 10.1.1.2:8080 weight 1 cookie one" in lines
    assert not any("cookie" in line for line in told(stickiness=sticky(Affinity.SOURCE)))


def test_clients_that_speak_tls_are_shown_the_certificate_and_members_told_so() -> None:
    lines = told(certificate="secret")
    (bind,) = [line for line in lines if line.startswith("bind")]
    assert bind.startswith("bind 10.1.1.9:8080 ssl crt '/run/x/") and "secret" not in "".join(lines)
    assert told(certificate="another") != lines
    assert "http-request set-header X-Forwarded-Proto https" in lines
    assert "http-request set-header X-Forwarded-Proto http" in told()
    assert "secret" not in repr(PROXY.model_copy(update={"certificate": "secret"}))


def test_what_is_not_http_is_passed_on_as_it_is() -> None:
    lines = told(http=False, proxy_protocol=True)
    assert "mode tcp" in lines and not any("http-request" in line for line in lines)
    assert "server one 10.1.1.2:8080 weight 1 send-proxy" in lines


@pytest.mark.parametrize("name", ["a'b", "a\nserver evil 192.0.2.1:80", "a\x7f"])
def test_what_would_be_more_than_a_word_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="HAProxy cannot be told this"):
        told(stickiness=sticky(Affinity.COOKIE, cookie_name=name))
