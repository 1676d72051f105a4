"""The payloads of commands, as CloudStack's management server writes them.

Texts may be empty where there is nothing to say, and scalars are texts. Fields that are not known here are
passed over: newer servers send more. Nested values may be JSON, or as older servers send them: JSON in a
text, plain or in Base64.
"""

from __future__ import annotations

import json
from base64 import b64decode
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as PydanticError

from sdn_orch.errors import Invalid
from sdn_orch.intent.model import NetworkKind

T = TypeVar("T")


def _nothing(value: object) -> object:
    return None if value == "" else value


def _nested(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        pass
    try:
        return json.loads(b64decode(value, validate=True))
    except ValueError:
        raise ValueError("it is neither JSON nor JSON in Base64") from None


def lower(value: object) -> object:
    """Texts in lower case."""
    return value.lower() if isinstance(value, str) else value


Maybe = Annotated[T | None, BeforeValidator(_nothing)]
Nested = Annotated[T, BeforeValidator(_nested)]
Lower = Annotated[str, BeforeValidator(lower)]
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
Uuid = Annotated[str, BeforeValidator(lower), StringConstraints(pattern=f"^{_UUID}$")]
#: What names an object: a number of CloudStack's database, as commands do, or a UUID of its API.
Key = Annotated[str, BeforeValidator(lower), StringConstraints(pattern=f"^([0-9]{{1,20}}|{_UUID})$")]
Mac = Annotated[str, BeforeValidator(lower), StringConstraints(pattern=r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")]


class Fields(BaseModel):
    """Base of all payloads."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class VpcFields(Fields):
    """A VPC."""

    vpc_id: Key
    vpc_cidr: Maybe[IPv4Interface] = Field(None, validation_alias=AliasChoices("vpc_cidr", "cidr"))


class NetworkFields(Fields):
    """A network; `vpc_id` stands there for the tiers of VPCs."""

    network_id: Key
    vlan: str = ""
    guest_type: Annotated[NetworkKind | None, BeforeValidator(_nothing), BeforeValidator(lower)] = None
    gateway: Maybe[IPv4Address] = None
    cidr: Maybe[IPv4Interface] = None
    vpc_id: Maybe[Key] = None
    network_ip6_gateway: Maybe[IPv6Address] = None
    network_ip6_cidr: Maybe[IPv6Interface] = None


class PublicFields(Fields):
    """A public address."""

    public_ip: IPv4Address
    public_vlan: str = ""
    public_gateway: Maybe[IPv4Address] = None
    public_cidr: Maybe[IPv4Interface] = None
    source_nat: Maybe[bool] = False


class NameFields(Fields):
    """What a network's machines are told of names."""

    dns: str = ""
    dns6: str = ""
    domain: str = ""


class ImplementVpc(VpcFields):
    """A VPC, and the address under which it goes out if it has one."""

    public_ip: Maybe[IPv4Address] = None
    public_vlan: str = ""
    public_gateway: Maybe[IPv4Address] = None
    public_cidr: Maybe[IPv4Interface] = None

    @property
    def address(self) -> PublicFields | None:
        """The address."""
        if self.public_ip is None:
            return None
        return PublicFields(
            public_ip=self.public_ip,
            public_vlan=self.public_vlan,
            public_gateway=self.public_gateway,
            public_cidr=self.public_cidr,
        )


class VpcAddress(VpcFields, PublicFields):
    """A VPC and a public address."""


class NetworkAddress(NetworkFields, PublicFields):
    """A network and a public address."""


class StaticNat(NetworkAddress):
    """What a public address is mapped to."""

    private_ip: IPv4Address


class PortForward(NetworkAddress):
    """Ports: one, or the first and the last."""

    private_ip: Maybe[IPv4Address] = None
    public_port: str
    private_port: str = ""
    protocol: Lower
    #: Who may use them; None: it is not told.
    sources: list[IPv4Interface] | None = None


class VmFile(Fields):
    """What a machine reads of itself under a name."""

    dir: str
    file: str
    content: Annotated[str, BeforeValidator(lambda value: "" if value is None else value)] = ""


class NicOf(Fields):
    """A NIC, in whichever network."""

    nic_id: Maybe[Key] = None
    nic_uuid: Maybe[Uuid] = None
    mac: Mac
    ip: Maybe[IPv4Address] = None
    default_nic: Maybe[bool] = None
    ip6_address: Maybe[IPv6Address] = Field(
        None, validation_alias=AliasChoices("ip6_address", "nic_ip6_address")
    )
    hostname: str = ""
    #: Its machine's UUID, and its further addresses, where these are told.
    machine: Maybe[Uuid] = None
    secondary: list[IPv4Address | IPv6Address] | None = None


class NetworkNic(NetworkFields, NicOf):
    """A network and a NIC in it."""


class NetworkNames(NetworkFields, NameFields):
    """A network and what its machines are told of names."""


class NicNames(NetworkNic, NameFields):
    """A NIC and what it is told of names."""


class VmData(NetworkNic):
    """Everything that a NIC's machine reads of itself."""

    vm_data: Nested[list[VmFile]]


class Password(NetworkNic):
    """A machine's new password."""

    password: str = ""


class UserData(NetworkNic):
    """A machine's new user data."""

    userdata: str = ""


class SshKey(NetworkNic):
    """The public keys of those whom a machine lets in."""

    sshkey: str = ""


class HypervisorHost(NetworkNic):
    """Where a machine runs."""

    hypervisor_hostname: str = ""


class RestoredVm(NicOf, NameFields):
    """A machine's NIC with all that it is told."""

    vm_data: Nested[list[VmFile]] = []


class RestoreData(Fields):
    """Every NIC of a network."""

    dns_enabled: bool = False
    vms: list[RestoredVm] = []


class Restore(NetworkNames):
    """A network with all its NICs."""

    restore_data: Nested[RestoreData]


class Packets(Fields):
    """Which packets a rule is about."""

    protocol: Lower
    port_start: int | None = Field(None, alias="portStart")
    port_end: int | None = Field(None, alias="portEnd")
    icmp_type: int | None = Field(None, alias="icmpType")
    icmp_code: int | None = Field(None, alias="icmpCode")
    source_cidrs: list[IPv4Interface | IPv6Interface] = Field([], alias="sourceCidrs")


class FirewallRuleFields(Packets):
    """A rule of a public address, or of what leaves a network."""

    id: Key
    type: Lower
    public_ip: Maybe[IPv4Address] = Field(None, alias="publicIp")
    destination_cidrs: list[IPv4Interface | IPv6Interface] = Field([], alias="destCidrs")


class FirewallRules(Fields):
    """All firewall rules of a network."""

    default_egress_allow: bool = False
    rules: list[FirewallRuleFields] = []


class Firewall(NetworkFields):
    """A network and all its firewall rules."""

    fw_rules: Nested[FirewallRules]


class AclRuleFields(Packets):
    """An item of a tier's list; `source_cidrs` are the far side's, whichever the direction."""

    number: int
    action: Lower
    direction: Lower = Field(alias="trafficType")


class NetworkAcl(NetworkFields):
    """A tier and its whole list of rules."""

    acl_rules: Nested[list[AclRuleFields]]


class Backend(Fields):
    """A member of a balancer."""

    ip: IPv4Address
    port: int
    revoked: bool = False


class Balanced(Fields):
    """What all balancers have, wherever their address is."""

    id: Key
    name: str = ""
    public_port: int = Field(alias="publicPort")
    private_port: int = Field(alias="privatePort")
    protocol: Lower = "tcp"
    algorithm: Lower = "roundrobin"
    backends: list[Backend] = []
    #: Who may connect; None: it is not told.
    sources: list[IPv4Interface | IPv6Interface] | None = None


class BalancerFields(Balanced):
    """A balancer of a public address, to be made so or to go."""

    public_ip: IPv4Address = Field(alias="publicIp")
    revoke: bool = False


class Balancers(NetworkFields):
    """A network and those of its balancers that change."""

    lb_rules: Nested[list[BalancerFields]]


class CustomAction(Fields):
    """Something that a user asks in CloudStack's user interface, of a network or else of a VPC."""

    network_id: Maybe[Key] = None
    vpc_id: Maybe[Key] = None
    action: Lower
    parameters: Nested[dict[str, str]] = Field({}, alias="action-params")


P = TypeVar("P", bound=Fields)


def read(kind: type[P], given: dict[str, Any]) -> P:
    """The payload. Raises Invalid naming every field that is wrong, without what it said."""
    try:
        return kind.model_validate(given)
    except PydanticError as error:
        raise Invalid(
            *(
                f"payload: {'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}"
                for each in error.errors(include_url=False, include_context=False, include_input=False)
            )
        ) from None
