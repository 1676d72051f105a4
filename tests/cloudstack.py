"""A cloud behind the door without HTTP, and clients that sign their calls as a plain client would."""

from __future__ import annotations

import json
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.bootstrap import Credentials, bootstrap
from sdn_orch.northbound.cloudstack.door import Answer, Door
from sdn_orch.northbound.cloudstack.signing import canonical, sign
from sdn_orch.northbound.service import Service
from sdn_orch.store.base import Store
from sdn_orch.store.memory import MemoryStore

ISOLATED = "DefaultIsolatedNetworkOfferingWithSourceNatService"
TIER = "DefaultIsolatedNetworkOfferingForVpcNetworks"
SHARED = "DefaultSharedNetworkOffering"
#: One of the tests: see `Cloud.routed`.
ROUTED = "Routed"
L2 = "DefaultL2NetworkOffering"


class Refused(Exception):
    """The answer to a call was an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode())
        ((self.root, self.body),) = json.loads(answer.body).items()
        self.status = answer.status
        self.text: str = self.body["errortext"]
        self.description = answer.description


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 7, 56, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class Client:
    """Somebody with a key pair."""

    def __init__(self, door: Door, keys: Credentials) -> None:
        self.door = door
        self.keys = keys

    def answer(self, command: str, **arguments: object) -> Answer:
        """The answer as it goes over HTTP; arguments with other names than Python's come in a dictionary."""
        parameters = {"command": command, "response": "json", "apikey": self.keys.api_key}
        parameters |= {name: str(value) for name, value in arguments.items() if value is not None}
        parameters["signature"] = sign(canonical(parameters), self.keys.secret_key).decode()
        return self.door.answer(list(parameters.items()))

    def call(self, command: str, **arguments: object) -> Any:
        """What is inside the answer; raises Refused."""
        answer = self.answer(command, **arguments)
        if answer.status != 200:
            raise Refused(answer)
        ((root, body),) = json.loads(answer.body).items()
        assert root == f"{command.lower()}response"
        return body

    def job(self, command: str, **arguments: object) -> Any:
        """The result of an asynchronous call's job; raises AssertionError if it failed."""
        job = self.failed_or_done(command, **arguments)
        assert job["jobstatus"] == 1, job
        return job["jobresult"]

    def failed_or_done(self, command: str, **arguments: object) -> Any:
        """The job of an asynchronous call, as queryAsyncJobResult shows it."""
        first = self.call(command, **arguments)
        return self.call("queryAsyncJobResult", jobid=first["jobid"])

    def ids(self, command: str, **arguments: object) -> dict[str, str]:
        """Names and ids of what a list call lists."""
        answer = self.call(command, **arguments)
        items = next((value for value in answer.values() if isinstance(value, list)), [])
        return {item["name"]: item["id"] for item in items}


class Cloud:
    """A store with what every installation starts with, an enabled zone and a physical network."""

    def __init__(self, store: Store | None = None, vlan: str | None = "100-199", mtu: int = 1500) -> None:
        self.store = store or MemoryStore()
        self.clock = Clock()
        self.mtu = mtu
        self.service = Service(self.store, self.clock, fabric_mtu=mtu)
        self.admin = Client(Door(self.service), bootstrap(self.service))
        zone = self.admin.call(
            "createZone",
            name="zone",
            networktype="Advanced",
            dns1="192.0.2.53",
            internaldns1="192.0.2.54",
            allocationstate="Enabled",
        )
        self.zone: str = zone["zone"]["id"]
        created = self.admin.job("createPhysicalNetwork", name="fabric", zoneid=self.zone, vlan=vlan)
        self.physical: str = created["physicalnetwork"]["id"]
        self.admin.job("updatePhysicalNetwork", id=self.physical, state="Enabled")
        self.offerings = self.admin.ids("listNetworkOfferings")
        self.vpc_offering = self.admin.ids("listVPCOfferings")["Default VPC offering"]
        self.size = self.admin.ids("listServiceOfferings")["Small Instance"]
        self.template = self.admin.ids("listTemplates", templatefilter="featured")["Registered machine"]

    def copy(self) -> Cloud:
        """Another one with the same records, in memory."""
        made = copy(self)
        made.store = MemoryStore(self.snapshot)
        made.clock = Clock()
        made.service = Service(made.store, made.clock, fabric_mtu=self.mtu, vault=self.service.vault)
        made.admin = Client(Door(made.service), self.admin.keys)
        made.offerings = dict(self.offerings)
        return made

    @property
    def snapshot(self) -> Snapshot:
        """The newest state."""
        return self.store.snapshot()

    def account(self, name: str, **more: object) -> Client:
        """A new account's user with keys."""
        account = self.admin.call(
            "createAccount",
            username=name,
            password="secret",
            email=f"{name}@example.org",
            firstname=name,
            lastname="Tester",
            **more,
        )["account"]
        keys = self.admin.call("registerUserKeys", id=account["user"][0]["id"])["userkeys"]
        return Client(self.admin.door, Credentials(keys["apikey"], keys["secretkey"]))

    def network(self, client: Client, name: str, offering: str = ISOLATED, **more: object) -> Any:
        """A new network."""
        return client.call(
            "createNetwork",
            name=name,
            displaytext=f"network {name}",
            zoneid=self.zone,
            networkofferingid=self.offerings[offering],
            **more,
        )["network"]

    def running(self, client: Client, name: str, offering: str = ISOLATED, **more: object) -> Any:
        """A new network with a running machine in it, as administrators see it."""
        id = self.network(client, name, offering, **more)["id"]
        self.machine(client, name, networkids=id)
        return self.admin.call("listNetworks", id=id)["network"][0]

    def shared(self, **more: object) -> Any:
        """A new shared network of the administrator, 198.51.100.10 to 198.51.100.12."""
        given = {
            "vlan": 900,
            "gateway": "198.51.100.1",
            "netmask": "255.255.255.0",
            "startip": "198.51.100.10",
            "endip": "198.51.100.12",
        }
        return self.network(self.admin, "shared", SHARED, **(given | more))

    def routed(self, client: Client, name: str, gateway: str = "172.30.1.1", **more: object) -> Any:
        """A new network whose IPv4 is routed."""
        if ROUTED not in self.offerings:
            made = self.admin.call(
                "createNetworkOffering",
                name=ROUTED,
                guestiptype="Isolated",
                traffictype="GUEST",
                networkmode="ROUTED",
                supportedservices="Dhcp,Dns,UserData,Firewall",
                enable=True,
            )["networkoffering"]
            self.offerings[ROUTED] = made["id"]
        return self.network(client, name, ROUTED, gateway=gateway, netmask="255.255.255.0", **more)

    def vpc(self, client: Client, cidr: str = "10.20.0.0/16", **more: object) -> Any:
        """A new VPC."""
        return client.job(
            "createVPC", name="vpc", cidr=cidr, vpcofferingid=self.vpc_offering, zoneid=self.zone, **more
        )["vpc"]

    def tier(self, client: Client, vpc: str, gateway: str, **more: object) -> Any:
        """A new /24 tier of a VPC."""
        return self.network(
            client, f"tier-{gateway}", TIER, vpcid=vpc, gateway=gateway, netmask="255.255.255.0", **more
        )

    def machine(self, client: Client, name: str | None = None, **more: object) -> Any:
        """A new machine."""
        return client.job("deployVirtualMachine", **self.machine_arguments(), name=name, **more)[
            "virtualmachine"
        ]

    def machine_arguments(self) -> dict[str, str]:
        """What every deployVirtualMachine needs."""
        return {"serviceofferingid": self.size, "templateid": self.template, "zoneid": self.zone}
