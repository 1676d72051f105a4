"""The example of the documentation for apache-libcloud, and the answers that its own tests are given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libcloud
import pytest

from sdn_orch.northbound.cloudstack.calls import COMMANDS
from tests.e2e.clients.conftest import Api
from tests.e2e.clients.examples import run_example, what_there_is
from tests.e2e.clients.test_cs import Cloud, public_range

FIXTURES = Path(libcloud.__file__).parent / "test"


def test_a_shop_comes_and_goes(api: Api) -> None:
    cloud = Cloud(api, "get")
    public_range(cloud)
    tenant = cloud.tenant("red")
    before = what_there_is(api)
    said = run_example(api, "shop_libcloud.py", tenant)
    assert said["machines"] == "web1 10.3.0.2, web2 10.3.0.3"
    assert said["NICs of web1"] == "10.3.0.2, 10.4.0.2"
    assert said["forwarded"] == "203.0.113.11:2222 to 22 of web1"
    assert said["balanced"] == "203.0.113.12:80 to 10.3.0.2, 10.3.0.3"
    assert said["rules of the VPC"] == "['Allow tcp 443']"
    assert said["group web"] == "tcp 443"
    assert said["networks left"] == "0"
    assert what_there_is(api) == before


def fixtures() -> Iterator[tuple[str, dict[str, Any]]]:
    """The answers that libcloud's own tests are given, by command, where we have the command."""
    for part in ("compute", "loadbalancer"):
        for path in sorted((FIXTURES / part / "fixtures" / "cloudstack").glob("*_default.json")):
            command = path.name.removesuffix("_default.json")
            if command in COMMANDS:
                yield f"{part}-{command}", json.loads(path.read_text())


@pytest.mark.parametrize(("name", "answer"), [pytest.param(*each, id=each[0]) for each in fixtures()])
def test_answers_look_like_those_that_libcloud_is_tested_with(name: str, answer: dict[str, Any]) -> None:
    """Of what such an answer holds and we know a field of, the type is ours, and the keys are."""
    command = COMMANDS[name.partition("-")[2]]
    ((root, body),) = answer.items()
    assert root == command.response_name
    items = body.get(command.key) if command.key else body
    if command.is_async or not items:
        return
    types = {"string": str, "boolean": bool, "integer": int, "long": int, "date": str, "list": list}
    fields = {field.name: types.get(field.type) for field in command.shape.fields}
    for item in items if isinstance(items, list) else [items]:
        for key, value in item.items():
            expected = fields.get(key)
            # Old servers said numbers and truths as texts here and there, and ids as numbers.
            if value in ("true", "false"):
                value = value == "true"
            is_number = isinstance(value, int) or (isinstance(value, str) and value.lstrip("-").isdigit())
            if expected is not None and not (is_number and expected in (str, int)):
                assert isinstance(value, expected), (key, value, expected)
