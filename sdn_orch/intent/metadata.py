"""What a machine is told of itself, and where it asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import ClassVar, Final

from sdn_orch.intent.model import Record

#: Where guests ask, besides their gateway's address; by custom the same in all clouds.
ADDRESS: Final = IPv4Address("169.254.169.254")
#: Of the metadata and of the password service.
METADATA_PORT: Final = 80
PASSWORD_PORT: Final = 8080
PORTS: Final = (METADATA_PORT, PASSWORD_PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineData(Record):
    """What a machine can read of itself, besides its name and addresses; its id is the machine's.

    `user_data` and `password` are sealed with the daemon's key; empty: there is none.
    """

    REFERENCES: ClassVar[dict[str, str]] = {"id": "Machine"}
    GOES_WITH: ClassVar[tuple[str, ...]] = ("id",)

    service_offering: str = ""
    availability_zone: str = ""
    cloud: str = ""
    public_keys: tuple[str, ...] = ()
    #: What else it reads under a name, or instead of what is known here, as (name, text).
    told: tuple[tuple[str, str], ...] = ()
    user_data: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
