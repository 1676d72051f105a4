"""Jobs and events."""

from __future__ import annotations

import json
from typing import TypeVar

from sdn_orch.intent.model import Account, Domain
from sdn_orch.northbound.cloudstack.answers.owners import domain_path
from sdn_orch.northbound.cloudstack.model import Event, Job
from sdn_orch.northbound.cloudstack.shapes import (
    Field,
    Scene,
    Shape,
    always,
    flag,
    moment,
    number,
    of,
    string,
)

R = TypeVar("R", Job, Event)


def _account(scene: Scene, record: R) -> Account | None:
    return scene.snapshot.get(Account, record.account_id)


def _domain(scene: Scene, account: Account) -> Domain:
    return scene.snapshot.need(Domain, account.domain_id)


def _domain_path(scene: Scene, account: Account) -> str:
    return domain_path(_domain(scene, account))


def _class_name(command: str) -> str:
    """The name by which CloudStack would know the command: its Java class."""
    return f"org.apache.cloudstack.api.command.{command[:1].upper()}{command[1:]}Cmd"


JOB: Shape[Job] = Shape(
    key="asyncjobs",
    resource="AsyncJob",
    kind=Job,
    keywords=("cmd",),
    fields=(
        string("jobid", "the id of the job", lambda _, job: job.id),
        number("jobstatus", "0 pending, 1 done, 2 failed", lambda _, job: int(job.status)),
        number("jobprocstatus", "how far it is", always(0)),
        number("jobresultcode", "0, or 530 if it failed", lambda _, job: job.result_code),
        string("jobresulttype", "object or text", always("object")),
        Field("jobresult", "responseobject", "what came of it", lambda _, job: json.loads(job.result)),
        string("cmd", "the command", lambda _, job: _class_name(job.command)),
        string("accountid", "the account that asked for it", lambda _, job: job.account_id),
        *of(
            _account,
            string("account", "the name of the account", lambda _, account: account.name),
            string("domainid", "the domain of the account", lambda _, account: account.domain_id),
            string("domainpath", "the path of the domain", _domain_path),
        ),
        string("userid", "the user that asked for it", lambda _, job: job.user_id),
        string("jobinstancetype", "the kind of what it is about", lambda _, job: job.resource_type or None),
        string("jobinstanceid", "the id of what it is about", lambda _, job: job.resource_id or None),
        moment("created", "when it was created", lambda _, job: job.created),
        moment("completed", "when it was done", lambda _, job: job.completed),
    ),
)

EVENT: Shape[Event] = Shape(
    key="event",
    resource="Event",
    kind=Event,
    keywords=("type", "description", "username"),
    fields=(
        string("id", "the id of the event", lambda _, event: event.id),
        string("type", "the type of the event", lambda _, event: event.type),
        string("level", "INFO, WARN or ERROR", lambda _, event: event.level),
        string("state", "how far what it tells of is", always("Completed")),
        string("description", "what happened", lambda _, event: event.description),
        string("username", "who did it", lambda _, event: event.username),
        *of(
            _account,
            string("account", "the account that did it", lambda _, account: account.name),
            string("domainid", "the domain of the account", lambda _, account: account.domain_id),
            string("domain", "the name of the domain", lambda s, account: _domain(s, account).name),
            string("domainpath", "the path of the domain", _domain_path),
        ),
        string(
            "resourcetype", "the kind of what it was done to", lambda _, event: event.resource_type or None
        ),
        string("resourceid", "the id of what it was done to", lambda _, event: event.resource_id or None),
        flag("archived", "whether it is archived", always(False)),
        moment("created", "when it happened", lambda _, event: event.created),
    ),
)
