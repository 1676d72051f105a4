"""Logging: one line an event, and no secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from sdn_orch import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_people_read_one_line_with_values_behind_the_text(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    logging.getLogger("sdn_orch.reconcile").info("switch %s in sync\nagain", "leaf1", extra={"flows": 12})
    logging.getLogger("sdn_orch.reconcile").debug("not shown")
    assert stream.getvalue()[12:] == " info    reconcile: switch leaf1 in sync | again flows=12\n"


def test_machines_read_json(stream: io.StringIO) -> None:
    log.configure("debug", "json", stream)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("x").exception("oh", extra={"switch": 7, "password": "p"})
    event = json.loads(stream.getvalue())
    assert (event["level"], event["source"], event["text"], event["switch"]) == ("error", "x", "oh", 7)
    assert event["password"] == log.HIDDEN
    assert event["traceback"].endswith("ValueError: broken")


@pytest.mark.parametrize(
    "text",
    [
        "GET /client/api?command=listZones&apiKey=SECRET&signature=SECRET%3D&response=json",
        '{"secretkey": "SECRET", "id": 3}',
        "Authorization: Bearer SECRET",
        "password='SECRET' sent",
        "X-Auth-Token: SECRET",
    ],
)
def test_secrets_do_not_pass(stream: io.StringIO, text: str) -> None:
    for form in ("human", "json"):
        log.configure(form=form, stream=stream)
        logging.getLogger("api").warning("%s", text, extra={"api_key": "SECRET"})
    assert "SECRET" not in stream.getvalue()
    assert stream.getvalue().count(log.HIDDEN) >= 4


def test_what_is_no_secret_passes(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    logging.getLogger("api").info("command=listKeys zoneid=5")
    assert "command=listKeys zoneid=5" in stream.getvalue()
