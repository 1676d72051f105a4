"""How objects of answers are rendered: what many have in common is rendered once."""

from __future__ import annotations

from dataclasses import replace

from sdn_orch.intent.model import Account, Domain, Role
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.callers import STRANGER, Caller
from sdn_orch.northbound.cloudstack.shapes import Field, Scene, Shape, of, string

_DOMAINS = [Domain(id=f"domain{number}", name=f"name{number}", path=f"/{number}") for number in range(2)]
_ACCOUNTS = [
    Account(id=f"account{number}", name=f"tenant{number}", domain_id=f"domain{number % 2}")
    for number in range(100)
]
_SNAPSHOT = Snapshot.of(*_DOMAINS, *_ACCOUNTS)
_USER = STRANGER
_ROOT = Caller(STRANGER.user, replace(STRANGER.account, role=Role.ROOT_ADMIN))


class _Told:
    """A shape of accounts that tell of their domains, and how often a domain was read."""

    def __init__(self) -> None:
        self.reads = 0
        self.domain: tuple[Field[Account], ...] = of(
            lambda scene, account: scene.snapshot.get(Domain, account.domain_id),
            string("domain", "the name of the domain", self._name),
            string("path", "its path", lambda _, domain: domain.path, is_for_admins=True),
        )
        self.shape: Shape[Account] = Shape(
            key="account",
            resource="Account",
            fields=(string("name", "the name", lambda _, account: account.name), *self.domain),
        )

    def _name(self, _scene: Scene, domain: Domain) -> str:
        self.reads += 1
        return domain.name


def test_what_many_have_in_common_is_rendered_once_an_answer() -> None:
    told = _Told()
    scene = Scene(_SNAPSHOT, _ROOT)
    shown = [told.shape.render(scene, account) for account in _ACCOUNTS]
    assert shown[3] == {"name": "tenant3", "domain": "name1", "path": "/1"}
    assert [each["domain"] for each in shown] == [f"name{number % 2}" for number in range(100)]
    assert told.reads == len(_DOMAINS)


def test_the_next_answer_is_of_its_own_state() -> None:
    told = _Told()
    told.shape.render(Scene(_SNAPSHOT, _ROOT), _ACCOUNTS[0])
    after = Snapshot.of(replace(_DOMAINS[0], name="renamed"), _DOMAINS[1], *_ACCOUNTS)
    assert told.shape.render(Scene(after, _ROOT), _ACCOUNTS[0])["domain"] == "renamed"


def test_users_do_not_see_what_is_for_administrators() -> None:
    assert _Told().shape.render(Scene(_SNAPSHOT, _USER), _ACCOUNTS[0]) == {
        "name": "tenant0",
        "domain": "name0",
    }


def test_nothing_is_told_of_what_is_not_there() -> None:
    nowhere = Account(id="nowhere", name="nowhere", domain_id="unknown")
    told = _Told()
    assert told.shape.render(Scene(_SNAPSHOT, _ROOT), nowhere) == {"name": "nowhere"}
    assert told.domain[0].read(Scene(_SNAPSHOT, _ROOT), nowhere) is None


def test_a_shape_may_have_some_of_the_fields_of_another_object() -> None:
    told = _Told()
    some: Shape[Account] = Shape(key="account", resource="Account", fields=told.domain[:1])
    assert some.render(Scene(_SNAPSHOT, _ROOT), _ACCOUNTS[0]) == {"domain": "name0"}
