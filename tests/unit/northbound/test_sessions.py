"""login and logout: sessions need their cookie and their key, end by themselves, and are hard to guess."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from sdn_orch.northbound.cloudstack.app import PATH, routes
from sdn_orch.northbound.cloudstack.door import Answer, Visit
from sdn_orch.northbound.cloudstack.model import User
from sdn_orch.northbound.cloudstack.sessions import Sessions
from tests.cloudstack import Client, Cloud


def ask(cloud: Cloud, command: str, session: str = "", is_post: bool = True, /, **given: str) -> Answer:
    pairs = {"command": command, "response": "json"} | given
    return cloud.admin.door.answer(list(pairs.items()), Visit(is_post, session))


def body(answer: Answer) -> Any:
    ((_, inside),) = json.loads(answer.body).items()
    return inside


def login(cloud: Cloud, name: str = "red", password: str = "secret", **more: str) -> tuple[str, str]:
    """Cookie and key of a new session."""
    answer = ask(cloud, "login", "", True, username=name, password=password, **more)
    assert answer.status == 200, answer.body
    cookies = dict(answer.cookies)
    assert cookies["sessionkey"] == body(answer)["sessionkey"]
    return cookies["JSESSIONID"], cookies["sessionkey"]


def works(cloud: Cloud, session: str, key: str) -> bool:
    answer = ask(cloud, "listNetworks", session, sessionkey=key)
    assert answer.status in (200, 401)
    return answer.status == 200


def test_a_login_tells_who_it_is(cloud: Cloud, red: Client) -> None:
    shown = body(ask(cloud, "login", username="red", password="secret"))
    expected = {
        "username": "red",
        "account": "red",
        "firstname": "red",
        "lastname": "Tester",
        "type": "0",
        "timeout": 1800,
        "registered": "false",
    }
    assert shown.items() >= expected.items()
    assert len(shown["sessionkey"]) > 40


def test_a_session_does_what_its_user_may(cloud: Cloud, red: Client) -> None:
    network = cloud.network(red, "net")["id"]
    session, key = login(cloud)
    shown = body(ask(cloud, "listNetworks", session, False, sessionkey=key))
    assert [each["id"] for each in shown["network"]] == [network]
    assert ask(cloud, "createZone", session, sessionkey=key).status == 432
    assert ask(cloud, "deleteNetwork", session, sessionkey=key, id=network).status == 200


def test_both_cookie_and_key_are_needed(cloud: Cloud, red: Client) -> None:
    session, key = login(cloud)
    assert not works(cloud, "", key)
    assert works(cloud, session, key)
    # A wrong key ends the session: who has only the cookie gets one try.
    other, other_key = login(cloud)
    assert not works(cloud, session, other_key)
    assert not works(cloud, session, key)
    assert ask(cloud, "listNetworks", other).status == 401
    assert not works(cloud, other, other_key)


def test_a_session_ends_by_logout_and_by_time(cloud: Cloud, red: Client) -> None:
    session, key = login(cloud)
    cloud.clock.forward(1799)
    assert works(cloud, session, key)
    cloud.clock.forward(1799)
    answer = ask(cloud, "logout", session, sessionkey=key)
    assert body(answer) == {"description": "success"}
    assert dict(answer.cookies) == {"JSESSIONID": "", "sessionkey": ""}
    assert not works(cloud, session, key)
    session, key = login(cloud)
    cloud.clock.forward(1801)
    assert not works(cloud, session, key)


def test_a_new_password_or_a_disabled_user_ends_sessions(cloud: Cloud, red: Client) -> None:
    user = red.call("getUser", userapikey=red.keys.api_key)["user"]["id"]
    session, key = login(cloud)
    cloud.admin.job("disableUser", id=user)
    assert not works(cloud, session, key)
    answer = ask(cloud, "login", username="red", password="secret")
    assert (answer.status, "is disabled/locked" in body(answer)["errortext"]) == (531, True)
    cloud.admin.call("enableUser", id=user)
    session, key = login(cloud)
    cloud.admin.call("updateUser", id=user, password="other")
    assert not works(cloud, session, key)
    login(cloud, password="other")


def test_users_of_one_name_are_told_apart_by_their_domain(cloud: Cloud, red: Client) -> None:
    sales = cloud.admin.call("createDomain", name="sales")["domain"]["id"]
    cloud.account("red", domainid=sales)
    for domain in ("/sales", "sales", "ROOT/sales/", "/ROOT/sales"):
        shown = body(ask(cloud, "login", username="red", password="secret", domain=domain))
        assert shown["domainid"] == sales
    assert body(ask(cloud, "login", username="red", password="secret", domainId=sales))["domainid"] == sales
    assert body(ask(cloud, "login", username="red", password="secret", domain="/"))["domainid"] != sales
    assert ask(cloud, "login", username="red", password="secret", domain="/nowhere").status == 531


def test_refused_logins_do_not_say_why(cloud: Cloud, red: Client) -> None:
    texts = set()
    # The administrator has no password at first: none fits.
    for name, password in (("red", "wrong"), ("nobody", "secret"), ("admin", ""), ("admin", "x")):
        answer = ask(cloud, "login", username=name, password=password or "None")
        assert (answer.status, answer.cookies) == (531, ())
        texts.add(body(answer)["errortext"].replace(f"user {name} ", "user NAME "))
    assert texts == {"Failed to authenticate user NAME in domain /; please provide valid credentials"}


def test_only_by_post(cloud: Cloud, red: Client) -> None:
    answer = ask(cloud, "login", "", False, username="red", password="secret")
    assert (answer.status, body(answer)["errorcode"], answer.cookies) == (405, 405, ())


def test_after_five_wrong_passwords_a_name_waits(cloud: Cloud, red: Client) -> None:
    def status(password: str, name: str = "red") -> int:
        return ask(cloud, "login", username=name, password=password).status

    assert [status("wrong") for _ in range(6)] == [531] * 5 + [429]
    assert status("secret") == 429
    cloud.account("blue")
    assert status("secret", "blue") == 200
    cloud.clock.forward(61)
    assert status("secret") == 200
    # A right one forgets the wrong ones.
    assert [status("wrong") for _ in range(4)] == [531] * 4
    assert status("secret") == 200
    assert status("wrong") == 531


def test_sessions_are_bounded(cloud: Cloud, red: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdn_orch.northbound.cloudstack.sessions._MOST_SESSIONS", 2)
    first, second = login(cloud), login(cloud)
    assert works(cloud, *first)
    third = login(cloud)
    assert (works(cloud, *first), works(cloud, *second), works(cloud, *third)) == (True, False, True)


def test_sessions_print_no_secret(cloud: Cloud) -> None:
    (admin,) = cloud.snapshot.where(User, "username", "admin")
    session = Sessions().begin(replace(admin, password="hash"), cloud.clock.now)
    assert not {session.id, session.key, "hash"} & set(re.findall(r"[\w-]+", repr(session)))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_over_http(cloud: Cloud, red: Client, scheme: str) -> None:
    async def visit() -> None:
        transport = httpx.ASGITransport(Starlette(routes=routes(cloud.admin.door)))
        async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://cloud") as client:
            form = {"command": "login", "username": "red", "password": "secret", "response": "json"}
            assert (await client.get(PATH, params=form)).status_code == 405
            answer = await client.post(PATH, data=form)
            key = answer.json()["loginresponse"]["sessionkey"]
            cookies = [set(each.split("; ")) for each in answer.headers.get_list("set-cookie")]
            assert len(cookies) == 2
            for cookie in cookies:
                assert {"HttpOnly", "Path=/client/api", "SameSite=strict"} <= cookie
                assert ("Secure" in cookie) is (scheme == "https")
            listed = {"command": "listNetworks", "response": "json"}
            shown = await client.get(PATH, params=listed | {"sessionkey": key})
            assert shown.json() == {"listnetworksresponse": {}}
            await client.get(PATH, params={"command": "logout", "sessionkey": key})
            assert not client.cookies
            assert (await client.get(PATH, params=listed | {"sessionkey": key})).status_code == 401

    asyncio.run(visit())
