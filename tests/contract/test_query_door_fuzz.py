"""Whatever a tenant asks of CloudStack's door: no internal error, nothing changed by a refusal, and nothing
of another tenant seen or touched.

Each example is a fresh cloud and a few hundred signed requests: any command, with parameters made from
their declarations, from ids of one's own, of the neighbour's and of nobody, and from hostile texts.
`./dev test` makes 100,000 requests.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sdn_orch.intent.model import Account, Record
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.callers import owner_id
from sdn_orch.northbound.cloudstack.calls import COMMANDS
from sdn_orch.northbound.cloudstack.declare import Command
from sdn_orch.northbound.cloudstack.faults import INTERNAL
from sdn_orch.northbound.cloudstack.model import Event, Job
from sdn_orch.northbound.cloudstack.parameters import Parameter
from sdn_orch.store.codec import kinds
from tests import balancing
from tests.cloudstack import SHARED, TIER, Client, Cloud
from tests.contract.everything import public_range
from tests.effort import examples

REQUESTS = 250
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
    fuzz()


@settings(max_examples=examples(400))
@given(seed=st.integers(0, 2**32))
def fuzz(seed: int) -> None:
    """One cloud and its requests."""
    chance = random.Random(seed)
    cloud, red, blue = _neighbours()
    theirs = _owned(cloud.snapshot, "blue")
    assert len(theirs) > 3
    ids = _ids(cloud.snapshot)
    for _ in range(REQUESTS):
        client = chance.choice((red, red, red, blue))
        victims = _owned(cloud.snapshot, "blue" if client is red else "red")
        name, arguments = _request(chance, ids)
        before = cloud.snapshot
        started = time.process_time()
        answer = client.answer(name, **arguments)
        assert time.process_time() - started < BOUND, (name, arguments)
        assert answer.status not in (500, INTERNAL), (name, arguments, answer.body)
        after = cloud.snapshot
        if answer.status != 200:
            assert after is before, (name, arguments)
        elif client.is_failed(answer):
            assert _others(after) == _others(before), (name, arguments)
        said = " ".join(arguments.values())
        leaked = [id for id in victims if id in answer.body.decode() and id not in said]
        assert not leaked, (name, arguments, answer.body)
        assert _owned(after, "blue" if client is red else "red") == victims, (name, arguments)
        if after is not before and chance.random() < 0.2:
            ids = _ids(after)


class Fuzzer(Client):
    """A client that knows whether the job that it was given has failed."""

    def is_failed(self, answer: Any) -> bool:
        """Whether the answer is that of a job which did not succeed."""
        if not answer.content_type.startswith("application/json"):
            return False
        (body,) = json.loads(answer.body).values()
        job = body.get("jobid") if isinstance(body, dict) else None
        if not isinstance(job, str):
            return False
        status: int = self.call("queryAsyncJobResult", jobid=job)["jobstatus"]
        return status != 1


def _neighbours() -> tuple[Cloud, Fuzzer, Fuzzer]:
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
    clients = []
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
        clients.append(Fuzzer(client.door, client.keys))
    return cloud, clients[0], clients[1]


def _ids(snapshot: Snapshot) -> dict[str, list[str]]:
    """Every id that there is, by kind."""
    return {name: [record.id for record in snapshot.all(kind)] for name, kind in kinds().items()}


def _owned(snapshot: Snapshot, name: str) -> dict[str, Record]:
    """What belongs to the account of this name, but for what tells of its calls."""
    (account,) = snapshot.where(Account, "name", name)
    return {
        record.id: record
        for kind in kinds().values()
        if kind not in (Job, Event)
        for record in snapshot.all(kind)
        if owner_id(snapshot, record) == account.id
    }


def _others(snapshot: Snapshot) -> dict[str, list[Record]]:
    """Every record but jobs and events."""
    return {name: list(snapshot.all(kind)) for name, kind in kinds().items() if kind not in (Job, Event)}


def _request(chance: random.Random, ids: dict[str, list[str]]) -> tuple[str, dict[str, str]]:
    """A command and arguments; half the time with all that it requires, so that handlers are reached."""
    command = chance.choice(_COMMANDS)
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


#: All but the one by which a tenant lets another one see what it has.
_COMMANDS: list[Command] = [
    command for name, command in COMMANDS.items() if name != "createNetworkPermissions"
]
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
