"""Whatever is asked of CloudStack's door: no internal error, nothing changed by a refusal, and by tenants
nothing of another tenant seen or touched.

Each example is a fresh cloud and a few hundred signed requests: any command, with parameters made from
their declarations, from ids of one's own, of the neighbour's and of nobody, and from hostile texts.
`./dev test` makes 100,000 requests, a quarter of them the root administrator's.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sdn_orch.intent.model import Account, Record, Role
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.bootstrap import Credentials
from sdn_orch.northbound.cloudstack.callers import owner_id
from sdn_orch.northbound.cloudstack.calls import COMMANDS
from sdn_orch.northbound.cloudstack.declare import Command
from sdn_orch.northbound.cloudstack.door import Answer, Door
from sdn_orch.northbound.cloudstack.faults import INTERNAL
from sdn_orch.northbound.cloudstack.model import Event, Job, User
from sdn_orch.northbound.cloudstack.parameters import Parameter
from sdn_orch.northbound.cloudstack.user_keys import keys_of
from sdn_orch.northbound.service import Service
from sdn_orch.store.codec import kinds
from sdn_orch.store.memory import MemoryStore
from sdn_orch.vault import Vault
from tests import balancing
from tests.cloudstack import SHARED, TIER, Client, Clock, Cloud
from tests.contract.everything import public_range
from tests.effort import examples

#: Clouds, and the requests to each.
TENANTS, ADMINISTRATORS, REQUESTS = 300, 100, 250
#: Seconds of processor time for one request, with a wide margin.
BOUND = 5.0
NOBODY = "00000000-0000-4000-8000-00000000dead"
HOSTILE = (
    "", " ", "None", "null", "-1", "0", "1", "65535", "65536", "4294967296", "1e9", "true",
    "FALSE", "tcp", "udp", "icmp", "all", "6", "256", "10.1.1.1", "10.1.1.0/24", "0.0.0.0/0",
    "255.255.255.0", "203.0.113.20", "10.20.1.1", "2001:db8::1", "2001:db8:7::/64", "::/0",
    "fe80::1%eth0", "02:00:00:00:00:09", "ff:ff:ff:ff:ff:ff", "100", "100-200", "vlan://5",
    "untagged", "roundrobin", "LbCookie", "Allow", "deny", "Ingress", "Egress", "Enabled",
    "Account", "UserVm", "Network", "x" * 256, "x" * 5000, "' OR 1=1 --", "<a>&amp;</a>",
    "../../etc/passwd", "${jndi:x}", "a\x00b", "é\u202eñ", "\ud7ff", "{}", "[]", "a,b,,c",
    "%n%s",
)  # fmt: skip


def test_every_request_is_answered_and_tenants_stay_apart() -> None:
    made: Counter[int] = Counter()
    fuzz(made)
    _check_counts(made, TENANTS)


def test_every_request_of_an_administrator_is_answered() -> None:
    made: Counter[int] = Counter()
    fuzz_administrator(made)
    _check_counts(made, ADMINISTRATORS)


def _check_counts(made: Counter[int], usual: int) -> None:
    assert made.total() >= examples(usual) * REQUESTS
    # A good part is granted, and nobody is a stranger for long.
    assert made[200] > made.total() / 8 and made[401] < made.total() / 50, made


@settings(max_examples=examples(TENANTS))
@given(seed=st.integers(0, 2**32))
def fuzz(made: Counter[int], seed: int) -> None:
    """One cloud and its tenants' requests, which are counted by the status of their answers."""
    chance = random.Random(seed)
    service, door = _begin()
    clients = {name: Fuzzer(service, door, name) for name in _neighbours().users if name != "admin"}
    owned = {name: _owned(service.snapshot, name) for name in clients}
    assert len(owned["blue"]) > 3
    ids = _ids(service.snapshot)
    for _ in range(REQUESTS):
        caller = chance.choice(("red", "red", "red", "blue"))
        other = "blue" if caller == "red" else "red"
        victims = owned[other]
        before = service.snapshot
        name, arguments = _request(chance, ids, Role.USER)
        body = clients[caller].ask(name, arguments, made)
        said = " ".join(arguments.values())
        leaked = [id for id in victims if id in body and id not in said]
        assert not leaked, (name, arguments, body)
        after = service.snapshot
        if after is not before:
            assert _owned(after, other) == victims, (name, arguments)
            owned[caller] = _owned(after, caller)
            if chance.random() < 0.2:
                ids = _ids(after)


@settings(max_examples=examples(ADMINISTRATORS))
@given(seed=st.integers(0, 2**32))
def fuzz_administrator(made: Counter[int], seed: int) -> None:
    """One cloud and its administrator's requests."""
    chance = random.Random(seed)
    service, door = _begin()
    admin = Fuzzer(service, door, "admin")
    ids = _ids(service.snapshot)
    for _ in range(REQUESTS):
        before = service.snapshot
        admin.ask(*_request(chance, ids, Role.ROOT_ADMIN), made)
        if service.snapshot is not before and chance.random() < 0.2:
            ids = _ids(service.snapshot)


class Fuzzer(Client):
    """A client whose every answer must be sound."""

    def __init__(self, service: Service, door: Door, name: str) -> None:
        self._service = service
        self._user_id = _neighbours().users[name]
        super().__init__(door, self._known_keys())

    def ask(self, name: str, arguments: dict[str, str], made: Counter[int]) -> str:
        """The body of the answer, which comes soon and tells of no failure; a refusal has changed nothing."""
        before = self._service.snapshot
        started = time.process_time()
        answer = self.answer(name, **arguments)
        assert time.process_time() - started < BOUND, (name, arguments)
        assert answer.status not in (500, INTERNAL), (name, arguments, answer.body)
        made[answer.status] += 1
        after = self._service.snapshot
        if answer.status != 200:
            assert after is before, (name, arguments)
        elif self._is_failed(answer):
            assert _others(after) == _others(before), (name, arguments)
        if answer.status == 401:
            # It had given itself other keys.
            self.keys = self._known_keys()
        return answer.body.decode()

    def _known_keys(self) -> Credentials:
        user = self._service.snapshot.need(User, self._user_id)
        keys = keys_of(user, self._service.vault)
        return Credentials(str(keys.api_key), str(keys.secret_key))

    def _is_failed(self, answer: Answer) -> bool:
        """Whether the answer is that of a job which did not succeed."""
        if not answer.content_type.startswith("application/json"):
            return False
        (body,) = json.loads(answer.body).values()
        job = body.get("jobid") if isinstance(body, dict) else None
        if not isinstance(job, str):
            return False
        status: int = self.call("queryAsyncJobResult", jobid=job)["jobstatus"]
        return status != 1


@dataclass(frozen=True, slots=True)
class Start:
    """What each example begins with."""

    snapshot: Snapshot
    vault: Vault
    #: The ids of those who ask, by name.
    users: dict[str, str]


@cache
def _neighbours() -> Start:
    """Two tenants with something of their own each, and something shared."""
    cloud = Cloud()
    public_range(cloud)
    cloud.network(
        cloud.admin,
        "shared",
        SHARED,
        gateway="198.51.100.1",
        netmask="255.255.255.0",
        startip="198.51.100.10",
        endip="198.51.100.99",
        vlan=900,
        acltype="Domain",
    )
    for name in ("red", "blue"):
        client = cloud.account(name)
        network = cloud.network(client, f"{name}-net")
        machine = cloud.machine(client, f"{name}-vm", networkids=network["id"])
        client.job("addIpToNic", nicid=machine["nic"][0]["id"])
        vpc = cloud.vpc(client)
        cloud.network(
            client, f"{name}-tier", TIER, vpcid=vpc["id"], gateway="10.20.1.1", netmask="255.255.255.0"
        )
        address = client.job("associateIpAddress", networkid=network["id"])["ipaddress"]["id"]
        ports = {"protocol": "tcp", "publicport": 2222, "privateport": 22}
        client.job("createPortForwardingRule", ipaddressid=address, virtualmachineid=machine["id"], **ports)
        client.job("createFirewallRule", ipaddressid=address, protocol="icmp")
        client.job("createEgressFirewallRule", networkid=network["id"], protocol="all")
        acl = client.job("createNetworkACLList", name=f"{name}-acl", vpcid=vpc["id"])["networkacllist"]["id"]
        client.job("createNetworkACL", aclid=acl, protocol="all")
        balancing.rule(client, address)
    users = {user.username: user.id for user in cloud.snapshot.all(User)}
    return Start(cloud.snapshot, cloud.service.vault, users)


def _begin() -> tuple[Service, Door]:
    """That cloud, anew."""
    start = _neighbours()
    service = Service(MemoryStore(start.snapshot), Clock(), vault=start.vault)
    return service, Door(service)


def _ids(snapshot: Snapshot) -> dict[str, list[str]]:
    """Every id that there is, by kind."""
    return {name: [record.id for record in snapshot.all(kind)] for name, kind in _KINDS.items()}


def _owned(snapshot: Snapshot, name: str) -> dict[str, Record]:
    """What belongs to the account of this name, but for what tells of its calls."""
    (account,) = snapshot.where(Account, "name", name)
    return {
        record.id: record
        for kind in _KINDS.values()
        if kind not in (Job, Event)
        for record in snapshot.all(kind)
        if owner_id(snapshot, record) == account.id
    }


def _others(snapshot: Snapshot) -> dict[str, list[Record]]:
    """Every record but jobs and events."""
    return {name: list(snapshot.all(kind)) for name, kind in _KINDS.items() if kind not in (Job, Event)}


def _request(chance: random.Random, ids: dict[str, list[str]], role: Role) -> tuple[str, dict[str, str]]:
    """A command and arguments; most often one of the role's with all that it requires, to reach handlers."""
    commands = _COMMANDS[role] if chance.random() < 0.9 else _COMMANDS[Role.ROOT_ADMIN]
    command = chance.choice(commands)
    if command.name in _SLOW and chance.random() < 0.9:
        command = chance.choice(commands)
    careful = chance.random() < 0.7
    arguments: dict[str, str] = {}
    for parameter in command.parameters:
        if (parameter.is_required and careful) or chance.random() < 0.2:
            arguments.update(_argument(chance, parameter, ids, careful))
    if chance.random() < 0.1:
        arguments[chance.choice(("response", "page", "pagesize", "listall", "nonsense", "projectid"))] = (
            chance.choice(HOSTILE)
        )
    return command.name, arguments


def _argument(
    chance: random.Random, parameter: Parameter[Any], ids: dict[str, list[str]], careful: bool
) -> Iterator[tuple[str, str]]:
    name = parameter.name
    if parameter.type_name == "map":
        for index in range(chance.randrange(1, 3)):
            for field in chance.sample(_FIELDS, 2):
                yield f"{name}[{index}].{field}", chance.choice(HOSTILE)
    elif parameter.kind is not None:
        pool = (
            ids.get(parameter.kind.__name__, []) if careful else [chance.choice(list(ids.values()) or [[]])]
        )
        known = [each for each in pool if isinstance(each, str)]
        yield name, chance.choice([*known, *known, *known, NOBODY])
    elif parameter.type_name == "boolean" and careful:
        yield name, chance.choice(("true", "false"))
    elif parameter.type_name == "integer" and careful:
        yield name, str(chance.choice((0, 1, 2, 22, 80, 443, 500, 8080, 65535)))
    else:
        yield name, chance.choice(HOSTILE)


#: By which a tenant lets another one see what it has.
_SHARING = "createNetworkPermissions"
_COMMANDS: dict[Role, list[Command]] = {
    role: [each for name, each in COMMANDS.items() if role in each.roles and name != _SHARING]
    for role in (Role.USER, Role.ROOT_ADMIN)
}
#: What takes as long as a hundred others is asked for less often: it makes an RSA key.
_SLOW = ("createSSHKeyPair",)
_KINDS = kinds()
_FIELDS = (
    "key",
    "value",
    "service",
    "provider",
    "name",
    "vmid",
    "vmip",
    "networkid",
    "ip",
    "account",
    "group",
    "x",
)
