"""What strangers and broken clients send: never a fault of ours, and nothing changes."""

from __future__ import annotations

import errno
import logging
import socket
from urllib.parse import quote, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdn_orch.northbound.cloudstack.app import LARGEST_BODY
from sdn_orch.northbound.cloudstack.calls import COMMANDS
from sdn_orch.northbound.cloudstack.declare import Mode
from sdn_orch.northbound.cloudstack.signing import canonical, sign
from tests.e2e.clients.conftest import Api
from tests.e2e.clients.examples import what_there_is


def signed(api: Api, parameters: dict[str, str]) -> str:
    """A query string that the administrator has signed, in JSON's favour."""
    given = {"apikey": api.keys.api_key, "response": "json"} | parameters
    given["signature"] = sign(canonical(given), api.keys.secret_key).decode()
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in given.items())


def unchanged(api: Api, answer: httpx.Response, revision: int, *status: int) -> None:
    """It is one of the expected errors, and nothing has changed."""
    assert answer.status_code in status
    assert answer.headers["x-description"]
    assert api.service.snapshot.revision == revision


@pytest.fixture
def client() -> httpx.Client:
    return httpx.Client(trust_env=False)


GOOD = {"command": "createDomain", "name": "evil"}


def test_unsigned_and_wrongly_signed(api: Api, client: httpx.Client) -> None:
    revision = api.service.snapshot.revision
    good = signed(api, GOOD)
    plain, signature = good.rsplit("&signature=", 1)
    wrong = [
        "command=createDomain&name=evil",
        plain,
        f"{plain}&signature=",
        f"{plain}&signature=AAAA",
        f"{plain}&signature={signature[:-2]}",
        f"{plain}&signature=%C3%BC",
        good.replace("evil", "evil2"),
        good.replace(api.keys.api_key, "unknown"),
        good.replace(api.keys.api_key, ""),
        good.replace("apikey=", "notapikey="),
        signed(api, GOOD | {"signatureversion": "3"}),
        signed(api, GOOD | {"signatureversion": "3", "expires": "2001-01-01T00:00:00+0000"}),
        signed(api, GOOD | {"signatureversion": "3", "expires": "never"}),
    ]
    for query in wrong:
        for answer in (
            client.get(f"{api.endpoint}?{query}"),
            client.post(
                api.endpoint, content=query, headers={"Content-Type": "application/x-www-form-urlencoded"}
            ),
        ):
            unchanged(api, answer, revision, 401)
            assert "unable to verify user credentials" in answer.text
    assert client.get(f"{api.endpoint}?{good}").status_code == 200


def test_query_and_form_are_merged(api: Api, client: httpx.Client) -> None:
    query = signed(api, GOOD)
    half = query.index("&", 20)
    answer = client.post(
        f"{api.endpoint}?{query[:half]}",
        content=query[half + 1 :],
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.json()["createdomainresponse"]["domain"]["name"] == "evil"


def test_what_is_not_a_request(api: Api, client: httpx.Client) -> None:
    revision = api.service.snapshot.revision
    good = signed(api, GOOD)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for query in (
        f"{good}&name=other",
        f"{good}&NAME=other",
        f"{good}&x=%ff%fe",
        f"{good}&" + "&".join(f"a{index}=" for index in range(3000)),
    ):
        unchanged(api, client.get(f"{api.endpoint}?{query}"), revision, 431)
    unchanged(api, client.post(api.endpoint, content=b"\xff\xfe\x00", headers=form), revision, 431)
    unchanged(api, client.post(api.endpoint, content=b"x" * (LARGEST_BODY + 1), headers=form), revision, 431)
    for kind in ("application/json", "multipart/form-data; boundary=x", "text/xml"):
        posted = client.post(f"{api.endpoint}?{good}", content=b"{}", headers={"Content-Type": kind})
        unchanged(api, posted, revision, 431)
    unchanged(api, client.get(api.endpoint), revision, 401)
    assert client.put(api.endpoint).status_code == client.delete(api.endpoint).status_code == 405
    assert client.get(api.endpoint + "/../../etc/passwd").status_code == 404


def test_bytes_that_are_not_http(api: Api) -> None:
    revision = api.service.snapshot.revision
    where = urlsplit(api.endpoint)
    for data in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET /client/api?" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /client/api HTTP/1.1\r\n" + b"x: y\r\n" * 50_000 + b"\r\n",
        b"POST /client/api HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /client/api HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(65536)
            except OSError as error:
                # Cut off, which the next call of the socket notices; a timeout has no number.
                assert error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
                continue
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert api.service.snapshot.revision == revision
    assert httpx.get(api.endpoint, trust_env=False).status_code == 401


VALUES = (
    "",
    "0",
    "-1",
    "x" * 5000,
    "\x00",
    "💥" * 300,
    "null",
    "a,b,,",
    "' OR 1=1 --",
    "%00",
    "<a>&amp;",
)


def test_wrong_values_everywhere(api: Api, client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """One wrong value in every parameter of every call at once, for each of the values."""
    before = what_there_is(api)
    for command in COMMANDS.values():
        for value in VALUES:
            arguments = {parameter.name: value for parameter in command.parameters}
            query = signed(api, {"command": command.name} | arguments)
            if len(query) > 60_000:
                continue
            answer = client.get(f"{api.endpoint}?{query}")
            # What requires nothing is taken on as a job, which fails.
            is_job = command.mode is Mode.ASYNC and not any(each.is_required for each in command.parameters)
            wanted = (431,) if command.is_write and not is_job else (200, 431)
            if command.name == "login":
                # By POST only.
                wanted = (405, 431)
            assert answer.status_code in wanted, (command.name, value)
    assert what_there_is(api) == before
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(COMMANDS)),
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=12),
        st.text(st.characters(codec="utf-8"), max_size=40),
        max_size=6,
    ),
)
def test_any_parameters(api: Api, client: httpx.Client, command: str, parameters: dict[str, str]) -> None:
    reserved = {"command", "apikey", "response", "signature", "signatureversion", "expires"}
    given = {name: value for name, value in parameters.items() if name.lower() not in reserved}
    answer = client.get(f"{api.endpoint}?{signed(api, {'command': command} | given)}")
    assert answer.status_code in (200, 430, 431)
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    answer.json()


def test_no_secret_is_logged(api: Api, client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    query = signed(api, {
        "command": "createAccount", "username": "u", "password": "topsecretword", "email": "e",
        "firstname": "f", "lastname": "l",
    })  # fmt: skip
    signature = query.rsplit("signature=", 1)[1]
    account = client.post(
        api.endpoint, content=query, headers={"Content-Type": "application/x-www-form-urlencoded"}
    ).json()["createaccountresponse"]["account"]
    keys = signed(api, {"command": "registerUserKeys", "id": account["user"][0]["id"]})
    answer = client.post(
        api.endpoint, content=keys, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    secret_key = answer.json()["registeruserkeysresponse"]["userkeys"]["secretkey"]
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("sdn_orch", "uvicorn"))
    )
    assert "createAccount" in ours
    for secret in ("topsecretword", api.keys.secret_key, api.keys.api_key, signature, secret_key):
        assert secret not in ours
