"""The configuration: one TOML file, environment overrides, and every fault of both named at once.

`load` reads the file, lays `SDN_ORCH__SECTION__KEY` variables over it (values in TOML's spelling, or plain
text), and gives a frozen `Config` or raises `Invalid` with one line a fault: file, line, field, and what
would be right. Every key has a default: without a file sdn-orch runs on loopback.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
    model_validator,
)

from sdn_orch.config_file import Misfit, Place, dotted, read, suggestion
from sdn_orch.endpoint import Endpoint, MutualTls, Tls
from sdn_orch.intent.model import SwitchRole, Transport

DEFAULT_PATH = Path("/etc/sdn-orch/sdn-orch.toml")


@dataclass(frozen=True, slots=True)
class PortName:
    """A switch port, as people write it: `switch:port`, or `switch:port,vlan` on a trunk."""

    switch: str
    port: int
    vlan: int | None = None

    def __str__(self) -> str:
        return f"{self.switch}:{self.port}" + ("" if self.vlan is None else f",{self.vlan}")


def _endpoint(value: object) -> Endpoint:
    host, colon, port = str(value).rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError('write it as "address:port", for example "127.0.0.1:6653" or "[::1]:6653"')
    return Endpoint(host.strip("[]"), int(port))


def _port_name(value: object) -> PortName:
    place, comma, vlan = str(value).partition(",")
    switch, colon, port = place.rpartition(":")
    if not colon or not switch or not port.isdecimal() or not 0 < int(port) < 0xFFFFFF00:
        raise ValueError('write it as "switch:port" with the OpenFlow port number, for example "leaf1:4"')
    if comma and not (vlan.strip().isdecimal() and 0 < int(vlan) < 4095):
        raise ValueError('after the comma stands the VLAN of a trunk port, 1 to 4094: "leaf1:4,100"')
    return PortName(switch, int(port), int(vlan) if comma else None)


def _access_port(value: object) -> PortName:
    name = _port_name(value)
    if name.vlan is not None:
        raise ValueError("a link is a whole cable: leave the VLAN out")
    return name


def _dpid(value: object) -> int:
    try:
        dpid = value if isinstance(value, int) else int(str(value).replace(":", ""), 16)
    except ValueError:
        dpid = 0
    if not 0 < dpid < 1 << 64:
        raise ValueError('write a datapath id as 0x1f or "000000000000001f", not 0')
    return dpid


def _mac(value: object) -> str:
    text = str(value).lower().replace("-", ":")
    if not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text):
        raise ValueError('write a MAC address as "02:00:5e:00:00:07"')
    return text


def _remote(value: object) -> str:
    text = str(value)
    if not re.fullmatch(r"unix:.+|(tcp|ssl):(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}", text):
        raise ValueError(
            'write it as Open vSwitch does: "unix:/path", "tcp:address:port" or "ssl:address:port"'
        )
    return text


class _Section(BaseModel):
    """Unknown keys are faults, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _usable(tls: Tls) -> Tls:
    try:
        tls.server_context()
    except (OSError, ssl.SSLError) as fault:
        raise ValueError(f"these files do not make a TLS server: {fault}") from None
    return tls


class OpenFlow(_Section):
    """Where switches connect."""

    listen: Annotated[Endpoint, PlainValidator(_endpoint)] = Endpoint("127.0.0.1", 6653)
    tls: Annotated[MutualTls, AfterValidator(_usable)] | None = None


class Api(_Section):
    """Where CloudStack's API is served. `admin_keys` is made at the first start if it is not there."""

    listen: Annotated[Endpoint, PlainValidator(_endpoint)] = Endpoint("127.0.0.1", 8080)
    tls: Annotated[Tls, AfterValidator(_usable)] | None = None
    admin_keys: Path | None = None


class Store(_Section):
    """The SQLite file with everything that must survive a restart, and the key of the secrets in it.

    The key is made at the first start if it is not there, beside the store unless `secrets_key` says where.
    """

    path: Path = Path("/var/lib/sdn-orch/store.db")
    secrets_key: Path | None = None

    @property
    def key_path(self) -> Path:
        """Where the key is."""
        return self.secrets_key or self.path.with_name("secrets.key")


class Fabric(_Section):
    """What holds for switches and networks that do not say otherwise; `mtu` in bytes of IP packet."""

    transport: Transport = Transport.LABEL
    mtu: int = Field(default=1500, ge=1280, le=65535)


class Discovery(_Section):
    """LLDP: seconds between two frames on a port, and after which a silent link is taken as gone."""

    enabled: bool = True
    interval: float = Field(default=5.0, ge=0.1, le=3600)
    lost_after: float = Field(default=20.0, ge=0.3, le=36000)

    @model_validator(mode="after")
    def _patient(self) -> Discovery:
        if self.lost_after < 2 * self.interval:
            raise ValueError("lost_after must be at least twice the interval: one lost frame is no lost link")
        return self


class Audit(_Section):
    """Seconds between two comparisons of what a connected switch holds with what it should hold; 0: never.

    `keep_foreign` leaves flows that other controllers or people installed where they are.
    """

    interval: float = Field(default=300.0, ge=0, le=86400)
    keep_foreign: bool = False


def _readable(path: Path) -> Path:
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise ValueError(f"{path} cannot be read: {getattr(fault, 'strerror', None) or fault}") from None
    if not text:
        raise ValueError(f"{path} is empty")
    return path


_ReadableFile = Annotated[Path, AfterValidator(_readable)]


class Rabbitmq(_Section):
    """CloudStack's event bus. `cafile`: whose certificates to trust; without, the system's authorities."""

    host: str = Field(min_length=1, max_length=255)
    port: int | None = Field(default=None, ge=1, le=65535)
    username: str = Field(min_length=1)
    #: One of both; the password itself should only come from the environment.
    password_file: _ReadableFile | None = None
    password: SecretStr | None = None
    virtual_host: str = Field(default="/", min_length=1)
    exchange: str = Field(default="cloudstack-events", min_length=1, max_length=255)
    tls: bool = False
    cafile: _ReadableFile | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Rabbitmq:
        if (self.password_file is None) == (self.password is None):
            raise ValueError("say either password_file, or password in the environment")
        if self.cafile is None:
            # The system's authorities take a while to load, which every command would wait for.
            return self
        if not self.tls:
            raise ValueError("cafile is for tls = true")
        try:
            _ = self.context
        except ssl.SSLError as fault:
            raise ValueError(f"cafile has no certificates: {fault}") from None
        return self

    @property
    def tcp_port(self) -> int:
        """Where nothing else is said, AMQP's own."""
        return self.port or (5671 if self.tls else 5672)

    @property
    def secret(self) -> str:
        """The password. Raises OSError."""
        if self.password is not None:
            return self.password.get_secret_value()
        return self.password_file.read_text().strip() if self.password_file else ""

    @property
    def context(self) -> ssl.SSLContext | None:
        """For TLS; None: without. Raises OSError (ssl.SSLError)."""
        return ssl.create_default_context(cafile=self.cafile) if self.tls else None


class Cloudstack(_Section):
    """A CloudStack to sync with, as a root administrator; see `sdn_orch.northbound.sync`."""

    url: str = Field(pattern=r"^https?://\S+$")
    key: str = Field(min_length=1)
    secret_file: _ReadableFile
    #: Whose certificates to trust.
    cafile: _ReadableFile | None = None
    #: What the owner of its objects is called here, as with the extension.
    cloud: str = Field(default="cloudstack", min_length=1, max_length=255)
    #: False: networks are the extension's commands alone; what these cannot say is filled in.
    pull: bool = True
    #: By name or id; without, all zones.
    zone: str | None = None
    #: Domains, accounts and projects as `ROOT/sales/alice`; none: everybody's.
    owners: tuple[str, ...] = ()
    #: Seconds between two comparisons of everything.
    interval: float = Field(default=300.0, ge=1, le=86400)
    #: Networks, VPCs, private gateways and NICs that may be deleted at once without anybody being asked.
    most_deleted: int = Field(default=20, ge=0)
    #: The secret key of the webhook that delivers events.
    webhook_secret_file: _ReadableFile | None = None
    #: Where events are heard of, beside the webhook or instead of it.
    rabbitmq: Rabbitmq | None = None

    @property
    def secret(self) -> str:
        """Of the API key. Raises OSError."""
        return self.secret_file.read_text().strip()

    @property
    def webhook_secret(self) -> str | None:
        """Of the webhook. Raises OSError."""
        return self.webhook_secret_file.read_text().strip() if self.webhook_secret_file else None


class LogFormat(StrEnum):
    """One line for people, or one JSON object, for each event."""

    HUMAN = "human"
    JSON = "json"


class LogLevel(StrEnum):
    """From the most to the least talkative."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Log(_Section):
    """What is written to standard error."""

    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.HUMAN


class Ovsdb(_Section):
    """A database of Open vSwitch in which hypervisors say whose a port is (`external_ids:iface-id`)."""

    endpoint: Annotated[str, PlainValidator(_remote)]
    tls: Annotated[MutualTls, AfterValidator(_usable)] | None = None

    @model_validator(mode="after")
    def _safe(self) -> Ovsdb:
        if self.endpoint.startswith("ssl:") != (self.tls is not None):
            raise ValueError('tls is for endpoints that begin with "ssl:", and these need it')
        return self


class Switch(_Section):
    """A datapath that may take part; see `sdn_orch.intent.model.Switch`."""

    dpid: Annotated[int, PlainValidator(_dpid)]
    name: str = Field(min_length=1, max_length=63, pattern=r"^[^\s:,/]+$")
    role: SwitchRole = SwitchRole.EDGE
    transport: Transport | None = None
    underlay: int | None = Field(default=None, gt=0, lt=0xFFFFFF00)
    tunnel_address: IPv4Address | None = None
    learn_ports: tuple[Annotated[int, Field(gt=0, lt=0xFFFFFF00)], ...] = ()
    #: The port towards the public networks: the edge is a gateway.
    public_port: int | None = Field(default=None, gt=0, lt=0xFFFFFF00)
    #: Of two gateways the one with twice the weight gets twice the networks.
    gateway_weight: int = Field(default=1, ge=1, le=1000)
    #: False: used as a plain OpenFlow 1.3 switch, without extensions, even if it says it is Open vSwitch.
    open_vswitch: bool = True


class Link(_Section):
    """A cable that is known without discovery; `capacity` in megabits per second."""

    a: Annotated[PortName, PlainValidator(_access_port)]
    b: Annotated[PortName, PlainValidator(_access_port)]
    capacity: int = Field(default=10_000, gt=0)


class Attachment(_Section):
    """A NIC that is known to be on a port: named by its UUID or by its MAC address."""

    nic: str | None = None
    mac: Annotated[str | None, PlainValidator(_mac)] = None
    port: Annotated[PortName, PlainValidator(_port_name)]

    @model_validator(mode="after")
    def _named(self) -> Attachment:
        if (self.nic is None) == (self.mac is None):
            raise ValueError("say either nic (a UUID) or mac")
        return self


S = TypeVar("S", bound=_Section)
K = TypeVar("K", bound=Hashable)


class Config(_Section):
    """The whole configuration."""

    run_directory: Path = Path("/run/sdn-orch")
    openflow: OpenFlow = OpenFlow()
    api: Api = Api()
    store: Store = Store()
    fabric: Fabric = Fabric()
    discovery: Discovery = Discovery()
    audit: Audit = Audit()
    log: Log = Log()
    cloudstack: Cloudstack | None = None
    ovsdb: tuple[Ovsdb, ...] = ()
    switches: tuple[Switch, ...] = ()
    links: tuple[Link, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @property
    def socket(self) -> Path:
        """The unix socket at which the daemon answers the command line."""
        return self.run_directory / "sdn-orch.sock"


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Read the configuration; without `path`, from the default place if there is a file.

    Raises Invalid with every fault of the file and of the environment (default: the process's own).
    """
    if path is None and DEFAULT_PATH.exists():
        path = DEFAULT_PATH
    return read(Config, path, os.environ if environment is None else environment, contradictions)


def contradictions(raw: Mapping[str, Any], valid: Config | None) -> Iterator[Misfit]:
    """What no value shows alone: things said twice, names that nothing has. Skips what is malformed.

    `valid` is what `raw` says if each value by itself is right.
    """
    transport = Transport(raw["fabric"]["transport"]) if _says_transport(raw) else Fabric().transport
    known = {str(row.get("name")) for row in _said(raw, "switches")}
    names: dict[str, Place] = {}
    dpids: dict[str, Place] = {}
    for place, switch in _rows(Switch, "switches", raw, valid):
        yield from _twice((*place, "name"), switch.name, names)
        yield from _twice((*place, "dpid"), f"{switch.dpid:#x}", dpids)
        yield from _underlay(place, switch, switch.transport or transport)
        yield from _public(place, switch)
    ends: dict[PortName, Place] = {}
    for place, link in _rows(Link, "links", raw, valid):
        for end, port in (("a", link.a), ("b", link.b)):
            yield from _unknown((*place, end), port, known)
            yield from _twice((*place, end), port, ends)
    first: tuple[Place, MutualTls] | None = None
    endpoints: dict[str, Place] = {}
    for place, database in _rows(Ovsdb, "ovsdb", raw, valid):
        yield from _twice((*place, "endpoint"), database.endpoint, endpoints)
        if database.tls is None:
            continue
        first = first or ((*place, "tls"), database.tls)
        if database.tls != first[1]:
            # The library keeps the files for the whole process.
            yield (*place, "tls"), f"all databases share one set of files, and {dotted(first[0])} has others"
    places: dict[PortName, Place] = {}
    for place, attachment in _rows(Attachment, "attachments", raw, valid):
        port = attachment.port
        yield from _unknown((*place, "port"), port, known)
        yield from _twice((*place, "port"), port, places)
        if PortName(port.switch, port.port) in ends:
            yield (*place, "port"), f"{port.switch}:{port.port} is the end of a link"


def _says_transport(raw: Mapping[str, Any]) -> bool:
    fabric = raw.get("fabric")
    return isinstance(fabric, dict) and fabric.get("transport") in set(Transport)


def _said(raw: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    rows = raw.get(section)
    return [row if isinstance(row, dict) else {} for row in rows] if isinstance(rows, list) else []


def _rows(
    model: type[S], section: str, raw: Mapping[str, Any], valid: Config | None
) -> Iterator[tuple[Place, S]]:
    if valid is not None:
        for index, row in enumerate(getattr(valid, section)):
            yield (section, index), row
        return
    for index, said in enumerate(_said(raw, section)):
        with contextlib.suppress(ValidationError):
            yield (section, index), model.model_validate(said)


def _twice(place: Place, key: K, seen: dict[K, Place]) -> Iterator[Misfit]:
    first = seen.setdefault(key, place)
    if first is not place:
        yield place, f"{key} stands at {dotted(first)} already"


def _unknown(place: Place, port: PortName, known: set[str]) -> Iterator[Misfit]:
    if port.switch not in known:
        yield place, f"no switch is called {port.switch}" + suggestion(port.switch, known)


def _underlay(place: Place, switch: Switch, transport: Transport) -> Iterator[Misfit]:
    if switch.role is SwitchRole.FABRIC:
        return
    if transport is not Transport.LABEL and switch.underlay is None:
        yield (*place, "underlay"), f"transport {transport} needs the port towards the underlay"
    if transport is Transport.VXLAN and switch.tunnel_address is None:
        yield (*place, "tunnel_address"), "transport vxlan needs the switch's own tunnel address"


def _public(place: Place, switch: Switch) -> Iterator[Misfit]:
    if switch.public_port is None:
        return
    if switch.role is SwitchRole.FABRIC:
        yield (*place, "public_port"), "a gateway is an edge: leave role away, or say edge"
    if switch.public_port == switch.underlay or switch.public_port in switch.learn_ports:
        other = "underlay" if switch.public_port == switch.underlay else "one of learn_ports"
        yield (*place, "public_port"), f"port {switch.public_port} is {other}"
