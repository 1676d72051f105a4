"""What is said of comparisons with a CloudStack."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import StrictBool

from sdn_orch.northbound.operator.models import Model


class SyncWanted(Model):
    """How the daemon's networks are compared with CloudStack's."""

    plan: StrictBool = False
    """Only say what would be done."""
    deletes: StrictBool = False
    """Delete however much is to go, more than `most_deleted`, too."""


class SyncChange(Model):
    """Something that differs."""

    group: str
    """The VPC or network that it belongs to."""
    action: Literal["create", "change", "delete"]
    kind: str
    name: str
    fields: list[str]
    """What changes of it."""


class SyncAnswer(Model):
    """What a comparison came to."""

    changes: list[SyncChange]
    faults: list[str]
    """What is wrong with those VPCs and networks that were left as they are."""
    held: str | None
    """Why nothing was done."""
    groups: int
    """How many VPCs and networks CloudStack lists."""
    calls: int
    seconds: float


class WebhookState(Model):
    """What came to the webhook since the daemon's start."""

    heard: datetime | None
    """When a message was last verified."""
    refused: datetime | None
    """When one was last refused."""
    reason: str | None
    """Why."""


class BusState(Model):
    """How the event bus on RabbitMQ is listened to."""

    broker: str
    connected: datetime | None
    """Since when; null: it is not."""
    heard: datetime | None
    """When an event was last heard."""
    problem: str | None
    """Why it is not listened to."""


class SyncState(Model):
    """How far comparisons with CloudStack have come since the daemon's start."""

    url: str
    cloud: str
    pulls: bool
    """Whether networks are taken from the API that no command of the extension tells of."""
    interval: float
    """Seconds between two comparisons of everything."""
    now: datetime
    compared: datetime | None
    """When everything was last read to the end."""
    groups: int
    """How many VPCs and networks CloudStack listed then."""
    problem: str | None
    """Why the newest reading failed."""
    held: str | None
    """Why what was found then was not done."""
    faults: list[str]
    """What is wrong with those VPCs and networks that are left as they are."""
    webhook: WebhookState | None
    """Null where the configuration has no `webhook_secret_file`."""
    bus: BusState | None
    """Null where the configuration has no `[cloudstack.rabbitmq]`."""
